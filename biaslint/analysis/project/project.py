"""The project: its modules, which file an import means, and which top-level statement binds a name.

A module's statements are not executed from top to bottom: the table of contents tells which statements bind a name, and those are
executed when the name is asked for. Circular imports and costly registries then take care of themselves.
"""

from __future__ import annotations

import ast
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from biaslint.analysis.limits import Limits
from biaslint.analysis.project import private_names
from biaslint.analysis.project.dependencies import PRESENCE, Absent, Dependencies, DependencyTracker, Folder, Lines
from biaslint.analysis.project.module import Module
from biaslint.analysis.project.shared_state import SharedState
from biaslint.source import notebook, text as source_text


class EarlierResults(Protocol):
    """The results of earlier analyses of the project, as an editor keeps them."""

    def parse(self, path: Path, text: str) -> ast.Module:
        """The tree of a text. Raises what `ast.parse` raises."""

    def is_model(self, root: Any, work: Callable[[], bool]) -> bool:
        """Is a class a layer or a model? `work` finds out where that is not known."""

    def recall(self, root: Any, steps: int, reached: Any) -> Any:
        """The stored result of an entry point, or None."""

    def store(self, root: Any, steps: int, found: Any) -> None:
        """Store the result of an entry point."""


class Project:
    """Opens files on demand and tells which file an import means. A `sealed` one consists of its texts: nothing else is looked at."""

    def __init__(self, root: Path, texts: Mapping[Path, str] | None = None, sealed: bool = False) -> None:
        self.root = root
        self.texts = dict(texts or {})
        self.sealed = sealed
        self.modules: dict[Path, Module | None] = {}
        self._found: dict[tuple[Path, str], Path | None] = {}
        self._files: dict[Path, bool] = {}
        self._folders: dict[Path, bool] = {}
        self.tracker = DependencyTracker()
        self.needs: Counter[Path] = Counter()  # how many pieces of work have needed a file
        self.state = SharedState()
        self.vast: set[Path] = set()  # files that are too large to be parsed
        self.memory: EarlierResults | None = None  # of earlier analyses in this process
        self.shown: dict[Path, str] = {}  # how the linted files are called
        self.limits = Limits()
        self.deadline: float | None = None  # of `time.monotonic()`
        self.layers: Mapping[str, Mapping[str, Any]] = {}  # the project's own wrappers, as the configuration describes them

    def late(self) -> bool:
        """Is the time over that the analysis was given?"""
        return self.deadline is not None and time.monotonic() > self.deadline

    def read(self, path: Path) -> str | None:
        if path in self.texts or self.sealed:
            return self.texts.get(path)
        try:
            return source_text.read(path)
        except (OSError, ValueError, SyntaxError):
            return None

    def size(self, path: Path) -> int:
        """About how many characters a file has."""
        if path in self.texts or self.sealed:
            return len(self.texts.get(path, ""))
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
        self.tracker.asked.add(path if module is None or module.cells else Lines(path, 0))
        return module

    def _parsed(self, path: Path) -> Module | None:
        module = None
        text = self.read(path)
        cells: tuple[tuple[int, int], ...] | None = None
        if text is not None and path.suffix == ".ipynb":
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
                private_names.spell_out(tree, text)
                base, name, beside = self.module_name(path)
                package = name if path.name == "__init__.py" else name.rpartition(".")[0]
                module = Module(path, name, text, tree, package, base)
                module.cells = cells
                module.beside = tuple(Lines(one, PRESENCE) for one in beside)
                module.shown = self.shown.get(path, module.shown)
        return module

    def identity(self, module: Module, node: ast.AST) -> Hashable:
        """The identity of a definition, equal in other processes. Where trees are kept over edits, it is the node itself."""
        if self.memory is not None:
            return id(node)
        return f"{module.path}:{getattr(node, 'lineno', 0)}:{getattr(node, 'col_offset', 0)}"

    def content(self, path: Path) -> str | None:
        """The text of a file that is not opened as a module; None where it cannot be read."""
        self.tracker.asked.add(path)
        return self.read(path) if self.is_file(path) else None

    def needed(self) -> Dependencies:
        """The dependencies of the work since `tracker.begin()`."""
        self.tracker.settle()
        self.needs.update(path for path in self.tracker.files if self._files[path])
        return Dependencies(
            {str(path): self._files[path] for path in self.tracker.files},
            {str(path): self._folders[path] for path in self.tracker.folders},
            {str(path): last for path, last in self.tracker.files.items()},
            frozenset(self.tracker.absent),
        )

    def may_bind(self, path: Path, name: str) -> bool:
        """Might a module have this name? Where its text mentions neither the name nor a star import, it need not be parsed."""
        if not self.is_file(path) or path in self.modules:
            return self.is_file(path)
        text = self.read(path)
        if text is not None and (name in text or "import *" in text):
            return True
        self.tracker.asked.update((Lines(path, 0), Absent(name)) if text is not None else (path,))
        return False

    def is_file(self, path: Path) -> bool:
        self.tracker.asked.add(Lines(path, PRESENCE))
        known = self._files.get(path)
        if known is None:
            known = self._files[path] = path in self.texts or (not self.sealed and path.is_file())
        return known

    def is_folder(self, path: Path) -> bool:
        self.tracker.asked.add(Folder(path))
        known = self._folders.get(path)
        if known is None:
            known = self._folders[path] = path in self._text_folders or (not self.sealed and path.is_dir())
        return known

    @cached_property
    def _text_folders(self) -> frozenset[Path]:
        """The folders above the texts."""
        return frozenset(folder for path in self.texts for folder in path.parents)

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
        self.tracker.asked.add(key)
        if key not in self._found:
            with self.tracker.recording(key):
                self._found[key] = self._find(name, base)
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

    def find_from(self, name: str, importer: Module) -> Path | None:
        """The file of the module `name`, imported by a file: from where its package starts, else as a script would find it.

        That is beside the script, and in the folders that it puts on `sys.path`. A name that leads nowhere else, and that exactly one
        of the linted files has, is that file's: another file, or a command, will have put its folder on the path.
        """
        found = self.find(name, importer.base)
        if found is not None or name.partition(".")[0] in sys.stdlib_module_names:
            return found
        key = (importer.path, name)
        self.tracker.asked.add(key)
        if key not in self._found:
            with self.tracker.recording(key):
                self.tracker.asked.add(importer.path)
                self._found[key] = self._find_as_a_script(name, importer)
        return self._found[key]

    def _find_as_a_script(self, name: str, importer: Module) -> Path | None:
        relative = Path(*name.split("."))
        for start in (importer.path.parent, *importer.added_folders):
            for candidate in (start / relative / "__init__.py", start / relative.with_name(relative.name + ".py")):
                if candidate != importer.path and self.is_file(candidate):
                    return candidate
        ends = (relative.with_name(relative.name + ".py").parts, (relative / "__init__.py").parts)
        alike = [path for path in self._called.get(relative.name, ()) if any(path.parts[-len(end) :] == end for end in ends)]
        return alike[0] if len(alike) == 1 and alike[0] != importer.path and self.is_file(alike[0]) else None

    @cached_property
    def _called(self) -> dict[str, list[Path]]:
        """The linted files by the last part of their module's name."""
        table: dict[str, list[Path]] = {}
        for path in self.shown:
            if path.suffix == ".py":
                table.setdefault(path.parent.name if path.name == "__init__.py" else path.stem, []).append(path)
        return table

    def is_package(self, name: str, base: Path) -> bool:
        """Is it a folder of the project, with or without `__init__.py`?"""
        relative = Path(*name.split("."))
        for start in (base, self.root, self.root / "src"):
            if self.is_folder(start / relative.parts[0]) and self.is_folder(start / relative):
                return True
        return False
