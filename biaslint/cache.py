"""What a run found, kept for the next run of the same command.

Two things are kept. The result of the whole run serves the next one when nothing has changed. And what each piece of the analysis
has led to is kept with the files and folders that it depends on: when some of them have changed, only the pieces that depend on
those are made anew. Everything depends on biaslint itself, the settings and the rules.

Entries are JSON with checksums: a damaged or foreign one counts as none, and loading one executes nothing.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from biaslint import __version__, facts_as_json, rule_book, states
from biaslint.config import Config
from biaslint.frontends.dependencies import PRESENCE, WHOLE, Dependencies
from biaslint.states import States, digest

if TYPE_CHECKING:
    from biaslint.frontends.outline import Reach

FOLDER = ".biaslint_cache"
OUTLINE = "outline "  # and a path: the name of what tells how far a change of this file reaches
MANY = 50  # changed files of which that is asked; with more, all that depends on them is made anew
ENTRIES = 64  # the newest ones that are kept
LARGE = 4  # of those with pieces
HOUR = 3_600_000_000_000  # after which a half-written entry is nobody's any more
BAD = (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError)  # what reading a damaged entry raises


class Cache:
    """The entries in one folder. `begin` is called before anything is read, so that no later change goes unseen."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = States()
        self.files: list[str] = []
        self.key = ""
        self.group = ""
        self.last: dict[str, Any] = {}  # the entry of the last run

    def begin(self, files: Sequence[Path], config: Config, paths: Sequence[Path] = ()) -> None:
        """Note the state of the files that are about to be linted; `paths` are those that the command names."""
        self.files = [str(file) for file in files]
        self.now = States(self.files)
        base = [_self(), repr(config), [str(path) for path in paths]]
        self.group = digest(json.dumps(base).encode())
        self.key = digest(json.dumps([self.group, self.files]).encode())

    def recall(self) -> dict[str, Any] | None:
        """What the run found the last time, if all that it depends on is as it was."""
        try:
            checksum, _, body = (self.folder / f"{self.key}.json").read_bytes().partition(b"\n")
            if checksum.decode() != digest(body):
                return None
            entry = json.loads(body)
            changed = self.now.stamps.keys() - entry["states"]["stamps"].keys() or self.now.changed(entry["states"])
            self.last = entry
            return None if changed else self._result()
        except BAD:
            return None

    def recall_made_of(self, mark: str) -> dict[str, Any] | None:
        """What the last run found, if it was made of the same pieces as this one: `mark` is `Pieces.mark`."""
        try:
            return self._result() if self.last["mark"] == mark else None
        except BAD:
            return None

    def _result(self) -> dict[str, Any]:
        return {name: facts_as_json.decode(value) for name, value in self.last["result"].items()}

    def pieces(self) -> Pieces:
        """The pieces of earlier runs that are still good."""
        return Pieces(self.folder / f"{self.group}.pieces", self.now)

    def keep(self, result: Mapping[str, Any], pieces: Pieces) -> None:
        """Keep what the run found, and the pieces that it was made of."""
        doubtful = pieces.settle()
        try:
            self._prepare()
            pieces.write()
            if not doubtful:
                found = {name: facts_as_json.encode(value) for name, value in result.items()}
                states = self.now.as_json({*self.files, *pieces.places()})
                body = json.dumps({"states": states, "mark": pieces.mark(), "result": found}).encode()
                write(self.folder / f"{self.key}.json", (digest(body).encode(), b"\n", body))
            self._tidy()
        except BAD:
            return  # no cache, then

    def _prepare(self) -> None:
        if self.folder.is_symlink():
            raise OSError
        if not self.folder.is_dir():
            self.folder.mkdir()
            (self.folder / ".gitignore").write_text("*\n", encoding="utf-8")
            (self.folder / "CACHEDIR.TAG").write_text("Signature: 8a477f597d28d172789f06886806bc55\n", encoding="utf-8")

    def _tidy(self) -> None:
        old = [path for path in self.folder.glob("*.part") if path.stat().st_mtime_ns < self.now.began - HOUR]
        for kind, most in (("*.json", ENTRIES), ("*.pieces", LARGE)):
            old += sorted(self.folder.glob(kind), key=lambda path: path.stat().st_mtime_ns, reverse=True)[most:]
        for path in old:
            path.unlink(missing_ok=True)


