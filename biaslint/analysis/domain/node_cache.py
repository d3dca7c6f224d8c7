"""What is remembered of syntax trees. A table holds on to the trees that it speaks of: whoever lets go of trees clears them all."""

from __future__ import annotations

import ast
from typing import Any

_TABLES: list[dict[ast.AST, Any]] = []


def per_node_cache() -> dict[ast.AST, Any]:
    """A new table, from a node to what was worked out of it."""
    _TABLES.append({})
    return _TABLES[-1]


def forget(beyond: int = 0) -> None:
    """Empty the tables that hold more entries than this."""
    for one in _TABLES:
        if len(one) > beyond:
            one.clear()
