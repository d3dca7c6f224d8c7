"""Functions of jax.numpy, jax.nn and jax.lax: what each does to a shift. One that stands in no table here sees what it is given."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain import values
from biaslint.analysis.domain.values import Args, External, Kwargs, SequenceValue, Unknown, Value, argument
from biaslint.analysis.frameworks.common import construction, raw_layers
from biaslint.analysis.frameworks.flax import shapes, vocabulary, windows
from biaslint.analysis.frameworks.flax.arguments import Handler, array_of, unknown
from biaslint.analysis.project.environment import MISSING
from biaslint.analysis.tensors import contents, handwritten_norms, indexing, methods as tensor_methods, nodes, ops, reshaping
from biaslint.theory import terms
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution


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
    "heaviside", "sinc", "softsign", "logaddexp", "hypot", "arctan2", "dropout", "tril", "triu",
}  # fmt: skip
# Another name of the same function, as graphs and messages know it.
SPELLED = {
    "logistic": "sigmoid",
    "log_sigmoid": "logsigmoid",
    "swish": "silu",
    "hard_swish": "hardswish",
    "hard_sigmoid": "hardsigmoid",
}


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
        return cast(ex, node, name, argument(args, kwargs, 1, "dtype", "new_dtype") if name in CASTS | {"array"} else None)
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


WHOLE = re.compile(r"u?int\d*|bool_?")


def cast(ex: Execution, node: Node, name: str, kind: Value) -> Node:
    """An array in another type: to whole numbers or truths, it rounds."""
    to = kind if isinstance(kind, str) else kind.name.rpartition(".")[2] if isinstance(kind, External) else ""
    if node.op == "const":
        return raw_layers.stopped(ex, node) if name == "stop_gradient" else node
    return construction.nonlinear(ex, node, name) if WHOLE.fullmatch(to) else nodes.keep(ex, node, name)


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


# -- arithmetic --------------------------------------------------------------------------------


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


def do_einsum(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    return ops.einsum(ex, args[0] if args else kwargs.get("subscripts"), args[1:])


# -- reductions --------------------------------------------------------------------------------


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


def softmax(name: str) -> Handler:
    """jax.nn.softmax(x, axis), jax.nn.log_softmax(x, axis)"""

    def work(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
        x = array_of(ex, args, kwargs)
        if x is None:
            return ex.fresh(name)
        if "where" in kwargs:
            return unknown(ex, args, kwargs, name)
        node = ops.softmax(ex, x, argument(args, kwargs, 1, "axis", default=-1), name)
        node.info["cast"] = x.op == "keep" and x.name in CASTS
        return node

    return work


CASTS = {"astype", "asarray", "convert_element_type", "float32", "bfloat16", "float16"}


def do_standardize(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """jax.nn.standardize(x, axis): without its mean, where none is given."""
    x, axes = array_of(ex, args, kwargs), nodes.axes_of(argument(args, kwargs, 1, "axis", default=-1))
    if x is None or axes is None or len(args) > 2 or kwargs.keys() & {"mean", "variance", "where"}:
        return unknown(ex, args, kwargs, "standardize")
    return ops.norm(ex, x, "standardization", tuple(axes), "standardize")


def do_dot_general(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """lax.dot_general(x, kernel, ((x's axes, kernel's axes), ((), ()))): a product, where x's last axis meets the kernel's first."""
    left, right = two(args, kwargs)
    x, kernel = construction.tensor(ex, left), nodes.tensor(ex, right)
    numbers = argument(args, kwargs, 2, "dimension_numbers")
    parts = [axes for pair in items(numbers) for axes in items(pair)]
    first, second, *batch = [items(axes) for axes in parts] if len(parts) == 4 else [[], []]
    rank = x.rank if x is not None else None
    last = len(first) == 1 and (first[0] == -1 or (rank is not None and first[0] == rank - 1) or counted_from_rank(x, first[0]))
    plain = kernel is not None and kernel.op == "const" and kernel.rank in (None, 2) and second == [0] and not any(batch)
    return raw_layers.product(ex, left, right, {}) if x is not None and plain and last else unknown(ex, args, kwargs, "dot")


def items(value: Value) -> list[Value]:
    return value.items if isinstance(value, SequenceValue) and not value.open else []


def counted_from_rank(x: Node | None, axis: Value) -> bool:
    """Is it `x.ndim - 1`, of a tensor whose rank nobody knows?"""
    return x is not None and isinstance(axis, Unknown) and axis.key == terms.Operation("-", terms.Rank(x.id), 1)


def do_where(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    if len(args) < 3:
        return unknown(ex, args, kwargs, "where")
    return ops.where(ex, args[0], args[1], args[2])


def do_attention(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """dot_product_attention(query, key, value, bias, mask): of (..., positions, heads, features)."""
    given = [argument(args, kwargs, place, name) for place, name in enumerate(("query", "key", "value", "bias", "mask"))]
    parts = [nodes.tensor(ex, one) for one in given[:3]]
    if any(part is None or (part.rank is not None and part.rank < 3) for part in parts) or len(args) > 5:
        return unknown(ex, args, kwargs, "attention")
    query, key, value = (reshaping.transpose(ex, part, -3, -2) for part in parts if part is not None)
    drops = kwargs.get("dropout_rate", 0.0) if kwargs.get("deterministic") is not True else 0.0
    rate = drops if isinstance(drops, (int, float)) else 1.0
    node = ops.attention(ex, query, key, value, [one for one in given[3:] if one is not None], float(rate))
    return reshaping.transpose(ex, node, -3, -2) if isinstance(node, Node) else node


# -- new arrays --------------------------------------------------------------------------------


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
    "concatenate": shapes.do_concat,
    "concat": shapes.do_concat,
    "hstack": shapes.do_hstack,
    "stack": shapes.do_stack,
    "split": shapes.do_split,
    "array_split": shapes.do_split,
    "reshape": shapes.do_reshape,
    "ravel": shapes.do_ravel,
    "transpose": shapes.do_transpose,
    "permute_dims": shapes.do_transpose,
    "swapaxes": shapes.do_swapaxes,
    "moveaxis": shapes.do_moveaxis,
    "expand_dims": shapes.do_expand,
    "squeeze": shapes.do_squeeze,
    "tile": shapes.do_tile,
    "repeat": shapes.do_repeat,
    "broadcast_to": shapes.do_broadcast,
    "roll": shapes.do_roll,
    "pad": shapes.do_pad,
    "dynamic_slice": shapes.do_slice,
    "dynamic_slice_in_dim": shapes.do_slice,
    "slice": shapes.do_slice,
    "slice_in_dim": shapes.do_slice,
    "mean": reduction(True, "mean"),
    "sum": reduction(True, "sum"),
    "max": reduction(False, "max"),
    "amax": reduction(False, "max"),
    "min": reduction(False, "min"),
    "amin": reduction(False, "min"),
    "var": do_spread,
    "std": do_spread,
    "softmax": softmax("softmax"),
    "log_softmax": softmax("log_softmax"),
    "where": do_where,
    "select": do_where,
    "dot_product_attention": do_attention,
    "dot_general": do_dot_general,
    "standardize": do_standardize,
    "take": shapes.do_take,
    "sort": shapes.do_sort,
    "median": reduction(False, "median"),
    "reduce_window": windows.do_reduce_window,
    "max_pool": windows.pool(True),
    "min_pool": windows.pool(True),
    "avg_pool": windows.pool(False),
    "resize": windows.do_resize,
    "conv_general_dilated": windows.do_conv,
}