def write(path: Path, parts: Iterable[bytes]) -> None:
    """Replace a file, whole or not at all. Raises OSError."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as stream:
            stream.writelines(parts)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Stored:
    """A piece's value: where it stands in a file, its checksum, and what it depends on.

    That is the files, each with the line down to which it matters, the folders, and the names that modules were found not to have.
    """

    files: list[tuple[str, int]]
    folders: list[str]
    absent: frozenset[str]
    at: BinaryIO
    start: int
    size: int
    checksum: str

    def stands_on(self, path: str) -> bool:
        """Does it depend on this file or folder?"""
        return path in self.folders or any(path == one for one, _ in self.files)

    def value(self) -> bytes:
        """The value's text. Raises ValueError where it is damaged."""
        self.at.seek(self.start)
        data = self.at.read(self.size)
        if digest(data) != self.checksum:
            raise ValueError
        return data


class Pieces:
    """What pieces of an analysis have led to. Each has a name, a text, and what it depends on.

    Texts stay in files: in that of the last run, and in one for those of this run.
    """

    def __init__(self, path: Path, now: States) -> None:
        self.path = path
        self.now = now
        self._old: BinaryIO = io.BytesIO()
        self._new: BinaryIO = io.BytesIO()
        self._end = 0
        self._known: dict[str, Stored] = {}
        self._kept: dict[str, Stored] = {}
        self._files: dict[str, bool] = {}  # what pieces of this run have asked for, and whether it was there
        self._folders: dict[str, bool] = {}
        self._sets: dict[frozenset[str], frozenset[str]] = {}
        self._doubtful: set[str] = set()
        with contextlib.suppress(*BAD):
            self._new = tempfile.TemporaryFile()  # noqa: SIM115 -- it is closed when nobody refers to it any more
            self._known = self._load()

    def _load(self) -> dict[str, Stored]:
        self._old = self.path.open("rb")
        checksum, head = self._old.readline().strip(), self._old.readline().strip()
        begin = self._old.tell()
        if checksum.decode() != digest(head):
            return {}
        entry = json.loads(head)
        changed = self.now.changed(entry["states"])
        files = [(path, last) for path, last in entry["files"]]
        folders, absent = entry["folders"], [frozenset(names) for names in entry["absent"]]
        pieces = {
            name: Stored(
                [files[one] for one in on_files],
                [folders[one] for one in on_folders],
                absent[without],
                self._old,
                begin + start,
                size,
                checksum,
            )
            for name, (on_files, on_folders, without, start, size, checksum) in entry["pieces"].items()
        }
        before = entry["states"]["stamps"]
        stayed = {path for path in changed if before.get(path) is not None and self.now.stamps[path] is not None}
        reaches = _reaches({path: pieces[OUTLINE + path] for path in stayed if OUTLINE + path in pieces})
        doubtful = {number for number, (path, _) in enumerate(files) if path in changed}
        gone = {number for number, path in enumerate(folders) if path in changed}
        good = {}
        for name, (on_files, on_folders, *_) in entry["pieces"].items():
            if gone.isdisjoint(on_folders):
                one = pieces[name]
                in_doubt = [files[number] for number in doubtful.intersection(on_files)]
                if all(
                    path in stayed
                    and (last == PRESENCE or (last != WHOLE and path in reaches and reaches[path].spares(last, one.absent)))
                    for path, last in in_doubt
                ):
                    good[name] = one
        return good

    def recall(self, name: str) -> bytes | None:
        """A piece, if nothing that it depends on has changed."""
        try:
            found = self._known[name].value()
        except BAD:
            return None
        self._kept[name] = self._known[name]
        return found

    def keep(self, name: str, value: bytes, needed: Dependencies) -> None:
        """Keep a piece that has been made anew, with what it depends on."""
        for asked, before in ((needed.files, self._files), (needed.folders, self._folders)):
            for path, there in asked.items():
                if before.setdefault(sys.intern(path), there) != there:
                    self._doubtful.add(path)
        self._kept.pop(name, None)
        with contextlib.suppress(OSError):
            self._new.write(value)
            self._kept[name] = Stored(
                [(sys.intern(path), needed.lines.get(path, WHOLE)) for path in needed.files],
                [*map(sys.intern, needed.folders)],
                self._sets.setdefault(needed.absent, needed.absent),
                self._new,
                self._end,
                len(value),
                digest(value),
            )
            self._end += len(value)

    def keep_outline(self, path: str, value: bytes) -> None:
        """Keep what tells how far the next change of a file reaches."""
        self.keep(OUTLINE + path, value, Dependencies({path: True}))

    def mark(self) -> str:
        """What tells the pieces of this run from others."""
        made_of = sorted((name, one.checksum) for name, one in self._kept.items() if not name.startswith(OUTLINE))
        return digest(json.dumps(made_of).encode())

    def clear(self) -> None:
        """Forget all pieces: they are nothing that was kept here."""
        self._known.clear()
        self._kept.clear()

    def settle(self) -> set[str]:
        """Note the states of all that the pieces depend on. Returns what may have changed since it was read; no piece of it stays."""
        doubtful = self._doubtful | self.now.look_back(self._files, self._folders)
        if doubtful:
            self._kept = {name: one for name, one in self._kept.items() if not any(map(one.stands_on, doubtful))}
        return doubtful

    def places(self) -> set[str]:
        """The files and folders that the pieces of this run depend on."""
        found = {*self._files, *self._folders}
        for one in self._kept.values():
            found.update((path for path, _ in one.files), one.folders)
        return found

    def write(self) -> None:
        """Put the pieces of this run in the place of those of the last, for `_load`. Raises OSError and ValueError."""
        places = self.places()
        for name, one in self._known.items():
            if name.startswith(OUTLINE) and name not in self._kept and name[len(OUTLINE) :] in places:
                self._kept[name] = one
        files: dict[tuple[str, int], int] = {}
        folders: dict[str, int] = {}
        absent: dict[frozenset[str], int] = {}
        pieces: dict[str, Any] = {}
        position = 0
        for name, one in self._kept.items():
            pieces[name] = [
                [files.setdefault(file, len(files)) for file in one.files],
                [folders.setdefault(path, len(folders)) for path in one.folders],
                absent.setdefault(one.absent, len(absent)),
                position,
                one.size,
                one.checksum,
            ]
            position += one.size
        tables = {"files": list(files), "folders": list(folders), "absent": [sorted(names) for names in absent]}
        head = json.dumps({"states": self.now.as_json(places), **tables, "pieces": pieces}).encode()
        write(self.path, self._lines(head))

    def _lines(self, head: bytes) -> Iterator[bytes]:
        yield from (digest(head).encode(), b"\n", head, b"\n")
        for one in self._kept.values():
            yield one.value()
        self._old.close()  # some systems replace no file that is open


def _reaches(outlines: Mapping[str, Stored]) -> dict[str, Reach]:
    """How far the changes of these files reach, by the outlines that they had."""
    if not outlines or len(outlines) > MANY:
        return {}
    from biaslint.frontends import outline

    reaches = {}
    for path, stored in outlines.items():
        with contextlib.suppress(*BAD):
            reaches[path] = outline.Reach(outline.decoded(json.loads(stored.value())), outline.read(Path(path)))
    return reaches


def _self() -> list[Any]:
    """The state of biaslint and of the packages that bring rules: of whatever says what a finding is."""
    here = Path(__file__).parent
    places = [here, rule_book.folder(), *(place for _, place in rule_book.brought())]
    return [__version__, sys.version, [[str(path), states.stamp(str(path))] for path in _sources(places)]]


def _sources(places: Iterable[Path]) -> list[Path]:
    found = []
    for place in places:
        for folder, _, names in os.walk(place):
            found += [Path(folder, name) for name in names if name.endswith((".py", ".md"))]
    return sorted(found)
