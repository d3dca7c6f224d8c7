"""Reading source files as Python does: the encoding cookie and the byte order mark count."""

from __future__ import annotations

import io
import tokenize
from pathlib import Path

MOST = 400_000  # about how many of Python's names and constants a file may have: parsing as many takes seconds and half a GB


def vast(text: str) -> bool:
    """Is it a table of data in Python's spelling? Nobody writes a model of that size."""
    return len(text) > MOST and sum(map(text.count, ",([+.")) + text.count("\n") > MOST


def decode(data: bytes) -> str:
    """The text of a source file. Raises SyntaxError or UnicodeDecodeError (a ValueError) where it cannot be decoded."""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    return data.decode(encoding)


def read(path: Path) -> str:
    """The text of the file at `path`. Raises OSError, SyntaxError or ValueError."""
    return decode(path.read_bytes())
