"""Where a new checkpoint is written, and how it takes its place: at every moment the old one or the new one is there, whole."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

INDEX = ".index.json"
_GRAPH, _DATA = ".index", ".data-"  # of a TensorFlow checkpoint: NAME.index, NAME.data-00000-of-00001
WAITING = "new"  # the name of a TensorFlow checkpoint that waits in a folder


_FOLDERS = {  # what other folders hold -> what to do
    "checkpoint": "; name one of the checkpoints in it, as ckpt-1",
    ".metadata": "; it is a distributed checkpoint: make it one file with torch.distributed.checkpoint.format_utils, and migrate that",
    "model.safetensors": "; name the file model.safetensors",
    "pytorch_model.bin": "; name the file pytorch_model.bin",
}


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
    def graph(self) -> bool:
        """Whether the checkpoint is a TensorFlow one: a name, and files that begin with it."""
        return not self.old.exists()

    @property
    def sharded(self) -> bool:
        """Whether the checkpoint is a folder: several files and an index."""
        return self.old.is_dir() or self.old.name.endswith(INDEX)

    @property
    def head(self) -> Path:
        """The file that says which checkpoint is in force: it is replaced last."""
        return graph_of(self.old) if self.graph else _index(self.old) if self.sharded else self.old

    def commit(self) -> list[str]:
        """Move what was written to its place; what is there now."""
        if self.waiting is None:
            return []
        _sync(self.waiting)
        if self.in_place and _look(self.head) != self.seen:
            raise PlaceError(f"{self.old} has changed since it was read")
        if self.graph:
            return self._named()
        if not self.in_place:
            assert self.new is not None
            _take(self.waiting, self.new)
            _sync_folder(self.new.parent)
            return [str(self.new)]
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
        index = self.head
        files = [file for file in sorted(self.waiting.iterdir()) if file.name != index.name and not file.is_symlink()]
        return self._moved({file: index.parent / file.name for file in files}, self.waiting / index.name)

    def _named(self) -> list[str]:
        """Data files first, whose names have another number of files than the old ones; then the index."""
        assert self.waiting is not None
        to = self.old if self.in_place or self.new is None else self.new
        waiting = self.waiting / WAITING
        return self._moved(
            {file: to.with_name(to.name + file.name.removeprefix(WAITING)) for file in data_files(waiting)}, graph_of(waiting)
        )

    def _moved(self, files: Mapping[Path, Path], head: Path) -> list[str]:
        """Give files their names, and then the index its own."""
        for file, to in files.items():
            _take(file, to)
        moved = [str(to) for to in files.values()]
        if self.in_place or self.new is None:
            _sync_folder(self.head.parent)
            return [*moved, *self._replace(head, self.head)]
        _take(head, graph_of(self.new))
        _sync_folder(self.new.parent)
        return [*moved, str(graph_of(self.new))]


def graph_of(path: Path) -> Path:
    """The index of a TensorFlow checkpoint of this name."""
    return path.with_name(f"{path.name}{_GRAPH}")


def data_files(path: Path) -> list[Path]:
    """The other files of a TensorFlow checkpoint of this name."""
    return sorted(one for one in path.parent.iterdir() if one.name.startswith(f"{path.name}{_DATA}"))


def named(path: Path) -> Path:
    """The name of a TensorFlow checkpoint, of which one of the files may have been given; all else as it is."""
    if path.name.endswith(_GRAPH) and path.is_file():
        return path.with_name(path.name.removesuffix(_GRAPH))
    return path


@contextlib.contextmanager
def place(old: Path, new: Path | None, *, in_place: bool, dry_run: bool) -> Iterator[Place]:
    """A place for the new checkpoint; what waits there is taken away if it is not committed. Raises PlaceError."""
    found = Place(old, new, in_place)
    if not old.exists() and not graph_of(old).is_file():
        raise PlaceError(f"no such file: {old}")
    if found.graph and (old.parent.parent / "saved_model.pb").exists():
        raise PlaceError(f"{old} is part of a SavedModel, whose code stays as it was: save the weights of the model")
    head = found.head
    found.seen = _look(head)
    if not dry_run:
        to = found.new if found.new is not None else old
        if found.new is not None:
            for one in (to, *([graph_of(to)] if found.graph else ())):
                _check_free(one)
        elif not stat.S_ISREG(head.stat().st_mode):
            raise PlaceError(f"{head} is not a regular file")
        if in_place and (old.is_symlink() or head.is_symlink()):
            raise PlaceError(f"{old} is a link; name the file itself")
        folder = head.parent if in_place else to.parent
        if not folder.is_dir():
            raise PlaceError(f"no such folder: {folder}")
        if not os.access(folder, os.W_OK):
            raise PlaceError(f"{folder} is write-protected")
        for left in _left(folder, to.name):
            _discard(left)
        found.waiting = folder / f".{os.getpid()}-{_here()}-{secrets.token_hex(6)}.{to.name}"
    try:
        yield found
    except OSError as error:
        raise PlaceError(f"{error.filename or old}: {error.strerror or error}") from None
    finally:
        if found.waiting is not None:
            _discard(found.waiting)


def _here() -> str:
    """Where the numbers of processes are those of this one: the machine, and on Linux the container."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    return hashlib.sha256(f"{platform.node()} {space}".encode()).hexdigest()[:6]


def _left(folder: Path, name: str) -> Iterator[Path]:
    """What processes that were killed have left waiting there under this name."""
    mine = re.compile(rf"\.(\d+)-{_here()}-[0-9a-f]{{12}}\.{re.escape(name)}")
    for path in sorted(folder.iterdir()) if os.name == "posix" else ():
        match = mine.fullmatch(path.name)
        if match and not _runs(int(match[1])):
            yield path


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # somebody else's, or no number of a process: no business of ours
        return True
    return True


def _check_free(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise PlaceError(f"{path} exists already; name another file, or replace the old one with --in-place")


def _index(old: Path) -> Path:
    if not old.is_dir():
        return old
    found = sorted(old.glob(f"*{INDEX}"))
    if len(found) != 1:
        hint = next((hint for name, hint in _FOLDERS.items() if (old / name).exists()), "")
        raise PlaceError(f"{old} holds {'no' if not found else 'more than one'} *{INDEX}{hint}")
    return found[0]


def _look(path: Path) -> tuple[int, ...]:
    status = path.stat()
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
