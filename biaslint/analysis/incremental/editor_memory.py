"""The editor's memory: results that stay valid from one analysis of a project to the next.

Two things are kept. Top-level statements whose text has not changed keep their syntax trees, so only what was edited is parsed
again. And the result of an entry point is kept with everything it may depend on: the top-level statements that its source refers to
by name, directly or not, and all files that were read or looked for. When none of them has changed, the entry point is not executed
again; places in statements that have merely moved are moved with them.

The closure by name is coarse, so that it errs on the side of executing again: any name, attribute or string counts as a mention.
"""

from __future__ import annotations

import ast
import copy
import operator
import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain import node_cache
from biaslint.analysis.incremental import reparsing
from biaslint.analysis.incremental.reparsing import Definition
from biaslint.theory.program import LayerUse, Place

if TYPE_CHECKING:
    from biaslint.analysis.exploration.results import ExplorationResult, Root
    from biaslint.analysis.project.module import Module
    from biaslint.analysis.project.project import Project


# Code that can reach a name without spelling it.
INDIRECT = {"globals", "locals", "vars", "exec", "eval", "modules", "__dict__", "__import__", "import_module"}
# Decorators that only change what they decorate; any other may enter it somewhere.
PLAIN = {
    "no_grad",
    "script",
    "ignore",
    "unused",
    "export",
    "dataclass",
    "lru_cache",
    "cache",
    "overload",
    "wraps",
    "property",
    "total_ordering",
}
_NAMES = "names_it_mentions"


@dataclass(slots=True)
class Entry:
    """The result of an entry point, and its dependencies."""

    path: Path
    statements: tuple[ast.stmt, ...]  # the closure; also kept so that no other node gets their identity
    lines: tuple[int, ...]  # where they stood
    found: Any = None  # a ExplorationResult
    asked: tuple[Any, ...] = ()  # what it asked of earlier executions, and the answers
    flips: tuple[tuple[Any, bool], ...] = ()  # likewise: which choices had been made the other way before


class EditorMemory:
    """Trees and results of earlier analyses of one project with one configuration."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.trees: dict[Path, tuple[str, ast.Module]] = {}
        self.stamps: dict[Path, Any] = {}
        self.entries: dict[Any, Entry] = {}
        self.used: set[Any] = set()
        self.models: dict[int, tuple[Path, tuple[ast.stmt, ...], bool]] = {}
        self.executed = 0  # roots that had to be executed in the latest analysis
        self._closures: dict[Any, tuple[ast.stmt, ...]] = {}
        self._always: dict[int, tuple[list[ast.stmt], bool]] = {}

    # -- one analysis ----------------------------------------------------------------------------------------------------------

    def begin(self, project: Project) -> None:
        """Drop the results that depend on changed files."""
        changed = {path for path, stamp in self.stamps.items() if stamp_of(project, path) != stamp}
        shared = {path for path in changed if self.is_imported(path)}
        self.entries = {
            key: entry for key, entry in self.entries.items() if not (changed - {entry.path}) and entry.path not in shared
        }
        self.models = {
            key: known for key, known in self.models.items() if not (changed - {known[0]}) and known[0] not in shared
        }
        node_cache.forget(beyond=20_000)  # they hold on to the trees of texts that are gone
        self.used.clear()
        self._closures.clear()
        self._always.clear()
        self.executed = 0

    def end(self, project: Project) -> None:
        """Note which files the results depend on."""
        for path in {*project._files, *project.modules}:
            self.stamps[path] = stamp_of(project, path)
        self.entries = {key: self.entries[key] for key in self.used if key in self.entries}

    def is_imported(self, path: Path) -> bool:
        """Does another file import this one? Then names are read from outside, which a closure within the file does not show."""
        if path.stem == "__init__":
            return True
        return any(path.stem in _imports(tree) for other, (_, tree) in self.trees.items() if other != path)

    # -- trees -----------------------------------------------------------------------------------------------------------------

    def parse(self, path: Path, text: str) -> ast.Module:
        """The tree of a text, with the old nodes where the text is unchanged. Raises what `ast.parse` raises."""
        known = self.trees.pop(path, None)
        if known is not None and known[0] == text:
            tree = known[1]
        else:
            tree = (known and reparsing.reparsed(known[0], known[1], text)) or ast.parse(text)
        self.trees[path] = (text, tree)
        return tree

    # -- results ---------------------------------------------------------------------------------------------------------------

    def is_model(self, root: Root, work: Callable[[], bool]) -> bool:
        """The result of `work()`, from memory where it is there."""
        closure = self.closure(root)
        known = self.models.get(id(root.node))
        if known is None or known[1] != closure:
            known = self.models[id(root.node)] = (root.module.path, closure, work())
        return known[2]

    def recall(self, root: Root, steps: int, reached: ExplorationResult) -> ExplorationResult | None:
        """The stored result of an entry point; None where one of its dependencies has changed."""
        key = (id(root.node), root.module.path, steps)
        entry = self.entries.get(key)
        if entry is None or entry.statements != self.closure(root):
            return None
        built: set[Any] = set()
        for model, cls, fresh, inside in entry.asked:
            if (model not in reached.built) != fresh or (cls in reached.classes) != inside:
                return None
            built.add(model)
        flipped: set[Any] = set()
        for flip, new in entry.flips:
            if (flip not in reached.tried and flip not in flipped) != new:
                return None
            flipped.add(flip)
        reached.built |= built
        reached.tried |= flipped
        self.used.add(key)
        _settle(root.module, entry)
        return _copied(entry.found)

    def store(self, root: Root, steps: int, found: ExplorationResult) -> None:
        """Store the result of an entry point."""
        statements = self.closure(root)
        key = (id(root.node), root.module.path, steps)
        lines = tuple(statement.lineno for statement in statements)
        self.entries[key] = Entry(
            root.module.path, statements, lines, _copied(found), tuple(found.build_queries), tuple(found.try_queries)
        )
        self.used.add(key)
        self.executed += 1

    def closure(self, root: Root) -> tuple[ast.stmt, ...]:
        """The top-level statements of the root's file that it may depend on, in order."""
        module = root.module
        key = (id(root.node), module.path)
        known = self._closures.get(key)
        if known is None:
            always, everything = self.always(module)
            if root.node is None or everything:
                known = tuple(module.tree.body)
            else:
                known = _closure(module, {root.node.name, *names_in(root.node)}, always)
            self._closures[key] = known
        return known

    def always(self, module: Module) -> tuple[list[ast.stmt], bool]:
        """The statements that any root of the file may depend on; and whether that is all of them."""
        known = self._always.get(id(module))
        if known is None:
            found = [statement for statement in module.tree.body if _reaches_out(statement)]
            everything = any(not INDIRECT.isdisjoint(names_in(statement)) for statement in module.tree.body)
            known = self._always[id(module)] = (found, everything)
        return known


