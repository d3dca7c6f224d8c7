"""Bare git repositories, read from their object store: no work tree, no hooks, and none of the repository's settings.

`git` runs in an empty repository of our own that borrows the objects. So it never reads the other's configuration, in which a program
to start could be named, and it fetches nothing that is missing.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from biaslint.scan.reading import folders
from biaslint.scan.reading.tally import Tally
from biaslint.scan.unit import GivenUp

FILE = ("100644", "100755", "100664")  # the modes of plain files; links and submodules have others
ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
REF = re.compile(r"refs/[\w./+@=-]+")
SMALL = 1 << 20  # bytes of a name or a commit, beyond which it is none


def is_bare(folder: Path) -> bool:
    """Is it a bare repository, or the .git folder of one that is not?"""
    return all((folder / name).is_dir() for name in ("objects", "refs")) and (folder / "HEAD").is_file()


def files(location: str, tally: Tally) -> Iterator[tuple[str, bytes]]:
    """The names and contents of the files of the commit at HEAD."""
    with opened(location) as git:
        for name, identity in listed(git, tally):
            data = git.content(identity)
            tally.took(len(data))
            yield name, data


def commit_year(location: str) -> int | None:
    """The year of the commit at HEAD; None where git does not tell."""
    try:
        with opened(location) as git:
            found = re.search(rb"^committer .* (\d{1,11}) [+-]\d{4}$", git.content(git.head), re.MULTILINE)
            return time.gmtime(int(found[1])).tm_year if found else None
    except (GivenUp, OSError, ValueError, OverflowError):
        return None


@dataclass(slots=True)
class Git:
    """`git` on borrowed objects. `reader` answers one object after the other."""

    environ: dict[str, str]
    head: str
    reader: subprocess.Popen[bytes]

    def content(self, identity: str) -> bytes:
        """What an object holds. Raises GivenUp."""
        asked, answered = self.reader.stdin, self.reader.stdout
        assert asked is not None
        assert answered is not None
        try:
            asked.write(f"{identity}\n".encode())
            asked.flush()
            words = answered.readline(SMALL).split()
            if len(words) != 3:
                raise GivenUp("unreadable", f"git has no object {identity}")
            data = answered.read(int(words[2]) + 1)
        except (OSError, ValueError) as error:
            raise GivenUp("unreadable", f"git cannot read {identity}") from error
        if len(data) != int(words[2]) + 1:
            raise GivenUp("unreadable", f"git cannot read {identity}")
        return data[:-1]


@contextmanager
def opened(location: str) -> Iterator[Git]:
    """The repository's objects. Raises GivenUp."""
    if os.path.islink(os.path.join(location, "objects")):
        raise GivenUp("unreadable", "git's objects lie elsewhere")
    head = resolved(Path(location))
    with tempfile.TemporaryDirectory(prefix="biaslint-scan-") as own:
        for name in ("objects", "refs"):
            os.mkdir(os.path.join(own, name))
        hashed = "[extensions]\n\tobjectFormat = sha256\n" if len(head) == 64 else ""
        settings = f"[core]\n\trepositoryformatversion = {int(bool(hashed))}\n\tbare = true\n{hashed}"
        Path(own, "config").write_text(settings, encoding="ascii")
        Path(own, "HEAD").write_text("ref: refs/heads/none\n", encoding="ascii")
        environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | {
            "GIT_DIR": own,
            "GIT_OBJECT_DIRECTORY": os.path.join(os.path.abspath(location), "objects"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
        }
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        try:
            reader = subprocess.Popen(["git", "cat-file", "--batch"], env=environ, **pipes)  # type: ignore[call-overload]
        except OSError as error:
            raise GivenUp("unreadable", f"git cannot be started: {error.strerror}") from error
        try:
            yield Git(environ, head, reader)
        finally:
            reader.kill()
            reader.communicate()


def listed(git: Git, tally: Tally) -> Iterator[tuple[str, str]]:
    """The names and identities of the files to read."""
    command = ["git", "ls-tree", "-r", "-z", "-l", "--full-tree", git.head]
    with subprocess.Popen(command, env=git.environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as listing:
        assert listing.stdout is not None
        try:
            for line in records(listing.stdout):
                about, _, raw = line.decode("utf-8", "surrogateescape").partition("\t")
                mode, _, identity, size = about.split()
                name = tally.enter(raw)
                if name is None:
                    continue
                if mode not in FILE:
                    tally.skipped["link" if mode == "120000" else "special file"] += 1
                elif tally.fits(int(size)):
                    yield name, identity
            if listing.wait():
                raise ValueError
        except ValueError as error:
            raise GivenUp("unreadable", "git cannot list the tree") from error
        finally:
            listing.kill()


def records(stream: IO[bytes]) -> Iterator[bytes]:
    """The parts of a stream that end in a zero byte."""
    rest = b""
    while chunk := stream.read(1 << 16):
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole
        if len(rest) > SMALL:
            raise GivenUp("too large", "a name of more than a megabyte")


def resolved(folder: Path) -> str:
    """The commit that HEAD means. Raises GivenUp."""
    text = line_of(folder / "HEAD")
    for _ in range(5):
        if ID.fullmatch(text):
            return text
        name = text.removeprefix("ref: ")
        if not REF.fullmatch(name) or ".." in name:
            break
        text = line_of(folder / name) or packed(folder, name)
    raise GivenUp("unreadable", "git's HEAD names no commit")


def line_of(path: Path) -> str:
    """The first line of a small file; "" where there is none."""
    try:
        handle = os.open(path, folders.FLAGS)
    except OSError:
        return ""
    with os.fdopen(handle, "rb") as file:
        return file.readline(SMALL).decode("utf-8", "replace").strip()


def packed(folder: Path, name: str) -> str:
    """The commit that `packed-refs` has for a reference; "" where it has none."""
    try:
        handle = os.open(folder / "packed-refs", folders.FLAGS)
    except OSError:
        return ""
    with os.fdopen(handle, "rb") as file:
        for line in iter(lambda: file.readline(SMALL), b""):
            identity, _, found = line.decode("utf-8", "replace").strip().partition(" ")
            if found == name:
                return identity
    return ""
