"""Files and modules: which file does an import lead to, and which top-level statement binds a name?

A module's statements are not executed from top to bottom: the table of contents tells which statements bind a name, and those are
executed when the name is asked for. Circular imports and costly registries then take care of themselves.
"""

from __future__ import annotations

import ast
import warnings
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Hashable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biaslint.frontends.dependencies import PRESENCE, Absent, Dependencies, Folder, Ledger, Lines, Source
from biaslint.frontends.values import MISSING, Class, Scope
from biaslint.source import text as source_text
from biaslint.theory.program import Place, UnknownFact

if TYPE_CHECKING:
    from biaslint.frontends.memory import Memory


Statement = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


class Module:
    """One file of the project."""

    def __init__(self, path: Path, name: str, text: str, tree: ast.Module, package: str, base: Path) -> None:
        self.path = path
        self.name = name  # dotted, as an import would say it
        self.package = package  # what a relative import starts from
        self.base = base  # the folder that absolute imports of this file's own package start from
        self.text = text
        self.tree = tree
        self.scope = Scope(self)
        self.done: set[ast.stmt] = set()  # top-level statements already executed
        self.fresh: set[ast.stmt] = set()  # those of them that the present execution has done
        self.registered: set[ast.stmt] = set()  # definitions whose decorators have entered them into a table
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
        """Name -> the top-level statements that bind or fill it, in order."""
        table: dict[str, list[ast.stmt]] = {}
        for statement in self.tree.body:
            for name in bound_names(statement, self.stars):
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

    def _filled_by(self, name: str) -> set[str]:
        """The module's own variables that the decorator `name` may enter something into."""
        found: set[str] = set()
        for statement in self.bindings.get(name, ()):
            if isinstance(statement, (ast.Assign, ast.AnnAssign)):
                found.add(name)
            elif isinstance(statement, ast.FunctionDef):
                used = {part.id for part in ast.walk(statement) if isinstance(part, ast.Name)}
                found |= {
                    one
                    for one in used
                    for bound in self.bindings.get(one, ())
                    if isinstance(bound, (ast.Assign, ast.AnnAssign))
                }
        return found

    def sources(self, name: str) -> tuple[Source, ...]:
        """What of the files bears on the meaning of a top-level name, apart from what its statements lead to."""
        found = self._sources.get(name)
        if found is None:
            statements = (*self.bindings.get(name, ()), *self.registrations.get(name, ()))
            if self.stars or self.cells:
                return (self.path, *self.beside)
            last = Lines(self.path, max((one.end_lineno or 0 for one in statements), default=0))
            found = self._sources[name] = (last, *self.beside, *(() if statements else (Absent(name),)))
        return found

    def within(self, node: ast.AST) -> Lines:
        """What the file has down to the end of the top-level statement that a node stands in."""
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

        A class that was made anew would be another class than the one that others derive from.
        """
        found = {statement for statement in self.tree.body if defines(statement)}
        defined = {
            one.name for one in self.definitions
        }  # what is imported belongs to others, who must not see what is added to it
        return found | {statement for statement, names in self.binds.items() if defined.issuperset(names)}

    def begin(self, statement: ast.stmt) -> bool:
        """Is a top-level statement still to be executed? Then it counts as done from now on."""
        if statement in self.done:
            return False
        self.done.add(statement)
        self.fresh.add(statement)
        return True

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
        """Something at a place of the file that is not understood."""
        column = self.column(line, offset)
        cell, first = self.locate(line)
        return UnknownFact(Place(self.shown, first, column, first, column + 1, cell), what)

    def __repr__(self) -> str:
        return f"<module {self.name}>"


def defines(statement: ast.stmt) -> bool:
    """Does a statement do nothing but define, import and name constants, whichever way its conditions go?"""
    if isinstance(statement, (ast.If, ast.Try)):
        handlers = [one for handler in getattr(statement, "handlers", ()) for one in handler.body]
        return all(map(defines, [*statement.body, *handlers, *statement.orelse, *getattr(statement, "finalbody", ())]))
    if isinstance(statement, (ast.Assign, ast.AnnAssign)):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return isinstance(statement.value, ast.Constant) and all(isinstance(target, ast.Name) for target in targets)
    return isinstance(statement, (*DEFINITIONS, ast.Pass, ast.Raise))


def bound_names(statement: ast.stmt, stars: list[ast.ImportFrom]) -> set[str]:
    """The names that a top-level statement binds, fills by item or attribute, or fills by a method call (`table.update(...)`)."""
    names: set[str] = set()
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        names.add(statement.name)
        return names
    todo: list[ast.AST] = [statement]
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Import):
            names.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.names[0].name == "*":
                stars.append(node)
            names.update(alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, (ast.Subscript, ast.Attribute)) and isinstance(node.ctx, ast.Store):
            base: ast.expr = node
            while isinstance(base, (ast.Subscript, ast.Attribute)):
                base = base.value
            if isinstance(base, ast.Name):
                names.add(base.id)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
            base = node.value.func
            while isinstance(base, ast.Attribute):
                base = base.value
            if isinstance(base, ast.Name):
                names.add(base.id)
        elif not isinstance(node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            todo.extend(ast.iter_child_nodes(node))
    return names


class Project:
    """Opens files on demand and tells which file an import means."""

    def __init__(self, root: Path, texts: Mapping[Path, str] | None = None) -> None:
        self.root = root
        self.texts = dict(texts or {})
        self.modules: dict[Path, Module | None] = {}
        self._found: dict[tuple[Path, str], Path | None] = {}
        self._files: dict[Path, bool] = {}
        self._folders: dict[Path, bool] = {}
        self.ledger = Ledger()
        self.needs: Counter[Path] = Counter()  # how many pieces of work have needed a file
        # what the present execution has changed: where, and what was there
        self._changed: dict[tuple[int, str], tuple[dict[str, Any], Any]] = {}
        self.touched: set[Module] = set()  # modules that the present execution has executed top-level statements of
        self.vast: set[Path] = set()  # files that are too large to be parsed
        self.memory: Memory | None = None  # of earlier analyses, where somebody keeps one
        self.shown: dict[Path, str] = {}  # how the linted files are called
        self.layers: Mapping[str, Mapping[str, Any]] = {}  # the project's own wrappers, as the configuration describes them

    def read(self, path: Path) -> str | None:
        if path in self.texts:
            return self.texts[path]
        try:
            return source_text.read(path)
        except (OSError, ValueError, SyntaxError):
            return None

    def size(self, path: Path) -> int:
        """About how many characters a file has."""
        if path in self.texts:
            return len(self.texts[path])
        try:
            return path.stat().st_size
        except (OSError, ValueError):
            return 0

    def open(self, path: Path) -> Module | None:
        """The module in a file, or None where it cannot be read or parsed."""
        self.is_file(path)
        if path not in self.modules:
            self.modules[path] = self._parsed(path)
        module = self.modules[path]
        self.ledger.asked.add(path if module is None or module.cells else Lines(path, 0))
        return module

    def _parsed(self, path: Path) -> Module | None:
        module = None
        text = self.read(path)
        cells: tuple[tuple[int, int], ...] | None = None
        if text is not None and path.suffix == ".ipynb":
            from biaslint.source import notebook

            try:
                text, cells = notebook.program(text)
            except notebook.Damaged:
                text = None
        if text is not None and source_text.vast(text):
            self.vast.add(path)
            text = None
        if text is not None:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    tree = ast.parse(text) if self.memory is None or cells else self.memory.parse(path, text)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                tree = None
            if tree is not None:
                base, name, beside = self.module_name(path)
                package = name if path.name == "__init__.py" else name.rpartition(".")[0]
                module = Module(path, name, text, tree, package, base)
                module.cells = cells
                module.beside = tuple(Lines(one, PRESENCE) for one in beside)
                module.shown = self.shown.get(path, module.shown)
        return module

    def forget(self) -> None:
        """Drop what module-level statements made, so that the next execution starts afresh; definitions and imports stay.

        Only what the last execution touched is looked at: a file may have thousands of definitions, and as many executions.
        """
        self.set_aside()
        self._changed.clear()
        for module in self.touched:
            fresh, module.fresh = module.fresh, set()
            again = [statement for statement in fresh if statement not in module.lasting]
            dropped = {name for statement in again for name in module.binds.get(statement, ())}
            for name in dropped:
                module.scope.names.pop(name, None)
                again += module.bindings[name]
            module.done.difference_update(again)
            module.ready -= dropped
            module.registered.clear()
        self.touched.clear()

    def change(self, table: dict[str, Any], name: str, value: Any) -> None:
        """Change what a module, a top-level class or function holds, until the execution ends: others must not see it."""
        self._changed.setdefault((id(table), name), (table, table.get(name, MISSING)))
        table[name] = value

    def set_aside(self) -> None:
        """Exchange what the present execution has changed for what was there: definitions, which all share, never see it."""
        for (key, name), (table, other) in self._changed.items():
            self._changed[key, name] = (table, table.get(name, MISSING))
            if other is MISSING:
                table.pop(name, None)
            else:
                table[name] = other

    def close(self, kept: Collection[Module] = ()) -> None:
        """Let go of modules. What they hold refers back to them: emptied, most of it goes without the collector's help."""
        self.ledger.forget(kept)
        for module in self.modules.values():
            if module is not None and module not in kept:
                for value in module.scope.names.values():
                    if isinstance(value, Class) and value.module is module:
                        value.mro.clear()
                        value.attrs.clear()
                module.scope.names.clear()
                vars(module).clear()
        self.modules = {module.path: module for module in kept}

    def identity(self, module: Module, node: ast.AST) -> Hashable:
        """What tells a definition from every other, also in another process; where trees are kept over edits, the node itself."""
        if self.memory is not None:
            return id(node)
        return f"{module.path}:{getattr(node, 'lineno', 0)}:{getattr(node, 'col_offset', 0)}"

    def content(self, path: Path) -> str | None:
        """The text of a file that is not opened as a module; None where it cannot be read."""
        self.ledger.asked.add(path)
        return self.read(path) if self.is_file(path) else None

    def needed(self) -> Dependencies:
        """What the work since `ledger.begin()` depends on."""
        self.ledger.settle()
        self.needs.update(path for path in self.ledger.files if self._files[path])
        return Dependencies(
            {str(path): self._files[path] for path in self.ledger.files},
            {str(path): self._folders[path] for path in self.ledger.folders},
            {str(path): last for path, last in self.ledger.files.items()},
            frozenset(self.ledger.absent),
        )

    def may_bind(self, path: Path, name: str) -> bool:
        """Might a module have this name? Where its text mentions neither the name nor a star import, it need not be parsed."""
        if not self.is_file(path) or path in self.modules:
            return self.is_file(path)
        text = self.read(path)
        if text is not None and (name in text or "import *" in text):
            return True
        self.ledger.asked.update((Lines(path, 0), Absent(name)) if text is not None else (path,))
        return False

    def is_file(self, path: Path) -> bool:
        self.ledger.asked.add(Lines(path, PRESENCE))
        known = self._files.get(path)
        if known is None:
            known = self._files[path] = path in self.texts or path.is_file()
        return known

    def is_folder(self, path: Path) -> bool:
        self.ledger.asked.add(Folder(path))
        known = self._folders.get(path)
        if known is None:
            known = self._folders[path] = path.is_dir() or any(path in text.parents for text in self.texts)
        return known

    def module_name(self, path: Path) -> tuple[Path, str, list[Path]]:
        """The folder that imports start from, the module's dotted name below it, and the files that make it so."""
        parts = [] if path.name == "__init__.py" else [path.stem]
        folder = path.parent
        beside = [folder / "__init__.py"]
        while self.is_file(beside[-1]) and folder.parent != folder:
            parts.append(folder.name)
            folder = folder.parent
            beside.append(folder / "__init__.py")
        return folder, ".".join(reversed(parts)), beside

    def find(self, name: str, base: Path) -> Path | None:
        """The file of the module `name`, imported from a file whose own imports start at `base`."""
        key = (base, name)
        self.ledger.asked.add(key)
        if key not in self._found:
            outer = self.ledger.on_behalf_of(key)
            self._found[key] = self._find(name, base)
            self.ledger.back_to(outer)
        return self._found[key]

    def _find(self, name: str, base: Path) -> Path | None:
        relative = Path(*name.split("."))
        starts = [base, *(folder for folder in base.parents if folder == self.root or self.root in folder.parents)]
        for start in (*starts, self.root, self.root / "src", base / "src"):
            if len(relative.parts) > 1 and not self.is_folder(start / relative.parts[0]):
                continue  # nothing of it is there: one folder to depend on, however much of it is imported
            for candidate in (start / relative / "__init__.py", start / relative.with_name(relative.name + ".py")):
                if self.is_file(candidate):
                    return candidate
        return None

    def is_package(self, name: str, base: Path) -> bool:
        """Is it a folder of the project, with or without `__init__.py`?"""
        relative = Path(*name.split("."))
        for start in (base, self.root, self.root / "src"):
            if self.is_folder(start / relative.parts[0]) and self.is_folder(start / relative):
                return True
        return False
