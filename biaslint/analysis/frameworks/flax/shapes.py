"""Functions of jax.numpy and jax.lax that move entries to other places and axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain import values
from biaslint.analysis.domain.values import Args, Kwargs, SequenceValue, Unknown, Value, argument
from biaslint.analysis.frameworks.flax.arguments import array_of, unknown
from biaslint.analysis.tensors import methods as tensor_methods, nodes, ops, reshaping
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution


def do_concat(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    return ops.concat(
        ex, argument(args, kwargs, 0, "arrays", "operands"), argument(args, kwargs, 1, "axis", "dimension", default=0)
    )


def do_hstack(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """Along axis 1, or along axis 0 where there is but one."""
    parts = argument(args, kwargs, 0, "tup")
    ranks = {node.rank for node in values.all_in(parts)}
    return (
        ops.concat(ex, parts, 1)
        if ranks and all(rank is not None and rank > 1 for rank in ranks)
        else unknown(ex, args, kwargs, "hstack")
    )


def do_stack(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    return ops.stack(ex, argument(args, kwargs, 0, "arrays"), argument(args, kwargs, 1, "axis", default=0))


def do_split(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """jnp.split(x, 3, axis=-1), jnp.split(x, [4, 8], axis=-1): sections, or the places to cut at."""
    x = array_of(ex, args, kwargs)
    sections, axis = argument(args, kwargs, 1, "indices_or_sections"), argument(args, kwargs, 2, "axis", default=0)
    if x is None:
        return ex.fresh("split")
    if isinstance(sections, SequenceValue) and not sections.open:
        cuts = list(sections.items)
        edges = [0, *cuts] if all(isinstance(cut, int) and cut >= 0 for cut in cuts) else None
        sizes = [
            None if edges is None or place == len(cuts) else edges[place + 1] - edges[place] for place in range(len(cuts) + 1)
        ]
        cut_at = tuple(map(values.term_of, cuts))
        parts = [ops.part(ex, x, axis, place, size, ("at", place, cut_at)) for place, size in enumerate(sizes)]
        return SequenceValue(list(parts))
    return ops.split(ex, x, sections, axis, True)


def do_reshape(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = array_of(ex, args, kwargs)
    target = argument(args, kwargs, 1, "shape", "newshape", "new_sizes")
    if x is None:
        return ex.fresh("reshape")
    if kwargs.get("order", "C") != "C" or (len(args) > 2 and not isinstance(args[2], int)):
        return ex.opaque(x, name="reshape")
    return reshaped(ex, x, [target])


def reshaped(ex: Execution, x: Node, given: Args) -> Value:
    sizes = tensor_methods.sizes_of(ex, given, {})
    if sizes is None or any(isinstance(item, SequenceValue) for item in sizes):
        return ex.opaque(x, name="reshape")
    if sizes and nodes.is_own_vector(x) and all(values.is_constant(item) and item == 1 for item in sizes[:-1]):
        return nodes.row(ex, x, None, "reshape")  # `(1,) * (y.ndim - 1) + (-1,)`, of which nobody knows how many
    return reshaping.reshape(ex, x, [item if isinstance(item, (int, Unknown)) else ex.fresh() for item in sizes])


def do_ravel(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = array_of(ex, args, kwargs)
    return reshaping.flatten(ex, x, 0, -1) if x is not None else ex.fresh("ravel")


def do_transpose(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = array_of(ex, args, kwargs)
    order = argument(args, kwargs, 1, "axes", "permutation")
    return transposed(ex, x, order) if x is not None else ex.fresh("transpose")


def transposed(ex: Execution, x: Node, order: Value) -> Value:
    if order is None:
        return reshaping.permute(ex, x, list(range(x.rank))[::-1]) if x.rank else ex.opaque(x, name="transpose")
    axes = nodes.axes_of(order)
    return reshaping.permute(ex, x, axes) if axes is not None and len(axes) > 1 else ex.opaque(x, name="transpose")


def do_swapaxes(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = array_of(ex, args, kwargs)
    one, two_ = argument(args, kwargs, 1, "axis1"), argument(args, kwargs, 2, "axis2")
    if x is None:
        return ex.fresh("swapaxes")
    known = isinstance(one, int) and isinstance(two_, int) and (x.rank is not None or (one < 0 and two_ < 0))
    return reshaping.transpose(ex, x, one, two_) if known else ex.opaque(x, name="swapaxes")


def do_moveaxis(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = array_of(ex, args, kwargs)
    return ex.fresh("moveaxis") if x is None else tensor_methods.do_movedim(ex, x, args[1:], kwargs)


def do_expand(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = array_of(ex, args, kwargs)
    axes = nodes.axes_of(argument(args, kwargs, 1, "axis", "dimensions"))
    if x is None or axes is None:
        return ex.opaque(*args, name="expand_dims")
    if len(axes) == 1:
        return reshaping.unsqueeze(ex, x, axes[0])
    if x.rank is None:
        return ex.opaque(x, name="expand_dims")
    total = x.rank + len(axes)
    for axis in sorted(axis % total for axis in axes):
        x = reshaping.unsqueeze(ex, x, axis)
    return x


def do_squeeze(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = array_of(ex, args, kwargs)
    return ex.fresh("squeeze") if x is None else squeezed(ex, x, argument(args, kwargs, 1, "axis", "dimensions"))


def squeezed(ex: Execution, x: Node, axis: Value) -> Value:
    if x.rank is None or (axis is None and not all(isinstance(dim, int) for dim in x.dims or ())):
        return ex.opaque(x, name="squeeze")
    return reshaping.squeeze(ex, x, axis)


def do_tile(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = array_of(ex, args, kwargs)
    counts = argument(args, kwargs, 1, "reps")
    if x is None or not isinstance(counts, SequenceValue) or counts.open or x.rank is None or len(counts.items) < x.rank:
        return unknown(ex, args, kwargs, "tile")
    return reshaping.expand(ex, x, counts.items, "repeat")


def do_repeat(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """jnp.repeat(x, n, axis): each entry several times, one after the other."""
    x, axis = array_of(ex, args, kwargs), argument(args, kwargs, 2, "axis")
    return reshaping.repeated(ex, x, axis) if x is not None else unknown(ex, args, kwargs, "repeat")


def do_broadcast(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x, target = array_of(ex, args, kwargs), argument(args, kwargs, 1, "shape")
    if x is None or not isinstance(target, SequenceValue) or target.open:
        return unknown(ex, args, kwargs, "broadcast_to")
    return reshaping.expand(ex, x, target.items, "expand")


def do_roll(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x, axis = array_of(ex, args, kwargs), argument(args, kwargs, 2, "axis")
    if x is None or nodes.axes_of(axis) is None:
        return unknown(ex, args, kwargs, "roll")
    return nodes.keep(ex, x, "roll")


def do_pad(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode)"""
    x = array_of(ex, args, kwargs)
    widths = argument(args, kwargs, 1, "pad_width")
    mode = argument(args, kwargs, 2, "mode", default="constant")
    if x is None or not isinstance(widths, SequenceValue) or widths.open:
        return unknown(ex, args, kwargs, "pad")
    if not all(isinstance(pair, SequenceValue) for pair in widths.items) or len(widths.items) == 1 or mode not in MODES:
        return unknown(ex, args, kwargs, "pad")
    if x.dims is None:
        ex.flow.learn_rank(x, len(widths.items))
    axes = [
        axis for axis, pair in enumerate(widths.items) if not all(values.is_constant(one) and one == 0 for one in pair.items)
    ]
    dims = None if x.dims is None else tuple(ex.fresh().key if axis in axes else dim for axis, dim in enumerate(x.dims))
    zeros = mode == "constant"
    return nodes.make(ex, "smooth", [x], dims, "pad", mixes=(), padded=tuple(axes) if zeros else ())


