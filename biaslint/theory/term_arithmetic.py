"""Arithmetic on terms: products in one form, and numbers for what is not known."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from biaslint.theory.terms import Attribute, FloatConstant, Math, Operation, Parameter, Size


def product(dims: Sequence[Any]) -> tuple[int, tuple[Any, ...]]:
    """A product of numbers and keys: its integer factor and its unknown factors, sorted."""
    number, keys = 1, []
    todo: list[Any] = list(dims)
    while todo:
        dim = todo.pop()
        if isinstance(dim, int):
            number *= dim
        elif isinstance(dim, Operation) and dim.symbol == "*":
            todo.extend((dim.left, dim.right))
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
        result = part if result is None else Operation("*", result, part)
    return result


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


def evaluate(key: Any, leaves: dict[Any, float], grow: bool) -> float | None:
    """A symbolic number with every unknown in it set to a number that divides well."""
    if isinstance(key, bool):
        return None
    if isinstance(key, (int, float)):
        return float(key)
    if isinstance(key, Operation) and key.symbol in ARITHMETIC:
        one, two = evaluate(key.left, leaves, grow), evaluate(key.right, leaves, grow)
        if one is None or two is None:
            return None
        try:
            return float(ARITHMETIC[key.symbol](one, two))
        except ArithmeticError:
            return None
    if isinstance(key, FloatConstant):
        return float(key.value)
    if key in leaves:
        return leaves[key]
    if grow:
        leaves[key] = 720720.0 * (1 + len(leaves))
        return leaves[key]
    return None


def has_logarithm(key: Any) -> bool:
    """Does a logarithm or a prior go into a term, by the names in it?"""
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
    if isinstance(key, FloatConstant):
        return float(key.value)
    if isinstance(key, Operation) and key.symbol in POWERS:
        parts = [at_scale(key.left, size), at_scale(key.right, size)]
        operation = POWERS[key.symbol]
    elif isinstance(key, Math) and key.function == "sqrt":
        parts = [at_scale(key.argument, size), 0.5]
        operation = POWERS["**"]
    elif isinstance(key, (Parameter, Attribute, Size)) and isinstance(key.name, str):
        return size if SIZE.search(key.name) or isinstance(key, Size) else 1.0
    else:
        return None
    one, two = parts
    try:
        result = operation(one, two) if one is not None and two is not None else None
    except ArithmeticError:
        return None
    return result if isinstance(result, float) else None