def stamp_of(project: Project, path: Path) -> Any:
    """The stamp of a file: equal for equal states. None where there is no file."""
    if path in project.texts:
        return project.texts[path]
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size, status.st_ino)


def _imports(tree: ast.Module) -> set[str]:
    """The parts of the dotted names that a file imports."""
    known: set[str] | None = getattr(tree, _NAMES, None)
    if known is None:
        known = set()
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                for alias in node.names:
                    known.update(alias.name.split("."))
                known.update((getattr(node, "module", None) or "").split("."))
        setattr(tree, _NAMES, known)
    return known


def names_in(node: ast.AST) -> set[str]:
    """All names, attributes and words that a piece of source mentions. Cached on the node."""
    known: set[str] | None = getattr(node, _NAMES, None)
    if known is None:
        known = set()
        for part in ast.walk(node):
            if isinstance(part, ast.Name):
                known.add(part.id)
            elif isinstance(part, ast.Attribute):
                known.add(part.attr)
            elif isinstance(part, ast.Constant) and isinstance(part.value, str) and len(part.value) < 200:
                known.update(re.findall(r"\w+", part.value))
        setattr(node, _NAMES, known)
    return known


def _closure(module: Module, names: set[str], always: list[ast.stmt]) -> tuple[ast.stmt, ...]:
    found: dict[int, ast.stmt] = {id(statement): statement for statement in always}
    seen: set[str] = set()
    todo = list(names)
    for statement in always:
        todo.extend(names_in(statement))
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        for statement in module.bindings.get(name, ()):
            if id(statement) not in found:
                found[id(statement)] = statement
                todo.extend(names_in(statement))
    return tuple(sorted(found.values(), key=lambda statement: (statement.lineno, statement.col_offset)))


def _reaches_out(statement: ast.stmt) -> bool:
    """May executing the statement change what others see, beyond the names that it binds?"""
    if isinstance(statement, ast.ImportFrom):
        return statement.names[0].name == "*"
    if isinstance(statement, Definition):
        for decorator in statement.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            if (called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")) not in PLAIN:
                return True
    return False


# -- places that have moved ----------------------------------------------------------------------------------------------------------


def _settle(module: Module, entry: Entry) -> None:
    """Move the places of stored facts with their statements."""
    lines = tuple(statement.lineno for statement in entry.statements)
    if lines == entry.lines:
        return
    shifts = [now - line for now, line in zip(lines, entry.lines, strict=True)]
    starts = [
        line - statement.lineno + reparsing._first_line(statement)
        for statement, line in zip(entry.statements, entry.lines, strict=True)
    ]
    path = module.shown
    known: dict[Place, Place] = {}

    def place(one: Place) -> Place:
        index = bisect_right(starts, one.line) - 1
        by = shifts[index] if index >= 0 and one.path == path else 0
        if not by:
            return one
        return Place(one.path, one.line + by, one.column, one.end_line + by, one.end_column, one.cell)

    def moved(fact: Any) -> Any:
        kind = type(fact)
        if kind is Place:
            new = known.get(fact)
            if new is None:
                new = known[fact] = place(fact)
            return new
        if kind is tuple:
            parts = tuple([moved(part) for part in fact])
            return fact if all(map(operator.is_, parts, fact)) else parts
        names = _fields(kind)
        changes = {}
        for name in names:
            part = getattr(fact, name)
            if part and (type(part) is Place or type(part) is tuple or _fields(type(part))):
                new = moved(part)
                if new is not part:
                    changes[name] = new
        if not changes:
            return fact
        if kind is LayerUse:  # it is ours alone
            for name, new in changes.items():
                setattr(fact, name, new)
            return fact
        return replace(fact, **changes)

    entry.found.uses = [moved(use) for use in entry.found.uses]
    entry.found.unknowns = {moved(fact): None for fact in entry.found.unknowns}
    entry.lines = lines


_known_fields: dict[Any, tuple[str, ...]] = {}


def _fields(kind: Any) -> tuple[str, ...]:
    """The fields of a class of facts; none where it is something else."""
    known = _known_fields.get(kind)
    if known is None:
        known = _known_fields[kind] = tuple(entry.name for entry in fields(kind)) if is_dataclass(kind) else ()
    return known


_USE = _fields(LayerUse)


def _copied(found: ExplorationResult) -> ExplorationResult:
    """A copy whose executions may be renumbered."""
    new = copy.copy(found)
    new.uses = []
    for use in found.uses:
        one = object.__new__(LayerUse)
        for name in _USE:
            setattr(one, name, getattr(use, name))
        new.uses.append(one)
    return new
