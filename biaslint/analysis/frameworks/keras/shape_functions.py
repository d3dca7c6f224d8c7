"""Functions that join, split, reorder and repeat tensors, or tell their shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain.values import (
    Args,
    Kwargs,
    SequenceValue,
    Unknown,
    Value,
    argument,
)
from biaslint.analysis.frameworks.common import construction
from biaslint.analysis.frameworks.keras.arguments import first, truly_unknown
from biaslint.analysis.tensors import (
    indexing,
    methods as tensor_methods,
    nodes,
    ops,
    reshaping,
)
from biaslint.theory import terms
from biaslint.theory.dataflow import Dim, Node

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution


def do_concat(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    values, axis = (
        argument(args, kwargs, 0, "values", "xs", "tensors", "concat_dim"),
        argument(args, kwargs, 1, "axis", default=-1),
    )
    if isinstance(values, int) and not isinstance(axis, int):
        values, axis = axis, values  # TensorFlow 0.x: concat(axis, values)
    return ops.concat(ex, values, axis)


def do_stack(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    return ops.stack(
        ex,
        argument(args, kwargs, 0, "values", "x"),
        argument(args, kwargs, 1, "axis", default=0),
    )


def do_split(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    value = argument(args, kwargs, 0, "value", "x")
    sizes = argument(args, kwargs, 1, "num_or_size_splits", "indices_or_sections")
    axis = argument(args, kwargs, 2, "axis", "split_dim", default=0)
    if isinstance(value, int) and isinstance(sizes, int):
        value, axis, sizes = axis, value, sizes
        if not isinstance(value, Node):
            return ex.fresh("split")
    x = construction.tensor(ex, value)
    if x is None:
        return ex.fresh("split")
    return ops.split(ex, x, sizes, axis, True)


def do_unstack(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = construction.tensor(ex, first(args, kwargs))
    return ex.fresh("unstack") if x is None else ops.unbind(ex, x, argument(args, kwargs, 2, "axis", default=0))


def do_reshape(ex: Execution, args: Args, kwargs: Kwargs) -> Value:

    x = construction.tensor(ex, first(args, kwargs, "tensor"))
    target = argument(args, kwargs, 1, "shape", "newshape")
    if x is None:
        return ex.fresh("reshape")
    sizes = tensor_methods.sizes_of(ex, [target], {})
    if sizes is None or any(isinstance(item, SequenceValue) for item in sizes):
        return ex.opaque(x, name="reshape")
    return reshaping.reshape(ex, x, [item if isinstance(item, (int, Unknown)) else ex.fresh() for item in sizes])


def do_flatten(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = construction.tensor(ex, first(args, kwargs))
    return reshaping.flatten(ex, x, 1, -1) if x is not None else ex.fresh("flatten")


def do_transpose(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = construction.tensor(ex, first(args, kwargs))
    order = nodes.axes_of(argument(args, kwargs, 1, "perm", "axes", "pattern"))
    if x is None:
        return ex.fresh("transpose")
    if order:
        return reshaping.permute(ex, x, order)
    return reshaping.transpose(ex, x, 0, 1) if x.rank == 2 else ex.opaque(x, name="transpose")


def do_expand(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = construction.tensor(ex, first(args, kwargs))
    return (
        reshaping.unsqueeze(ex, x, argument(args, kwargs, 1, "axis", "dim", default=-1))
        if x is not None
        else ex.fresh("expand_dims")
    )


def do_squeeze(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = construction.tensor(ex, first(args, kwargs))
    axis = argument(args, kwargs, 1, "axis", "squeeze_dims")
    return reshaping.squeeze(ex, x, axis) if x is not None else ex.fresh("squeeze")


def do_tile(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    return expanded(ex, first(args, kwargs), argument(args, kwargs, 1, "multiples", "n", "repeats"), "repeat", "tile")


def do_broadcast(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    return expanded(ex, first(args, kwargs), argument(args, kwargs, 1, "shape"), "expand", "broadcast_to")


def expanded(ex: Execution, value: Value, sizes: Value, how: str, name: str) -> Value:
    x = construction.tensor(ex, value)
    if x is None:
        return ex.fresh(name)
    if isinstance(sizes, SequenceValue) and not sizes.open:
        return reshaping.expand(ex, x, sizes.items, how)
    return ex.opaque(x, name=name)


def do_slice(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """tf.slice(x, begin, size), tf.image.random_crop(x, size)"""
    x = construction.tensor(ex, first(args, kwargs))
    if x is None:
        return ex.fresh("slice")
    size = argument(args, kwargs, len(args) - 1, "size")
    sizes = size.items if isinstance(size, SequenceValue) and x.dims and len(size.items) == len(x.dims) else []
    dims = x.dims and tuple(
        nodes.dim_of(ex, one) if isinstance(one, int) and one >= 0 else ex.fresh().key for one in sizes or [None] * len(x.dims)
    )
    return nodes.make(ex, "keep", [x], dims, "slice")


def do_strided_slice(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """tf.strided_slice(x, begin, end): with masks, axes may come and go."""
    x = construction.tensor(ex, first(args, kwargs))
    if x is None:
        return ex.fresh("strided_slice")
    if len(args) > 4 or any(name.endswith("_mask") for name in kwargs):
        return ex.opaque(x, name="strided_slice")
    return nodes.make(ex, "keep", [x], x.dims and tuple(ex.fresh().key for _ in x.dims), "strided_slice")


def do_reverse_sequence(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """tf.reverse_sequence(x, lengths, seq_axis, batch_axis): what varies along the sequence ends up elsewhere in each entry of the batch."""
    x = construction.tensor(ex, first(args, kwargs))
    if x is None:
        return ex.fresh("reverse_sequence")
    sequence = argument(args, kwargs, 2, "seq_axis", "seq_dim")
    batch = argument(args, kwargs, 3, "batch_axis", "batch_dim", default=0)
    if x.dims is None or not isinstance(sequence, int) or not isinstance(batch, int):
        return ex.opaque(x, name="reverse_sequence")
    rank = len(x.dims)
    sources = {axis: (axis,) for axis in range(rank)} | {batch % rank: (batch % rank, sequence % rank)}
    return reshaping.remap(ex, x, sources, x.dims, "reverse_sequence")


def do_gather(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """tf.gather(x, indices, axis=0): some entries along an axis, each as it was along the others."""
    x = nodes.tensor(ex, argument(args, kwargs, 0, "params", "x", "reference"))
    if x is None:
        return truly_unknown(ex, args, kwargs, "gather")
    batch = kwargs.get("batch_dims", args[4] if len(args) > 4 else 0)
    axis = kwargs.get("axis", args[3] if len(args) > 3 else None)
    indices = argument(args, kwargs, 1, "indices")
    if batch != 0:
        return ex.opaque(x, indices, name="gather")
    return taken(ex, x, indices, 0 if axis is None else axis, "gather")


def do_take(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """keras.ops.take(x, indices, axis)"""
    x = construction.tensor(ex, argument(args, kwargs, 0, "x"))
    indices, axis = argument(args, kwargs, 1, "indices"), argument(args, kwargs, 2, "axis")
    return taken(ex, x, indices, axis, "take") if x is not None else truly_unknown(ex, args, kwargs, "take")


def taken(ex: Execution, x: Node, indices: Value, axis: Value, name: str) -> Node:
    """Entries along an axis: the axes of the indices stand in its place."""
    rank_of_indices = 0 if isinstance(indices, int) else depth_of(indices)
    if isinstance(indices, Node):
        rank_of_indices = indices.rank
    if (
        x.op == "const"
        or x.dims is None
        or not isinstance(axis, int)
        or rank_of_indices is None
        or not -len(x.dims) <= axis < len(x.dims)
    ):
        result = ex.opaque(x, indices, name=name)
        if isinstance(indices, int) and x.dims and axis == 0:
            result.dims = x.dims[1:]
        return result
    place, sources, dims = axis % len(x.dims), dict[int, tuple[int, ...]](), list[Dim]()
    for source, size in enumerate(x.dims):
        for _ in range(rank_of_indices if source == place else 1):
            sources[len(dims)] = (source,)
            dims.append(ex.fresh().key if source == place else size)
    return reshaping.remap(ex, x, sources, tuple(dims), name)


def depth_of(value: Value) -> int | None:
    """How many axes an array has that is written as nested lists of numbers; None where it is none."""
    if not isinstance(value, SequenceValue) or value.open or not value.items:
        return None
    if all(isinstance(item, int) for item in value.items):
        return 1
    depths = {depth_of(item) for item in value.items}
    inner = depths.pop() if len(depths) == 1 else None
    return None if inner is None else inner + 1


def do_shape(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = first(args, kwargs)
    if isinstance(x, Unknown):
        return Unknown(terms.Attribute(x.key, "shape"), "shape")
    node = nodes.tensor(ex, x)
    return indexing.shape(ex, node) if node is not None else ex.fresh("shape")


def do_rank(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    node = nodes.tensor(ex, first(args, kwargs))
    return node.rank if node is not None and node.rank is not None else ex.fresh("rank")
