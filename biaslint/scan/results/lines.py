"""Results as JSON Lines: first a line that says what was scanned with, then the rows of one repository after the other."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from typing import Any

from biaslint.scan.rows import Row


class NotTheSame(Exception):
    """Results that cannot be continued or read. The message says why."""


class LinesFile:
    """A file that only grows. What a kill left unfinished is cut off when it is opened again."""

    def __init__(self, path: str, header: dict[str, Any]) -> None:
        self.path = path
        self.done: set[tuple[str, str]] = set()
        self.file = open(path, "r+b" if os.path.exists(path) else "w+b")  # noqa: SIM115
        try:
            lock(self.file.fileno(), path)
            self.file.seek(self.whole(header))
            self.file.truncate()
            if not self.file.tell():
                self.write([header])
        except BaseException:
            self.file.close()
            raise

    def whole(self, header: dict[str, Any]) -> int:
        """The length of the part whose repositories are complete; they are entered into `done`."""
        length = end = 0
        for line in self.file:
            end += len(line)
            row = parsed(line)
            if not length:
                if row is None:
                    break
                compare(row, header, self.path)
                length = end
            elif row is None:
                break
            elif row.get("row") == "repository":
                self.done.add((row["source"], row["repository"]))
                length = end
        return length

    def add(self, rows: list[Row]) -> None:
        """Add all rows of a repository."""
        self.write(rows)
        self.done.add((rows[-1]["source"], rows[-1]["repository"]))

    def write(self, rows: list[Row]) -> None:
        self.file.write("".join(f"{json.dumps(row)}\n" for row in rows).encode())
        self.file.flush()

    def close(self) -> None:
        """Make sure of what was written."""
        os.fsync(self.file.fileno())
        self.file.close()


def parsed(line: bytes) -> Row | None:
    """The row in a line; None where the line is not whole."""
    try:
        row = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def compare(found: Row, header: dict[str, Any], path: str) -> None:
    """Raises NotTheSame where other results stand there, or those of a scan with other settings."""
    if found.get("row") != "scan":
        raise NotTheSame(f"{path} does not hold results of a scan")
    wanted = json.loads(json.dumps(header))
    other = sorted(key for key in wanted.keys() | found.keys() if wanted.get(key) != found.get(key))
    if other:
        raise NotTheSame(f"{path} was begun with other settings ({', '.join(other)})")


def lock(handle: int, path: str) -> None:
    """Two scans must not write to one file. Raises NotTheSame."""
    with contextlib.suppress(ImportError):
        import fcntl

        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise NotTheSame(f"{path} is being written by another scan") from error


def read(path: str) -> Iterator[Row]:
    """The rows of repositories that are complete. Raises NotTheSame."""
    waiting: list[Row] = []
    begun = False
    try:
        with open(path, "rb") as file:
            for line in file:
                row = parsed(line)
                if row is None or not (begun or row.get("row") == "scan"):
                    break
                begun = True
                waiting.append(row)
                if row["row"] in ("scan", "repository"):
                    yield from waiting
                    waiting.clear()
    except OSError as error:
        raise NotTheSame(f"{path}: {error.strerror}") from error
    if not begun:
        raise NotTheSame(f"{path} does not hold results of a scan")
