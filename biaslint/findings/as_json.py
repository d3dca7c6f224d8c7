"""Facts as JSON and back: findings, layers, places. Reading them back executes nothing.

Numbers, strings and None stand for themselves. All else is a list that begins with what it is: `["t", ...]` is a tuple,
`["Place", path, line, ...]` a `Place` with its fields in order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import Enum
from operator import attrgetter
from typing import Any

from biaslint.findings import finding
from biaslint.theory import program

TYPES: dict[str, Any] = {
    kind.__name__: kind
    for module in (finding, program)
    for kind in vars(module).values()
    if isinstance(kind, type) and (is_dataclass(kind) or issubclass(kind, Enum))
}
_GETTERS: dict[Any, Callable[[Any], tuple[Any, ...]]] = {
    kind: attrgetter(*(one.name for one in fields(kind))) for kind in TYPES.values() if is_dataclass(kind)
}
_PLAIN = frozenset((str, int, float, bool, type(None)))


def encode(value: Any) -> Any:
    """A fact as something that `json` writes. Raises TypeError where it cannot be read back."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is tuple:
        return ["t", *map(encode, value)]
    if kind is list:
        return ["l", *map(encode, value)]
    if kind is dict:
        return ["d", *(encode(part) for item in value.items() for part in item)]
    if isinstance(value, Enum):
        return [kind.__name__, value.name]
    if isinstance(value, str):  # a text with something besides that only the analysis knows
        return str(value)
    if kind in _GETTERS:
        return [kind.__name__, *map(encode, _GETTERS[kind](value))]
    raise TypeError(f"{kind.__name__} is no fact")


def decode(value: Any, same: dict[Any, Any] | None = None) -> Any:
    """What `encode` has encoded. Raises ValueError, KeyError, IndexError or TypeError on anything else.

    With `same`, places and words that are equal become the same, in this call and in others with it.
    """
    if type(value) is str and same is not None:
        return same.setdefault(value, value)
    if type(value) is not list:
        return value
    kind = value[0]
    parts = [decode(part, same) if type(part) in (list, str) else part for part in value[1:]]
    if kind == "t":
        return tuple(parts)
    if kind == "l":
        return parts
    if kind == "d":
        return dict(zip(parts[::2], parts[1::2], strict=True))
    made = TYPES[kind]
    if issubclass(made, Enum):
        return made[parts[0]]
    whole = made(*parts)
    return same.setdefault(whole, whole) if same is not None and kind == "Place" else whole
