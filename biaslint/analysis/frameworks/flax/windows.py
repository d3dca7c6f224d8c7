"""Convolutions, pools and resizing as functions of JAX and Flax."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain.values import Args, External, Kwargs, SequenceValue, Value, argument
from biaslint.analysis.frameworks.common import construction
from biaslint.analysis.frameworks.flax.arguments import Handler, array_of, unknown
from biaslint.analysis.tensors import nodes, ops

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution


def pool(maximum: bool) -> Handler:
    """nn.max_pool(x, window_shape, strides, padding), nn.avg_pool(..., count_include_pad=True): over the axes before the channels."""

    def work(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
        x = array_of(ex, args, kwargs)
        shape = argument(args, kwargs, 1, "window_shape")
        if x is None or not isinstance(shape, SequenceValue) or shape.open:
            return unknown(ex, args, kwargs, "pool")
        spatial = len(shape.items)
        if x.rank is not None and x.rank not in (spatial + 1, spatial + 2):
            return unknown(ex, args, kwargs, "pool")
        if x.dims is None:
            ex.flow.learn_rank(x, spatial + 2)
        assert x.dims is not None
        rank = len(x.dims)
        axes = tuple(range(rank - 1 - spatial, rank - 1))
        dims = tuple(ex.fresh().key if axis in axes else dim for axis, dim in enumerate(x.dims))
        if maximum:
            return nodes.make(ex, "window", [x], dims, "max_pool", mixes=axes)
        padding = argument(args, kwargs, 3, "padding", default="VALID")
        counted = argument(args, kwargs, 4, "count_include_pad", default=True)
        padded = counted is not False and ops.pads(padding.lower() if isinstance(padding, str) else padding, shape)
        return nodes.make(ex, "smooth", [x], dims, "avg_pool", mixes=axes, padded=axes if padded else ())

    return work


def do_reduce_window(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """lax.reduce_window(x, -jnp.inf, lax.max, window, strides, padding): a maximum over the axes that the window is longer than one on."""
    x, work = array_of(ex, args, kwargs), argument(args, kwargs, 2, "computation")
    shape = argument(args, kwargs, 3, "window_dimensions")
    name = work.name.rpartition(".")[2] if isinstance(work, External) else ""
    if x is None or name not in ("max", "min") or not isinstance(shape, SequenceValue) or shape.open:
        return unknown(ex, args, kwargs, "reduce_window")
    if x.dims is None:
        ex.flow.learn_rank(x, len(shape.items))
    if x.dims is None or len(shape.items) != len(x.dims):
        return unknown(ex, args, kwargs, "reduce_window")
    axes = tuple(axis for axis, size in enumerate(shape.items) if not ops.is_one(size))
    dims = tuple(ex.fresh().key if axis in axes else dim for axis, dim in enumerate(x.dims))
    return nodes.make(ex, "window", [x], dims, "reduce_window", mixes=axes)


def do_resize(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """jax.image.resize(x, shape, method): weighted means over all axes that change their size; which those are, is not always known."""
    x, shape = array_of(ex, args, kwargs), argument(args, kwargs, 1, "shape")
    if x is None or not isinstance(shape, SequenceValue) or shape.open:
        return unknown(ex, args, kwargs, "resize")
    if x.dims is None:
        ex.flow.learn_rank(x, len(shape.items))
    target = tuple(nodes.dim_of(ex, size) for size in shape.items)
    if x.dims is None or len(target) != len(x.dims):
        return unknown(ex, args, kwargs, "resize")
    changed = tuple(axis for axis, (one, other) in enumerate(zip(x.dims, target, strict=True)) if one != other)
    return nodes.make(ex, "smooth", [x], target, "resize", mixes=changed, padded=())


def do_conv(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """lax.conv_general_dilated(x, w, strides, padding, ..., dimension_numbers=("NHWC", "HWIO", "NHWC"))"""
    x, weight = construction.tensor(ex, argument(args, kwargs, 0, "lhs")), nodes.tensor(ex, argument(args, kwargs, 1, "rhs"))
    numbers = kwargs.get("dimension_numbers", args[6] if len(args) > 6 else None)
    layout = numbers.items if isinstance(numbers, SequenceValue) and all(isinstance(one, str) for one in numbers.items) else []
    plain = (
        len(layout) == 3
        and layout[0] == layout[2]
        and layout[0].startswith("N")
        and (layout[0].endswith("C") or layout[0][1] == "C")
    )
    if x is None or not plain or (weight is not None and weight.op != "const"):
        return unknown(ex, args, kwargs, "conv_general_dilated")
    last, spatial = layout[0].endswith("C"), len(layout[0]) - 2
    padding = argument(args, kwargs, 3, "padding", default="VALID")
    known = weight.dims if weight is not None and weight.dims is not None and len(weight.dims) == spatial + 2 else None
    out: Any = known[layout[1].index("O")] if known is not None else ex.fresh().key
    kernel: Value = ex.fresh("kernel")
    if known is not None:
        kernel = SequenceValue(
            [nodes.value_of(known[at]) for at, letter in enumerate(layout[1]) if letter not in "IO"], "tuple"
        )
    node = ops.conv(
        ex,
        x,
        spatial,
        out,
        padding=padding.lower() if isinstance(padding, str) else padding,
        kernel=kernel,
        transposed="lhs_dilation" in kwargs,
        channels_last=last,
        name="conv_general_dilated",
        weight=weight,
    )
    made = weight if weight is not None else nodes.const(ex, None, "a weight")
    node.info["raw"] = ("jax.lax.conv_general_dilated", "conv", -1 if last else 1, made)
    return node
