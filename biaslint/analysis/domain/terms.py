"""Terms: the symbolic expressions that stand for values which are not known."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain import values
from biaslint.analysis.domain.values import External, SequenceValue, Unknown

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value


TRUE, FALSE = ("bool", True), ("bool", False)  # the keys of the constants
NEGATED = {"is not": "is", "!=": "==", "not in": "in"}


def contrary(default: Any) -> Any:
    """The default of a condition's opposite; None where there is none."""
    return None if default is None else not default


def product(dims: Sequence[Any]) -> tuple[int, tuple[Any, ...]]:
    """A product of numbers and keys: its integer factor and its unknown factors, sorted."""
    number, keys = 1, []
    todo: list[Any] = list(dims)
    while todo:
        dim = todo.pop()
        if isinstance(dim, int):
            number *= dim
        elif isinstance(dim, tuple) and len(dim) == 4 and dim[:2] == ("op", "*"):
            todo.extend(dim[2:])
        else:
            keys.append(dim)
    if len(keys) > 1:
        keys.sort(key=rank)
    return number, tuple(keys)


def rank(key: Any) -> str:
    """Where a key comes in a sum or product, the same wherever that is put together. Of an object, only who it is counts."""
    if isinstance(key, tuple):
        return f"({','.join(map(rank, key))})"
    return repr(key) if isinstance(key, (str, int, float, type(None))) else f"{type(key).__name__} {id(key)}"


def multiply(dims: Sequence[Any]) -> Any:
    """The product of numbers and keys, the same one however it was put together."""
    number, keys = product(dims)
    if not keys:
        return number
    result: Any = None
    for part in keys if number == 1 else (number, *keys):
        result = part if result is None else ("op", "*", result, part)
    return result


def plain_items(key: Any) -> bool:
    """Is it the key of a list of strings, numbers and None?"""
    return (
        isinstance(key, tuple)
        and key[:1] in (("list",), ("tuple",), ("set",))
        and not any(isinstance(one, tuple) for one in key)
    )


def is_comparison(key: Any, op: str) -> bool:
    return isinstance(key, tuple) and len(key) == 4 and key[0] == "cmp" and key[1] == op


COMPARE = {
    "==": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
ARITHMETIC = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "/": lambda a, b: a / b,
}


def key_of(value: Value) -> Any:
    """A key under which equal values are equal."""
    if isinstance(value, Unknown):
        return value.key
    if values.is_constant(value):
        return (type(value).__name__, value) if isinstance(value, (bool, float)) else value
    if isinstance(value, SequenceValue) and not values.vast(value):
        return (value.kind, *(key_of(item) for item in value.items))
    if isinstance(value, External):
        return ("external", value.name)
    return ("object", value)


def larger(key: Any, size: int) -> bool:
    """Has a key more than so many parts?"""
    todo = [key]
    for _ in range(size):
        if not todo:
            return False
        part = todo.pop()
        while isinstance(part, tuple):
            todo.extend(part)
            part = todo.pop() if todo else None
    return bool(todo)


def hashable(value: Value) -> Any:
    """An abstract value as a dict key."""
    if isinstance(value, SequenceValue) and not values.vast(value):
        return ("tuple", *(hashable(item) for item in value.items))
    return value


def evaluate(key: Any, leaves: dict[Any, float], grow: bool) -> float | None:
    """A symbolic number with every unknown in it set to a number that divides well."""
    if isinstance(key, bool):
        return None
    if isinstance(key, (int, float)):
        return float(key)
    if isinstance(key, tuple) and key:
        if key[0] == "op" and len(key) == 4 and key[1] in ARITHMETIC:
            one, two = evaluate(key[2], leaves, grow), evaluate(key[3], leaves, grow)
            if one is None or two is None:
                return None
            try:
                return float(ARITHMETIC[key[1]](one, two))
            except ArithmeticError:
                return None
        if key[0] == "float":
            return float(key[1])
    if key in leaves:
        return leaves[key]
    if grow:
        leaves[key] = 720720.0 * (1 + len(leaves))
        return leaves[key]
    return None


def has_logarithm(key: Any) -> bool:
    if isinstance(key, tuple):
        return any(has_logarithm(part) for part in key)
    return isinstance(key, str) and ("log" in key or "prior" in key)


SIZE = re.compile(
    r"feature|channel|unit|hidden|width|dim|fan|size|input|output|neuron|^(n|num|in|out|nin|nout|d|h|c)(_|$)", re.IGNORECASE
)
POWERS: dict[str, Callable[[float, float], float]] = {**ARITHMETIC, "**": lambda one, two: one**two}


def at_scale(key: Any, size: float) -> float | None:
    """A symbolic number where every size is `size` and every other unknown is 1; None where it is not arithmetic."""
    if isinstance(key, (int, float)) and not isinstance(key, bool):
        return float(key)
    if not isinstance(key, tuple) or not key:
        return None
    if key[0] == "float":
        return float(key[1])
    if key[0] == "op" and len(key) == 4 and key[1] in POWERS:
        parts = [at_scale(part, size) for part in key[2:]]
        operation = POWERS[key[1]]
    elif key[0] == "math" and len(key) == 3 and key[1] == "sqrt":
        parts = [at_scale(key[2], size), 0.5]
        operation = POWERS["**"]
    elif key[0] in ("param", "attr", "size") and isinstance(key[-1], str):
        return size if SIZE.search(key[-1]) or key[0] == "size" else 1.0
    else:
        return None
    one, two = parts
    try:
        result = operation(one, two) if one is not None and two is not None else None
    except ArithmeticError:
        return None
    return result if isinstance(result, float) else None
