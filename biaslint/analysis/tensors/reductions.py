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
    return SequenceValue([values, positions(ex, x, axis, "argmax")], "tuple")


def positions(ex: Execution, x: Node, axis: Value, name: str) -> Node:
    """Where along an axis the entries stand in order: a shift that is the same along it changes nothing."""
    if not isinstance(axis, int):
        return ex.opaque(x, name=name)
    return nodes.make(ex, "window", [x], None, name, mixes=(axis,), positions=True)


def chosen(name: str, dim: int, keepdim: int | None = None, default: Value = -1, pair: bool = True) -> Handler:
    """x.sort(dim), x.topk(k, dim), x.median(dim, keepdim): entries chosen along an axis by their order, and where they stood.

    `dim` and `keepdim` are the places of these arguments; without the second, the axis stays. `pair`: the positions come with them.
    """

    def work(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
        axis = argument(args, kwargs, dim, "dim", default=default)
        if (
            not isinstance(axis, int)
            or not x.dims
            or (name in QUANTILES and not isinstance(argument(args, kwargs, 0, "q"), float))
        ):
            found = ex.opaque(x, *args, name=name)
            where = ex.opaque(x, *args, name="argmax")
            return SequenceValue([found, where], "tuple") if pair and axis is not None else found
        if keepdim is None:
            place = axis % len(x.dims)
            dims = tuple(ex.fresh().key if index == place else size for index, size in enumerate(x.dims))
            result = nodes.make(ex, "window", [x], dims if name == "topk" else x.dims, name, mixes=(place,))
        else:
            result = ops.reduce(ex, x, axis, argument(args, kwargs, keepdim, "keepdim", default=False), name, False)
        return SequenceValue([result, positions(ex, x, axis, name)], "tuple") if pair else result

    return work


QUANTILES = {"quantile", "nanquantile"}


def do_positions(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    return positions(ex, x, argument(args, kwargs, 0, "dim"), "argmax")


def do_diff(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    """torch.diff(x, n, dim): differences of neighbours, in which a shift that is the same along the axis is gone."""
    axis = argument(args, kwargs, 1, "dim", default=-1)
    if not isinstance(axis, int) or not x.dims or {"prepend", "append"} & kwargs.keys() or len(args) > 2:
        return ex.opaque(x, *args, *kwargs.values(), name="diff")
    place = axis % len(x.dims)
    dims = tuple(ex.fresh().key if index == place else size for index, size in enumerate(x.dims))
    return nodes.make(ex, "norm", [x], dims, "diff", style="difference", means=(place,), layer=None)


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
    "sort": chosen("sort", 0),
    "topk": chosen("topk", 1),
    "kthvalue": chosen("kthvalue", 1, 2),
    "median": chosen("median", 0, 1, default=None),
    "nanmedian": chosen("nanmedian", 0, 1, default=None),
    "quantile": chosen("quantile", 1, 2, default=None, pair=False),
    "nanquantile": chosen("nanquantile", 1, 2, default=None, pair=False),
    "cummax": chosen("cummax", 0, default=None),
    "cummin": chosen("cummin", 0, default=None),
    "logsumexp": chosen("logsumexp", 0, 1, default=None, pair=False),
    "argmax": do_positions,
    "argmin": do_positions,
    "diff": do_diff,
    "var": spreading("var"),
    "std": spreading("std"),
    "var_mean": spreading("var_mean", with_mean=True),
    "std_mean": spreading("std_mean", with_mean=True),
}
