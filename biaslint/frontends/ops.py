"""What operations do to tensors: each function here adds one node to the flow and works out its dimensions.

Names and conventions are PyTorch's (axes count from 0, channels stand on axis 1 unless said otherwise); the Keras front-end calls
the same functions with its own axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from biaslint.frontends import frameworks, reshaping
from biaslint.frontends.values import ListV, Param, Unknown, Value, is_constant, tensors_in
from biaslint.theory.dataflow import Dim, Dims, Node

if TYPE_CHECKING:
    from biaslint.frontends.interpreter import Interpreter


# -- dimensions --------------------------------------------------------------------------------------------------------------


def dim_of(interp: Interpreter, value: Value) -> Dim:
    """A value as a dimension."""
    if isinstance(value, bool) or not isinstance(value, (int, Unknown)):
        if isinstance(value, float) and value.is_integer():
            return int(value)
        return interp.fresh().key
    return value if isinstance(value, int) else value.key


def value_of(dim: Dim) -> Value:
    """A dimension as a value."""
    return dim if isinstance(dim, int) else Unknown(dim, "a size")


def fresh_dims(interp: Interpreter, count: int) -> Dims:
    return tuple(interp.fresh().key for _ in range(count))


def whole(axis: Value, rank: int | None) -> int | None:
    """An axis counted from the front where the rank is known; None where it is not an integer."""
    if not isinstance(axis, int) or isinstance(axis, bool):
        return None
    return axis + rank if axis < 0 and rank is not None else axis


def axes_of(value: Value) -> list[int] | None:
    """An axis or a list of axes."""
    if isinstance(value, int) and not isinstance(value, bool):
        return [value]
    if isinstance(value, ListV) and all(isinstance(item, int) for item in value.items):
        return list(value.items)
    return None


def make(interp: Interpreter, op: str, inputs: Sequence[Node], dims: Dims | None, name: str = "", **info: Any) -> Node:
    """A new tensor. What is made of constants alone is a constant."""
    if inputs and all(node.op == "const" for node in inputs):
        return interp.flow.add("const", tuple(inputs), dims, name, interp.here())
    return interp.flow.add(op, tuple(inputs), dims, name, interp.here(), **info)


def const(interp: Interpreter, dims: Dims | None, name: str = "", **info: Any) -> Node:
    """A tensor that does not depend on the inputs."""
    return interp.flow.add("const", (), dims, name, interp.here(), **info)


def keep(interp: Interpreter, x: Node, name: str = "") -> Node:
    return make(interp, "keep", [x], x.dims, name)


def tensor(interp: Interpreter, value: Value) -> Node | None:
    """A value as a tensor: a node, a parameter as a constant; None for anything else."""
    if isinstance(value, Node):
        return value
    if isinstance(value, Param):
        return const(interp, param_dims(value), value.which)
    if isinstance(value, Unknown) and value.tensors:
        return interp.opaque(value, name=value.text)
    if isinstance(value, ListV):
        found = tensors_in(value)
        if found:
            return interp.opaque(value, name="a list")
    return None


def param_dims(param: Param) -> Dims | None:
    return frameworks.param_dims(param)


def broadcast(interp: Interpreter, one: Dims | None, two: Dims | None) -> Dims | None:
    """The dimensions of a broadcast result."""
    if one is None or two is None:
        return None
    if len(one) < len(two):
        one, two = two, one
    padded = (1,) * (len(one) - len(two)) + two
    return tuple(b if a == 1 else a for a, b in zip(one, padded, strict=True))


def add(interp: Interpreter, left: Value, right: Value, name: str = "+") -> Value:
    """Sum or difference."""
    one, two = tensor(interp, left), tensor(interp, right)
    if one is not None and two is not None:
        if one.dims is None and two.dims is not None:
            guess_rank(interp, one, two)
        elif two.dims is None and one.dims is not None:
            guess_rank(interp, two, one)
        for bias, other in ((two, one), (one, two)):
            joins = bias.info.get("joins") if other.op != "const" else None
            joined = joins(interp, other, bias) if joins is not None else None
            if joined is not None:  # a variable has become the bias of an affine step
                return joined
        dims = broadcast(interp, one.dims, two.dims)
        if dims is None:  # summands mostly have the same axes
            dims = next((node.dims for node in (one, two) if node.dims is not None and node.op != "const"), None)
        return make(interp, "add", [one, two], dims, name)
    node = one if one is not None else two
    if node is None:
        return interp.fresh()
    return keep(interp, node, name)


def guess_rank(interp: Interpreter, unknown: Node, known: Node) -> None:
    """Summands have the same rank, unless one is broadcast; an input is not."""
    if unknown.op in ("input", "keep", "opaque") and known.op != "const" and known.rank is not None:
        interp.flow.learn_rank(unknown, known.rank)


def mul(interp: Interpreter, left: Value, right: Value, name: str = "*") -> Value:
    """Product. A factor that is a plain number changes no position."""
    one, two = tensor(interp, left), tensor(interp, right)
    if one is not None and two is not None:
        return make(interp, "mul", [one, two], broadcast(interp, one.dims, two.dims), name)
    node = one if one is not None else two
    if node is None:
        return interp.fresh()
    return keep(interp, node, name)


def div(interp: Interpreter, left: Value, right: Value) -> Value:
    two = tensor(interp, right)
    if two is not None and two.op != "const":
        two = interp.flow.add("opaque", (two,), two.dims, "a divisor", interp.here())
    one = tensor(interp, left)
    if one is None:
        return two if two is not None else interp.fresh()
    return mul(interp, one, right if two is None else two, "/")


def matmul(interp: Interpreter, left: Value, right: Value) -> Value:
    one, two = tensor(interp, left), tensor(interp, right)
    if one is None or two is None:
        return interp.opaque(left, right, name="a matrix product")
    dims: Dims | None = None
    if one.dims is not None and two.dims is not None and len(one.dims) >= 2 and len(two.dims) >= 2:
        head = broadcast(interp, one.dims[:-2], two.dims[:-2])
        if head is not None:
            dims = (*head, one.dims[-2], two.dims[-1])
    elif one.dims is not None and two.dims is None and len(one.dims) >= 2:
        dims = (*one.dims[:-1], interp.fresh().key) if two.op == "const" or len(one.dims) > 2 else None
    if two.op == "const":
        return make(
            interp,
            "affine",
            [one, two],
            dims or (None if one.dims is None else (*one.dims[:-1], interp.fresh().key)),
            "@",
            axes=(-1,),
        )
    if one.op == "const":
        return make(interp, "affine", [two, one], dims or two.dims, "@", axes=(-2,))
    return make(interp, "matmul", [one, two], dims, "@")


def linear(interp: Interpreter, x: Node, out: Dim, name: str = "linear", weight: Node | None = None) -> Node:
    """x @ W^T over the last axis."""
    dims = None if x.dims is None else (*x.dims[:-1], out)
    inputs = [x] if weight is None or weight.op == "const" else [x, weight]
    # also of a constant: the layer's parameters are what training changes
    return interp.flow.add("affine", tuple(inputs), dims, name, interp.here(), axes=(-1,))


def conv(
    interp: Interpreter,
    x: Node,
    spatial: int,
    out: Dim,
    *,
    padding: Value,
    kernel: Value,
    transposed: bool = False,
    channels_last: bool = False,
    zero_padding: bool = True,
    name: str = "conv",
    weight: Node | None = None,
) -> Node:
    """A convolution over `spatial` axes. `padding` is 0, a number per axis, "same", "valid" or unknown."""
    if x.dims is None:
        interp.flow.learn_rank(x, spatial + 2)
    rank = spatial + 2
    if x.rank == spatial + 1:
        rank = spatial + 1  # without a batch axis
    channel = rank - 1 if channels_last else rank - spatial - 1
    axes = [axis for axis in range(rank - spatial - 1, rank) if axis != channel]
    padded = axes if transposed or (zero_padding and pads(padding, kernel)) else ()
    if transposed and is_one(kernel):
        padded = ()
    dims = list(x.dims) if x.dims is not None and len(x.dims) == rank else list(fresh_dims(interp, rank))
    for axis in axes:
        dims[axis] = interp.fresh().key
    dims[channel] = out
    inputs = [x] if weight is None or weight.op == "const" else [x, weight]
    return interp.flow.add("affine", tuple(inputs), tuple(dims), name, interp.here(), axes=(channel,), padded=tuple(padded))


def is_one(value: Value) -> bool:
    return value == 1 or (isinstance(value, ListV) and bool(value.items) and all(item == 1 for item in value.items))


def pads(padding: Value, kernel: Value) -> bool:
    """Do zeros enter? "same" pads unless the kernel is 1; an unknown padding may."""
    if padding == "valid" or padding is None:
        return False
    if isinstance(padding, str):
        return not is_one(kernel)
    if isinstance(padding, ListV):
        return any(pads(item, kernel) for item in padding.items)
    return not (isinstance(padding, (int, float)) and padding == 0)


def norm(
    interp: Interpreter,
    x: Node,
    style: str,
    means: Any,
    name: str,
    extra: Sequence[Node] = (),
    layer: object = None,
    **info: Any,
) -> Node:
    """A normalisation that subtracts the mean over the axes `means` (None: it subtracts none, or nobody knows which)."""
    node = make(interp, "norm", [x, *extra], x.dims, name, style=style, means=means, **info)
    node.info["layer"] = layer
    return node


def all_but(*kept: int) -> Any:
    """The axes a batch norm takes its mean over: all but these. Counted when the rank is known; where it is not, the layer before a
    batch norm writes the axis that the norm keeps, or they would not fit."""

    def means(rank: int | None, shift: frozenset[int]) -> frozenset[int]:
        if rank is None:
            return frozenset(axis for axis in shift if axis not in kept and axis != -1)
        return frozenset(axis for axis in range(rank) if axis not in {one % rank for one in kept})

    return means


def window(interp: Interpreter, x: Node, spatial: int, name: str, channels_last: bool = False) -> Node:
    """Max pooling."""
    axes, dims = spatial_axes(interp, x, spatial, channels_last)
    return make(interp, "window", [x], dims, name, mixes=axes)


def smooth(interp: Interpreter, x: Node, spatial: int, name: str, padded: bool = False, channels_last: bool = False) -> Node:
    """Average pooling or resizing: weighted means over positions; `padded` where zeros take part in them."""
    axes, dims = spatial_axes(interp, x, spatial, channels_last)
    return make(interp, "smooth", [x], dims, name, mixes=axes, padded=axes if padded else ())


def spatial_axes(interp: Interpreter, x: Node, spatial: int, channels_last: bool) -> tuple[tuple[int, ...], Dims]:
    if x.dims is None:
        interp.flow.learn_rank(x, spatial + 2)
    rank = x.rank if x.rank is not None else spatial + 2
    axes = tuple(range(1, rank - 1)) if channels_last else tuple(range(max(rank - spatial, 0), rank))
    dims = list(x.dims or fresh_dims(interp, rank))
    for axis in axes:
        dims[axis] = interp.fresh().key
    return axes, tuple(dims)


def reduce(interp: Interpreter, x: Node, axis: Value, keepdim: Value, name: str, linear_step: bool) -> Node:
    """Mean or sum over axes (`linear_step`), or a maximum and the like, which shows shifts that vary along them."""
    axes = axes_of(axis)
    if axis is None or axes is None:
        return interp.opaque(x, name=name)
    if not x.dims:
        return interp.opaque(x, name=name)
    rank = len(x.dims)
    gone = {index % rank for index in axes}
    source = x
    if not linear_step:
        source = make(interp, "window", [x], x.dims, name, mixes=tuple(gone))
    if keepdim is True:
        dims = tuple(1 if index in gone else dim for index, dim in enumerate(x.dims))
        return reshaping.remap(interp, source, {index: (index,) for index in range(rank) if index not in gone}, dims, name)
    kept = [index for index in range(rank) if index not in gone]
    return reshaping.remap(
        interp, source, {place: (index,) for place, index in enumerate(kept)}, tuple(x.dims[index] for index in kept), name
    )


def concat(interp: Interpreter, parts: Value, axis: Value) -> Value:
    found = [tensor(interp, item) for item in interp.iterate(parts)]
    nodes = [node for node in found if node is not None]
    if not nodes:
        return interp.fresh()
    if not isinstance(axis, int):
        return interp.opaque(ListV(list(nodes)), name="concat")
    known = [node.dims for node in nodes if node.dims is not None]
    dims: Dims | None = None
    if known:
        rank = len(known[0])
        for node in nodes:
            if node.dims is None:
                interp.flow.learn_rank(node, rank)
        place = axis % rank if -rank <= axis < rank else None
        if place is not None and all(node.dims is not None and len(node.dims) == rank for node in nodes):
            total: Dim = 0
            for node in nodes:
                size = node.dims[place]  # type: ignore[index]
                total = total + size if isinstance(total, int) and isinstance(size, int) else interp.fresh().key
            dims = tuple(total if index == place else dim for index, dim in enumerate(known[0]))
    return make(interp, "concat", nodes, dims, "concat", axis=axis)


def stack(interp: Interpreter, parts: Value, axis: Value) -> Value:
    nodes = [node for node in (tensor(interp, item) for item in interp.iterate(parts)) if node is not None]
    if not nodes:
        return interp.fresh()
    if not isinstance(axis, int):
        return interp.opaque(ListV(list(nodes)), name="stack")
    return concat(interp, ListV([reshaping.unsqueeze(interp, node, axis) for node in nodes]), axis)


def part(interp: Interpreter, x: Node, axis: Value, index: int, size: Dim | None = None) -> Node:
    """One of the pieces that a split along `axis` gives."""
    dims = x.dims
    place = whole(axis, x.rank)
    if dims is not None and place is not None and 0 <= place < len(dims):
        dims = tuple((size if size is not None else interp.fresh().key) if at == place else dim for at, dim in enumerate(dims))
    return make(interp, "keep", [x], dims, "split", part=index, axis=axis)


def split(interp: Interpreter, x: Node, sizes: Value, axis: Value, chunks: bool) -> Value:
    """split (`sizes`: one size or a list of sizes) and chunk (`sizes`: how many)."""
    size_on_axis = None
    place = whole(axis, x.rank)
    if x.dims is not None and place is not None and 0 <= place < len(x.dims):
        size_on_axis = x.dims[place]
    if isinstance(sizes, ListV):
        return ListV([part(interp, x, axis, index, dim_of(interp, size)) for index, size in enumerate(sizes.items)], "tuple")
    if chunks and isinstance(sizes, int) and 0 < sizes <= 256:
        each = size_on_axis // sizes if isinstance(size_on_axis, int) and size_on_axis % sizes == 0 else None
        return ListV([part(interp, x, axis, index, each) for index in range(sizes)], "tuple")
    if not chunks and isinstance(sizes, int) and isinstance(size_on_axis, int) and sizes > 0 and size_on_axis // sizes <= 256:
        count = -(-size_on_axis // sizes)
        return ListV([part(interp, x, axis, index, sizes) for index in range(count)], "tuple")
    return Pieces(x, axis, dim_of(interp, sizes) if not chunks else None).as_value(interp)


class Pieces:
    """A split into an unknown number of pieces: unpacking it tells how many."""

    def __init__(self, x: Node, axis: Value, size: Dim | None) -> None:
        self.x, self.axis, self.size = x, axis, size

    def as_value(self, interp: Interpreter) -> Node:
        node = make(interp, "keep", [self.x], self.x.dims, "split")
        node.info["pieces"] = self
        return node


def select(interp: Interpreter, x: Node, axis: int, index: Value) -> Node:
    """x[..., index, ...] along one axis, which goes away."""
    if x.dims is None:
        if axis == 0:
            sources: dict[int, tuple[int, ...]] = {place: (place + 1,) for place in range(6)}
            sources.update({place: (place,) for place in range(-6, 0)})
            return make(interp, "remap", [x], None, "[]", sources=sources, part=index, axis=0)
        return interp.opaque(x, name="select")
    if not x.dims:
        return interp.opaque(x, name="select")
    rank = len(x.dims)
    gone = axis % rank
    kept = [place for place in range(rank) if place != gone]
    node = reshaping.remap(
        interp, x, {place: (old,) for place, old in enumerate(kept)}, tuple(x.dims[old] for old in kept), "[]"
    )
    node.info["part"], node.info["axis"] = index, gone
    return node


def unbind(interp: Interpreter, x: Node, axis: Value) -> Value:
    if not x.dims or not isinstance(axis, int):
        return interp.opaque(x, name="unbind")
    size = x.dims[axis % len(x.dims)]
    if not isinstance(size, int) or size > 256:
        node = make(interp, "keep", [x], x.dims, "unbind")
        node.info["unbind"] = axis
        return node
    return ListV([select(interp, x, axis, index) for index in range(size)], "tuple")


def softmax(interp: Interpreter, x: Node, axis: Value) -> Node:
    return make(interp, "softmax", [x], x.dims, "softmax", axis=axis if isinstance(axis, int) else None)


def attention(interp: Interpreter, query: Value, key: Value, value: Value, others: Sequence[Value], dropout: Value) -> Value:
    nodes = [node for node in (tensor(interp, item) for item in (query, key, value)) if node is not None]
    if len(nodes) < 3:
        return interp.opaque(query, key, value, *others, name="attention")
    extra = [node for node in (tensor(interp, item) for item in others) if node is not None]
    dims = nodes[0].dims
    if dims is not None and nodes[2].dims is not None:
        dims = (*dims[:-1], nodes[2].dims[-1])
    drops = isinstance(dropout, float) and dropout > 0
    return make(interp, "attention", [*nodes, *extra], dims, "scaled_dot_product_attention", dropout=drops)


def einsum(interp: Interpreter, equation: Value, operands: Sequence[Value]) -> Value:
    nodes = [tensor(interp, item) for item in operands]
    if not isinstance(equation, str) or "->" not in equation or any(node is None for node in nodes) or not nodes:
        return interp.opaque(*operands, name="einsum")
    left, _, result = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(nodes):
        return interp.opaque(*operands, name="einsum")
    if "..." in equation:
        ranks = [node.rank for node in nodes]  # type: ignore[union-attr]
        hidden = None
        for term, rank in zip(terms, ranks, strict=True):
            if "..." in term and rank is not None:
                hidden = max(hidden or 0, rank - len(term) + 3)
        if hidden is None or hidden > 6 or hidden < 0:
            return interp.opaque(*operands, name="einsum")
        letters = "ABCDEFGH"[:hidden]
        terms = [term.replace("...", letters) for term in terms]
        result = result.replace("...", letters)
    sizes: dict[str, Dim] = {}
    for term, node in zip(terms, nodes, strict=True):
        assert node is not None
        if node.dims is None:
            interp.flow.learn_rank(node, len(term))
        if node.dims is None or len(node.dims) != len(term):
            return interp.opaque(*operands, name="einsum")
        sizes.update(zip(term, node.dims, strict=True))
    dims = tuple(sizes.get(letter, interp.fresh().key) for letter in result)
    return make(interp, "einsum", [node for node in nodes if node is not None], dims, "einsum", terms=(terms, result))


def pad(interp: Interpreter, x: Node, widths: Value, zeros: bool) -> Node:
    """Padding of the last axes; `widths` as PyTorch gives them, last axis first."""
    sizes = widths.items if isinstance(widths, ListV) else [widths] * 4
    if sizes and all(size == 0 for size in sizes):
        return keep(interp, x, "pad")
    axes: set[int] = set()
    for index, size in enumerate(sizes):
        if not (is_constant(size) and size == 0):
            axes.add(-1 - index // 2)
    dims = x.dims
    if dims is not None:
        dims = tuple(interp.fresh().key if index - len(dims) in axes else dim for index, dim in enumerate(dims))
    return make(interp, "smooth", [x], dims, "pad", mixes=(), padded=tuple(axes) if zeros else ())
