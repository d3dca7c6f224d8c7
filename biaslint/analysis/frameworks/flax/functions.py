"""Functions of jax.numpy, jax.nn and jax.lax: what each does to a shift. One that stands in no table here sees what it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain import values
from biaslint.analysis.domain.values import Args, Kwargs, SequenceValue, Unknown, Value, argument
from biaslint.analysis.frameworks.common import construction, raw_layers
from biaslint.analysis.frameworks.flax import vocabulary
from biaslint.analysis.project.environment import MISSING
from biaslint.analysis.tensors import contents, handwritten_norms, indexing, methods as tensor_methods, nodes, ops, reshaping
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution


Handler = Callable[["Execution", Args, Kwargs], Value]

KEEP = {
    "array", "asarray", "astype", "copy", "negative", "positive", "real", "stop_gradient", "convert_element_type", "optimization_barrier",
    "flip", "fliplr", "flipud", "rev", "with_sharding_constraint", "with_logical_constraint", "atleast_1d_placeholder", "float32",
    "bfloat16", "float16", "float64", "reduce_precision", "checkpoint_name", "identity",
}  # fmt: skip
ELEMENTWISE = {
    *vocabulary.ACTIVATIONS, "exp", "exp2", "expm1", "log", "log1p", "log2", "log10", "sqrt", "rsqrt", "cbrt", "square", "abs", "absolute",
    "fabs", "power", "pow", "float_power", "integer_pow", "sign", "sin", "cos", "tan", "sinh", "cosh", "arctan", "clip", "clamp", "floor",
    "ceil", "round", "rint", "trunc", "erf", "maximum", "minimum", "max_p", "nan_to_num", "isnan", "isinf", "isfinite", "reciprocal",
    "mod", "remainder", "fmod", "floor_divide", "cumsum", "cumprod", "cumlogsumexp", "logical_not", "logical_and", "logical_or",
    "equal", "not_equal", "greater", "greater_equal", "less", "less_equal", "eq", "ne", "gt", "ge", "lt", "le", "logistic", "logit",
    "heaviside", "sinc", "softsign", "logaddexp", "hypot", "arctan2", "dropout", "standardize",
}  # fmt: skip
# Another name of the same function, as graphs and messages know it.
SPELLED = {
    "logistic": "sigmoid",
    "log_sigmoid": "logsigmoid",
    "swish": "silu",
    "hard_swish": "hardswish",
    "hard_sigmoid": "hardsigmoid",
}
ARRAYS = {"a", "x", "arr", "array", "operand", "ary", "m", "object", "x1", "inputs", "logits"}


def array_of(ex: Execution, args: Args, kwargs: Kwargs) -> Node | None:
    """The array that a function works on; what nobody knows is taken for an input."""
    value = args[0] if args else next((kwargs[name] for name in kwargs if name in ARRAYS), None)
    return construction.tensor(ex, value)


def call(ex: Execution, name: str, args: Args, kwargs: Kwargs) -> Value:
    """A function by its short name. MISSING where it is not known, or is given no tensor."""
    if name in MAKERS:
        return MAKERS[name](ex, args, kwargs)
    if not values.all_in(*args, *kwargs.values()) and not any(values.params_in(one) for one in (*args, *kwargs.values())):
        return on_numbers(ex, name, args, kwargs)
    handler = HANDLERS.get(name)
    if handler is not None:
        return handler(ex, args, kwargs)
    if name not in KEEP and name not in ELEMENTWISE:
        return MISSING
    node = array_of(ex, args, kwargs)
    if node is None:
        return ex.opaque(*args, *kwargs.values(), name=name)
    if name in KEEP:
        return node if node.op == "const" else nodes.keep(ex, node, name)
    if all(other.op == "const" for other in values.all_in(*args, *kwargs.values())):
        return nodes.const(ex, node.dims, name)
    result = ex.opaque(*args, *kwargs.values(), name=SPELLED.get(name, name))
    result.dims = node.dims if len(args) < 2 else None
    if len(args) > 1:
        others = [nodes.tensor(ex, other) for other in args[1:]]
        result.dims = node.dims
        for other in others:
            result.dims = result.dims if other is None else nodes.broadcast(ex, result.dims, other.dims)
    return result


def on_numbers(ex: Execution, name: str, args: Args, kwargs: Kwargs) -> Value:
    """Of numbers and shapes, Python's own arithmetic; all else is unknown."""
    if name in ("array", "asarray") and args:
        how, value, spread = contents.content_of(args[0])
        if how == "constant" and isinstance(args[0], SequenceValue):
            return nodes.const(ex, (len(args[0].items),), "array", write=(how, value, spread))
        return args[0]
    if name in ("float32", "int32", "bfloat16", "float16") and len(args) == 1:
        return args[0]
    first = args[0] if args else None
    if isinstance(first, Unknown) and name not in SIZED:  # an input that nothing is known of
        node = construction.tensor(ex, first)
        if node is not None and name in HANDLERS:
            return HANDLERS[name](ex, [node, *args[1:]], kwargs)
        if node is not None and name in KEEP | ELEMENTWISE and len(args) == 1:
            return nodes.keep(ex, node, name) if name in KEEP else construction.nonlinear(ex, node, SPELLED.get(name, name))
    if name in LOGARITHMS and args:
        return nodes.const(ex, (), "log") if contents.content_of(args[0])[0] != "unknown" else ex.fresh(f"{name}(...)")
    return ex.fresh(name) if name in HANDLERS or name in ELEMENTWISE or name in KEEP else MISSING


