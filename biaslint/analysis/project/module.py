"""A module of the analysed project."""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from biaslint.analysis.project import module_index, search_path
from biaslint.analysis.project.dependencies import Absent, Lines
from biaslint.analysis.project.environment import Environment, Value
from biaslint.analysis.project.syntax_tree import walk
from biaslint.theory.program import Place, UnknownFact

if TYPE_CHECKING:
    from biaslint.analysis.project.dependencies import Source
    from biaslint.analysis.project.module_index import Statement


class Module:
    """One file of the project."""

    def __init__(self, path: Path, name: str, text: str, tree: ast.Module, package: str, base: Path) -> None:
        self.path = path
        self.name = name  # dotted, as an import would say it
        self.package = package  # what a relative import starts from
        self.base = base  # the folder that absolute imports of this file's own package start from
        self.text = text
        self.tree = tree
        self.scope = Environment(self)
        self.scope.local = {}  # whoever reads a module's names depends on their statements
        self.done: set[ast.stmt] = set()  # top-level statements already executed
        self.fresh: set[ast.stmt] = set()  # those of them that the present execution has done
        self.registered: set[ast.stmt] = set()  # definitions whose decorators have entered them into a table
        self.under_way: list[ast.stmt] = []  # top-level statements that are being executed, the innermost last
        self.past: dict[str, dict[int, Value]] = {}  # what a name stood for after each of several statements, by their lines
        self.ready: set[str] = set()  # names whose statements have all been executed
        self.stars: list[ast.ImportFrom] = []
        self.absent: set[str] = set()  # names that no star import brings in
        self.beside: tuple[Lines, ...] = ()  # the files whose presence makes it the module that it is
        self._sources: dict[str, tuple[Source, ...]] = {}
        self.shown = str(path)
        self.cells: tuple[tuple[int, int], ...] | None = None  # a notebook's: the cell, and the line within it, of each line

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines(keepends=True)

    @cached_property
    def added_folders(self) -> tuple[Path, ...]:
        """The folders that the file puts on `sys.path`."""
        return search_path.added_folders(self)

    @cached_property
    def definitions(self) -> list[Statement]:
        """The top-level functions and classes, also below `if` and `try`, in order."""
        found: list[Statement] = []
        todo: list[ast.stmt] = list(reversed(self.tree.body))
        while todo:
            statement = todo.pop()
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                found.append(statement)
            elif isinstance(statement, (ast.If, ast.Try)):
                todo.extend(reversed([*statement.body, *statement.orelse]))
        return found

    @cached_property
    def bases(self) -> frozenset[str]:
        """What the top-level classes derive from, as written."""
        classes = (one for one in self.definitions if isinstance(one, ast.ClassDef))
        return frozenset(ast.unparse(base) for one in classes for base in one.bases)

    @cached_property
    def bindings(self) -> dict[str, list[ast.stmt]]:
        """Name -> the top-level statements that bind or fill it, in order.

        What is put into an imported package may be reached by any other imported name.
        """
        table: dict[str, list[ast.stmt]] = {}
        imported = module_index.imported_names(self.tree)
        functions = {one.name: one for one in self.tree.body if isinstance(one, ast.FunctionDef)}
        for statement in self.tree.body:
            names = module_index.bound_names(statement, self.stars) | module_index.changed_names(statement, functions)
            if not imported.isdisjoint(names) and module_index.fills_attributes(statement):
                names |= imported
            for name in names:
                table.setdefault(name, []).append(statement)
        return table

    @cached_property
    def registrations(self) -> dict[str, list[ast.stmt]]:
        """Name of a table or registry -> the top-level classes and functions whose decorators enter them there."""
        table: dict[str, list[ast.stmt]] = {}
        for statement in self.tree.body:
            for decorator in getattr(statement, "decorator_list", ()):
                root = decorator
                while isinstance(root, (ast.Call, ast.Attribute)):
                    root = root.func if isinstance(root, ast.Call) else root.value
                for name in self._filled_by(root.id) if isinstance(root, ast.Name) else ():
                    table.setdefault(name, []).append(statement)
        return table

    def is_variable(self, name: str) -> bool:
        """Does the module's top level assign the name?"""
        return any(isinstance(statement, (ast.Assign, ast.AnnAssign)) for statement in self.bindings.get(name, ()))

    def _filled_by(self, name: str) -> set[str]:
        """The module's own variables that the decorator `name` may enter something into."""
        found: set[str] = set()
        for statement in self.bindings.get(name, ()):
            if isinstance(statement, (ast.Assign, ast.AnnAssign)):
                found.add(name)
            elif isinstance(statement, ast.FunctionDef):
                used = {part.id for part in walk(statement) if isinstance(part, ast.Name)}
                found |= {
                    one
                    for one in used
                    for bound in self.bindings.get(one, ())
                    if isinstance(bound, (ast.Assign, ast.AnnAssign))
                }
        return found

    def sources(self, name: str) -> tuple[Source, ...]:
        """The sources that decide the meaning of a top-level name, besides its statements."""
        found = self._sources.get(name)
        if found is None:
            statements = (*self.bindings.get(name, ()), *self.registrations.get(name, ()))
            if self.stars or self.cells:
                return (self.path, *self.beside)
            last = Lines(self.path, max((one.end_lineno or 0 for one in statements), default=0))
            found = self._sources[name] = (last, *self.beside, *(() if statements else (Absent(name),)))
        return found

    def within(self, node: ast.AST) -> Lines:
        """The source down to the end of a node's top-level statement."""
        index = bisect_left(self.ends, getattr(node, "lineno", 0))
        return Lines(self.path, self.ends[index] if index < len(self.ends) else 0)

    @cached_property
    def ends(self) -> list[int]:
        """The last lines of the top-level statements."""
        return [statement.end_lineno or 0 for statement in self.tree.body]

    @cached_property
    def binds(self) -> dict[ast.stmt, list[str]]:
        """Top-level statement -> the names that it binds or fills."""
        table: dict[ast.stmt, list[str]] = {}
        for name, statements in self.bindings.items():
            for statement in statements:
                table.setdefault(statement, []).append(name)
        return table

    @cached_property
    def lasting(self) -> set[ast.stmt]:
        """The top-level statements that define and import, also by what they add to definitions: they are executed once for all.

        A second execution would make another class than the one that other classes derive from.
        """
        found = {statement for statement in self.tree.body if module_index.defines(statement)}
        defined = {one.name for one in self.definitions}  # not what is imported, which other modules share
        return found | {statement for statement, names in self.binds.items() if defined.issuperset(names)}

    def begin(self, statement: ast.stmt) -> bool:
        """Is a top-level statement still to be executed? Then it counts as done from now on."""
        if statement in self.done:
            return False
        self.done.add(statement)
        self.fresh.add(statement)
        return True

    @contextmanager
    def executing(self, statement: ast.stmt) -> Iterator[None]:
        """While a top-level statement is executed, nothing of those after it has happened."""
        self.under_way.append(statement)
        try:
            yield
        finally:
            self.under_way.pop()
            for name in self.binds.get(statement, ()):
                if name in self.scope.names and len(self.bindings[name]) > 1:
                    self.past.setdefault(name, {})[statement.lineno] = self.scope.names[name]

    def is_ahead(self, statement: ast.stmt) -> bool:
        """Does a top-level statement come after the one that is being executed?"""
        return bool(self.under_way) and statement.lineno > self.under_way[-1].lineno

    def present(self, name: str) -> Value:
        """What a top-level name stands for now, although later statements may have been executed already."""
        past = self.past.get(name) if self.under_way else None
        if past:
            now = self.under_way[-1].lineno
            earlier = [line for line in past if line < now]
            if earlier and len(earlier) < len(past) and now not in past:
                return past[max(earlier)]
        return self.scope.names[name]

    def locate(self, line: int) -> tuple[int | None, int]:
        """The cell of a notebook (None in a plain file) and the line within it."""
        return self.cells[line - 1] if self.cells and line <= len(self.cells) else (None, line)

    def column(self, line: int, offset: int) -> int:
        """The 1-based column in characters of a UTF-8 offset."""
        if line > len(self.lines):
            return offset + 1
        text = self.lines[line - 1]
        if text.isascii():
            return offset + 1
        return len(text.encode()[:offset].decode(errors="replace")) + 1

    def unknown(self, line: int, offset: int, what: str) -> UnknownFact:
        """An unknown fact at a place of the file."""
        column = self.column(line, offset)
        cell, first = self.locate(line)
        return UnknownFact(Place(self.shown, first, column, first, column + 1, cell), what)

    def __repr__(self) -> str:
        return f"<module {self.name}>"
