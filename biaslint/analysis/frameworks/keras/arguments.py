"""The arguments of functions on tensors, which Keras and TensorFlow call by many names."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from biaslint.analysis.domain import values
from biaslint.analysis.domain.values import (
    Args,
    Kwargs,
    SequenceValue,
    Value,
)

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution

Handler = Callable[["Execution", Args, Kwargs], Value]


def first(args: Args, kwargs: Kwargs, *names: str) -> Value:
    """The tensor that a function works on."""
    if args:
        return args[0]
    for name in (
        *names,
        "x",
        "input",
        "inputs",
        "tensor",
        "value",
        "values",
        "features",
        "input_tensor",
        "logits",
        "a",
        "data",
        "images",
    ):
        if name in kwargs:
            return kwargs[name]
    return next(iter(kwargs.values()), None)


def truly_unknown(ex: Execution, args: Args, kwargs: Kwargs, name: str) -> Value:
    """The result of an unknown function of the given tensors."""
    given = [*args, *kwargs.values()]
    return ex.opaque(*given, name=name) if values.tensors_in(SequenceValue(given)) else ex.fresh(name)
