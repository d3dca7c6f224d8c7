"""The models of a project, found in its source: classes and functions that could build one, and why others cannot. Nothing is imported."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

_BASES = {"Module", "LightningModule", "Model", "Sequential", "PreTrainedModel"}
_PASSES = {"forward", "call", "__call__"}
_INHERITED_PASS = {"Sequential"}
_CONTAINERS = {"Sequential", "Model"}  # a function may return one of these as it is
# What libraries call their functions and classes that make a model: whatever is called below these names.
_FACTORIES = (
    "timm.create_model", "timm.models", "torchvision.models", "torch.hub.load", "pytorchcv.model_provider", "monai.networks.nets",
    "segmentation_models_pytorch", "efficientnet_pytorch", "keras.applications", "tensorflow.keras.applications", "tf_keras.applications",
)  # fmt: skip
_NAMED_FACTORIES = re.compile(r"(transformers|diffusers)\.(.+\.)?\w+(Model|For[A-Z]\w+)(\.from_(config|pretrained))?")
_WORK = {"backward", "fit", "step", "train_on_batch"}  # a function that does any of this trains, and is not called


@dataclass(slots=True)
class Candidate:
    """A class that extends a framework's model, or a function that returns one."""

    path: str
    name: str
    first: int
    last: int
    wanted: tuple[str, ...]  # parameters without a default
    has_pass: bool
    owners: tuple[str, ...] = ()  # models and functions of the project that build it
    builds: tuple[str, ...] = ()  # of a function: the classes that it returns an instance of; "" for what a library makes

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
class _Function:
    path: str
    node: ast.FunctionDef
    returned: set[str]  # names whose calls it returns; "" for a library's model


@dataclass(slots=True)
class _Class:
    path: str
    node: ast.ClassDef
    bases: list[str]
    methods: dict[str, ast.FunctionDef]
    made: set[str]  # names that its body calls


def models(files: Iterable[Path]) -> list[Candidate]:
    """All that the files hold: classes in their order, then functions."""
    trees = [(str(path), tree) for path in files if path.suffix == ".py" and (tree := _tree(path)) is not None]
    classes = [one for path, tree in trees for one in _classes(path, tree)]
    by_name: dict[str, _Class] = {}
    for one in classes:
        by_name.setdefault(one.node.name, one)
    chains = [(one, _chain(one, by_name)) for one in classes]
    kept = [(one, chain) for one, chain in chains if chain is not None and not one.node.name.startswith("_")]
    found = [_candidate(one, *chain) for one, chain in kept]
    builders = list(_builders([one for path, tree in trees for one in _functions(path, tree)], {part.name for part in found}))
    for part in found:
        part.owners = tuple(one.node.name for one, _ in kept if part.name in one.made and one.node.name != part.name)
        part.owners += tuple(one.name for one in builders if part.wanted and part.name in one.builds)
    return found + builders


def _tree(path: Path) -> ast.Module | None:
    try:
        return ast.parse(path.read_bytes())
    except (OSError, ValueError, SyntaxError, RecursionError):
        return None


def _functions(path: str, tree: ast.Module) -> Iterator[_Function]:
    imported = dict(_imported(tree))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield _Function(path, node, _returned(node, imported))


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The names that a file imports, and what they stand for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                yield (one.asname, one.name) if one.asname else (one.name.partition(".")[0],) * 2
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for one in node.names:
                yield one.asname or one.name, f"{node.module}.{one.name}"


def _is_factory(called: ast.expr, imported: Mapping[str, str]) -> bool:
    """Whether a call of this makes a library's model."""
    first, dot, rest = ast.unparse(called).partition(".")
    name = f"{imported.get(first, '')}{dot}{rest}"
    return any(f"{name}.".startswith(f"{one}.") for one in _FACTORIES) or bool(_NAMED_FACTORIES.fullmatch(name))


def _returned(function: ast.FunctionDef, imported: Mapping[str, str]) -> set[str]:
    """The names of what is called to make what a function returns; none where it does other work than that."""
    inside = [one for statement in function.body for one in _own(statement)]
    calls = {_last(one.func) for one in inside if isinstance(one, ast.Call)}
    fixture = any("fixture" in ast.unparse(one) for one in function.decorator_list)
    if calls & _WORK or fixture or any(isinstance(one, (ast.Yield, ast.YieldFrom)) for one in inside):
        return set()
    values = [one.value for one in inside if isinstance(one, ast.Return)]
    names = {one.id for one in values if isinstance(one, ast.Name)}
    for one in inside:
        targets = one.targets if isinstance(one, ast.Assign) else []
        values += [one.value for target in targets if isinstance(target, ast.Name) and target.id in names]  # type: ignore[attr-defined]
    made = [one.func for one in values if isinstance(one, ast.Call)]
    return {"" if _is_factory(one, imported) else _last(one) for one in made}


def _own(statement: ast.AST) -> Iterator[ast.AST]:
    """A statement's parts, but for those of functions and classes in it."""
    yield statement
    if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
        for part in ast.iter_child_nodes(statement):
            yield from _own(part)


def _builders(functions: Sequence[_Function], models: Set[str]) -> Iterator[Candidate]:
    """The public functions that return a model, by themselves or by another function."""
    built = {
        one.node.name: one.returned & (models | {""}) | ({""} if one.returned & _CONTAINERS else set()) for one in functions
    }
    for _ in functions:
        grown = {
            one.node.name: built[one.node.name].union(*(built.get(name, set()) for name in one.returned)) for one in functions
        }
        if grown == built:
            break
        built = grown
    callers = {name: [one.node.name for one in functions if name in one.returned and one.node.name != name] for name in built}
    for one in functions:
        name, node = one.node.name, one.node
        if built[name] and not name.startswith(("_", "test_")):
            public = tuple(caller for caller in callers[name] if not caller.startswith("_"))
            yield Candidate(
                one.path,
                name,
                node.lineno,
                node.end_lineno or node.lineno,
                _wanted_by(node.args, 0),
                True,
                public,
                tuple(sorted(built[name])),
            )


def _classes(path: str, tree: ast.Module) -> Iterator[_Class]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            methods = {one.name: one for one in node.body if isinstance(one, ast.FunctionDef)}
            calls = {_last(one.func) for one in ast.walk(node) if isinstance(one, ast.Call)}
            yield _Class(path, node, [_last(one) for one in node.bases], methods, calls)


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
    return () if init is None else _wanted_by(init.args, 1)


def _wanted_by(arguments: ast.arguments, bound: int) -> tuple[str, ...]:
    """The parameters without a default, after those that are bound."""
    plain = [*arguments.posonlyargs, *arguments.args]
    without = plain[bound : len(plain) - len(arguments.defaults)]
    named = [one for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default is None]
    return tuple(one.arg for one in (*without, *named))
