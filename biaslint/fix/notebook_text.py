"""The text of a notebook's cells, and new text into them: every other byte of the file stays as it was."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from biaslint.fix.edits import CannotFix

_BLANK = re.compile(r"[ \t\r\n]*")
_CHARACTER = re.compile(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u....|\\.|.", re.DOTALL)
_MARK = "\ufeff"
_DECODER = json.JSONDecoder(strict=False)


@dataclass(frozen=True, slots=True)
class _Cell:
    """Where a cell's source stands in the file: the strings it is made of, and the stretch of the whole value."""

    start: int = 0
    end: int = 0
    strings: tuple[tuple[int, int], ...] = ()
    lines: tuple[str, ...] = ()
    kind: str = ""
    listed: bool = field(default=False)


def cell_text(raw: str, cell: int) -> str:
    """The source of the cell `cell` (from 1, over all cells) of the notebook `raw`. Raises CannotFix."""
    return "".join(_cell(raw, cell).lines)


def line_in_file(raw: str, cell: int, line: int) -> int:
    """The line of the notebook's file on which a line (from 1) of a cell's source stands. Raises CannotFix."""
    found = _cell(raw, cell)
    before = 0
    for text, (start, _) in zip(found.lines, found.strings, strict=False):
        before += max(text.count("\n"), 1)
        if line <= before:
            return raw.count("\n", 0, start) + 1
    return raw.count("\n", 0, found.start) + 1


def replace_cells(raw: str, texts: Mapping[int, str]) -> str:
    """The notebook with new source in some cells. Raises CannotFix where anything else would change."""
    new = raw
    for number in sorted(texts, reverse=True):
        cell = _cell(raw, number)
        new = new[: cell.start] + _written(raw, cell, texts[number]) + new[cell.end :]
    wanted = _DECODER.decode(raw.lstrip(_MARK))
    for number, text in texts.items():
        wanted["cells"][number - 1]["source"] = text
    got = _DECODER.decode(new.lstrip(_MARK))
    for number in texts:
        got["cells"][number - 1]["source"] = "".join(got["cells"][number - 1]["source"])
    if wanted != got:
        raise CannotFix("the edited notebook would not parse as intended")
    return new


def _cell(raw: str, number: int) -> _Cell:
    try:
        cells = _cells(raw)
    except (ValueError, IndexError, TypeError, RecursionError) as error:
        raise CannotFix(f"the notebook is damaged: {error}") from error
    if not 1 <= number <= len(cells):
        raise CannotFix(f"the notebook has no cell {number}")
    if cells[number - 1].kind != "code":
        raise CannotFix(f"cell {number} holds no code")
    return cells[number - 1]


@lru_cache(maxsize=2)
def _cells(raw: str) -> list[_Cell]:
    cells: list[_Cell] = []
    for key, value in _members(raw, _skip(raw, raw.startswith(_MARK))):
        if key == "cells":
            cells = [_read_cell(raw, item) for item in _items(raw, value)]
    return cells


def _read_cell(raw: str, at: int) -> _Cell:
    kind, start, end = "", 0, 0
    value: Any = ""
    strings: tuple[tuple[int, int], ...] = ()
    for key, place in _members(raw, at):
        if key == "cell_type":
            kind = _value(raw, place)[0]
        elif key == "source":
            start, (value, end) = place, _value(raw, place)
            places = [start] if isinstance(value, str) else _items(raw, start)
            strings = tuple((item, _value(raw, item)[1]) for item in places)
    listed = isinstance(value, list)
    return _Cell(start, end, strings, tuple(value) if listed else (value,), kind, listed)


def _written(raw: str, cell: _Cell, text: str) -> str:
    """The source as JSON, in the notebook's own manner: a string or a list of lines, on one line or many."""
    if not cell.listed:
        return _written_string(raw, *cell.strings[0], text)
    new = re.findall(r"[^\n]*\n|[^\n]+", text)
    old, spans = cell.lines, cell.strings
    if not new or not old:
        return "[]" if not new else "[" + ", ".join(_dumped(raw, line) for line in new) + "]"
    limit = min(len(old), len(new))
    head = next((at for at in range(limit) if old[at] != new[at]), limit)
    tail = next((at for at in range(limit - head) if old[-1 - at] != new[-1 - at]), limit - head)
    written = [raw[slice(*span)] for span in spans[:head]]
    for at, line in enumerate(new[head : len(new) - tail], head):
        changed = at < len(old) - tail
        written.append(_written_string(raw, *spans[at], line) if changed else _dumped(raw, line))
    written += [raw[slice(*span)] for span in spans[len(old) - tail :]]
    opening, closing = raw[cell.start : spans[0][0]], raw[spans[-1][1] : cell.end]
    comma = raw[spans[0][1] : spans[1][0]] if len(spans) > 1 else "," + (opening[1:] or " ")
    return opening + comma.join(written) + closing


def _written_string(raw: str, start: int, end: int, text: str) -> str:
    """The string as JSON; what did not change keeps its spelling, escape for escape."""
    old: list[str] = _CHARACTER.findall(raw, start + 1, end - 1)
    plain = [json.loads(f'"{char}"', strict=False) if char[0] == "\\" else char for char in old]
    limit = min(len(plain), len(text))
    head = next((at for at in range(limit) if plain[at] != text[at]), limit)
    tail = next((at for at in range(limit - head) if plain[-1 - at] != text[-1 - at]), limit - head)
    middle = _dumped(raw, text[head : len(text) - tail])[1:-1]
    return '"' + "".join(old[:head]) + middle + "".join(old[len(old) - tail :]) + '"'


def _dumped(raw: str, text: str) -> str:
    """The string as JSON; other alphabets are escaped only where the notebook does so."""
    return json.dumps(text, ensure_ascii=raw.isascii() and bool(re.search(r"\\u0*[1-9a-fA-F]", raw)))


def _skip(raw: str, at: int) -> int:
    match = _BLANK.match(raw, at)
    return match.end() if match else at


def _value(raw: str, at: int) -> tuple[Any, int]:
    """The JSON value at `at`, and where it ends."""
    return _DECODER.raw_decode(raw, at)


def _members(raw: str, at: int) -> list[tuple[str, int]]:
    """The keys of the JSON object at `at`, each with the place of its value."""
    members: list[tuple[str, int]] = []
    if raw[at] != "{":
        raise ValueError(f"no object at character {at}")
    at = _skip(raw, at + 1)
    while raw[at] != "}":
        if raw[at] != '"':
            raise ValueError(f"no key at character {at}")
        key, at = _value(raw, at)
        at = _skip(raw, at)
        if raw[at] != ":":
            raise ValueError(f"no colon at character {at}")
        at = _skip(raw, at + 1)
        members.append((key, at))
        at = _after(raw, at, "}")
    return members


def _items(raw: str, at: int) -> list[int]:
    """The places of the items of the JSON list at `at`."""
    items: list[int] = []
    if raw[at] != "[":
        raise ValueError(f"no list at character {at}")
    at = _skip(raw, at + 1)
    while raw[at] != "]":
        items.append(at)
        at = _after(raw, at, "]")
    return items


def _after(raw: str, at: int, closing: str) -> int:
    """Where the next key or item starts behind the value at `at`, or the closing bracket stands."""
    at = _skip(raw, _value(raw, at)[1])
    if raw[at] == ",":
        return _skip(raw, at + 1)
    if raw[at] != closing:
        raise ValueError(f"no comma at character {at}")
    return at
