"""The syntax around a node."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from biaslint.analysis.project.module import Module


_TRIED: WeakKeyDictionary[Module, set[int]] = WeakKeyDictionary()


def caught(module: Module, node: ast.AST) -> bool:
    """Does it stand in the body of a `try`?"""
    known = _TRIED.get(module)
    if known is None:
        tries = (item for item in ast.walk(module.tree) if isinstance(item, ast.Try))
        known = _TRIED[module] = {id(part) for item in tries for statement in item.body for part in ast.walk(statement)}
    return id(node) in known


_ASKED: WeakKeyDictionary[Module, set[int]] = WeakKeyDictionary()


def asked(module: Module, node: ast.AST) -> bool:
    """Does it stand behind a question about a bias: `if m.bias is not None`?"""
    known = _ASKED.get(module)
    if known is None:
        tests = (item for item in ast.walk(module.tree) if isinstance(item, ast.If) and "bias" in ast.unparse(item.test))
        known = _ASKED[module] = {id(part) for item in tests for statement in item.body for part in ast.walk(statement)}
    return id(node) in known
