"""What a run found, kept for the next run of the same command.

Two things are kept. The result of the whole run serves the next one when nothing has changed. And what each piece of the analysis
has led to is kept with the files and folders that it depends on: when some of them have changed, only the pieces that depend on
those are made anew. Everything depends on biaslint itself, the settings and the rules.

Entries are JSON with checksums: a damaged or foreign one counts as none, and loading one executes nothing.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from biaslint import __version__, as_json, rule_book, states
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
        self.key = ""
        self.group = ""

    def begin(self, files: Sequence[Path], config: Config, paths: Sequence[Path] = ()) -> None:
        """Note the state of the files that are about to be linted; `paths` are those that the command names."""
        self.now = States(map(str, files))
        base = [_self(), repr(config), [str(path) for path in paths]]
        self.group = digest(json.dumps(base).encode())
        self.key = digest(json.dumps([self.group, [str(file) for file in files]]).encode())

    def recall(self) -> dict[str, Any] | None:
        """What the run found the last time, if all that it depends on is as it was."""
        try:
            checksum, _, body = (self.folder / f"{self.key}.json").read_bytes().partition(b"\n")
            if checksum.decode() != digest(body):
                return None
            entry = json.loads(body)
            if self.now.stamps.keys() - entry["states"]["stamps"].keys() or self.now.changed(entry["states"]):
                return None
            return {name: as_json.decode(value) for name, value in entry["result"].items()}
        except BAD:
            return None

    def pieces(self) -> Pieces:
        """The pieces of earlier runs that are still good."""
        return Pieces(self.folder / f"{self.group}.pieces", self.now)

    def keep(self, result: Mapping[str, Any], pieces: Pieces) -> None:
        """Keep what the run found, and the pieces that it was made of."""
        doubtful = pieces.close()
        try:
            self._prepare()
            write(pieces.path, pieces.as_bytes())
            if not doubtful:
                found = {name: as_json.encode(value) for name, value in result.items()}
                body = json.dumps({"states": self.now.as_json(), "result": found}).encode()
                write(self.folder / f"{self.key}.json", digest(body).encode() + b"\n" + body)
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


def write(path: Path, data: bytes) -> None:
    """Replace a file, whole or not at all. Raises OSError."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


class Pieces:
    """What pieces of an analysis have led to. Each has a name, a value that JSON can hold, and what it depends on."""

    def __init__(self, path: Path, now: States) -> None:
        self.path = path
        self.now = now
        self._places: list[str] = []  # files and folders; what pieces depend on are their numbers
        self._known: dict[str, Any] = {}  # name -> files, folders, where the value stands, and its digest
        self._data = b""
        self._kept: dict[str, tuple[list[str], list[str], bytes]] = {}
        self._made: list[tuple[Mapping[str, bool], Mapping[str, bool]]] = []
        try:
            self._load()
        except BAD:
            self._known = {}

    def _load(self) -> None:
        data = self.path.read_bytes()
        checksum, head, rest = data.split(b"\n", 2)
        if checksum.decode() != digest(head):
            return
        entry = json.loads(head)
        changed = self.now.changed(entry["states"])
        self._places = entry["places"]
        bad = {number for number, path in enumerate(self._places) if path in changed}
        self._known = {
            name: piece for name, piece in entry["pieces"].items() if bad.isdisjoint(piece[0]) and bad.isdisjoint(piece[1])
        }
        self._data = rest

    def recall(self, name: str) -> tuple[Any] | None:
        """The value of a piece, alone in a tuple, if nothing that it depends on has changed."""
        try:
            files, folders, start, end, checksum = self._known[name]
            value = self._data[start:end]
            if checksum != digest(value):
                return None
            paths = [self._places[number] for number in files], [self._places[number] for number in folders]
            found = json.loads(value)
        except BAD:
            return None
        self._kept[name] = (*paths, value)
        return (found,)

    def keep(self, name: str, value: Any, files: Mapping[str, bool], folders: Mapping[str, bool]) -> None:
        """Keep a piece that has been made anew; what it depends on comes with whether it was there. None cannot be kept."""
        try:
            data = json.dumps(value).encode() if value is not None else b""
        except (TypeError, ValueError, RecursionError):
            data = b""
        self._made.append((files, folders))
        self._kept[name] = (list(files), list(folders), data)

    def close(self) -> set[str]:
        """Note the states of all that the pieces depend on. Returns what may have changed since it was read; no piece of it stays."""
        doubtful: set[str] = set()
        for files, folders in self._made:
            doubtful |= self.now.look_back(files, folders)
        if doubtful:
            self._kept = {
                name: piece
                for name, piece in self._kept.items()
                if doubtful.isdisjoint(piece[0]) and doubtful.isdisjoint(piece[1])
            }
        return doubtful

    def as_bytes(self) -> bytes:
        """The pieces of this run, as `_load` reads them."""
        numbers: dict[str, int] = {}
        pieces: dict[str, Any] = {}
        body: list[bytes] = []
        position = 0
        for name, (files, folders, value) in self._kept.items():
            if value:
                places = [[numbers.setdefault(path, len(numbers)) for path in paths] for paths in (files, folders)]
                pieces[name] = [*places, position, position + len(value), digest(value)]
                body.append(value)
                position += len(value)
        head = json.dumps({"states": self.now.as_json(), "places": list(numbers), "pieces": pieces}).encode()
        return b"\n".join((digest(head).encode(), head, b"".join(body)))


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
