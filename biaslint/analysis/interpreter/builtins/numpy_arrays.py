"""NumPy arrays that fill weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain.values import Unknown, number
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
