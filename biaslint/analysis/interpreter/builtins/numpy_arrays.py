"""NumPy arrays: those that fill weights, and those of known numbers, which are sequences of the kind "array"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain import values
from biaslint.analysis.domain.values import MAX_ITEMS, SequenceValue, Unknown, number
from biaslint.analysis.interpreter.objects import arrays
from biaslint.analysis.project.environment import MISSING
from biaslint.theory import terms
from biaslint.theory.tensor_info import Content

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution


CONSTANTS = {"zeros": 0.0, "zeros_like": 0.0, "ones": 1.0, "ones_like": 1.0}
NORMALS = {"normal", "randn", "standard_normal"}
MAKERS = {*CONSTANTS, *NORMALS, "full", "full_like", "uniform", "rand", "random_sample", "empty", "empty_like"}


def knows(name: str) -> bool:
    return name.startswith("numpy.") and name.rpartition(".")[2] in MAKERS


def make(ex: Execution, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """numpy.zeros(n), numpy.full(n, 0.1), numpy.random.normal(0, 1, n) ..."""
    ex.serial += 1
    return Unknown(terms.Filled(*content(name.rpartition(".")[2], args, kwargs), ex.serial), f"{name}(...)")


def content(short: str, args: list[Value], kwargs: dict[str, Value]) -> Content:
    """The content of the array."""

    def given(place: int, name: str, default: float | None = None) -> float | None:
        return number(kwargs.get(name, args[place] if len(args) > place else default))

    if short in CONSTANTS:
        return ("constant", CONSTANTS[short], None)
    if short in ("full", "full_like"):
        value = given(1, "fill_value")
        return ("unknown", None, None) if value is None else ("constant", value, None)
    if short in NORMALS:
        mean, deviation = (given(0, "loc", 0.0), given(1, "scale", 1.0)) if short == "normal" else (0.0, 1.0)
        return ("unknown", None, None) if mean is None or deviation is None else ("normal", mean, deviation)
    if short in ("uniform", "rand", "random_sample"):
        low, high = (given(0, "low", 0.0), given(1, "high", 1.0)) if short == "uniform" else (0.0, 1.0)
        return ("unknown", None, None) if low is None or high is None else ("uniform", (low + high) / 2, (high - low) / 2)
    return ("unknown", None, None)


def filled(value: Value) -> Content | None:
    """The content of a filled array; None for any other value."""
    if isinstance(value, Unknown) and isinstance(value.key, terms.Filled):
        return value.key.content  # type: ignore[no-any-return]
    return None


# -- known numbers -----------------------------------------------------------------------------------------------------------------

SAME = ("copy", "astype", "squeeze")  # methods that give the same numbers, of an array with one axis
REDUCED = {"sum": sum, "min": min, "max": max, "mean": lambda items: sum(items) / len(items)}


def array(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """numpy.array(numbers). Of numbers that are not known, the array is not, either; tensors are left to others."""
    value = values.argument(args, kwargs, 0, "object")
    if values.tensors_in(value) or values.params_in(value):
        return MISSING
    made = of_numbers(value)
    return made if made is not None else ex.fresh("numpy.array(...)")


def of_numbers(value: Value) -> Value:
    """The numbers as an array, a number as it is; None where some are not known."""
    if isinstance(value, (int, float)):
        return value
    if not isinstance(value, SequenceValue) or value.open or len(value.items) > MAX_ITEMS or value.kind == "set":
        return None
    items = [of_numbers(item) for item in value.items]
    even = len({len(item.items) if isinstance(item, SequenceValue) else -1 for item in items}) < 2
    return SequenceValue(items, "array") if even and None not in items else None


def method(ex: Execution, value: SequenceValue, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """A method of an array."""
    if name == "tolist":
        return as_list(value)
    flat = len(arrays.shape(value)) == 1
    if name in SAME and flat and not (name == "astype" and whole_numbers(args)):
        return SequenceValue(list(value.items), "array")
    if name in REDUCED and flat and value.items and not args and not kwargs:
        return REDUCED[name](value.items)  # type: ignore[operator]
    return ex.fresh(f"{name}(...)")


def whole_numbers(args: list[Value]) -> bool:
    """May a conversion to this type change numbers?"""
    return "float" not in str(getattr(args[0], "name", args[0])) if args else True


def as_list(value: Value) -> Value:
    return SequenceValue([as_list(item) for item in value.items]) if isinstance(value, SequenceValue) else value
