"""What the engine and the reporters know of a file: its text, its lines, and why it cannot be read.

Lines end where the tokenizer ends them: at newlines and carriage returns, not at form feeds or Unicode separators.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from biaslint.source import text as source_text
from biaslint.theory.program import Place

_LINE_END = re.compile(r"\r\n|\r|\n")


class Unreadable(Exception):
    """A file that cannot be read, decoded or parsed; `line` and `column` (from 1) say where."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class Source:
    """A file's Python text. For a notebook, `cells` holds the cell and the line within it of each line of the text."""

    text: str
    cells: tuple[tuple[int, int], ...] | None = None
    bad_cells: tuple[tuple[int, int, int, str], ...] = ()  # those that are left out: cell, line, column, and why
    left_out: str = ""  # their text

    def locate(self, line: int) -> tuple[int | None, int]:
        """The cell (None in a plain file) and the line within it of a line of the text."""
        return self.cells[line - 1] if self.cells else (None, line)


def read(path: Path, text: str | None = None) -> Source:
    """The file's source, or that of the unsaved `text` that stands for it. Raises Unreadable."""
    if text is not None:
        return _source(path, text)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Unreadable(f"the file cannot be read: {error.strerror or error}") from error
    return _source(path, decode(data))


def _source(path: Path, text: str) -> Source:
    """A plain file's text, or the program that a notebook's cells make."""
    if path.suffix != ".ipynb":
        return Source(text)
    from biaslint.source import notebook

    try:
        made = notebook.read(text)
    except notebook.Damaged as error:
        raise Unreadable(str(error), error.line, error.column) from error
    return Source(made.text, made.cells, made.bad, made.left_out)


def decode(data: bytes) -> str:
    """The text of a file's bytes. Raises Unreadable."""
    try:
        return source_text.decode(data)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable(
            f"the file is not {error.encoding}: byte 0x{data[error.start]:02x} at offset {error.start}", line
        ) from error
    except (SyntaxError, ValueError, LookupError) as error:
        raise Unreadable(f"the file cannot be decoded: {error}") from error


def check_syntax(text: str) -> None:
    """Raises Unreadable where the text is not Python 3."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as error:
        hint = f"; {PYTHON_2}" if is_python_2(str(error.msg)) else ""
        line, column = error.lineno or 1, max(error.offset or 1, 1)
        raise Unreadable(f"SyntaxError: {error.msg}{hint}", line, column) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise Unreadable(f"the file cannot be parsed: {error or type(error).__name__}") from error


PYTHON_2 = "this looks like Python 2 code"
_PYTHON_2 = re.compile(
    r"Missing parentheses in call to|multiple exception types must be parenthesized|leading zeros in decimal integer literals"
    r"|inconsistent use of tabs"
)


def is_python_2(message: str) -> bool:
    """Is it what Python 3 says of Python 2?"""
    return _PYTHON_2.search(message) is not None


class Lines:
    """The lines of files, read when they are asked for."""

    def __init__(self, texts: Mapping[Path, str] | None = None) -> None:
        self._texts = texts or {}
        self._files: dict[str, dict[tuple[int | None, int], str]] = {}

    def get(self, place: Place, line: int | None = None) -> str:
        """The text of `line` (the place's first line) in the place's file or cell; "" where there is none."""
        known = self._files.get(place.path)
        if known is None:
            known = self._files[place.path] = self._load(Path(place.path))
        return known.get((place.cell, place.line if line is None else line), "")

    def _load(self, path: Path) -> dict[tuple[int | None, int], str]:
        try:
            source = read(path, self._texts.get(path))
        except Unreadable:
            return {}
        return {
            source.locate(number): text
            for number, text in enumerate(_LINE_END.split(source.text), 1)
            if _exists(source, number)
        }


def _exists(source: Source, number: int) -> bool:
    return source.cells is None or number <= len(source.cells)
