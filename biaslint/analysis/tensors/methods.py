"""Functions and methods of tensors: each name of torch, torch.nn.functional or a tensor, with its operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain import values
from biaslint.analysis.domain.values import Args, Kwargs, SequenceValue, Unknown, Value, argument
from biaslint.analysis.project.environment import MISSING
from biaslint.analysis.tensors import (
    conventions,
    graphs,
    indexing,
    known_numbers,
    nodes,
    ops,
    parameter_writes,
    pooling,
    reductions,
    reshaping,
    training_steps,
)
from biaslint.analysis.tensors.operation_names import ADD, DIV, KEEP, MUL, NONLINEAR
from biaslint.theory import terms
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution


Handler = Callable[["Execution", Node, list[Value], dict[str, Value]], Value]


def method(ex: Execution, node: Node, name: str, args: list[Value], kwargs: Kwargs) -> Value:
    """node.name(...)"""
    known = known_numbers.method(ex, node, name, args)
    known = conventions.method(ex, node, name, args, kwargs) if known is MISSING else known
    if known is not MISSING:
        return known
    if name in ("size", "get_shape") and not kwargs.get("dim") and not args:
        return indexing.shape(ex, node)
    if name == "size":
        return indexing.shape_item(ex, Unknown(terms.Shape(node.id), "shape"), argument(args, kwargs, 0, "dim"))
    if name in ("dim", "ndimension"):
        return indexing.attribute(ex, node, "ndim")
    if name in ("item", "tolist", "numpy"):
        written = node.info.get("write")
        if name == "item" and written is not None and written[0] == "constant":
            return written[1]
        return Unknown(terms.Fresh((node.id, name)), name, (node,) if node.op != "const" else ())
    if name in ("numel", "nelement", "element_size", "get_device", "is_contiguous", "is_floating_point", "data_ptr", "stride"):
        return ex.fresh(name)
    if name in ("new_zeros", "new_ones", "new_full", "new_empty", "new_tensor"):
        return nodes.const(ex, size_dims(ex, args), name, unfilled=name == "new_empty")
    if name in graphs.METHODS:
        return graphs.method(ex, node, name, args, kwargs)
    if name == "replace_feature" and args:  # of a sparse tensor
        return args[0]
    if name == "backward":
        training_steps.backward(ex, node)
    if name in ("backward", "register_hook", "retain_grad", "set_shape"):
        return None
    if in_place(name) and parameter_writes.own_parameter(node):
        if node.info.get("parameter"):
            ex.fault("a parameter is written in place")
        parameter_writes.method(ex, node, name, args, kwargs)
        return node
    if in_place(name):
        node.info.pop("unfilled", None)
        parameter_writes.record_view(ex, node)
    node = ex.flow.now(node)
    result = apply(ex, name, node, args, kwargs)
    if in_place(name) and isinstance(result, Node) and node.op != "const":
        ex.flow.change(node, result)
    return result


SAME_ENTRIES = {"requires_grad_", "detach_", "share_memory_", "retain_grad_", "rename_"}


def in_place(name: str) -> bool:
    """Does a method write its result into the tensor itself?"""
    return name.endswith("_") and not name.endswith("__") and name not in SAME_ENTRIES


def apply(ex: Execution, name: str, node: Node, args: list[Value], kwargs: Kwargs) -> Value:
    """Apply the function `name` of torch, torch.nn.functional or a tensor to its first argument."""
    handler = HANDLERS.get(name)
    if handler is not None:
        return handler(ex, node, args, kwargs)
    if name in KEEP:
        rounds = name in CONVERSIONS and any(map(conventions.of_whole_numbers, (*args, kwargs.get("dtype"))))
        return ex.opaque(node, name=name) if rounds else nodes.keep(ex, node, name)
    if name in ADD:
        other, factor = argument(args, kwargs, 0, "other"), kwargs.get("alpha", 1)
        return ops.add(ex, node, other if factor == 1 else ops.mul(ex, other, factor), name)
    if name in MUL:
        return ops.mul(ex, node, argument(args, kwargs, 0, "other"), name)
    if name in DIV:
        if kwargs.get("rounding_mode"):
            return ex.opaque(node, *args, name=name)
        return ops.div(ex, node, argument(args, kwargs, 0, "other"))
    if name in LERP:
        return mixture(ex, node, argument(args, kwargs, 0, "end"), argument(args, kwargs, 1, "weight"))
    result = ex.opaque(node, *args, *kwargs.values(), name=name)
    if name in NONLINEAR or name in (
        "dropout",
        "clamp",
        "clamp_",
        "clip",
        "minimum",
        "maximum",
        "gather",
        "where",
        "cumsum",
    ):
        result.dims = node.dims
        result.info["elementwise"] = True
    else:
        ex.not_understood(f"tensor function {name}")
        result.info["unknown"] = True
    return result


CONVERSIONS = {"to", "type", "type_as"}
LERP = {"lerp", "lerp_"}


def mixture(ex: Execution, start: Node, end: Value, weight: Value) -> Value:
    """start + weight * (end - start)"""
    return ops.add(ex, ops.mul(ex, start, weight, "lerp"), ops.mul(ex, end, weight, "lerp"), "lerp")


def size_dims(ex: Execution, args: Args) -> Any:
    """The dimensions given to torch.zeros and its like: numbers, or one sequence."""
    if len(args) >= 1 and isinstance(args[0], SequenceValue):
        return tuple(nodes.dim_of(ex, item) for item in args[0].items) if not args[0].open else None
    if len(args) >= 1 and isinstance(args[0], Unknown) and isinstance(args[0].key, terms.Shape):
        return indexing.node_of_shape(ex, args[0]).dims
    sizes = [item for item in args if isinstance(item, (int, Unknown)) and not isinstance(item, bool)]
    return tuple(nodes.dim_of(ex, item) for item in sizes) if sizes else None


def sizes_of(ex: Execution, args: list[Value], kwargs: Kwargs) -> list[Value] | None:
    """The target of view(2, 3), view((2, 3)), view(*x.shape[:2], -1)."""
    if len(args) == 1 and isinstance(args[0], SequenceValue):
        return list(args[0].items) if not args[0].open else None
    if len(args) == 1 and isinstance(args[0], Unknown):
        key: Any = args[0].key
        if isinstance(key, terms.Shape):
            node = indexing.node_of_shape(ex, args[0])
            return [nodes.value_of(dim) for dim in node.dims] if node.dims is not None else None
        if isinstance(key, (terms.Dimension, terms.Parameter, terms.Attribute, terms.Operation)):
            return list(args)
        return None
    if not args and "shape" in kwargs:
        return sizes_of(ex, [kwargs["shape"]], {})
    return list(args)


def do_view(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    target = sizes_of(ex, args, kwargs)
    if target is None or (len(target) == 1 and isinstance(target[0], (SequenceValue,))):
        return ex.opaque(x, name="reshape")
    if any(not isinstance(item, (int, Unknown)) for item in target):
        if len(target) == 1:
            return nodes.keep(ex, x, "view")  # view(dtype)
        target = [item if isinstance(item, (int, Unknown)) else ex.fresh() for item in target]
    return reshaping.reshape(ex, x, target)


def do_permute(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    order = args[0] if len(args) == 1 else kwargs.get("dims", SequenceValue(list(args)))
    axes = nodes.axes_of(order)
    return reshaping.permute(ex, x, axes) if axes is not None else ex.opaque(x, name="permute")


def do_transpose(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    one = argument(args, kwargs, 0, "dim0", "axis0")
    two = argument(args, kwargs, 1, "dim1", "axis1")
    if not isinstance(one, int) or not isinstance(two, int):
        return ex.opaque(x, name="transpose")
    return reshaping.transpose(ex, x, one, two)


def do_movedim(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    one = argument(args, kwargs, 0, "source")
    two = argument(args, kwargs, 1, "destination")
    if not x.rank or not isinstance(one, int) or not isinstance(two, int):
        return ex.opaque(x, name="movedim")
    order = list(range(x.rank))
    order.insert(two % x.rank, order.pop(one % x.rank))
    return reshaping.permute(ex, x, order)


def do_t(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    return reshaping.transpose(ex, x, 0, 1) if x.rank == 2 else reshaping.transpose(ex, x, -1, -2)


def do_flatten(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    return reshaping.flatten(
        ex, x, argument(args, kwargs, 0, "start_dim", default=0), argument(args, kwargs, 1, "end_dim", default=-1)
    )


def do_unflatten(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    return reshaping.unflatten(ex, x, argument(args, kwargs, 0, "dim"), argument(args, kwargs, 1, "sizes", "unflattened_size"))


def do_squeeze(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    return reshaping.squeeze(ex, x, argument(args, kwargs, 0, "dim"))


def do_unsqueeze(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    return reshaping.unsqueeze(ex, x, argument(args, kwargs, 0, "dim"))


def do_expand(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    target = sizes_of(ex, args, kwargs)
    return reshaping.expand(ex, x, target, "expand") if target is not None else ex.opaque(x, name="expand")


def do_view_as(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    other = args[0] if args else None
    if isinstance(other, Node) and other.dims is not None and other.op != "opaque":
        return reshaping.reshape(ex, x, [nodes.value_of(dim) for dim in other.dims])
    return ex.opaque(x, name="view_as")


def do_expand_as(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    other = args[0] if args else None
    if isinstance(other, Node) and other.dims is not None and (x.dims is None or len(x.dims) <= len(other.dims)):
        return reshaping.expand(ex, x, [nodes.value_of(dim) for dim in other.dims], "expand")
    return nodes.keep(ex, x, "expand")


def do_repeat(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    target = sizes_of(ex, args, kwargs)
    return reshaping.expand(ex, x, target, "repeat") if target is not None else ex.opaque(x, name="repeat")


def do_repeat_interleave(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    return reshaping.repeated(ex, x, argument(args, kwargs, 1, "dim"))


def do_chunk(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    if parameter_writes.own_parameter(x) and x.rank == 1:
        return parameter_writes.pieces(ex, x, "chunk", args)
    return ops.split(ex, x, argument(args, kwargs, 0, "chunks"), argument(args, kwargs, 1, "dim", default=0), True)


def do_split(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    sizes = argument(args, kwargs, 0, "split_size_or_sections", "split_size")
    return ops.split(ex, x, sizes, argument(args, kwargs, 1, "dim", default=0), False)


def do_tensor_split(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    where, axis = argument(args, kwargs, 0, "indices_or_sections"), argument(args, kwargs, 1, "dim", default=0)
    count = len(where.items) + 1 if isinstance(where, SequenceValue) else where
    if not isinstance(count, int) or not 0 < count <= 256:
        return ex.opaque(x, name="tensor_split")
    return SequenceValue([ops.part(ex, x, axis, index) for index in range(count)], "tuple")


def do_unbind(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    return ops.unbind(ex, x, argument(args, kwargs, 0, "dim", default=0))


def do_select(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    axis = argument(args, kwargs, 0, "dim")
    return ops.select(ex, x, axis, argument(args, kwargs, 1, "index")) if isinstance(axis, int) else ex.opaque(x, name="select")


def do_narrow(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    return ops.picked(ex, x, *(argument(args, kwargs, *where) for where in ((0, "dim"), (1, "index"), (2, "length"))))


def do_matmul(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    return ops.matmul(ex, x, argument(args, kwargs, 0, "other", "mat2", "tensor2"))


def do_bmm(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    """Of tensors with three axes, and of no others."""
    other = argument(args, kwargs, 0, "mat2")
    for node in (x, other):
        if isinstance(node, Node) and node.dims is None:
            ex.flow.learn_rank(node, 3)
    return ops.matmul(ex, x, other)


def do_baddbmm(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    """input + batch1 @ batch2"""
    return ops.add(
        ex,
        ops.matmul(ex, argument(args, kwargs, 0, "batch1", "mat1"), argument(args, kwargs, 1, "batch2", "mat2")),
        x,
    )


def do_addcmul(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    """input + value * tensor1 * tensor2"""
    product = ops.mul(ex, argument(args, kwargs, 0, "tensor1"), argument(args, kwargs, 1, "tensor2"))
    value = argument(args, kwargs, 2, "value", default=1)
    return ops.add(ex, x, product if values.is_constant(value) and value == 1 else ops.mul(ex, product, value))


def do_softmax(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs, name: str = "softmax") -> Value:
    result = ops.softmax(ex, x, argument(args, kwargs, 0, "dim", "axis"), name)
    result.info["cast"] = kwargs.get("dtype") is not None or (x.op == "keep" and x.name in CASTS)
    return result


CASTS = {"float", "double", "half", "bfloat16", "to", "type"}


def do_pad(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    mode = argument(args, kwargs, 1, "mode", default="constant")
    widths = argument(args, kwargs, 0, "pad")
    return ops.pad(ex, x, widths if isinstance(widths, SequenceValue) else 1, mode == "constant" or not isinstance(mode, str))


def do_dropout(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    rate = argument(args, kwargs, 0, "p", default=0.5)
    training = argument(args, kwargs, 1, "training", default=True)
    if (values.is_constant(rate) and rate == 0) or training is False:
        return nodes.keep(ex, x, "dropout")
    node = ex.opaque(x, name="dropout")
    node.dims = x.dims
    return node


def do_mask(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    """masked_fill with minus infinity takes positions out of a softmax; with anything else it shows where it filled."""
    return ops.mask(ex, argument(args, kwargs, 0, "mask"), argument(args, kwargs, 1, "value"), x, x.dims, "masked_fill")


def do_triangle(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    """tril and triu: a factor of zeros and ones along the last two axes."""
    ones = nodes.const(ex, nodes.fresh_dims(ex, 2), "a triangle")
    return ops.mul(ex, x, ones, "a triangle")


def do_rot90(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    """Quarter turns in the plane of two axes, which change places when their number is odd."""
    turns = argument(args, kwargs, 0, "k", default=1)
    plane = nodes.axes_of(argument(args, kwargs, 1, "dims", default=SequenceValue([0, 1])))
    if not isinstance(turns, int) or plane is None or len(plane) != 2:
        return ex.opaque(x, name="rot90")
    return reshaping.transpose(ex, x, *plane) if turns % 2 else nodes.keep(ex, x, "rot90")


def do_attention(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    key = argument(args, kwargs, 0, "key")
    value = argument(args, kwargs, 1, "value")
    mask = argument(args, kwargs, 2, "attn_mask")
    return ops.attention(ex, x, key, value, [mask], argument(args, kwargs, 3, "dropout_p", default=0.0))


def do_where(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    """x.where(condition, other)"""
    condition, other = argument(args, kwargs, 0, "condition"), argument(args, kwargs, 1, "other")
    return ops.where(ex, condition, x, other)


def do_fill(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    """zero_, fill_ and their like: the old entries are gone."""
    if x.op == "const":
        return x
    found = values.tensors_in(SequenceValue([*args, *kwargs.values()]))
    return ex.opaque(*args, *kwargs.values(), name="fill_") if found else nodes.const(ex, x.dims, "a filled tensor")


def do_copy(ex: Execution, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    """x.copy_(other), x.set_(other)"""
    other = nodes.tensor(ex, argument(args, kwargs, 0, "src", "source"))
    if x.op == "const" or other is None:
        return x
    if other.rank is not None and x.rank == other.rank:
        return nodes.keep(ex, other, "copy_")
    return ex.opaque(other, name="copy_")


HANDLERS: dict[str, Handler] = {
    "view": do_view,
    "reshape": do_view,
    "permute": do_permute,
    "transpose": do_transpose,
    "swapaxes": do_transpose,
    "swapdims": do_transpose,
    "transpose_": do_transpose,
    "movedim": do_movedim,
    "moveaxis": do_movedim,
    "t": do_t,
    "flatten": do_flatten,
    "unflatten": do_unflatten,
    "squeeze": do_squeeze,
    "squeeze_": do_squeeze,
    "unsqueeze": do_unsqueeze,
    "unsqueeze_": do_unsqueeze,
    "expand": do_expand,
    "broadcast_to": do_expand,
    "expand_as": do_expand_as,
    "view_as": do_view_as,
    "reshape_as": do_view_as,
    "tril": do_triangle,
    "triu": do_triangle,
    "tril_": do_triangle,
    "triu_": do_triangle,
    "rot90": do_rot90,
    "repeat": do_repeat,
    "tile": do_repeat,
    "repeat_interleave": do_repeat_interleave,
    **reductions.HANDLERS,
    "chunk": do_chunk,
    "split": do_split,
    "tensor_split": do_tensor_split,
    "unbind": do_unbind,
    "select": do_select,
    "narrow": do_narrow,
    "index_select": do_narrow,
    "matmul": do_matmul,
    "bmm": do_bmm,
    "mm": do_matmul,
    "baddbmm": do_baddbmm,
    "addmm": do_baddbmm,
    "addcmul": do_addcmul,
    "softmax": do_softmax,
    "log_softmax": lambda ex, x, args, kwargs: do_softmax(ex, x, args, kwargs, "log_softmax"),
    "gumbel_softmax": lambda ex, x, args, kwargs: do_softmax(
        ex, x, [argument(args, kwargs, 3, "dim", default=-1)], {}, "gumbel_softmax"
    ),
    **pooling.HANDLERS,
    "pad": do_pad,
    "dropout": do_dropout,
    "dropout1d": do_dropout,
    "dropout2d": do_dropout,
    "dropout3d": do_dropout,
    "masked_fill": do_mask,
    "masked_fill_": do_mask,
    "scaled_dot_product_attention": do_attention,
    "where": do_where,
    "fill_": do_fill,
    "zero_": do_fill,
    "copy_": do_copy,
    "set_": do_copy,
    "pixel_shuffle": lambda ex, x, args, kwargs: reshaping.pixel_shuffle(ex, x),
    "pixel_unshuffle": lambda ex, x, args, kwargs: reshaping.pixel_unshuffle(ex, x),
}
