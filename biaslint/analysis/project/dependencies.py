"""Dependencies of a piece of work: the files whose content, and the paths whose presence, may affect its result.

A top-level statement is executed once and serves all later work on the project. So its reads are recorded under the statement, and
every piece of work that reads a name which the statement binds depends on them too. Unknown facts and calls within the statement are
recorded in the same way: they belong to every reader, not to the first one.

A piece of work depends on a file down to the last top-level statement that it has read, and on the absence of the names that it has
not found: `change_impact` tells which changes matter.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from biaslint.theory.program import UnknownFact

WHOLE = 1_000_000_000  # lines: all of a file bears on a result
PRESENCE = -1  # nothing of its content does


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The files that were read or looked for, and the folders that were looked for, each with whether it was there.

    `lines` says of each file down to which line its content matters; `absent` are names that modules were found not to have.
    """

    files: Mapping[str, bool] = field(default_factory=dict)
    folders: Mapping[str, bool] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Folder:
    """A path at which a folder was looked for."""

    path: Path


@dataclass(frozen=True, slots=True)
class Lines:
    """A file of which what stands down to a line matters; `PRESENCE` where only its presence does."""

    path: Path
    last: int


@dataclass(frozen=True, slots=True)
class Absent:
    """A name that a module was found not to have."""

    name: str


@dataclass(frozen=True, slots=True)
class Used:
    """A class that was instantiated or a function that was called, by what tells it from every other."""

    kind: str  # class or function
    identity: Hashable


Source = Path | Folder | Lines | Absent  # a path is that of a file of which everything matters
ENDS = (Path, Folder, Lines, Absent, UnknownFact, Used)  # what has no records of its own


class Names(Protocol):
    """A module, as far as it matters here: its statements, and which of them give a name its value."""

    tree: ast.Module

    @property
    def bindings(self) -> Mapping[str, Collection[ast.stmt]]: ...

    @property
    def registrations(self) -> Mapping[str, Collection[ast.stmt]]: ...

    def sources(self, name: str) -> tuple[Source, ...]: ...


@dataclass(slots=True)
class DependencyTracker:
    """Records what the current piece of work reads. Reads of a shared definition are recorded under its own key.

    What can be asked for is a module's top-level name `(module, name)`, a dotted name to import `(base, name)`, and a `Source`.
    """

    # by the work in progress: a piece of work, or a statement on the way to a name
    asked: set[Any] = field(default_factory=set)
    leads: dict[Any, set[Any]] = field(default_factory=dict)  # a statement, a name or an import -> what it asked for
    files: dict[Path, int] = field(default_factory=dict)  # down to which line they matter
    folders: set[Path] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)
    unknowns: set[UnknownFact] = field(default_factory=set)  # what was not understood on the way
    used: set[Used] = field(default_factory=set)  # likewise

    def begin(self) -> None:
        """Begin a new piece of work."""
        self.asked, self.files, self.folders = set(), {}, set()
        self.absent, self.unknowns, self.used = set(), set(), set()

    @contextlib.contextmanager
    def recording(self, key: Any) -> Iterator[None]:
        """Record what is read within under `key`: a name, an import or a statement, which others may read later."""
        outer = self.asked
        self.asked = self.leads.setdefault(key, set())
        try:
            yield
        finally:
            self.asked = outer

    def settle(self) -> None:
        """Resolve the recorded reads to files, folders and unknown facts."""
        for one in self._reached(self.asked):
            if isinstance(one, Absent):
                self.absent.add(one.name)
            elif isinstance(one, Folder):
                self.folders.add(one.path)
            elif isinstance(one, UnknownFact):
                self.unknowns.add(one)
            elif isinstance(one, Used):
                self.used.add(one)
            else:
                path, last = (one.path, one.last) if isinstance(one, Lines) else (one, WHOLE)
                self.files[path] = max(self.files.get(path, PRESENCE), last)
        self.asked.clear()

    def _reached(self, asked: Iterable[Any]) -> set[Source | UnknownFact | Used]:
        """The sources and facts behind the recorded reads."""
        found: set[Source | UnknownFact | Used] = set()
        seen = set(asked)
        todo = list(seen)
        while todo:
            one = todo.pop()
            if isinstance(one, ENDS):
                found.add(one)
            else:
                fresh = {new for new in self._behind(one) if new not in seen}
                seen |= fresh
                todo += fresh
        return found

    def forget(self, kept: Collection[Names] = ()) -> None:
        """Drop all records of other modules, resolved to files and folders first."""
        self.settle()
        lasting: set[Any] = {*kept, *(statement for module in kept for statement in module.tree.body)}
        leads = {}
        for key, led in self.leads.items():
            if isinstance(key, tuple) and isinstance(key[0], Path):
                leads[key] = led
            elif (key[0] if isinstance(key, tuple) else key) in lasting:
                gone = {one for one in led if isinstance(one, tuple) and one[0] not in lasting and not isinstance(one[0], Path)}
                leads[key] = led - gone | self._reached(gone)
        self.leads = leads

    def _behind(self, key: Any) -> Iterator[Any]:
        """The reads recorded for a name or an import."""
        yield from self.leads.get(key, ())
        where, name = key
        if isinstance(where, Path):
            return
        module: Names = where
        yield from module.sources(name)
        for statement in (*module.bindings.get(name, ()), *module.registrations.get(name, ())):
            yield from self.leads.get(statement, ())
