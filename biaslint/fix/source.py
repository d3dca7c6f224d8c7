"""A module's text and its syntax tree, and the way from the module down to a place in it."""

from __future__ import annotations

import ast
import re
import warnings
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from biaslint.fix.edits import LINE_END, CannotFix
from biaslint.theory.program import Place

Point = tuple[int, int]  # line, column, in characters, both from 1

_F_STRINGS: tuple[type[ast.AST], ...] = tuple(getattr(ast, name) for name in ("JoinedStr", "TemplateStr") if hasattr(ast, name))
_MAGIC = re.compile(r"\s*[%!?]|.*\?\s*$|[^=]*=\s*[%!]")


@dataclass(frozen=True, slots=True)
class Source:
    """One text: its lines without their endings, the endings, and the syntax tree."""

    lines: tuple[str, ...]
    endings: tuple[str, ...]
    tree: ast.Module

    def ending(self, line: int) -> str:
        """How to end a line that is written at `line`: as this one ends, or the one before at the end of the file."""
        for index in range(min(line, len(self.endings)) - 1, -1, -1):
            if self.endings[index]:
                return self.endings[index]
        return "\n"

    def text(self, start: Point, end: Point) -> str:
        """What stands between two points, with plain newlines."""
        (line, column), (end_line, end_column) = start, end
        if line == end_line:
            return self.lines[line - 1][column - 1 : end_column - 1]
        first, *rest = self.lines[line - 1 : end_line]
        return "\n".join([first[column - 1 :], *rest[:-1], rest[-1][: end_column - 1]])

    def start(self, node: ast.stmt | ast.expr) -> Point:
        """Where the node starts; a decorated definition starts at `def` or `class`."""
        return node.lineno, self._column(node.lineno, node.col_offset)

    def end(self, node: ast.stmt | ast.expr) -> Point:
        """One past the node's last character."""
        line, offset = node.end_lineno, node.end_col_offset
        assert line is not None  # it comes from the parser
        assert offset is not None
        return line, self._column(line, offset)

    def _column(self, line: int, offset: int) -> int:
        text = self.lines[line - 1]
        return offset + 1 if text.isascii() else len(text.encode()[:offset].decode()) + 1

    def _offset(self, line: int, column: int) -> int:
        if not 1 <= line <= len(self.lines):
            raise CannotFix("the place is outside the file")
        text = self.lines[line - 1]
        return column - 1 if text.isascii() else len(text[: column - 1].encode())

    def chain(self, place: Place) -> list[ast.AST]:
        """The nodes that hold the place, from the module to the innermost one."""
        start = (place.line, self._offset(place.line, place.column))
        end = (place.end_line, self._offset(place.end_line, place.end_column))
        nodes: list[ast.AST] = [self.tree]
        while not isinstance(nodes[-1], _F_STRINGS):  # positions inside of f-strings mean nothing before Python 3.12
            below = _child_holding(nodes[-1], start, end)
            if not below:
                break
            nodes += below
        return nodes

    def spans(self, node: ast.AST, place: Place) -> bool:
        """Whether the node stands exactly at the place."""
        return (
            isinstance(node, (ast.stmt, ast.expr))
            and self.start(node) == (place.line, place.column)
            and self.end(node) == (place.end_line, place.end_column)
        )


def in_f_string(chain: list[ast.AST]) -> bool:
    """Whether the chain ends in an f-string."""
    return isinstance(chain[-1], _F_STRINGS)


@lru_cache(maxsize=4)
def read(text: str, cell: bool = False) -> Source:
    """The text with its tree; in a notebook's cell, magics and shell lines are passed over. Raises CannotFix."""
    endings = tuple(LINE_END.findall(text))
    lines = tuple(LINE_END.split(text))
    return Source(lines, (*endings, ""), parse("\n".join(lines), cell))


def parse(text: str, cell: bool = False) -> ast.Module:
    """The syntax tree of a module or a cell. Raises CannotFix where there is none."""
    lines = text.split("\n")
    for _ in range(len(lines) + 1):  # each turn blanks one magic
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about escapes in the code that is read
                return ast.parse("\n".join(lines))
        except SyntaxError as error:
            at = (error.lineno or 0) - 1
            if not (cell and 0 <= at < len(lines) and _blank_magic(lines, at)):
                raise CannotFix(f"line {error.lineno} cannot be parsed: {error.msg}") from error
        except (RecursionError, MemoryError) as error:
            raise CannotFix("it is nested too deeply") from error
        except ValueError as error:
            raise CannotFix(f"it cannot be parsed: {error}") from error
    raise CannotFix("it cannot be parsed")


def _blank_magic(lines: list[str], at: int) -> bool:
    """Put `pass` where the magic or shell command of line `at` stands; False where it is none."""
    while at and lines[at - 1].endswith("\\"):
        at -= 1
    if not _MAGIC.match(lines[at]):
        return False
    going_on = lines[at].endswith("\\")
    lines[at] = lines[at][: len(lines[at]) - len(lines[at].lstrip())] + "pass"
    while going_on and (at := at + 1) < len(lines):
        going_on = lines[at].endswith("\\")
        lines[at] = ""
    return True


def _child_holding(node: ast.AST, start: Point, end: Point) -> list[ast.AST]:
    """The child that holds the stretch (in ast's own columns), led to by those children that have no place themselves."""
    for field in node._fields:
        value = getattr(node, field, None)
        if isinstance(value, ast.AST):
            children: list[ast.AST] = [value]
        elif isinstance(value, list) and value and isinstance(value[-1], ast.AST):
            children = value
        else:
            continue
        if len(children) > 8 and field not in ("keys", "kw_defaults") and hasattr(children[0], "lineno"):
            at = bisect_right(children, start, key=_begin) - 1
            children = children[at : at + 1] if at >= 0 else []
        for child in children:
            if hasattr(child, "lineno"):
                if _begin(child) <= start and end <= (child.end_lineno, child.end_col_offset):  # type: ignore[attr-defined]
                    return [child]
            elif child is not None and (below := _child_holding(child, start, end)):
                return [child, *below]
    return []


def _begin(node: ast.AST | None) -> Point:
    """Where a node begins, its decorators included."""
    decorators = getattr(node, "decorator_list", None)
    first = decorators[0] if decorators else node
    return (getattr(first, "lineno", 0), getattr(first, "col_offset", 0) if not decorators else 0)


def refuse_deep(node: ast.AST, limit: int = 100) -> None:
    """Raises CannotFix where the nesting would exhaust the stack: LibCST's parser dies of it."""
    level, depth = [node], 0
    while level:
        level = [child for parent in level for child in ast.iter_child_nodes(parent)]
        depth += 1
        if depth > limit:
            raise CannotFix("it is nested too deeply")


def comments(text: str) -> Iterator[str]:
    """The comments in a piece of an expression."""
    import io
    import tokenize

    if "#" in text:
        try:
            for token in tokenize.generate_tokens(io.StringIO(f"({text}\n)").readline):
                if token.type == tokenize.COMMENT:
                    yield token.string
        except (tokenize.TokenError, SyntaxError) as error:
            raise CannotFix("it cannot be parsed") from error
