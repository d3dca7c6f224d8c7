"""The reference graph of the linted files: definitions, and which names they mention. Nothing is executed for it.

Each file has a summary that outlives its syntax tree, so that a library is read file by file and never held whole.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biaslint.analysis import machine
from biaslint.analysis.domain import node_cache
from biaslint.analysis.domain.path_condition import PathCondition
from biaslint.analysis.domain.values import Class, Instance
from biaslint.analysis.exploration import import_reach
from biaslint.analysis.exploration.results import Root
from biaslint.analysis.interpreter import framework
from biaslint.analysis.interpreter.execution import Execution
from biaslint.analysis.interpreter.objects import namespaces
from biaslint.analysis.project.module_index import DEFINITIONS
from biaslint.analysis.project.syntax_tree import walk

if TYPE_CHECKING:
    from biaslint.analysis.project.project import Project


@dataclass(eq=False, slots=True)
class Definition:
    """A top-level function or class of a file, or the whole file as a script, without its syntax tree."""

    path: Path
    index: int | None  # among the file's definitions; None for the script
    name: str
    kind: str  # class, function or script
    identity: Hashable  # as `Project.identity` has it
    mentions: tuple[str, ...]  # the names and attributes that it refers to
    calls: tuple[str, ...] = ()  # of a script: what its loose statements call
    bases: tuple[str, ...] = ()  # of a class: the names and attributes that its bases are written with
    layers: bool = False  # it mentions a name that layers have
    model: bool = False  # a class whose instances are layers or models
    constructs: bool = False  # a class with a constructor of its own


@dataclass(slots=True)
class Summary:
    """One file: its definitions, the script last. `functional`: it speaks of a framework whose models are built by functions."""

    definitions: list[Definition] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)
    functional: bool = False
    state: str = "unreadable"  # or parsed, vast
    imports: tuple[str, ...] = ()  # the modules that its imports speak of
    outline: list[Any] | None = None  # `outline.encoded`, of a file whose changes may reach a part of it only


@dataclass(slots=True)
class ReferenceGraph:
    """The definitions of the linted files, and which of them refer to which, by name, where imports can lead there."""

    definitions: list[Definition]
    refers: dict[Definition, frozenset[str]]  # which of the names that are defined or lead to a definition it mentions
    builds: set[str]  # names that lead to layers
    referred: set[Definition]  # those that others mention
    parts: set[Definition]  # those that the class of a model mentions, but for its bases
    functional: set[Path]


def find(project: Project, path: Path, index: int | None) -> Root | None:
    """A definition with its syntax tree; None where the file has changed."""
    module = project.open(path)
    if module is None:
        return None
    found = module.definitions
    if index is None or index >= len(found):
        project.tracker.asked.add(path)
        return Root(module, None) if index is None else None
    project.tracker.asked.add(module.within(found[index]))
    return Root(module, found[index])


_MENTIONED = node_cache.per_node_cache()


def mentioned(nodes: Iterable[ast.AST]) -> set[str]:
    """The names and attributes that a piece of source refers to."""
    names: set[str] = set()
    for root in nodes:
        known: set[str] | None = _MENTIONED.get(root)
        if known is None:
            known = _MENTIONED[root] = set()
            for node in walk(root):
                if isinstance(node, ast.Name):
                    known.add(node.id)
                elif isinstance(node, ast.Attribute):
                    known.add(node.attr)
        names |= known
    return names


def called(nodes: Iterable[ast.AST]) -> set[str]:
    """The names that a piece of source calls."""
    names: set[str] = set()
    for root in nodes:
        for node in walk(root):
            if isinstance(node, ast.Call):
                names.add(node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", ""))
    return names - {""}


def summarise(project: Project, path: Path) -> Summary:
    """The summary of a file: its definitions."""
    module = project.open(path)
    if module is None:
        return Summary(state="vast" if path in project.vast else "unreadable")
    project.tracker.asked.add(path)
    summary = Summary(functional=framework.built_by_functions(module.text), state="parsed")
    for statement in module.tree.body:
        if isinstance(statement, ast.ImportFrom):
            summary.aliases.update({alias.asname: alias.name for alias in statement.names if alias.asname})
    ex, memory = machine.execution(project, PathCondition()), project.memory
    for index, node in enumerate(module.definitions):
        root = Root(module, node)
        names = mentioned([node])
        is_class = isinstance(node, ast.ClassDef)
        made = Definition(
            path,
            index,
            node.name,
            "class" if is_class else "function",
            project.identity(module, node),
            tuple(map(sys.intern, sorted(names))),
            bases=tuple(map(sys.intern, sorted(mentioned(node.bases)))) if isinstance(node, ast.ClassDef) else (),
            layers=any(map(framework.layer_names().fullmatch, names)),
            constructs=is_class and any(isinstance(item, ast.FunctionDef) and item.name == "__init__" for item in node.body),
        )
        if is_class:
            work = partial(is_model, ex, root)
            made.model = memory.is_model(root, work) if memory else work()
        summary.definitions.append(made)
    loose = [statement for statement in module.tree.body if not isinstance(statement, DEFINITIONS)]
    names, calls = mentioned(loose), called(loose)
    script = Definition(
        path,
        None,
        path.name,
        "script",
        str(path),
        tuple(map(sys.intern, sorted(names))),
        tuple(map(sys.intern, sorted(calls))),
    )
    script.layers = any(map(framework.layer_names().fullmatch, calls))
    summary.definitions.append(script)
    every = {name for one in summary.definitions for name in one.mentions}
    summary.imports = import_reach.modules_named(module.tree, path, every)
    project.state.end_execution()
    return summary


def is_model(ex: Execution, root: Root) -> bool:
    """Is it a class whose instances are layers or models?"""
    ex.steps = 0
    try:
        value = namespaces.module_attribute(ex, root.module, root.name)
    except Exception:  # executing it will say what is wrong
        return True
    return isinstance(value, Class) and framework.is_module(Instance(value))


def link(summaries: Sequence[Summary]) -> ReferenceGraph:
    """Link the summaries of the files. Only mentions of names that these files define are kept."""
    reach = import_reach.reached([(of_file(summary), summary.imports) for summary in summaries])
    every: list[Definition] = []
    defined: dict[str, int] = {}  # name -> the files that define it, as bits
    aliases: dict[str, list[tuple[str, int]]] = {}
    for number, summary in enumerate(summaries):
        every += summary.definitions
        for one in summary.definitions:
            if one.index is not None:
                defined[one.name] = defined.get(one.name, 0) | 1 << number
        for alias, name in summary.aliases.items():
            aliases.setdefault(alias, []).append((name, 1 << number))
    refers: dict[Definition, frozenset[str]] = {}
    referred: dict[str, int] = {}  # name -> the files in which it is meant, as bits
    parts: dict[str, int] = {}
    for files, summary in zip(reach, summaries, strict=True):
        for one in summary.definitions:
            names = {name for name in one.mentions if defined.get(name, 0) & files}
            names |= {name for alias in one.mentions for name, file in aliases.get(alias, ()) if file & files}
            one.mentions = ()
            refers[one] = frozenset(names)
            for name in names - {one.name, *one.bases} if one.model else ():
                parts[name] = parts.get(name, 0) | files
            for name in names - {one.name} if one.index is not None else ():
                referred[name] = referred.get(name, 0) | files
    builds: set[str] = set()
    grown = True
    while grown:
        grown = False
        for one in every:
            if one.index is not None and one.name not in builds and (one.layers or not builds.isdisjoint(refers[one])):
                builds.add(one.name)
                grown = True
    functional = {summary.definitions[-1].path for summary in summaries if summary.functional}
    return ReferenceGraph(every, refers, builds, meant(summaries, referred), meant(summaries, parts), functional)


def of_file(summary: Summary) -> Path:
    """The path of a summary's file; one that could not be read defines nothing."""
    return summary.definitions[-1].path if summary.definitions else Path()


def meant(summaries: Sequence[Summary], names: dict[str, int]) -> set[Definition]:
    """The definitions that names mean in some files: name -> those files, as bits."""
    return {
        one
        for number, summary in enumerate(summaries)
        for one in summary.definitions
        if one.index is not None and names.get(one.name, 0) >> number & 1
    }


def worth_running(one: Definition, contents: ReferenceGraph) -> bool:
    """Is it an entry point that may build layers? A script is one if it calls something that does, outside all definitions."""
    if one.kind == "script":
        return one.layers or not contents.builds.isdisjoint(one.calls)
    return one.name in contents.builds and (one.kind == "function" or one.model or one.constructs)
