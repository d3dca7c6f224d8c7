"""The arguments of functions on arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from biaslint.analysis.domain.values import Args, Kwargs, Value
from biaslint.analysis.frameworks.common import construction
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution

Handler = Callable[["Execution", Args, Kwargs], Value]
ARRAYS = {"a", "x", "arr", "array", "operand", "ary", "m", "object", "x1", "inputs", "logits"}


def array_of(ex: Execution, args: Args, kwargs: Kwargs) -> Node | None:
    """The array that a function works on; what nobody knows is taken for an input."""
    value = args[0] if args else next((kwargs[name] for name in kwargs if name in ARRAYS), None)
    return construction.tensor(ex, value)


def unknown(ex: Execution, args: Args, kwargs: Kwargs, name: str) -> Node:
    return ex.opaque(*args, *kwargs.values(), name=name)