MODES = ("constant", "edge", "reflect", "symmetric", "wrap")


def do_take(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """jnp.take(x, indices, axis): some positions along an axis."""
    x, axis = array_of(ex, args, kwargs), argument(args, kwargs, 2, "axis")
    indices = argument(args, kwargs, 1, "indices")
    many = isinstance(indices, SequenceValue) or (isinstance(indices, Node) and indices.rank == 1)
    if x is None or not isinstance(axis, int) or not many:
        return unknown(ex, args, kwargs, "take")
    return ops.picked(ex, x, axis, indices, None)


def do_sort(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """jnp.sort(x, axis): what is the same all along the axis stays."""
    x, axis = array_of(ex, args, kwargs), argument(args, kwargs, 1, "axis", "dimension", default=-1)
    if x is None or not isinstance(axis, int) or x.rank is None or not -x.rank <= axis < x.rank:
        return unknown(ex, args, kwargs, "sort")
    return nodes.make(ex, "window", [x], x.dims, "sort", mixes=(axis % x.rank,))


def do_slice(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """lax.dynamic_slice and its like: a part, with the axes where they are."""
    x = array_of(ex, args, kwargs)
    if x is None:
        return unknown(ex, args, kwargs, "slice")
    part = ex.opaque(*args, *kwargs.values(), name="slice")
    part.dims = nodes.fresh_dims(ex, x.rank) if x.rank is not None else None
    return part
