"""The store: results of pieces of an analysis in one file, each with its dependencies.

The file is a checksum, a line of JSON, and texts. The line says of each piece which files it depends on and down to which line they
matter, which folders, which names modules were found not to have, and where its texts stand: one that is read with the piece, and one
that is read when it is asked for. Each text has a checksum of its own.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Generic, NamedTuple, TypeVar

from biaslint.analysis.incremental.file_states import FileSnapshot, digest
from biaslint.analysis.project.dependencies import PRESENCE, WHOLE, Dependencies

if TYPE_CHECKING:
    from biaslint.analysis.incremental.change_impact import ChangeImpact

BAD = (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError)  # what reading a damaged entry raises
OUTLINE = "outline "  # and a path: the name of what tells how far a change of this file reaches
MANY = 50  # changed files whose impact is worked out; with more, all that depends on them is executed again

Value = TypeVar("Value", bound=Hashable)


class Numbers(Generic[Value]):
    """Values by number, each once."""

    def __init__(self, values: Iterable[Value] = ()) -> None:
        self.values = list(values)
        self._number = {value: number for number, value in enumerate(self.values)}

    def of(self, value: Value) -> int:
        """The number of a value, a new one for a new value."""
        number = self._number.get(value)
        if number is None:
            number = self._number[value] = len(self.values)
            self.values.append(value)
        return number


class Row(NamedTuple):
    """A piece: its dependencies, by number, and where its texts are in the file."""

    files: list[int]
    folders: list[int]
    absent: int
    start: int
    size: int
    checksum: str
    rest_size: int
    rest_checksum: str


class ResultStore:
    """The pieces of one run. Texts stay in files: in that of the last run, and in one for those of this run."""

    def __init__(self, path: Path, now: FileSnapshot) -> None:
        self.path = path
        self.now = now
        self._old: BinaryIO = io.BytesIO()
        self._new: BinaryIO = io.BytesIO()
        self._known: dict[str, Row] = {}
        self._kept: dict[str, tuple[BinaryIO, Row]] = {}
        self._files: Numbers[tuple[str, int]] = Numbers()  # each with the line down to which it matters
        self._folders: Numbers[str] = Numbers()
        self._absent: Numbers[frozenset[str]] = Numbers()
        self._asked_files: dict[str, bool] = {}  # what pieces of this run have asked for, and whether it was there
        self._asked_folders: dict[str, bool] = {}
        self._doubtful: set[str] = set()
        with contextlib.suppress(*BAD):
            self._new = tempfile.TemporaryFile()  # noqa: SIM115 -- it lives as long as the store
            self._load()

    def _load(self) -> None:
        self._old = opened(self.path)
        checksum, head = self._old.readline().strip(), self._old.readline().strip()
        begin = self._old.tell()
        if checksum.decode() != digest(head):
            return
        entry = json.loads(head)
        files: Numbers[tuple[str, int]] = Numbers((path, last) for path, last in entry["files"])
        folders, absent = Numbers(map(str, entry["folders"])), Numbers(map(frozenset, entry["absent"]))
        rows = {
            name: Row(on_files, on_folders, without, begin + start, *sizes)
            for name, (on_files, on_folders, without, start, *sizes) in entry["pieces"].items()
        }
        changed = self.now.changed(entry["states"])
        before = entry["states"]["stamps"]
        stayed = {path for path in changed if before.get(path) is not None and self.now.stamps[path] is not None}
        reaches = self._reaches({path: rows[OUTLINE + path] for path in stayed if OUTLINE + path in rows})
        in_doubt = {number for number, (path, _) in enumerate(files.values) if path in changed}
        gone = {number for number, path in enumerate(folders.values) if path in changed}

        def spared(number: int, without: frozenset[str]) -> bool:
            """Does the change of a file not bear on a piece that depends on it down to a line, and on names being absent?"""
            path, last = files.values[number]
            if path not in stayed or last == WHOLE:
                return False
            return last == PRESENCE or (path in reaches and reaches[path].spares(last, without))

        self._known = {
            name: row
            for name, row in rows.items()
            if gone.isdisjoint(row.folders)
            and (
                in_doubt.isdisjoint(row.files)
                or all(spared(number, absent.values[row.absent]) for number in in_doubt.intersection(row.files))
            )
        }
        self._files, self._folders, self._absent = files, folders, absent

    def _reaches(self, outlines: Mapping[str, Row]) -> dict[str, ChangeImpact]:
        """The impact of the changes of these files, from their old outlines."""
        if not outlines or len(outlines) > MANY:
            return {}
        from biaslint.analysis.incremental import change_impact as outline

        reaches = {}
        for path, row in outlines.items():
            with contextlib.suppress(*BAD):
                old = outline.decoded(json.loads(text(self._old, row.start, row.size, row.checksum)))
                reaches[path] = outline.ChangeImpact(old, outline.read(Path(path)))
        return reaches

    def recall(self, name: str) -> tuple[bytes, Callable[[], bytes]] | None:
        """The first text of a piece and a function that gives the second, if its dependencies are unchanged.

        The latter raises OSError or ValueError where the text is damaged.
        """
        try:
            row = self._known[name]
            found = text(self._old, row.start, row.size, row.checksum)
        except BAD:
            return None
        self._kept[name] = (self._old, row)
        return found, partial(text, self._old, row.start + row.size, row.rest_size, row.rest_checksum)

    def keep(self, name: str, value: bytes, needed: Dependencies, rest: bytes = b"") -> None:
        """Keep a new piece, with its dependencies."""
        for asked, before in ((needed.files, self._asked_files), (needed.folders, self._asked_folders)):
            for path, there in asked.items():
                if before.setdefault(path, there) != there:
                    self._doubtful.add(path)
        self._kept.pop(name, None)
        with contextlib.suppress(OSError):
            start = self._new.tell()
            self._new.write(value)
            self._new.write(rest)
            row = Row(
                [self._files.of((path, needed.lines.get(path, WHOLE))) for path in needed.files],
                [self._folders.of(path) for path in needed.folders],
                self._absent.of(needed.absent),
                start,
                len(value),
                digest(value),
                len(rest),
                digest(rest),
            )
            self._kept[name] = (self._new, row)

    def keep_outline(self, path: str, value: bytes) -> None:
        """Keep the outline of a file, for the impact of its next change."""
        self.keep(OUTLINE + path, value, Dependencies({path: True}))

    def mark(self) -> str:
        """A digest of the pieces of this run."""
        rows = ((name, row) for name, (_, row) in self._kept.items() if not name.startswith(OUTLINE))
        return digest(json.dumps(sorted((name, row.checksum, row.rest_checksum) for name, row in rows)).encode())

    def recall_all(self, kind: str) -> None:
        """Take over all valid pieces whose names begin so."""
        for name in list(self._known):
            if name.startswith(kind):
                self.recall(name)

    def clear(self) -> None:
        """Drop all pieces, after damage."""
        self._known.clear()
        self._kept.clear()

    def settle(self) -> set[str]:
        """Note the states of all dependencies. Returns those that may have changed since they were read; their pieces are dropped."""
        doubtful = self._doubtful | self.now.look_back(self._asked_files, self._asked_folders)
        if doubtful:
            files = {number for number, (path, _) in enumerate(self._files.values) if path in doubtful}
            folders = {number for number, path in enumerate(self._folders.values) if path in doubtful}
            self._kept = {
                name: (at, row)
                for name, (at, row) in self._kept.items()
                if files.isdisjoint(row.files) and folders.isdisjoint(row.folders)
            }
        return doubtful

    def places(self) -> set[str]:
        """The files and folders that the pieces of this run depend on."""
        files: set[int] = set()
        folders: set[int] = set()
        for _, row in self._kept.values():
            files.update(row.files)
            folders.update(row.folders)
        found = {self._files.values[number][0] for number in files} | {self._folders.values[number] for number in folders}
        return found | self._asked_files.keys() | self._asked_folders.keys()

    def write(self) -> None:
        """Replace the file by the pieces of this run. Raises OSError and ValueError."""
        places = self.places()
        for name, row in self._known.items():
            if name.startswith(OUTLINE) and name not in self._kept and name[len(OUTLINE) :] in places:
                self._kept[name] = (self._old, row)
        if len(self._files.values) > 2 * len({number for _, row in self._kept.values() for number in row.files}):
            self._number_anew()
        pieces: dict[str, Row] = {}
        position = 0
        for name, (_, row) in self._kept.items():
            pieces[name] = row._replace(start=position)
            position += row.size + row.rest_size
        tables = {
            "files": self._files.values,
            "folders": self._folders.values,
            "absent": [sorted(names) for names in self._absent.values],
        }
        head = json.dumps({"states": self.now.as_json(places), **tables, "pieces": pieces}).encode()
        write(self.path, self._lines(head))

    def _number_anew(self) -> None:
        """Drop dependencies that no piece has any more."""
        files: Numbers[tuple[str, int]] = Numbers()
        folders: Numbers[str] = Numbers()
        absent: Numbers[frozenset[str]] = Numbers()
        for name, (at, row) in self._kept.items():
            row = row._replace(
                files=[files.of(self._files.values[number]) for number in row.files],
                folders=[folders.of(self._folders.values[number]) for number in row.folders],
                absent=absent.of(self._absent.values[row.absent]),
            )
            self._kept[name] = (at, row)
        self._files, self._folders, self._absent = files, folders, absent

    def _lines(self, head: bytes) -> Iterator[bytes]:
        yield from (digest(head).encode(), b"\n", head, b"\n")
        for at, row in self._kept.values():
            at.seek(row.start)
            yield at.read(row.size + row.rest_size)
        self._old.close()  # some systems replace no file that is open


def text(at: BinaryIO, start: int, size: int, checksum: str) -> bytes:
    """A text that stands in a file. Raises ValueError where it is damaged."""
    at.seek(start)
    data = at.read(size)
    if digest(data) != checksum:
        raise ValueError
    return data


def opened(path: Path) -> BinaryIO:
    """A file to read. Raises OSError, also where there is something else: a pipe would keep its reader for ever."""
    if not path.is_file():
        raise FileNotFoundError(path)
    return path.open("rb")


def write(path: Path, parts: Iterable[bytes]) -> None:
    """Replace a file, whole or not at all. Raises OSError."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as stream:
            stream.writelines(parts)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
