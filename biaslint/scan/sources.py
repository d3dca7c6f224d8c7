"""From what the command line names to the repositories in it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from biaslint.config import configuration, discovery
from biaslint.scan.reading import archives, git, tables
from biaslint.scan.unit import Unit

MARKS = (*configuration.ROOT_MARKS, *configuration.OWN_FILES, "requirements.txt")
DEEPEST = 6  # folders of folders of repositories


class NoSource(Exception):
    """A path that is no source. The message says why."""


def units(source: str, columns: tuple[str, str, str] = ("", "", "")) -> Iterator[Unit]:
    """The repositories and tables (of kind "jsonl" or "parquet", without rows) of one source, in order. Raises NoSource."""
    path = Path(os.path.abspath(source))
    if path.is_dir():
        found = within(path, "", 0)
    elif kind := kind_of_file(path.name):
        found = iter([("", kind, path)])
    elif path.exists():
        endings = ", ".join((*archives.ENDINGS, *tables.ENDINGS))
        raise NoSource(f"{source}: not a folder, and not a file that ends in {endings}")
    else:
        raise NoSource(f"{source}: no such file or folder")
    shown = Path(source).as_posix()
    for name, kind, place in found:
        if kind in tables.ENDINGS.values():
            yield Unit(f"{shown}/{name}".rstrip("/"), "", kind, str(place), columns=columns)
        else:
            yield Unit(shown, name or path.name, kind, str(place))


def within(folder: Path, name: str, depth: int) -> Iterator[tuple[str, str, Path]]:
    """The sources of a folder: their names in it, their kinds, and where they are."""
    if git.is_bare(folder):
        yield name, "git", folder
        return
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError:
        entries = []
    inner = [one for one in entries if one.is_dir(follow_symlinks=False)]
    plain = [one for one in entries if one.is_file(follow_symlinks=False)]
    here = {one.name for one in (*inner, *plain)}
    if depth == DEEPEST or not here.isdisjoint(MARKS) or any(one.endswith(discovery.SUFFIXES) for one in here):
        yield name, "folder", folder
        return
    for entry in sorted((*inner, *plain), key=lambda one: one.name):
        below = f"{name}/{entry.name}" if name else entry.name
        if entry in inner:
            yield from within(folder / entry.name, below, depth + 1)
        elif kind := kind_of_file(entry.name):
            yield below, kind, folder / entry.name


def kind_of_file(name: str) -> str:
    """The kind of source that a file is, by its name; "" for none."""
    return "archive" if name.lower().endswith(archives.ENDINGS) else tables.kind_of(name)


def all_units(
    sources: Sequence[str], columns: tuple[str, str, str], opened: Callable[[Unit], Iterator[Unit]], shard: tuple[int, int]
) -> Iterator[Unit]:
    """The repositories of all sources that belong to a shard, each once. `opened` gives the repositories of a table."""
    seen: set[tuple[str, str]] = set()
    for source in dict.fromkeys(sources):
        for found in units(source, columns):
            is_table = found.kind in tables.ENDINGS.values()
            for unit in opened(found) if is_table else [found]:
                if unit.key not in seen and belongs(unit, shard):
                    seen.add(unit.key)
                    yield unit


def belongs(unit: Unit, shard: tuple[int, int]) -> bool:
    """Is a repository of this shard (number, of how many)? Its name alone decides."""
    number, count = shard
    digest = hashlib.sha256("\0".join(unit.key).encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") % count == number - 1
