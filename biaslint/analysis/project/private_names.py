"""Private names: within a class `Net`, Python reads `__norm` as `_Net__norm`."""

from __future__ import annotations

import ast
import re

SPELLED_OUT = re.compile(r"\b_[A-Za-z0-9]\w*?(__(?!\w*__\b)\w+)")
PRIVATE = re.compile(r"\b__(?!\w*__\b)\w+")


def spell_out(tree: ast.Module, text: str) -> None:
    """Give the private names of a file the spelling that Python gives them. A second time, this changes nothing."""
    if PRIVATE.search(text) is None:
        return
    waiting: list[tuple[ast.AST, str]] = [(tree, "")]
    while waiting:
        node, owner = waiting.pop()
        if owner:
            _spell_out(node, owner)
        if isinstance(node, ast.ClassDef):
            outside = [*node.bases, *node.keywords, *node.decorator_list]
            waiting += [(one, owner) for one in outside]
            waiting += [(one, node.name.lstrip("_")) for one in node.body]
        else:
            waiting += [(one, owner) for one in ast.iter_child_nodes(node)]


def _spell_out(node: ast.AST, owner: str) -> None:
    if isinstance(node, ast.Attribute):
        node.attr = spelled(node.attr, owner)
    elif isinstance(node, ast.Name):
        node.id = spelled(node.id, owner)
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        node.name = spelled(node.name, owner)
    elif isinstance(node, ast.arg):
        node.arg = spelled(node.arg, owner)
    elif isinstance(node, ast.keyword):
        node.arg = spelled(node.arg, owner) if node.arg is not None else None
    elif isinstance(node, (ast.Global, ast.Nonlocal)):
        node.names = [spelled(name, owner) for name in node.names]


def spelled(name: str, owner: str) -> str:
    """A name as Python spells it within the class `owner`, which stands without its leading underscores."""
    return f"_{owner}{name}" if owner and PRIVATE.fullmatch(name) else name


def as_written(text: str) -> str:
    """A piece of source with its private names as their classes have them."""
    return SPELLED_OUT.sub(r"\1", text) if "__" in text else text
