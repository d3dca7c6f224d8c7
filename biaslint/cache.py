"""What a run found, kept for the next run of the same command on the same files.

An entry says what it depends on: biaslint itself, the settings, the rules, the linted files, every other file that was opened, and
every path at which an import looked for a file in vain. Whatever of it has changed, the run is made anew. Entries are JSON with a
checksum: a damaged or foreign one counts as none, and loading one executes nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from biaslint import __version__, finding, graph, rule_book
from biaslint.config import Config

FOLDER = ".biaslint_cache"
ENTRIES = 64  # the newest ones that are kept
SETTLING = (
    2_000_000_000  # nanoseconds: a file changed this short a time before the run may change again without a new time stamp
)
HOUR = 3_600_000_000_000  # after which a half-written entry is nobody's any more
Stamp = list[int] | None

TYPES: dict[str, Any] = {
    kind.__name__: kind
    for module in (finding, graph)
    for kind in vars(module).values()
    if isinstance(kind, type) and (is_dataclass(kind) or issubclass(kind, Enum))
}


class Cache:
    """The entries in one folder. `begin` is called before anything is read, so that no later change goes unseen."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.began = 0
        self.key = ""
        self.stamps: dict[str, Stamp] = {}
        self.digests: dict[str, str] = {}

    def begin(self, files: Sequence[Path], config: Config) -> None:
        """Note the state of the files that are about to be linted."""
        self.began = time.time_ns()
        self.key = digest(json.dumps([_self(), repr(config), [str(file) for file in files]]).encode())
        self.stamps = {str(file): stamp(str(file)) for file in files}
        self.digests = {path: _content(path) for path, state in self.stamps.items() if self._unsettled(state)}

    def _unsettled(self, state: Stamp) -> bool:
        return state is None or state[0] > self.began - SETTLING

    def recall(self) -> dict[str, Any] | None:
        """What the run found the last time, if all that it depends on is as it was."""
        try:
            checksum, _, body = (self.folder / f"{self.key}.json").read_bytes().partition(b"\n")
            if checksum.decode() != digest(body):
                return None
            entry = json.loads(body)
            kept, folders, digests = entry["stamps"], entry["folders"], entry["digests"]
            if any(kept.get(path, False) != state for path, state in self.stamps.items()):
                return None
            if any(stamp(path) != state for path, state in kept.items() if path not in self.stamps):
                return None
            if any(os.path.isdir(path) != there for path, there in folders.items()):
                return None
            if any(_content(path) != content for path, content in digests.items()):
                return None
            return {name: decode(value) for name, value in entry["result"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    def keep(self, result: Mapping[str, Any], probed: Mapping[str, bool], folders: Mapping[str, bool]) -> None:
        """Keep what the run found. `probed` are the paths that were looked at for files, `folders` those for folders."""
        stamps = dict(self.stamps)
        for path in probed:
            if path not in stamps:
                state = stamps[path] = stamp(path)
                if (state is None) == probed[path] or (state is not None and self._unsettled(state)):
                    return  # it changes while we look at it
        body = json.dumps(
            {
                "stamps": stamps,
                "digests": self.digests,
                "folders": dict(folders),
                "result": {name: encode(value) for name, value in result.items()},
            }
        ).encode()
        try:
            self._write(digest(body).encode() + b"\n" + body)
        except OSError:
            return  # no cache, then

    def _write(self, data: bytes) -> None:
        if self.folder.is_symlink():
            return
        if not self.folder.is_dir():
            self.folder.mkdir()
            (self.folder / ".gitignore").write_text("*\n", encoding="utf-8")
            (self.folder / "CACHEDIR.TAG").write_text("Signature: 8a477f597d28d172789f06886806bc55\n", encoding="utf-8")
        part = self.folder / f"{self.key}.{os.getpid()}.part"
        try:
            part.write_bytes(data)
            os.replace(part, self.folder / f"{self.key}.json")
        finally:
            part.unlink(missing_ok=True)
        entries = sorted(self.folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        left = [path for path in self.folder.glob("*.part") if path.stat().st_mtime_ns < self.began - HOUR]
        for old in entries[ENTRIES:] + left:
            old.unlink(missing_ok=True)


def digest(data: bytes) -> str:
    """What tells one content from another."""
    return hashlib.sha256(data).hexdigest()[:32]


def stamp(path: str) -> Stamp:
    """What tells one state of a file from another; None where there is no file."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return [status.st_mtime_ns, status.st_size, status.st_ino] if os.path.isfile(path) else None


def _content(path: str) -> str:
    try:
        return digest(Path(path).read_bytes())
    except (OSError, ValueError):
        return ""


def _self() -> list[Any]:
    """The state of biaslint and of the packages that bring rules: of whatever says what a finding is."""
    here = Path(__file__).parent
    places = [here, rule_book.folder(), *(place for _, place in rule_book.brought())]
    return [__version__, sys.version, [[str(path), stamp(str(path))] for path in _sources(places)]]


def _sources(places: Iterable[Path]) -> list[Path]:
    found = []
    for place in places:
        for folder, _, names in os.walk(place):
            found += [Path(folder, name) for name in names if name.endswith((".py", ".md"))]
    return sorted(found)


def encode(value: Any) -> Any:
    """A finding, place, number ... as JSON."""
    if isinstance(value, Enum):
        return {"is": type(value).__name__, "name": value.name}
    if is_dataclass(value):
        return {"is": type(value).__name__, **{one.name: encode(getattr(value, one.name)) for one in fields(value)}}
    if isinstance(value, (list, tuple)):
        return {"is": type(value).__name__, "items": [encode(item) for item in value]}
    return value


def decode(value: Any) -> Any:
    """What `encode` has encoded. Raises ValueError, KeyError or TypeError on anything else."""
    if not isinstance(value, dict):
        return value
    parts = dict(value)
    kind = parts.pop("is")
    if kind in ("list", "tuple"):
        items = [decode(item) for item in parts["items"]]
        return items if kind == "list" else tuple(items)
    made = TYPES[kind]
    if issubclass(made, Enum):
        return made[parts["name"]]
    return made(**{name: decode(part) for name, part in parts.items()})
