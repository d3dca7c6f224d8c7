"""Functions and methods that reduce a tensor over some of its axes: means, sums, maxima, variances."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from biaslint.analysis.domain.values import Kwargs, SequenceValue, Value, argument
from biaslint.analysis.tensors import handwritten_norms, nodes, ops
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution


Handler = Callable[["Execution", Node, list[Value], Kwargs], Value]


def averaging(name: str) -> Handler:
    """x.mean(dim, keepdim), x.sum(dim, keepdim)"""

    def work(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
        axis, kept = argument(args, kwargs, 0, "dim", "axis"), argument(args, kwargs, 1, "keepdim", "keepdims")
        return ops.reduce(ex, x, axis, kept, name, True)

    return work


def do_extreme(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    axis = argument(args, kwargs, 0, "dim", "axis")
    if axis is None or isinstance(axis, Node):
        return ex.opaque(x, *args, name="max")
    values = ops.reduce(ex, x, axis, argument(args, kwargs, 1, "keepdim"), "max", False)
    return SequenceValue([values, ex.opaque(x, name="argmax")], "tuple")


def do_amax(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    return ops.reduce(ex, x, argument(args, kwargs, 0, "dim"), argument(args, kwargs, 1, "keepdim"), "max", False)


def spreading(name: str, with_mean: bool = False) -> Handler:
    """x.var(dim, keepdim=True), torch.std_mean(x, dim): a spread never sees a shift that is the same along its axes."""

    def work(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
        axis = argument(args, kwargs, 0, "dim", "axis")
        kept = argument(args, kwargs, 2, "keepdim", "keepdims")  # after `unbiased`
        axes = nodes.axes_of(axis)
        if axis is None and x.rank is not None:
            axes = list(range(x.rank))
        result = handwritten_norms.spread(ex, x, tuple(axes) if axes is not None else None, name)
        if axes is not None and x.dims:
            gone = {index % len(x.dims) for index in axes}
            result.dims = tuple(
                1 if index in gone else dim for index, dim in enumerate(x.dims) if kept is True or index not in gone
            )
        return SequenceValue([result, ops.reduce(ex, x, axis, kept, "mean", True)], "tuple") if with_mean else result

    return work


HANDLERS: dict[str, Handler] = {
    "mean": averaging("mean"),
    "sum": averaging("sum"),
    "max": do_extreme,
    "min": do_extreme,
    "amax": do_amax,
    "amin": do_amax,
    "var": spreading("var"),
    "std": spreading("std"),
    "var_mean": spreading("var_mean", with_mean=True),
    "std_mean": spreading("std_mean", with_mean=True),
}
