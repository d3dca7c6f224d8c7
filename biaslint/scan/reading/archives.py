"""Zip and tar archives, wheels and source distributions, read in memory. Nothing is extracted; archives within them stay closed."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Any, cast

from biaslint.scan.reading.tally import Tally
from biaslint.scan.unit import GivenUp

ZIPS = (".zip", ".whl", ".egg")
TARS = {".tar": open, ".tar.gz": gzip.open, ".tgz": gzip.open, ".tar.bz2": bz2.open, ".tbz2": bz2.open, ".tar.xz": lzma.open, ".txz": lzma.open}  # fmt: skip
ENDINGS = (*ZIPS, *TARS)
# What the standard library raises on damaged archives; the last three where a number in one is absurd.
DAMAGED = (
    OSError, EOFError, zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, ValueError, OverflowError, KeyError, IndexError,
)  # fmt: skip
CHUNK = 1 << 20


def files(location: str, tally: Tally) -> Iterator[tuple[str, bytes]]:
    """The names and contents of the archive's files."""
    try:
        yield from of_zip(location, tally) if location.lower().endswith(ZIPS) else of_tar(location, tally)
    except (*DAMAGED, NotImplementedError, RuntimeError) as error:
        raise GivenUp("unreadable", f"damaged archive: {error or type(error).__name__}") from error


def of_zip(location: str, tally: Tally) -> Iterator[tuple[str, bytes]]:
    """The files of a zip archive. The sizes in its table are not believed."""
    with zipfile.ZipFile(location) as archive:
        for entry in archive.infolist():
            name = None if entry.is_dir() else tally.enter(entry.filename)
            if name is None:
                continue
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if kind not in (0, stat.S_IFREG):
                tally.skipped["link" if kind == stat.S_IFLNK else "special file"] += 1
            elif tally.fits(entry.file_size):
                data = unzipped(archive, entry, tally)
                if data is not None:
                    tally.took(len(data))
                    yield name, data


def unzipped(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, tally: Tally) -> bytes | None:
    """The content of an entry; None where it is left out."""
    try:
        with archive.open(entry) as file:
            data = file.read(tally.most + 1)
    except (*DAMAGED, NotImplementedError, RuntimeError):  # the latter two: an unknown method of compression, a password
        tally.skipped["damaged entry"] += 1
        return None
    tally.decompressed(len(data))
    return data if tally.fits(len(data)) else None


class Counted(io.RawIOBase):
    """A stream whose bytes are counted as they come. Raises GivenUp where there are too many."""

    def __init__(self, inner: IO[bytes], tally: Tally) -> None:
        self.inner = inner
        self.tally = tally

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """At most as many bytes as a chunk has: whoever needs more, asks again."""
        data = self.inner.read(CHUNK if size < 0 else min(size, CHUNK))
        self.tally.decompressed(len(data))
        return data


def of_tar(location: str, tally: Tally) -> Iterator[tuple[str, bytes]]:
    """The files of a tar archive, read from front to back."""
    opened: Any = next(TARS[ending] for ending in TARS if location.lower().endswith(ending))
    with opened(location, "rb") as inner, tarfile.open(fileobj=cast(IO[bytes], Counted(inner, tally)), mode="r|") as archive:
        for entry in archive:
            archive.members.clear()  # type: ignore[attr-defined]  # it would keep them all
            name = None if entry.isdir() else tally.enter(entry.name)
            if name is None:
                continue
            if not entry.isfile() or entry.issparse():
                tally.skipped["link" if entry.issym() or entry.islnk() else "special file"] += 1
            elif tally.fits(entry.size):
                file = archive.extractfile(entry)
                data = file.read() if file is not None else b""
                tally.took(len(data))
                yield name, data