SIZED = {"prod", "arange", "sqrt", "log2", "ceil", "floor", "power", "maximum", "minimum", "log", "sum", "max", "min", "where"}
LOGARITHMS = {"log", "log1p", "log2", "log10", "logit"}


# -- arithmetic ------------------------------------------------------------------------------------------------------------------------


def two(args: Args, kwargs: Kwargs) -> tuple[Value, Value]:
    return argument(args, kwargs, 0, "x1", "x", "lhs", "a"), argument(args, kwargs, 1, "x2", "y", "rhs", "b")


def do_add(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    return indexing.binary(ex, "+", *two(args, kwargs), ex.node)  # type: ignore[arg-type]


def do_subtract(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    return indexing.binary(ex, "-", *two(args, kwargs), ex.node)  # type: ignore[arg-type]


def do_multiply(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    return indexing.binary(ex, "*", *two(args, kwargs), ex.node)  # type: ignore[arg-type]


def do_divide(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    return indexing.binary(ex, "/", *two(args, kwargs), ex.node)  # type: ignore[arg-type]


def do_matmul(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    left, right = two(args, kwargs)
    return raw_layers.product(ex, left, right, {})


def do_dot(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """jnp.dot: with a matrix on the right, a matrix product; of more axes it is another."""
    left, right = two(args, kwargs)
    other = nodes.tensor(ex, right)
    return (
        raw_layers.product(ex, left, right, {})
        if other is not None and other.rank in (None, 2) and other.op == "const"
        else unknown(ex, args, kwargs, "dot")
    )


def unknown(ex: Execution, args: Args, kwargs: Kwargs, name: str) -> Node:
    return ex.opaque(*args, *kwargs.values(), name=name)


def do_einsum(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    return ops.einsum(ex, args[0] if args else kwargs.get("subscripts"), args[1:])


# -- shapes ----------------------------------------------------------------------------------------------------------------------------


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
    return repeated(ex, x, axis) if x is not None else unknown(ex, args, kwargs, "repeat")


def repeated(ex: Execution, x: Node, axis: Value) -> Node:
    if not isinstance(axis, int) or not x.dims or not -len(x.dims) <= axis < len(x.dims):
        return ex.opaque(x, name="repeat")
    place = axis % len(x.dims)
    dims = tuple(ex.fresh().key if at == place else dim for at, dim in enumerate(x.dims))
    return nodes.make(ex, "keep", [x], dims, "repeat")


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


def do_slice(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """lax.dynamic_slice and its like: a part, with the axes where they are."""
    x = array_of(ex, args, kwargs)
    if x is None:
        return unknown(ex, args, kwargs, "slice")
    part = ex.opaque(*args, *kwargs.values(), name="slice")
    part.dims = nodes.fresh_dims(ex, x.rank) if x.rank is not None else None
    return part


# -- reductions ------------------------------------------------------------------------------------------------------------------------


def reduction(linear_step: bool, name: str) -> Handler:
    def work(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
        x = array_of(ex, args, kwargs)
        if x is None:
            return ex.fresh(name)
        axis = argument(args, kwargs, 1, "axis", "axes")
        if "where" in kwargs or "initial" in kwargs:
            return unknown(ex, args, kwargs, name)
        keeps = argument(args[:2], kwargs, 3, "keepdims", default=False)
        if not isinstance(keeps, bool):
            return unknown(ex, args, kwargs, name)
        return ops.reduce(ex, x, axis, keeps, name, linear_step)

    return work


def do_spread(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """jnp.var(x, axis), jnp.std(x, axis)"""
    x = array_of(ex, args, kwargs)
    axes = nodes.axes_of(argument(args, kwargs, 1, "axis"))
    if x is None:
        return ex.fresh("variance")
    node = handwritten_norms.spread(ex, x, tuple(axes) if axes is not None else None, "variance")
    if axes is not None and x.dims is not None:
        gone, kept = {axis % len(x.dims) for axis in axes}, kwargs.get("keepdims") is True
        node.dims = tuple(1 if at in gone else dim for at, dim in enumerate(x.dims) if kept or at not in gone)
    return node


def do_softmax(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = array_of(ex, args, kwargs)
    if x is None:
        return ex.fresh("softmax")
    if "where" in kwargs:
        return unknown(ex, args, kwargs, "softmax")
    node = ops.softmax(ex, x, argument(args, kwargs, 1, "axis", default=-1))
    node.info["cast"] = x.op == "keep" and x.name in CASTS
    return node


CASTS = {"astype", "asarray", "convert_element_type", "float32", "bfloat16", "float16"}


def do_where(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    if len(args) < 3:
        return unknown(ex, args, kwargs, "where")
    return ops.where(ex, args[0], args[1], args[2])


def do_attention(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """Attention over (batch, positions, heads, features): the axes are not those of the others', so all is seen."""
    node = unknown(ex, args, kwargs, "attention")
    first = nodes.tensor(ex, args[0]) if args else None
    node.dims = first.dims if first is not None else None
    return node


# -- convolutions and pools --------------------------------------------------------------------------------------------------------------


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


# -- new arrays --------------------------------------------------------------------------------------------------------------------------


def filled(name: str, value: float | None) -> Handler:
    """jnp.zeros(shape), jnp.ones_like(x), jnp.full(shape, value)"""

    def work(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
        content: Any = ("constant", value, None)
        if name.startswith("full"):
            how, known, spread = contents.content_of(argument(args, kwargs, 1, "fill_value"))
            content = (how, known, spread) if how != "unknown" else None
        if name.endswith("_like"):
            like = nodes.tensor(ex, argument(args, kwargs, 0, "a", "x"))
            return nodes.const(ex, like.dims if like is not None else None, name, write=content)
        shape = argument(args, kwargs, 0, "shape")
        dims = (nodes.dim_of(ex, shape),) if isinstance(shape, int) else tensor_methods.size_dims(ex, [shape])
        if isinstance(shape, SequenceValue) and not shape.items:
            dims = ()
        return nodes.const(ex, dims, "log" if content and content[0] == "prior" else name, write=content)

    return work


def made(name: str) -> Handler:
    """An array that depends on no input: jnp.arange(n), jnp.eye(n)"""

    def work(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
        if values.all_in(*args, *kwargs.values()):
            return unknown(ex, args, kwargs, name)
        return nodes.const(ex, (ex.fresh().key,) * (2 if name in ("eye", "tri") else 1), name)

    return work


MAKERS: dict[str, Handler] = {
    **{name: filled(name, value) for name, value in (("zeros", 0.0), ("ones", 1.0), ("zeros_like", 0.0), ("ones_like", 1.0))},
    **{name: filled(name, None) for name in ("full", "full_like", "empty", "empty_like")},
    **{name: made(name) for name in ("arange", "linspace", "eye", "tri", "identity_matrix", "logspace")},
}
HANDLERS: dict[str, Handler] = {
    "add": do_add,
    "subtract": do_subtract,
    "sub": do_subtract,
    "multiply": do_multiply,
    "mul": do_multiply,
    "divide": do_divide,
    "true_divide": do_divide,
    "div": do_divide,
    "matmul": do_matmul,
    "dot": do_dot,
    "einsum": do_einsum,
    "concatenate": do_concat,
    "concat": do_concat,
    "hstack": do_hstack,
    "stack": do_stack,
    "split": do_split,
    "array_split": do_split,
    "reshape": do_reshape,
    "ravel": do_ravel,
    "transpose": do_transpose,
    "permute_dims": do_transpose,
    "swapaxes": do_swapaxes,
    "moveaxis": do_moveaxis,
    "expand_dims": do_expand,
    "squeeze": do_squeeze,
    "tile": do_tile,
    "repeat": do_repeat,
    "broadcast_to": do_broadcast,
    "roll": do_roll,
    "pad": do_pad,
    "dynamic_slice": do_slice,
    "dynamic_slice_in_dim": do_slice,
    "slice": do_slice,
    "slice_in_dim": do_slice,
    "mean": reduction(True, "mean"),
    "sum": reduction(True, "sum"),
    "max": reduction(False, "max"),
    "amax": reduction(False, "max"),
    "min": reduction(False, "min"),
    "amin": reduction(False, "min"),
    "var": do_spread,
    "std": do_spread,
    "softmax": do_softmax,
    "log_softmax": do_softmax,
    "where": do_where,
    "select": do_where,
    "dot_product_attention": do_attention,
    "max_pool": pool(True),
    "min_pool": pool(True),
    "avg_pool": pool(False),
    "resize": do_resize,
    "conv_general_dilated": do_conv,
}
