"""Text edits: what they are, how they go into a text, and when two of them are in each other's way."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class CannotFix(Exception):
    """A fix that cannot be written; the message says why. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class TextEdit:
    """Write `text` where the stretch from (line, column) up to (end_line, end_column) stands.

    Lines and columns count from 1 and in characters. In a notebook they count within the cell `cell` (from 1, over all cells).
    """

    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    text: str
    cell: int | None = None

    @property
    def start(self) -> tuple[int, int]:
        """Where the stretch begins, as (line, column)."""
        return (self.line, self.column)

    @property
    def end(self) -> tuple[int, int]:
        """Where the stretch ends, as (line, column)."""
        return (self.end_line, self.end_column)


# The tokenizer's idea of a line: form feeds and Unicode separators do not end one, so str.splitlines would count wrongly.
LINE_END = re.compile(r"\r\n|\r|\n")


def in_order(edits: Iterable[TextEdit]) -> list[TextEdit]:
    """The edits from first to last; what is inserted at one point stays in the order given."""
    return sorted(edits, key=lambda edit: (edit.start, edit.end))


def apply(text: str, edits: Sequence[TextEdit]) -> str:
    """The text after all `edits`, whose places refer to `text`. Raises CannotFix where they overlap or lie outside."""
    starts = [0, *(match.end() for match in LINE_END.finditer(text))]

    def offset(line: int, column: int) -> int:
        if not 1 <= line <= len(starts):
            raise CannotFix(f"there is no line {line}")
        at = starts[line - 1] + column - 1
        limit = starts[line] if line < len(starts) else len(text)
        if column < 1 or at > limit:
            raise CannotFix(f"there is no column {column} on line {line}")
        return at

    pieces: list[str] = []
    done = 0
    for edit in in_order(edits):
        begin, end = offset(*edit.start), offset(*edit.end)
        if begin < done or end < begin:
            raise CannotFix("two edits overlap")
        pieces += text[done:begin], edit.text
        done = end
    return "".join([*pieces, text[done:]])


def clash(one: TextEdit, other: TextEdit) -> bool:
    """Whether two edits of different fixes must not be made together. Equal ones may: they are made once."""
    if (one.path, one.cell) != (other.path, other.cell) or one == other:
        return False
    if one.start == one.end or other.start == other.end:  # an insertion must not even touch
        return one.start <= other.end and other.start <= one.end
    return one.start < other.end and other.start < one.end


def narrow(old: str, new: str) -> tuple[int, int, str]:
    """The smallest stretch of whole words to rewrite: `old[:start] + text + old[end:] == new`."""
    limit = min(len(old), len(new))
    start = 0
    while start < limit and old[start] == new[start]:
        start += 1
    while start and _inside_word(old, start) | _inside_word(new, start):
        start -= 1
    tail = 0
    while tail < limit - start and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    while tail and _inside_word(old, len(old) - tail) | _inside_word(new, len(new) - tail):
        tail -= 1
    return start, len(old) - tail, new[start : len(new) - tail]


def _inside_word(text: str, at: int) -> bool:
    """Whether the point before `text[at]` has a word's (or a number's) character on both sides."""
    return 0 < at < len(text) and all(char.isalnum() or char in "_." for char in text[at - 1 : at + 1])
