"""Operations on tensors: each function adds one node to the flow and computes its dimensions.

Names and conventions are PyTorch's (axes count from 0, channels stand on axis 1 unless said otherwise); Keras calls
the same functions with its own axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain import values
from biaslint.analysis.domain.values import SequenceValue
from biaslint.analysis.tensors import handwritten_norms, nodes, nodes as tensors_nodes, pieces, reshaping
from biaslint.theory.dataflow import Dim, Dims, Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution


def add(ex: Execution, left: Value, right: Value, name: str = "+") -> Value:
    """Sum or difference."""
    one, two = nodes.tensor(ex, left), nodes.tensor(ex, right)
    if one is not None and two is not None:
        own = handwritten_norms.centered(ex, one, two) if name in MINUS else None
        if own is not None:
            return own
        if one.dims is None and two.dims is not None:
            guess_rank(ex, one, two)
        elif two.dims is None and one.dims is not None:
            guess_rank(ex, two, one)
        for bias, other in ((two, one), (one, two)):
            joins = bias.info.get("joins") if other.op != "const" else None
            joined = joins(ex, other, bias) if joins is not None else None
            if joined is not None:  # a variable has become the bias of an affine step
                return joined
        dims = nodes.broadcast(ex, one.dims, two.dims)
        if dims is None:  # summands mostly have the same axes; one of size 1 may be broadcast along the other's
            dims = next((node.dims for node in (one, two) if node.dims is not None and node.op != "const"), None)
            dims = tuple(ex.fresh().key if dim == 1 else dim for dim in dims) if dims is not None else None
        return nodes.make(ex, "add", [one, two], dims, name)
    node = one if one is not None else two
    if node is None:
        return ex.fresh()
    made = nodes.keep(ex, node, name)
    made.info["plus"] = right if one is not None else left
    made.info["subtracted"] = one is None and name in MINUS
    return made


MINUS = {"-", "sub", "sub_", "subtract", "subtract_", "__sub__"}


def guess_rank(ex: Execution, unknown: Node, known: Node) -> None:
    """Summands have the same rank, unless one is broadcast; an input is not."""
    if unknown.op in ("input", "keep", "opaque") and known.op != "const" and known.rank is not None:
        ex.flow.learn_rank(unknown, known.rank)


def mul(ex: Execution, left: Value, right: Value, name: str = "*") -> Value:
    """Product. A factor that is a plain number changes no position."""
    one, two = nodes.tensor(ex, left), nodes.tensor(ex, right)
    if one is not None and two is not None:
        return nodes.make(ex, "mul", [one, two], nodes.broadcast(ex, one.dims, two.dims), name)
    node = one if one is not None else two
    if node is None:
        return ex.fresh()
    made = nodes.keep(ex, node, name)
    made.info["times"] = right if one is not None else left
    return made


def div(ex: Execution, left: Value, right: Value) -> Value:
    two = nodes.tensor(ex, right)
    if two is not None and two.op != "const":
        two = ex.flow.add("opaque", (two,), two.dims, "a divisor", ex.here())
    one = nodes.tensor(ex, left)
    if one is None:
        return two if two is not None else ex.fresh()
    return mul(ex, one, right if two is None else two, "/")


def matmul(ex: Execution, left: Value, right: Value) -> Value:
    one, two = nodes.tensor(ex, left), nodes.tensor(ex, right)
    if one is None or two is None:
        return ex.opaque(left, right, name="a matrix product")
    if 1 in (one.rank, two.rank):
        return ex.opaque(one, two, name="a product with a vector")
    dims: Dims | None = None
    if one.dims is not None and two.dims is not None and len(one.dims) >= 2 and len(two.dims) >= 2:
        head = nodes.broadcast(ex, one.dims[:-2], two.dims[:-2])
        if head is not None:
            dims = (*head, one.dims[-2], two.dims[-1])
    elif one.dims is not None and two.dims is None and len(one.dims) >= 2:
        dims = (*one.dims[:-1], ex.fresh().key) if two.op == "const" or len(one.dims) > 2 else None
    if two.op == "const":
        return nodes.make(
            ex,
            "affine",
            [one, two],
            dims or (None if one.dims is None else (*one.dims[:-1], ex.fresh().key)),
            "@",
            axes=(-1,),
        )
    if one.op == "const":
        return nodes.make(ex, "affine", [two, one], dims or two.dims, "@", axes=(-2,))
    return nodes.make(ex, "matmul", [one, two], dims, "@")


def linear(ex: Execution, x: Node, out: Dim, name: str = "linear", weight: Node | None = None) -> Node:
    """x @ W^T over the last axis."""
    dims = None if x.dims is None else (*x.dims[:-1], out)
    inputs = [x] if weight is None or plain(weight) else [x, weight]
    # also of a constant: the layer's parameters are what training changes
    return ex.flow.add("affine", tuple(inputs), dims, name, ex.here(), axes=(-1,))


def plain(weight: Node) -> bool:
    """Is it a parameter or a constant, and worked out from no other?"""
    return weight.op == "const" and not weight.inputs and not weight.name.startswith("bias")


def conv(
    ex: Execution,
    x: Node,
    spatial: int,
    out: Dim,
    *,
    padding: Value,
    kernel: Value,
    stride: Value = 1,
    transposed: bool = False,
    channels_last: bool = False,
    zero_padding: bool = True,
    name: str = "conv",
    weight: Node | None = None,
) -> Node:
    """A convolution over `spatial` axes. `padding` is 0, a number per axis, "same", "valid" or unknown."""
    if x.dims is None:
        ex.flow.learn_rank(x, spatial + 2)
    rank = spatial + 2
    if x.rank == spatial + 1:
        rank = spatial + 1  # without a batch axis
    channel = rank - 1 if channels_last else rank - spatial - 1
    axes = [axis for axis in range(rank - spatial - 1, rank) if axis != channel]
    padded = axes if transposed or (zero_padding and pads(padding, kernel)) else ()
    if transposed and is_one(kernel) and is_one(stride):
        padded = ()
    dims = list(x.dims) if x.dims is not None and len(x.dims) == rank else list(nodes.fresh_dims(ex, rank))
    for axis in axes:
        dims[axis] = ex.fresh().key
    dims[channel] = out
    inputs = [x] if weight is None or plain(weight) else [x, weight]
    return ex.flow.add("affine", tuple(inputs), tuple(dims), name, ex.here(), axes=(channel,), padded=tuple(padded))


def is_one(value: Value) -> bool:
    return value == 1 or (isinstance(value, SequenceValue) and bool(value.items) and all(item == 1 for item in value.items))


def pads(padding: Value, kernel: Value) -> bool:
    """Does padding add zeros? "same" does unless the kernel is 1; an unknown padding may."""
    if padding == "valid" or padding is None:
        return False
    if isinstance(padding, str):
        return not is_one(kernel)
    if isinstance(padding, SequenceValue):
        return any(pads(item, kernel) for item in padding.items)
    return not (isinstance(padding, (int, float)) and padding == 0)


def norm(
    ex: Execution,
    x: Node,
    style: str,
    means: Any,
    name: str,
    extra: Sequence[Node] = (),
    layer: object = None,
    stored: bool = False,
) -> Node:
    """A normalisation that subtracts the mean over the axes `means` (None: it subtracts none, or unknown ones); `stored`:
    one that training has left."""
    node = nodes.make(ex, "norm", [x, *extra], x.dims, name, style=style, means=means, stored=stored)
    node.info["layer"] = layer
    return node


def scaled(ex: Execution, x: Node, channel: int, name: str) -> Node:
    """A factor for each channel, as of a norm with stored statistics."""
    return nodes.make(ex, "smooth", [x], x.dims, name, mixes=(), padded=(channel,), frozen=True)


def where(ex: Execution, condition: Value, one: Value, two: Value) -> Value:
    """Entries of one tensor or of another."""
    first, second = nodes.tensor(ex, one), nodes.tensor(ex, two)
    if first is None or (second is not None and first.op == "const"):
        first, second, two = second, first, one
    if first is None:
        return ex.opaque(condition, one, two, name="where")
    rest = (second.dims if second is not None else (), first.dims)
    test = nodes.tensor(ex, condition)
    return mask(ex, condition, two, first, nodes.broadcast(ex, nodes.broadcast(ex, *rest), test.dims if test else ()), "where")


LOW = -1000  # what a mask puts into scores to take them out of a softmax is less


def mask(ex: Execution, condition: Value, other: Value, x: Node, dims: Dims | None, name: str) -> Node:
    """The entries of `x`, and `other` where the condition says so."""
    test = nodes.tensor(ex, condition)
    if test is None:
        if values.is_constant(condition) and isinstance(condition, bool):
            test = nodes.const(ex, (), name)
        else:
            return ex.opaque(x, condition, other, name=name)
    filled = nodes.tensor(ex, other)
    written = filled.info.get("write") if filled is not None else None
    if written is not None:
        other = written[1]
    low = not (isinstance(other, (int, float)) and other > LOW) and (filled is None or filled.op == "const")
    inputs = [test, x] if filled is None or filled.op == "const" else [test, x, filled]
    return nodes.make(ex, "mask", inputs, dims, name, low=low)


def all_after(channel: int) -> Any:
    """The axes behind the channels, of a tensor whose rank is not known: what is counted from the back may be one of them."""

    def means(rank: int | None, shift: frozenset[int]) -> frozenset[int]:
        if rank is None:
            return frozenset(axis for axis in shift if axis < 0 or axis > channel)
        return frozenset(range(channel + 1, rank))

    return means


def all_but(*kept: int) -> Any:
    """The axes a batch norm takes its mean over: all but these. Counted when the rank is known; where it is not, the layer before a
    batch norm writes the axis that the norm keeps, or they would not fit."""

    def means(rank: int | None, shift: frozenset[int]) -> frozenset[int]:
        if rank is None:
            return frozenset(axis for axis in shift if axis not in kept and axis != -1)
        return frozenset(axis for axis in range(rank) if axis not in {one % rank for one in kept})

    return means


def window(ex: Execution, x: Node, spatial: int, name: str, channels_last: bool = False) -> Node:
    """Max pooling."""
    axes, dims = spatial_axes(ex, x, spatial, channels_last)
    return nodes.make(ex, "window", [x], dims, name, mixes=axes)


def smooth(ex: Execution, x: Node, spatial: int, name: str, padded: bool = False, channels_last: bool = False) -> Node:
    """Average pooling or resizing: weighted means over positions; `padded` where zeros take part in them."""
    axes, dims = spatial_axes(ex, x, spatial, channels_last)
    return nodes.make(ex, "smooth", [x], dims, name, mixes=axes, padded=axes if padded else ())


def spatial_axes(ex: Execution, x: Node, spatial: int, channels_last: bool) -> tuple[tuple[int, ...], Dims]:
    if x.dims is None:
        ex.flow.learn_rank(x, spatial + 2)
    rank = x.rank if x.rank is not None else spatial + 2
    axes = tuple(range(1, rank - 1)) if channels_last else tuple(range(max(rank - spatial, 0), rank))
    dims = list(x.dims or nodes.fresh_dims(ex, rank))
    for axis in axes:
        dims[axis] = ex.fresh().key
    return axes, tuple(dims)


def reduce(ex: Execution, x: Node, axis: Value, keepdim: Value, name: str, linear_step: bool) -> Node:
    """Mean or sum over axes (`linear_step`), or a maximum and the like, which shows shifts that vary along them."""
    axes = nodes.axes_of(axis)
    if axis is None or axes is None:
        return ex.opaque(x, name=name)
    if x.dims is None and (keepdim is True or axes == [0]):
        return reduce_from_an_end(ex, x, axes, keepdim, name, linear_step)
    if not x.dims:
        return ex.opaque(x, name=name)
    rank = len(x.dims)
    gone = {index % rank for index in axes}
    source = x
    if not linear_step:
        source = nodes.make(ex, "window", [x], x.dims, name, mixes=tuple(gone))
    if keepdim is True:
        dims = tuple(1 if index in gone else dim for index, dim in enumerate(x.dims))
        result = reshaping.remap(ex, source, {index: (index,) for index in range(rank) if index not in gone}, dims, name)
    else:
        kept = [index for index in range(rank) if index not in gone]
        places = {place: (index,) for place, index in enumerate(kept)}
        result = reshaping.remap(ex, source, places, tuple(x.dims[index] for index in kept), name)
    return handwritten_norms.remember(result, x, tuple(sorted(gone)), keepdim is True) if name == "mean" else result


def reduce_from_an_end(ex: Execution, x: Node, axes: Sequence[int], keepdim: Value, name: str, linear_step: bool) -> Node:
    """A mean, sum or maximum over the first or last axes of a tensor whose rank is not known."""
    last, first = all(axis < 0 for axis in axes), tuple(axes) == (0,)
    if not last and not first:
        return ex.opaque(x, name=name)
    source = x if linear_step else nodes.make(ex, "window", [x], None, name, mixes=tuple(axes))
    kept = {axis: (axis,) for axis in range(-6, 6) if axis not in axes}
    if keepdim is not True:
        kept = {axis: (axis + 1,) if axis >= 0 else (axis,) for axis in range(-6, 6)}
    result = nodes.make(ex, "remap", [source], None, name, sources=kept)
    return handwritten_norms.remember(result, x, tuple(axes), keepdim is True) if name == "mean" else result


def reduce_named(ex: Execution, x: Node, pattern: Value, how: Value, sizes: dict[str, Value]) -> Value:
    """einops.reduce(x, "b t c -> b c", "mean"): over the axes that the right side leaves out."""
    if not isinstance(pattern, str) or "->" not in pattern or "..." in pattern or not isinstance(how, str):
        return ex.opaque(x, name="reduce")
    left, _, right = pattern.partition("->")
    kept = [name for group in reshaping.axis_groups(right) for name in group]
    gone = [name for group in reshaping.axis_groups(left) for name in group if name not in kept]
    turned = reshaping.rearrange(ex, x, f"{left}->{right} {' '.join(gone)}", sizes)
    if not gone or not isinstance(turned, Node) or how not in ("mean", "sum", "max", "min"):
        return ex.opaque(x, name="reduce") if gone else turned
    axes = SequenceValue(list(range(-len(gone), 0)), "tuple")
    return reduce(ex, turned, axes, False, how, how in ("mean", "sum"))


def concat(ex: Execution, parts: Value, axis: Value) -> Value:
    found = [tensors_nodes.tensor(ex, item) for item in ex.iterate(parts)]
    nodes = [node for node in found if node is not None]
    if not nodes:
        return ex.fresh()
    if not isinstance(axis, int):
        return ex.opaque(SequenceValue(list(nodes)), name="concat")
    known = [node.dims for node in nodes if node.dims is not None]
    dims: Dims | None = None
    if known:
        rank = len(known[0])
        for node in nodes:
            if node.dims is None:
                ex.flow.learn_rank(node, rank)
        place = axis % rank if -rank <= axis < rank else None
        if place is not None and all(node.dims is not None and len(node.dims) == rank for node in nodes):
            total = tensors_nodes.joined_size(ex, nodes, place)
            dims = tuple(total if index == place else dim for index, dim in enumerate(known[0]))
    return tensors_nodes.make(ex, "concat", nodes, dims, "concat", axis=axis)


def stack(ex: Execution, parts: Value, axis: Value) -> Value:
    nodes = [node for node in (tensors_nodes.tensor(ex, item) for item in ex.iterate(parts)) if node is not None]
    if not nodes:
        return ex.fresh()
    if not isinstance(axis, int):
        return ex.opaque(SequenceValue(list(nodes)), name="stack")
    return concat(ex, SequenceValue([reshaping.unsqueeze(ex, node, axis) for node in nodes]), axis)


def part(ex: Execution, x: Node, axis: Value, index: int, size: Dim | None = None, cut: tuple[Any, ...] | None = None) -> Node:
    """One of the pieces that a split along `axis` gives. `cut` says which where they are not of one size each."""
    dims = x.dims
    place = nodes.whole(axis, x.rank)
    if dims is not None and place is not None and 0 <= place < len(dims):
        dims = tuple((size if size is not None else ex.fresh().key) if at == place else dim for at, dim in enumerate(dims))
    return nodes.make(ex, "keep", [x], dims, "split", part=index, axis=axis, cut=cut or ("size", index, size))


def picked(ex: Execution, x: Node, axis: Value, index: Value, length: Value) -> Node:
    """x.index_select(axis, index), or `length` positions along an axis."""
    size = index.dims[0] if isinstance(index, Node) and index.rank == 1 and index.dims else nodes.dim_of(ex, length)
    return part(ex, x, axis, 0, size)


def split(ex: Execution, x: Node, sizes: Value, axis: Value, chunks: bool) -> Value:
    """split (`sizes`: one size or a list of sizes) and chunk (`sizes`: how many)."""
    size_on_axis = None
    place = nodes.whole(axis, x.rank)
    if x.dims is not None and place is not None and 0 <= place < len(x.dims):
        size_on_axis = x.dims[place]
    if isinstance(sizes, SequenceValue):
        return SequenceValue(
            [
                part(ex, x, axis, index, nodes.dim_of(ex, size), ("sizes", index, tuple(sizes.items)))
                for index, size in enumerate(sizes.items)
            ],
            "tuple",
        )
    if chunks and isinstance(sizes, int) and 0 < sizes <= 256:
        if isinstance(size_on_axis, int) and size_on_axis % sizes:
            return uneven(ex, x, sizes, axis, size_on_axis)
        each = size_on_axis // sizes if isinstance(size_on_axis, int) else None
        return SequenceValue([part(ex, x, axis, index, each, ("chunk", index, sizes)) for index in range(sizes)], "tuple")
    if not chunks and isinstance(sizes, int) and isinstance(size_on_axis, int) and sizes > 0 and size_on_axis // sizes <= 256:
        return pieces_of(ex, x, sizes, axis, size_on_axis)
    return pieces.Pieces(x, axis, nodes.dim_of(ex, sizes) if not chunks else None).as_value(ex)


def uneven(ex: Execution, x: Node, count: int, axis: Value, size: int) -> Value:
    """chunk into pieces that are not alike: the last one is smaller, and there may be fewer than asked for."""
    return pieces_of(ex, x, -(-size // count), axis, size)


def pieces_of(ex: Execution, x: Node, each: int, axis: Value, size: int) -> Value:
    starts = range(0, size, each)
    return SequenceValue([part(ex, x, axis, index, min(each, size - at)) for index, at in enumerate(starts)], "tuple")


def select(ex: Execution, x: Node, axis: int, index: Value) -> Node:
    """x[..., index, ...] along one axis, which goes away."""
    if x.dims is None:
        if axis == 0:
            sources: dict[int, tuple[int, ...]] = {place: (place + 1,) for place in range(6)}
            sources.update({place: (place,) for place in range(-6, 0)})
            return nodes.make(ex, "remap", [x], None, "[]", sources=sources, part=index, axis=0)
        return ex.opaque(x, name="select")
    if not x.dims:
        return ex.opaque(x, name="select")
    rank = len(x.dims)
    gone = axis % rank
    kept = [place for place in range(rank) if place != gone]
    node = reshaping.remap(ex, x, {place: (old,) for place, old in enumerate(kept)}, tuple(x.dims[old] for old in kept), "[]")
    node.info["part"], node.info["axis"] = index, gone
    return node


def unbind(ex: Execution, x: Node, axis: Value) -> Value:
    if not x.dims or not isinstance(axis, int):
        return ex.opaque(x, name="unbind")
    size = x.dims[axis % len(x.dims)]
    if not isinstance(size, int) or size > 256:
        node = nodes.make(ex, "keep", [x], x.dims, "unbind")
        node.info["unbind"] = axis
        return node
    return SequenceValue([select(ex, x, axis, index) for index in range(size)], "tuple")


def softmax(ex: Execution, x: Node, axis: Value, name: str = "softmax") -> Node:
    return nodes.make(ex, "softmax", [x], x.dims, name, axis=axis if isinstance(axis, int) else None)


def attention(ex: Execution, query: Value, key: Value, value: Value, others: Sequence[Value], dropout: Value) -> Value:
    nodes = [node for node in (tensors_nodes.tensor(ex, item) for item in (query, key, value)) if node is not None]
    if len(nodes) < 3:
        return ex.opaque(query, key, value, *others, name="attention")
    extra = [node for node in (tensors_nodes.tensor(ex, item) for item in others) if node is not None]
    dims = nodes[0].dims
    if dims is not None and nodes[2].dims is not None:
        dims = (*dims[:-1], nodes[2].dims[-1])
    drops = isinstance(dropout, float) and dropout > 0
    return tensors_nodes.make(ex, "attention", [*nodes, *extra], dims, "scaled_dot_product_attention", dropout=drops)


def einsum(ex: Execution, equation: Value, operands: Sequence[Value]) -> Value:
    nodes = [tensors_nodes.tensor(ex, item) for item in operands]
    if not isinstance(equation, str) or "->" not in equation or any(node is None for node in nodes) or not nodes:
        return ex.opaque(*operands, name="einsum")
    left, _, result = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(nodes):
        return ex.opaque(*operands, name="einsum")
    if "..." in equation:
        ranks = [node.rank for node in nodes]  # type: ignore[union-attr]
        hidden = None
        for term, rank in zip(terms, ranks, strict=True):
            if "..." in term and rank is not None:
                hidden = max(hidden or 0, rank - len(term) + 3)
        if hidden is None or hidden > 6 or hidden < 0:
            return ex.opaque(*operands, name="einsum")
        letters = "ABCDEFGH"[:hidden]
        terms = [term.replace("...", letters) for term in terms]
        result = result.replace("...", letters)
    sizes: dict[str, Dim] = {}
    for term, node in zip(terms, nodes, strict=True):
        assert node is not None
        if node.dims is None:
            ex.flow.learn_rank(node, len(term))
        if node.dims is None or len(node.dims) != len(term):
            return ex.opaque(*operands, name="einsum")
        sizes.update(zip(term, node.dims, strict=True))
    dims = tuple(sizes.get(letter, ex.fresh().key) for letter in result)
    return tensors_nodes.make(ex, "einsum", [node for node in nodes if node is not None], dims, "einsum", terms=(terms, result))


def pad(ex: Execution, x: Node, widths: Value, zeros: bool) -> Node:
    """Padding of the last axes; `widths` as PyTorch gives them, last axis first."""
    sizes = widths.items if isinstance(widths, SequenceValue) else [widths] * 4
    if sizes and all(size == 0 for size in sizes):
        return nodes.keep(ex, x, "pad")
    axes: set[int] = set()
    for index, size in enumerate(sizes):
        if not (values.is_constant(size) and size == 0):
            axes.add(-1 - index // 2)
    dims = x.dims
    if dims is not None:
        dims = tuple(ex.fresh().key if index - len(dims) in axes else dim for index, dim in enumerate(dims))
    return nodes.make(ex, "smooth", [x], dims, "pad", mixes=(), padded=tuple(axes) if zeros else ())
