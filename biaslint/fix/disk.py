"""New contents onto the disk: each file is the old one or the new one at every moment, never a mixture."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import stat
import tempfile
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from biaslint.fix.edits import CannotFix


def encoding_of(data: bytes) -> str:
    """The encoding that a file's cookie or byte order mark names (`utf-8-sig` where it has the mark)."""
    try:
        return tokenize.detect_encoding(io.BytesIO(data).readline)[0]
    except SyntaxError as error:
        raise CannotFix(f"unknown encoding: {error.msg}") from error


def decode(data: bytes) -> str:
    """The text of a file, with its line endings. Raises CannotFix."""
    encoding = encoding_of(data)
    try:
        return data.decode(encoding)
    except (ValueError, LookupError) as error:
        raise CannotFix(f"it is not {encoding}: {error}") from error


def encode(text: str, old: bytes) -> bytes:
    """The text in the encoding of the old file, with its byte order mark. Raises CannotFix."""
    encoding = encoding_of(old)
    if decode(old).encode(encoding) != old:
        raise CannotFix(f"{encoding} does not reproduce the file byte for byte")
    try:
        return text.encode(encoding)
    except ValueError as error:
        raise CannotFix(f"the new text cannot be encoded as {encoding}: {error}") from error


def check_writable(path: Path, root: Path) -> Path:
    """The regular file behind `path`. Raises CannotFix where it must not be written."""
    real, inside = Path(os.path.realpath(path)), Path(os.path.realpath(root))
    named_inside = Path(os.path.abspath(path)).is_relative_to(os.path.abspath(root))
    if not real.is_relative_to(inside) and (named_inside or path.is_symlink()):
        raise CannotFix(f"{path} is a link that leads out of {root}")
    mode = real.stat().st_mode
    if not stat.S_ISREG(mode):
        raise CannotFix(f"{path} is not a regular file")
    if not mode & 0o222 or not os.access(real, os.W_OK):  # the first also for root, whom the system lets write anything
        raise CannotFix(f"{path} is write-protected")
    return real


def write(path: Path, old: bytes, text: str, root: Path) -> None:
    """Replace the file, whose content was `old`, by `text`, in one step. Raises CannotFix and leaves the old file."""
    write_all({path: (old, text)}, root)


def write_all(changes: Mapping[Path, tuple[bytes, str]], root: Path) -> None:
    """Replace several files: all new contents lie on the disk, complete, before the first file is replaced."""
    staged: list[_Staged] = []
    replaced = 0
    try:
        for path, (old, text) in changes.items():
            with reasons(path):
                staged.append(_stage(check_writable(path, root), old, encode(text, old)))
        for file in staged:
            with reasons(file.path):
                file.check_unchanged()
        for file in staged:
            with reasons(file.path):
                file.commit()
            replaced += 1
    except BaseException:
        for file in staged[:replaced]:
            with contextlib.suppress(OSError, CannotFix):
                _stage(file.path, file.new, file.old).commit()
        raise
    finally:
        for file in staged:
            file.discard()
    for folder in {file.path.parent for file in staged}:
        _sync_folder(folder)


@contextlib.contextmanager
def reasons(path: Path | str) -> Iterator[None]:
    """Say what the system refuses as a CannotFix."""
    try:
        yield
    except OSError as error:
        raise CannotFix(f"{path}: {error.strerror or error}") from error


@dataclass(slots=True)
class _Staged:
    """New content that waits beside the file it will replace: without a name where the system can do that."""

    path: Path
    old: bytes
    new: bytes
    descriptor: int = -1
    waiting: str = ""  # the temporary file's name

    def check_unchanged(self) -> None:
        if self.path.read_bytes() != self.old:
            raise CannotFix(f"{self.path} has changed since it was read")

    def commit(self) -> None:
        if not self.waiting:
            self._name()
        self.check_unchanged()
        os.replace(self.waiting, self.path)
        self.waiting = ""

    def _name(self) -> None:
        waiting = str(self.path.parent / f".{self.path.name}.{secrets.token_hex(6)}.tmp")
        try:  # /proc holds links, and Python follows them here only where it is given a folder's descriptor, too
            os.link(f"/proc/self/fd/{self.descriptor}", waiting, src_dir_fd=self.descriptor, follow_symlinks=True)
            self.waiting = waiting
        except OSError:
            self.discard()
            self.fill(nameless=False)

    def fill(self, nameless: bool) -> None:
        """Write the new content to the disk, and not only to its cache."""
        flags = getattr(os, "O_TMPFILE", 0) if nameless and os.path.isdir("/proc/self/fd") else 0
        if flags:
            with contextlib.suppress(OSError):  # not every file system has files without a name
                self.descriptor = os.open(self.path.parent, flags | os.O_RDWR, 0o600)
        if self.descriptor < 0:
            prefix = f".{self.path.name}."
            self.descriptor, self.waiting = tempfile.mkstemp(prefix=prefix, suffix=".tmp", dir=self.path.parent)
        rest = memoryview(self.new)
        while rest:
            rest = rest[os.write(self.descriptor, rest) :]
        _copy_rights(self.path, self.descriptor)
        os.fsync(self.descriptor)
        if self.waiting:  # Windows replaces no open file
            os.close(self.descriptor)
            self.descriptor = -1

    def discard(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
        if self.waiting:
            with contextlib.suppress(OSError):
                os.unlink(self.waiting)
            self.waiting = ""


def _stage(path: Path, old: bytes, new: bytes) -> _Staged:
    """The new content, written where it can be moved onto `path`."""
    file = _Staged(path, old, new)
    file.check_unchanged()
    try:
        file.fill(nameless=True)  # without a name, nothing is left behind when we are killed
    except BaseException:
        file.discard()
        raise
    return file


def _copy_rights(path: Path, descriptor: int) -> None:
    """The old file's owner, permissions and extended attributes (access lists among them)."""
    if not hasattr(os, "fchmod"):
        return
    status = path.stat()
    with contextlib.suppress(OSError):  # only root may give files away
        os.fchown(descriptor, status.st_uid, status.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
    if hasattr(os, "listxattr"):
        with contextlib.suppress(OSError):
            for name in os.listxattr(path):
                os.setxattr(descriptor, name, os.getxattr(path, name))


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
