"""Whole statements: taken out, or written after another one."""

from __future__ import annotations

import ast
import re
import textwrap
from dataclasses import dataclass

from biaslint.fix.edits import CannotFix
from biaslint.fix.source import Point, Source
from biaslint.theory.program import Place

_SPACE = " \t\f"


@dataclass(frozen=True, slots=True)
class Rewrite:
    """`text` (with plain newlines) in place of what stands between two points."""

    start: Point
    end: Point
    text: str


@dataclass(frozen=True, slots=True)
class _Line:
    """The logical line that holds a statement: the statements that semicolons join, and which of them is meant."""

    statements: list[ast.stmt]
    index: int
    alone: bool  # the only statement of its block
    headed: bool  # it stands behind the colon of a compound statement, on that one's line
    indent: str


def delete(source: Source, place: Place) -> Rewrite:
    """Take the statement at `place` out, with its line where it has one to itself. A block left empty gets `pass`."""
    statement, line = _find(source, place, exact=True)
    start, end = source.start(statement), source.end(statement)
    if getattr(statement, "decorator_list", None):
        raise CannotFix("the statement is decorated")
    if line.alone:
        return Rewrite(start, end, "pass")
    if line.index + 1 < len(line.statements):
        return Rewrite(start, source.start(line.statements[line.index + 1]), "")
    if line.index:
        return Rewrite(source.end(line.statements[line.index - 1]), end, "")
    rest = source.lines[end[0] - 1][end[1] - 1 :]
    if not re.fullmatch(r"[ \t\f]*;?[ \t\f]*(#.*)?", rest):
        raise CannotFix("the statement shares a line with another")
    if end[0] < len(source.lines):
        return Rewrite((start[0], 1), (end[0] + 1, 1), "")
    return Rewrite((start[0], 1), (end[0], end[1] + len(rest)), "")


def insert_after(source: Source, place: Place, text: str) -> Rewrite:
    """Write the statements `text` after the statement that holds `place`, indented as it is."""
    statement, line = _find(source, place, exact=False)
    text, simple = _statements(text)
    end = source.end(statement)
    if line.headed or line.index + 1 < len(line.statements):
        if not simple:
            raise CannotFix("there is no line to insert it on")
        return Rewrite(end, end, f"; {text}")
    if hasattr(statement, "body") or hasattr(statement, "cases"):
        end = _end_of_block(source, end, line.indent)
    last = source.lines[end[0] - 1]
    if last.endswith("\\"):
        raise CannotFix("the line continues after the statement")
    point = (end[0], len(last) + 1)
    return Rewrite(point, point, "\n" + textwrap.indent(text, line.indent))


def move(source: Source, place: Place, after: Place) -> list[Rewrite]:
    """Take the statement at `place` to where the statement of its block that holds `after` ends."""
    if (after.path, after.cell) != (place.path, place.cell):
        raise CannotFix("it would have to move to another file or cell")
    statement, line = _find(source, place, exact=True)
    block = next(block for block in _blocks(source.chain(place)) if statement in block)
    holders = [node for node in source.chain(after) if node in block]
    if not holders or block.index(holders[0]) <= block.index(statement):
        raise CannotFix("the two statements are in different blocks")
    if line.headed or len(line.statements) > 1:
        raise CannotFix("the statement shares a line with another")
    passed = block[block.index(statement) + 1 : block.index(holders[0]) + 1]
    used = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
    read = {node.attr for node in ast.walk(statement) if isinstance(node, ast.Attribute)}
    for node in (node for one in passed for node in ast.walk(one)):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load) and node.id in used:
            raise CannotFix(f"`{node.id}` changes in between")
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load) and node.attr in read:
            raise CannotFix(f"`.{node.attr}` changes in between")
        if isinstance(node, (ast.Return, ast.Raise, ast.Break, ast.Continue)):
            raise CannotFix("the code in between may not terminate")
    start, end = source.start(statement), source.end(statement)
    text = line.indent + source.text(start, (end[0], len(source.lines[end[0] - 1]) + 1))
    target = Place(place.path, *source.start(holders[0]), *source.end(holders[0]), place.cell)
    return [delete(source, place), insert_after(source, target, text)]


def _blocks(chain: list[ast.AST]) -> list[list[ast.stmt]]:
    found = [getattr(node, name, None) for node in chain for name in ("body", "orelse", "finalbody")]
    return [block for block in found if isinstance(block, list)]


def replace(source: Source, place: Place, text: str) -> Rewrite:
    """Write the statements `text` where the statement at `place` stands."""
    statement, line = _find(source, place, exact=True)
    text, simple = _statements(text)
    if getattr(statement, "decorator_list", None):
        raise CannotFix("the statement is decorated")
    if not simple and (line.headed or len(line.statements) > 1):
        raise CannotFix("there is no line to insert it on")
    return Rewrite(source.start(statement), source.end(statement), textwrap.indent(text, line.indent).lstrip(_SPACE))


def _statements(text: str) -> tuple[str, bool]:
    """The text without outer indentation, and whether it is one simple statement on one line."""
    text = textwrap.dedent(text).strip("\n")
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError) as error:
        raise CannotFix(f"`{text}` is not a statement") from error
    if not body:
        raise CannotFix("there is no statement to write")
    return text, len(body) == 1 and "\n" not in text and "#" not in text and not hasattr(body[0], "body")


def _find(source: Source, place: Place, exact: bool) -> tuple[ast.stmt, _Line]:
    chain = source.chain(place)
    for depth in range(len(chain) - 1, 0, -1):
        node = chain[depth]
        if isinstance(node, ast.stmt) and (not exact or source.spans(node, place)):
            return node, _logical_line(source, node, chain[depth - 1])
    raise CannotFix("there is no statement at this place")


def _logical_line(source: Source, statement: ast.stmt, parent: ast.AST) -> _Line:
    blocks = (getattr(parent, name, None) for name in ("body", "orelse", "finalbody"))
    block: list[ast.stmt] = next(block for block in blocks if isinstance(block, list) and statement in block)
    at = first = last = block.index(statement)
    while first and _joined(source, block[first - 1], block[first]):
        first -= 1
    while last + 1 < len(block) and _joined(source, block[last], block[last + 1]):
        last += 1
    line, column = source.start(block[first])
    before = source.lines[line - 1][: column - 1]
    if line > 1 and source.lines[line - 2].endswith("\\"):
        raise CannotFix("the previous line continues into the statement")
    if _is_elif(source, statement):
        raise CannotFix("the statement is an elif branch")
    headed = bool(before.strip(_SPACE))
    alone = len(block) == 1 and not isinstance(parent, ast.Module)
    return _Line(block[first : last + 1], at - first, alone, headed, "" if headed else before)


def _is_elif(source: Source, statement: ast.stmt) -> bool:
    line, column = source.start(statement)
    return isinstance(statement, ast.If) and source.lines[line - 1].startswith("elif", column - 1)


def _joined(source: Source, one: ast.stmt, other: ast.stmt) -> bool:
    """Whether only a semicolon stands between two statements."""
    between = source.text(source.end(one), source.start(other)).replace("\\\n", "")
    return "\n" not in between and "#" not in between


def _end_of_block(source: Source, end: Point, indent: str) -> Point:
    """Past the comments that follow a block and, by their indentation, belong to it."""
    width = len(indent.expandtabs())
    line = end[0]
    while line < len(source.lines):
        text = source.lines[line].expandtabs()
        if text.strip() and not (text.lstrip().startswith("#") and len(text) - len(text.lstrip()) > width):
            break
        line += 1
        if text.strip():
            end = (line, len(source.lines[line - 1]) + 1)
    return end
