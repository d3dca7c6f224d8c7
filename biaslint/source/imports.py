"""Import statements as text: good enough to tell which files may have to do with each other, without parsing them."""

from __future__ import annotations

import re
from pathlib import Path

_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(\S+)[ \t]+import\b[ \t]*(\([^()]*\)|[^#\n]*)|import[ \t]+([^#\n]+))",  # names in brackets go on over lines
    re.MULTILINE,
)
_WORD = re.compile(r"\w+")


def imported_names(text: str) -> set[str]:
    """The parts of all names that import statements mention."""
    return {word for match in _IMPORT.finditer(text) for part in match.groups() if part for word in _WORD.findall(part)}


def module_name(path: Path) -> str:
    """The last part of the name that a file is imported by; of a package's `__init__.py`, the package's."""
    return path.parent.name if path.stem == "__init__" else path.stem
