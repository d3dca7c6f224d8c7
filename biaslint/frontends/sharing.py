"""Facts that are equal, kept once: processes send each execution's places and settings anew, and a library has very many of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from biaslint.graph import LayerUse

PLAIN = ("place", "chain", "statement", "fate", "readers", "sources", "root", "owner", "name", "type")
NUMBERS = ("bias", "weight_writes", "config", "texts", "settings")  # 1, 1.0 and True are equal, and not the same


def share(uses: Iterable[LayerUse], known: dict[Any, Any]) -> None:
    """Let the uses refer to what is in `known` where it is the same as what they hold, and enter there what is new."""
    for use in uses:
        for name in PLAIN:
            value = getattr(use, name)
            setattr(use, name, known.setdefault((name, value), value))
        for name in NUMBERS:
            value = getattr(use, name)
            setattr(use, name, known.setdefault((name, repr(value)), value))
