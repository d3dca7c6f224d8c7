"""Reading source files as Python does: the encoding cookie and the byte order mark count."""

from __future__ import annotations

import io
import tokenize
from pathlib import Path


def decode(data: bytes) -> str:
    """The text of a source file. Raises SyntaxError or UnicodeDecodeError (a ValueError) where it cannot be decoded."""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    return data.decode(encoding)


def read(path: Path) -> str:
    """The text of the file at `path`. Raises OSError, SyntaxError or ValueError."""
    return decode(path.read_bytes())
