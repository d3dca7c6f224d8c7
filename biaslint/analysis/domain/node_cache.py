"""Caches per syntax node. They keep the nodes alive, so evicting trees clears all of them."""

from __future__ import annotations

import ast
from typing import Any

_TABLES: list[dict[ast.AST, Any]] = []


def per_node_cache() -> dict[ast.AST, Any]:
    """A new cache by node."""
    _TABLES.append({})
    return _TABLES[-1]


def forget(beyond: int = 0) -> None:
    """Empty the tables that hold more entries than this."""
    for one in _TABLES:
        if len(one) > beyond:
            one.clear()
