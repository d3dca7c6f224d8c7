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
from typing import Any, BinaryIO

from biaslint import __version__, facts_as_json, rule_book, states
from biaslint.config import Config
from biaslint.states import States, digest

FOLDER = ".biaslint_cache"
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
            if self.now.stamps.keys() - entry["states"]["stamps"].keys() or self.now.changed(entry["states"]):
                return None
            return {name: facts_as_json.decode(value) for name, value in entry["result"].items()}
        except BAD:
            return None

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
                body = json.dumps({"states": self.now.as_json({*self.files, *pieces.places()}), "result": found}).encode()
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
    """A piece's value: where it stands in a file, its checksum, and the files and folders that it depends on."""

    files: list[str]
    folders: list[str]
    at: BinaryIO
    start: int
    size: int
    checksum: str

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
        changed, places = self.now.changed(entry["states"]), entry["places"]
        bad = {number for number, path in enumerate(places) if path in changed}
        return {
            name: Stored(
                [places[one] for one in files], [places[one] for one in folders], self._old, begin + start, size, checksum
            )
            for name, (files, folders, start, size, checksum) in entry["pieces"].items()
            if bad.isdisjoint(files) and bad.isdisjoint(folders)
        }

    def recall(self, name: str) -> bytes | None:
        """A piece, if nothing that it depends on has changed."""
        try:
            found = self._known[name].value()
        except BAD:
            return None
        self._kept[name] = self._known[name]
        return found

    def keep(self, name: str, value: bytes, files: Mapping[str, bool], folders: Mapping[str, bool]) -> None:
        """Keep a piece that has been made anew; what it depends on comes with whether it was there."""
        for asked, before in ((files, self._files), (folders, self._folders)):
            for path, there in asked.items():
                if before.setdefault(sys.intern(path), there) != there:
                    self._doubtful.add(path)
        self._kept.pop(name, None)
        with contextlib.suppress(OSError):
            self._new.write(value)
            self._kept[name] = Stored(
                [*map(sys.intern, files)], [*map(sys.intern, folders)], self._new, self._end, len(value), digest(value)
            )
            self._end += len(value)

    def settle(self) -> set[str]:
        """Note the states of all that the pieces depend on. Returns what may have changed since it was read; no piece of it stays."""
        doubtful = self._doubtful | self.now.look_back(self._files, self._folders)
        if doubtful:
            self._kept = {
                name: one
                for name, one in self._kept.items()
                if doubtful.isdisjoint(one.files) and doubtful.isdisjoint(one.folders)
            }
        return doubtful

    def places(self) -> set[str]:
        """The files and folders that the pieces of this run depend on."""
        found = {*self._files, *self._folders}
        for one in self._kept.values():
            found.update(one.files, one.folders)
        return found

    def write(self) -> None:
        """Put the pieces of this run in the place of those of the last, for `_load`. Raises OSError and ValueError."""
        numbers: dict[str, int] = {}
        pieces: dict[str, Any] = {}
        position = 0
        for name, one in self._kept.items():
            places = [[numbers.setdefault(path, len(numbers)) for path in paths] for paths in (one.files, one.folders)]
            pieces[name] = [*places, position, one.size, one.checksum]
            position += one.size
        head = json.dumps({"states": self.now.as_json(numbers), "places": list(numbers), "pieces": pieces}).encode()
        write(self.path, self._lines(head))

    def _lines(self, head: bytes) -> Iterator[bytes]:
        yield from (digest(head).encode(), b"\n", head, b"\n")
        for one in self._kept.values():
            yield one.value()
        self._old.close()  # some systems replace no file that is open


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
