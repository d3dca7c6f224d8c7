"""Where a new checkpoint is written, and how it takes its place: at every moment the old one or the new one is there, whole."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

INDEX = ".index.json"
_GRAPH = ".index"  # of a TensorFlow checkpoint, beside its .data-* files


class PlaceError(Exception):
    """The new checkpoint cannot be put where it was asked for."""


@dataclass(slots=True)
class Place:
    """`waiting` is what the new checkpoint is written as first; None where nothing is to be written."""

    old: Path
    new: Path | None
    in_place: bool
    waiting: Path | None = None
    seen: tuple[int, ...] = ()  # what the old file was like when it was read

    @property
    def sharded(self) -> bool:
        """Whether the checkpoint is a folder: several files and an index."""
        return self.old.is_dir() or self.old.name.endswith(INDEX)

    def commit(self) -> list[str]:
        """Move what was written to its place; what is there now."""
        if self.waiting is None:
            return []
        _sync(self.waiting)
        if not self.in_place:
            assert self.new is not None
            _take(self.waiting, self.new)
            _sync_folder(self.new.parent)
            return [str(self.new)]
        if _look(self.old) != self.seen:
            raise PlaceError(f"{self.old} has changed since it was read")
        return self._shards() if self.sharded else self._replace(self.waiting, self.old)

    def _replace(self, waiting: Path, old: Path) -> list[str]:
        kept = _copy_of(old)
        with contextlib.suppress(OSError):
            shutil.copystat(old, waiting)
        os.replace(waiting, old)
        _sync_folder(old.parent)
        return [str(old), f"{kept} (the old one)"]

    def _shards(self) -> list[str]:
        """The new shards have names of their own: the index, replaced last, says which ones count."""
        assert self.waiting is not None
        index = _index(self.old)
        moved = []
        for file in sorted(self.waiting.iterdir()):
            if file.name != index.name and not file.is_symlink():
                _take(file, index.parent / file.name)
                moved.append(str(index.parent / file.name))
        _sync_folder(index.parent)
        return [*moved, *self._replace(self.waiting / index.name, index)]


@contextlib.contextmanager
def place(old: Path, new: Path | None, *, in_place: bool, dry_run: bool) -> Iterator[Place]:
    """A place for the new checkpoint; what waits there is taken away if it is not committed. Raises PlaceError."""
    found = Place(old, new, in_place)
    if not old.exists():
        if old.with_name(f"{old.name}{_GRAPH}").exists():
            raise PlaceError(
                f"{old} is a TensorFlow checkpoint, which is not supported: save the weights as .weights.h5 and migrate these"
            )
        raise PlaceError(f"no such file: {old}")
    found.seen = _look(old)
    if not dry_run:
        to = found.new if found.new is not None else old
        if found.new is not None:
            _check_free(to)
        elif not found.sharded and not stat.S_ISREG(old.stat().st_mode):
            raise PlaceError(f"{old} is not a regular file")
        if old.is_symlink() and in_place:
            raise PlaceError(f"{old} is a link; name the file itself")
        folder = (_index(old).parent if found.sharded else to.parent) if in_place else to.parent
        if not folder.is_dir():
            raise PlaceError(f"no such folder: {folder}")
        if not os.access(folder, os.W_OK):
            raise PlaceError(f"{folder} is write-protected")
        found.waiting = folder / f".{secrets.token_hex(6)}.{to.name}"
    try:
        yield found
    except OSError as error:
        raise PlaceError(f"{error.filename or old}: {error.strerror or error}") from None
    finally:
        if found.waiting is not None:
            _discard(found.waiting)


def _check_free(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise PlaceError(f"{path} exists already; name another file, or replace the old one with --in-place")


def _index(old: Path) -> Path:
    if not old.is_dir():
        return old
    found = sorted(old.glob(f"*{INDEX}"))
    if len(found) != 1:
        raise PlaceError(f"{old} holds {'no' if not found else 'more than one'} *{INDEX}")
    return found[0]


def _look(path: Path) -> tuple[int, ...]:
    found = _index(path) if path.is_dir() else path
    status = found.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _take(waiting: Path, new: Path) -> None:
    """Give a file or folder its name, unless something has it."""
    if waiting.is_dir():
        _check_free(new)
        os.rename(waiting, new)
        return
    try:
        os.link(waiting, new)  # fails where the name is taken
    except FileExistsError:
        raise PlaceError(f"{new} exists already") from None
    except OSError:  # a file system without links
        _check_free(new)
        os.rename(waiting, new)


def _copy_of(old: Path) -> Path:
    """Keep the old file under another name."""
    for number in range(1000):
        kept = old.with_name(f"{old.name}.old{number or ''}")
        try:
            os.link(old, kept)
        except FileExistsError:
            continue
        except OSError:
            if kept.exists():
                continue
            shutil.copy2(old, kept)
            _sync(kept)
        return kept
    raise PlaceError(f"there are already a thousand copies of {old}")


def _sync(path: Path) -> None:
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        with file.open("rb") as handle:
            os.fsync(handle.fileno())
    _sync_folder(path if path.is_dir() else path.parent)


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _discard(waiting: Path) -> None:
    if waiting.is_dir():
        shutil.rmtree(waiting, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            waiting.unlink(missing_ok=True)
