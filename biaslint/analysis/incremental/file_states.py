"""Snapshots of files and folders, by which a later run tells which of them have changed.

A file with another time stamp has changed if its content is another: a fresh checkout changes nothing. A time stamp that is young says
little, since the file may change again within the same tick of the clock: of such a file the content is always compared.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from stat import S_ISREG
from typing import Any

SETTLING = 2_000_000_000  # nanoseconds: a file changed this short a time ago may change again without a new time stamp
Stamp = list[int] | None


def digest(data: bytes) -> str:
    """The digest of a content."""
    return hashlib.sha256(data).hexdigest()[:32]


def stamp(path: str) -> Stamp:
    """The stamp of a file: equal for equal states. None where there is no file."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return [status.st_mtime_ns, status.st_size, status.st_ino, status.st_ctime_ns] if S_ISREG(status.st_mode) else None


def content(path: str) -> str:
    """The digest of a file's content, "" where it cannot be read."""
    try:
        return digest(Path(path).read_bytes())
    except (OSError, ValueError):
        return ""


class FileSnapshot:
    """The states of files and folders. It is begun before anything is read, so that no later change goes unseen."""

    def __init__(self, files: Iterable[str] = ()) -> None:
        self.began = time.time_ns()
        self.stamps: dict[str, Stamp] = {}
        self.digests: dict[str, str] = {}  # of contents; noted at once where the time stamp is young
        self.folders: dict[str, bool] = {}
        self.look(files)

    def look(self, files: Iterable[str], folders: Iterable[str] = ()) -> None:
        """Note the states of files before they are read."""
        for path in files:
            if path not in self.stamps:
                state = self.stamps[path] = stamp(path)
                if self._young(state):
                    self.digests[path] = content(path)
        for path in folders:
            if path not in self.folders:
                self.folders[path] = os.path.isdir(path)

    def look_back(self, files: Mapping[str, bool], folders: Mapping[str, bool]) -> set[str]:
        """Note the states of the paths read since `began`, present or not. Returns those that may have changed meanwhile."""
        doubtful = {path for path, state in self.stamps.items() if stamp(path) != state}
        for path, there in files.items():
            if path not in self.stamps:
                state = self.stamps[path] = stamp(path)
                if self._young(state):
                    doubtful.add(path)
            if (self.stamps[path] is not None) != there:
                doubtful.add(path)
        self.look((), folders)
        return doubtful | {path for path, there in folders.items() if self.folders[path] != there}

    def _young(self, state: Stamp) -> bool:
        return state is not None and max(state[0], state[3]) > self.began - SETTLING

    def changed(self, earlier: Mapping[str, Any]) -> set[str]:
        """The paths whose states differ from `earlier` (from `as_json`)."""
        stamps, digests, folders, young = earlier["stamps"], earlier["digests"], earlier["folders"], {*earlier["young"]}
        self.look(stamps, folders)
        found = {path for path, there in folders.items() if self.folders[path] != there}
        for path, state in stamps.items():
            now = self.stamps[path]
            if now == state and path not in young:
                if path in digests:
                    self.digests.setdefault(path, digests[path])
            elif now is None or state is None or path not in digests or self._content(path) != digests[path]:
                found.add(path)
        return found

    def _content(self, path: str) -> str:
        if path not in self.digests:
            self.digests[path] = content(path)
        return self.digests[path]

    def as_json(self, paths: Collection[str]) -> dict[str, Any]:
        """The states of these files and folders, for `changed` in a later run."""
        stamps = {path: self.stamps[path] for path in paths if path in self.stamps}
        for path, state in stamps.items():
            if state is not None and path not in self.digests:
                found = content(path)
                if stamp(path) == state:  # so that is what has been read
                    self.digests[path] = found
        return {
            "stamps": stamps,
            "digests": {path: self.digests[path] for path in stamps if path in self.digests},
            "folders": {path: self.folders[path] for path in paths if path in self.folders},
            "young": [path for path, state in stamps.items() if self._young(state)],
        }
