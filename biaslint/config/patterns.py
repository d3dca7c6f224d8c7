"""Patterns of file names, as `exclude` and `per-file-ignores` take them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase, translate


def matches(pattern: str, path: str) -> bool:
    """Does the pattern mean this path (with `/`, relative to the project's root), or a folder above it?

    A pattern without a slash means any file or folder of that name; one with a slash is anchored at the root.
    """
    pattern = pattern.removeprefix("./").rstrip("/")
    parts = path.split("/")
    if "/" not in pattern:
        return any(fnmatchcase(part, pattern) for part in parts)
    pattern = pattern.lstrip("/")
    stems = ("/".join(parts[:count]) for count in range(1, len(parts) + 1))
    return any(fnmatchcase(stem, pattern) or (pattern.startswith("**/") and fnmatchcase(stem, pattern[3:])) for stem in stems)


def any_matches(patterns: Iterable[str], path: str) -> bool:
    """Does one of the patterns mean this path?"""
    return any(matches(pattern, path) for pattern in patterns)


def of_names(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether one of these patterns without a slash means a file or folder, by its name: for many names."""
    found = [translate(pattern.rstrip("/")) for pattern in patterns]
    means = re.compile("|".join(found)).match if found else None
    return lambda name: means is not None and means(name) is not None
