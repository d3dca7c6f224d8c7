"""Reusing syntax trees of statements that an edit only moved."""

from __future__ import annotations

import ast
import re
from typing import Any

Definition = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_NODES = "nodes_with_lines"


# -- trees of edited texts -----------------------------------------------------------------------------------------------------------


def reparsed(old: str, tree: ast.Module, new: str) -> ast.Module | None:
    """The tree of the new text, with the old statements where the text is the same; None where it must be parsed whole.

    The old tree is used up: statements behind the edit are moved in place.
    """
    before, after = _LINE.findall(old), _LINE.findall(new)
    limit = min(len(before), len(after))
    head = 0
    while head < limit and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < limit - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    starts = [_first_line(statement) for statement in tree.body]
    ends = [statement.end_lineno or statement.lineno for statement in tree.body]
    first, last = 0, len(tree.body)
    while first < last and ends[first] <= head and (first + 1 == last or ends[first] < starts[first + 1]):
        first += 1
    while last > first and starts[last - 1] > len(before) - tail and (last == 1 or ends[last - 2] < starts[last - 1]):
        last -= 1
    begin = ends[first - 1] if first else 0
    stop = starts[last] - 1 if last < len(tree.body) else len(before)
    moved = len(after) - len(before)
    if begin > stop:
        return None
    try:
        middle = ast.parse("".join(after[begin : stop + moved]))
    except (SyntaxError, ValueError):
        return None
    if begin:
        for statement in middle.body:
            ast.increment_lineno(statement, begin)
    if moved:
        for statement in tree.body[last:]:
            _move(statement, moved)
    return ast.Module(body=[*tree.body[:first], *middle.body, *tree.body[last:]], type_ignores=[])


def _move(statement: ast.stmt, by: int) -> None:
    """Move a statement in place; its nodes are gathered once."""
    nodes: list[Any] | None = getattr(statement, _NODES, None)
    if nodes is None:
        nodes = [node for node in ast.walk(statement) if hasattr(node, "lineno")]
        setattr(statement, _NODES, nodes)
    for node in nodes:
        node.lineno += by
        if node.end_lineno is not None:
            node.end_lineno += by


def _first_line(statement: ast.stmt) -> int:
    """Decorators stand before what they decorate, and count."""
    if isinstance(statement, Definition):
        return min([statement.lineno, *(decorator.lineno for decorator in statement.decorator_list)])
    return statement.lineno
