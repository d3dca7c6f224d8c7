"""The models of a project, found in its source: classes that could be built, and why the others cannot. Nothing is imported."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_BASES = {"Module", "LightningModule", "Model", "Sequential", "PreTrainedModel"}
_PASSES = {"forward", "call", "__call__"}
_INHERITED_PASS = {"Sequential"}


@dataclass(slots=True)
class Candidate:
    """A class that extends a framework's model."""

    path: str
    name: str
    first: int
    last: int
    wanted: tuple[str, ...]  # parameters without a default
    has_pass: bool
    owners: tuple[str, ...] = ()  # models of the project that build it

    @property
    def target(self) -> str:
        """As `--verify` takes it."""
        return f"{os.path.relpath(self.path)}:{self.name}"

    def why_not(self) -> str:
        """Why it cannot be built, or not be fed; "" where it may be."""
        if not self.has_pass:
            return "it has no forward pass"
        return f"it needs {', '.join(self.wanted)}: --verify {self.target} --arg {self.wanted[0]}=..." if self.wanted else ""


@dataclass(slots=True)
class _Class:
    path: str
    node: ast.ClassDef
    bases: list[str]
    methods: dict[str, ast.FunctionDef]
    made: set[str]  # names that its body calls


def models(files: Iterable[Path]) -> list[Candidate]:
    """All that the files hold, in their order."""
    classes = [one for path in files if path.suffix == ".py" for one in _classes(path)]
    by_name: dict[str, _Class] = {}
    for one in classes:
        by_name.setdefault(one.node.name, one)
    chains = [(one, _chain(one, by_name)) for one in classes]
    kept = [(one, chain) for one, chain in chains if chain is not None and not one.node.name.startswith("_")]
    found = [_candidate(one, *chain) for one, chain in kept]
    for part in found:
        part.owners = tuple(one.node.name for one, _ in kept if part.name in one.made and one.node.name != part.name)
    return found


def _classes(path: Path) -> Iterator[_Class]:
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, ValueError, SyntaxError, RecursionError):
        return
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            methods = {one.name: one for one in node.body if isinstance(one, ast.FunctionDef)}
            calls = {_last(one.func) for one in ast.walk(node) if isinstance(one, ast.Call)}
            yield _Class(str(path), node, [_last(one) for one in node.bases], methods, calls)


def _last(node: ast.expr) -> str:
    """The last name of a dotted one."""
    while isinstance(node, ast.Subscript):
        node = node.value
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _chain(one: _Class, by_name: dict[str, _Class]) -> tuple[list[_Class], str] | None:
    """The class and those of the project that it extends, up to the framework's; None where it extends none of these."""
    chain, pending = [one], list(one.bases)
    while pending:
        name = pending.pop(0)
        base = by_name.get(name)
        if base is not None and base not in chain:
            chain.append(base)
            pending += base.bases
        elif base is None and (name in _BASES or name.endswith("PreTrainedModel")):
            return chain, name
    return None


def _candidate(one: _Class, chain: Sequence[_Class], base: str) -> Candidate:
    init = next((part.methods["__init__"] for part in chain if "__init__" in part.methods), None)
    has_pass = base in _INHERITED_PASS or any(_PASSES & part.methods.keys() for part in chain)
    return Candidate(one.path, one.node.name, one.node.lineno, one.node.end_lineno or one.node.lineno, _wanted(init), has_pass)


def _wanted(init: ast.FunctionDef | None) -> tuple[str, ...]:
    if init is None:
        return ()
    arguments = init.args
    plain = [*arguments.posonlyargs, *arguments.args]
    without = plain[1 : len(plain) - len(arguments.defaults)]
    named = [one for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default is None]
    return tuple(one.arg for one in (*without, *named))
