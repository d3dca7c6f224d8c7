"""A folder of sources, read in place. Links and special files are not followed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from biaslint.scan.reading.tally import Tally
from biaslint.scan.unit import GivenUp

# A link or a pipe may have taken the file's place since the folder was listed.
FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def files(location: str, tally: Tally) -> Iterator[tuple[str, bytes]]:
    """The names and contents of the folder's files."""
    todo = [""]
    while todo:
        here = todo.pop()
        try:
            with os.scandir(os.path.join(location, here)) as listing:
                entries = sorted(listing, key=lambda entry: entry.name, reverse=True)
        except OSError as error:
            if not here:
                raise GivenUp("unreadable", error.strerror or str(error)) from error
            tally.skipped["unreadable folder"] += 1
            continue
        for entry in entries:
            raw = os.path.join(here, entry.name).replace(os.sep, "/")
            if entry.is_dir(follow_symlinks=False):
                if tally.selects(raw) and raw.count("/") < 64:
                    todo.append(raw)
                continue
            name = tally.enter(raw)
            if name is None:
                continue
            data = content(os.path.join(location, raw), tally)
            if data is not None:
                tally.took(len(data))
                yield name, data


def content(path: str, tally: Tally) -> bytes | None:
    """What a file holds; None where it is left out."""
    try:
        handle = os.open(path, FLAGS)
    except OSError:
        tally.skipped["link" if os.path.islink(path) else "unreadable file"] += 1
        return None
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            tally.skipped["special file"] += 1
            return None
        if not tally.fits(os.fstat(handle).st_size):
            return None
        data = file.read(tally.most + 1)
    return data if tally.fits(len(data)) else None
