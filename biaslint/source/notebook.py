"""Notebooks as programs: the code cells joined in order, with what is not Python taken out and every line kept in its place."""

from __future__ import annotations

import ast
import json
import re
import warnings
from typing import Any, NamedTuple

Cells = tuple[tuple[int, int], ...]  # for each line of the program: the cell, from 1 over all cells, and the line within it

_MAGIC = re.compile(r"(\s*)(%|!|\?|[^#'\"]*\w\]?\)?\?{1,2}\s*$)")
_ASSIGNED = re.compile(r"(\s*[\w., ()\[\]'\"]+=)\s*[!%]")
_RUNS_PYTHON = {
    "time",
    "timeit",
    "capture",
    "prun",
    "memit",
    "mprun",
    "lprun",
    "snakeviz",
    "python",
    "python3",
    "pypy",
    "debug",
}


class Damaged(ValueError):
    """A file that is no notebook; `line` and `column` (from 1) say where."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


class BadCell(NamedTuple):
    """A cell that is not valid Python; `line` (within the cell) and `column` count from 1."""

    cell: int
    line: int
    column: int
    message: str


class Program(NamedTuple):
    """A notebook's program: its lines, the cell and line of each, and the cells that are left out of it."""

    text: str
    cells: Cells
    bad: tuple[BadCell, ...]
    left_out: str = ""  # the text of those cells


def program(text: str) -> tuple[str, Cells]:
    """The Python program of a notebook, given as JSON. Raises Damaged."""
    made = read(text)
    return made.text, made.cells


def read(text: str) -> Program:
    """The Python program of a notebook, given as JSON, without the cells that are not valid Python. Raises Damaged.

    A cell that is indented as a whole runs in a notebook; here it stands below an `if True:`, so that columns stay as they are.
    """
    lines: list[str] = []
    places: list[tuple[int, int]] = []
    bad: list[BadCell] = []
    left_out: list[str] = []
    for number, source in _sources(text):
        made = _python(source)
        error = syntax_error("\n".join(made))
        if error is not None and _indented(made) and _is_python("\n".join(["if True:", *made])):
            lines.append("if True:")
            places.append((number, 1))
        elif error is not None:
            left_out.append(source)
            bad.append(BadCell(number, error.lineno or 1, max(error.offset or 1, 1), str(error.msg)))
            made = [""] * len(made)
        for line, content in enumerate(made, 1):
            lines.append(content)
            places.append((number, line))
    return Program("\n".join(lines) + "\n" if lines else "", tuple(places), tuple(bad), "\n".join(left_out))


def _indented(lines: list[str]) -> bool:
    """Does the first line that holds anything begin with a space?"""
    first = next((line for line in lines if line.strip() and not line.lstrip().startswith("#")), "")
    return first[:1].isspace()


def syntax_error(text: str) -> SyntaxError | None:
    """Why a text is not Python; None where it is, or where it cannot be told."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as error:
        return error
    except (ValueError, RecursionError, MemoryError):
        pass
    return None


def _sources(text: str) -> list[tuple[int, str]]:
    """The code cells' sources, each with its number."""
    try:
        data = json.loads(text.lstrip("\ufeff"), strict=False)
    except json.JSONDecodeError as error:
        raise Damaged(f"the notebook is damaged: {error.msg}", error.lineno, error.colno) from error
    except RecursionError as error:
        raise Damaged("the notebook is damaged: it is nested too deeply") from error
    except ValueError as error:  # a number of thousands of digits
        raise Damaged(f"the notebook is damaged: {error}") from error
    cells = data.get("cells") if isinstance(data, dict) else None
    if cells is None and isinstance(data, dict) and isinstance(data.get("worksheets"), list):
        raise Damaged("the notebook has format 3 or older; convert it with `jupyter nbconvert --to notebook`")
    if not isinstance(cells, list):
        raise Damaged("the notebook is damaged: it has no list of cells")
    if _language(data) not in ("", "python"):
        return []
    found = []
    for number, cell in enumerate(cells, 1):
        if not isinstance(cell, dict):
            raise Damaged(f"the notebook is damaged: cell {number} is no object")
        if cell.get("cell_type") != "code":
            continue
        source = cell.get("source", "")
        parts = source if isinstance(source, list) else [source]
        if not all(isinstance(part, str) for part in parts):
            raise Damaged(f"the notebook is damaged: the source of cell {number} is no text")
        found.append((number, "".join(parts)))
    return found


def _language(data: dict[str, Any]) -> str:
    metadata = data.get("metadata")
    for key, name in (("language_info", "name"), ("kernelspec", "language")):
        entry = metadata.get(key) if isinstance(metadata, dict) else None
        if isinstance(entry, dict) and isinstance(entry.get(name), str):
            return str(entry[name]).lower().rstrip("0123456789")
    return ""


def _python(source: str) -> list[str]:
    """The lines of a cell with magics, shell lines and help taken out."""
    lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if _is_python(source):
        return lines
    first = next((index for index, line in enumerate(lines) if line.strip()), 0)
    if lines[first].startswith("%%"):
        words = lines[first][2:].split()
        if not words or words[0] not in _RUNS_PYTHON:
            return [""] * len(lines)
        lines[first] = ""
    continued = False
    for index, line in enumerate(lines):
        if continued:
            lines[index], continued = "", line.rstrip().endswith("\\")
            continue
        assigned = _ASSIGNED.match(line)
        magic = _MAGIC.match(line)
        if assigned and not _is_python(line.strip()):
            lines[index], continued = f"{assigned[1]} None", line.rstrip().endswith("\\")
        elif magic and not line.lstrip().startswith("#") and not _is_python("\n".join(lines)):
            lines[index], continued = _indent(line) + "pass", line.rstrip().endswith("\\")
    return lines


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _is_python(text: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
