"""What functions and methods do to tensors: each name of torch, torch.nn.functional or a tensor, with the operation it stands for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from biaslint.frontends import ops, reshaping, tensors
from biaslint.frontends.values import ListV, Unknown, Value, is_constant, tensors_in
from biaslint.theory.dataflow import Node
from biaslint.vocabulary import torch as vocabulary

if TYPE_CHECKING:
    from biaslint.frontends.interpreter import Interpreter


Handler = Callable[["Interpreter", Node, list[Value], dict[str, Value]], Value]


def argument(args: tensors.Args, kwargs: tensors.Kwargs, place: int, *names: str, default: Value = None) -> Value:
    """An argument by place or by one of its names."""
    for name in names:
        if name in kwargs:
            return kwargs[name]
    return args[place] if len(args) > place else default


def method(interp: Interpreter, node: Node, name: str, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    """node.name(...)"""
    if name in ("size", "get_shape") and not kwargs.get("dim") and not args:
        return tensors.shape(interp, node)
    if name == "size":
        return tensors.shape_item(interp, Unknown(("shape", node.id), "shape"), argument(args, kwargs, 0, "dim"))
    if name in ("dim", "ndimension"):
        return tensors.attribute(interp, node, "ndim")
    if name in ("item", "tolist", "numpy"):
        written = node.info.get("write")
        if name == "item" and written is not None and written[0] == "constant":
            return written[1]
        return Unknown(("fresh", node.id, name), name, (node,) if node.op != "const" else ())
    if name in ("numel", "nelement", "element_size", "get_device", "is_contiguous", "is_floating_point", "data_ptr", "stride"):
        return interp.fresh(name)
    if name in ("new_zeros", "new_ones", "new_full", "new_empty", "new_tensor"):
        return ops.const(interp, size_dims(interp, args), name)
    if name in ("backward", "register_hook", "retain_grad", "set_shape"):
        return None
    return apply(interp, name, node, args, kwargs)


def apply(interp: Interpreter, name: str, node: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    """What the function `name` of torch, torch.nn.functional or a tensor does to its first argument."""
    handler = HANDLERS.get(name)
    if handler is not None:
        return handler(interp, node, args, kwargs)
    if name in vocabulary.KEEP:
        return ops.keep(interp, node, name)
    if name in vocabulary.ADD:
        return ops.add(interp, node, argument(args, kwargs, 0, "other"), name)
    if name in vocabulary.MUL:
        return ops.mul(interp, node, argument(args, kwargs, 0, "other"), name)
    if name in vocabulary.DIV:
        if kwargs.get("rounding_mode"):
            return interp.opaque(node, *args, name=name)
        return ops.div(interp, node, argument(args, kwargs, 0, "other"))
    result = interp.opaque(node, *args, *kwargs.values(), name=name)
    if name in vocabulary.NONLINEAR or name in (
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
    else:
        interp.not_understood(f"tensor function {name}")
        result.info["unknown"] = True
    return result


def size_dims(interp: Interpreter, args: tensors.Args) -> Any:
    """The dimensions given to torch.zeros and its like: numbers, or one sequence."""
    if len(args) >= 1 and isinstance(args[0], ListV):
        return tuple(ops.dim_of(interp, item) for item in args[0].items) if not args[0].open else None
    if len(args) >= 1 and isinstance(args[0], Unknown) and isinstance(args[0].key, tuple) and args[0].key[:1] == ("shape",):
        return tensors.node_of_shape(interp, args[0]).dims
    sizes = [item for item in args if isinstance(item, (int, Unknown)) and not isinstance(item, bool)]
    return tuple(ops.dim_of(interp, item) for item in sizes) if sizes else None


def sizes_of(interp: Interpreter, args: list[Value], kwargs: tensors.Kwargs) -> list[Value] | None:
    """The target of view(2, 3), view((2, 3)), view(*x.shape[:2], -1)."""
    if len(args) == 1 and isinstance(args[0], ListV):
        return list(args[0].items) if not args[0].open else None
    if len(args) == 1 and isinstance(args[0], Unknown):
        key: Any = args[0].key
        if isinstance(key, tuple) and key[:1] == ("shape",):
            node = tensors.node_of_shape(interp, args[0])
            return [ops.value_of(dim) for dim in node.dims] if node.dims is not None else None
        if isinstance(key, tuple) and key[:1] in (("dim",), ("param",), ("attr",), ("op",)):
            return list(args)
        return None
    if not args and "shape" in kwargs:
        return sizes_of(interp, [kwargs["shape"]], {})
    return list(args)


def do_view(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    target = sizes_of(interp, args, kwargs)
    if target is None or (len(target) == 1 and isinstance(target[0], (ListV,))):
        return interp.opaque(x, name="reshape")
    if any(not isinstance(item, (int, Unknown)) for item in target):
        if len(target) == 1:
            return ops.keep(interp, x, "view")  # view(dtype)
        target = [item if isinstance(item, (int, Unknown)) else interp.fresh() for item in target]
    return reshaping.reshape(interp, x, target)


def do_permute(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    order = args[0] if len(args) == 1 else kwargs.get("dims", ListV(list(args)))
    axes = ops.axes_of(order)
    return reshaping.permute(interp, x, axes) if axes is not None else interp.opaque(x, name="permute")


def do_transpose(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    one = argument(args, kwargs, 0, "dim0", "axis0")
    two = argument(args, kwargs, 1, "dim1", "axis1")
    if not isinstance(one, int) or not isinstance(two, int):
        return interp.opaque(x, name="transpose")
    return reshaping.transpose(interp, x, one, two)


def do_movedim(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    one = argument(args, kwargs, 0, "source")
    two = argument(args, kwargs, 1, "destination")
    if not x.rank or not isinstance(one, int) or not isinstance(two, int):
        return interp.opaque(x, name="movedim")
    order = list(range(x.rank))
    order.insert(two % x.rank, order.pop(one % x.rank))
    return reshaping.permute(interp, x, order)


def do_t(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    return reshaping.transpose(interp, x, 0, 1) if x.rank == 2 else reshaping.transpose(interp, x, -1, -2)


def do_flatten(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    return reshaping.flatten(
        interp, x, argument(args, kwargs, 0, "start_dim", default=0), argument(args, kwargs, 1, "end_dim", default=-1)
    )


def do_unflatten(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    return reshaping.unflatten(
        interp, x, argument(args, kwargs, 0, "dim"), argument(args, kwargs, 1, "sizes", "unflattened_size")
    )


def do_squeeze(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    return reshaping.squeeze(interp, x, argument(args, kwargs, 0, "dim"))


def do_unsqueeze(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    return reshaping.unsqueeze(interp, x, argument(args, kwargs, 0, "dim"))


def do_expand(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    target = sizes_of(interp, args, kwargs)
    return reshaping.expand(interp, x, target, "expand") if target is not None else interp.opaque(x, name="expand")


def do_expand_as(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    other = args[0] if args else None
    if isinstance(other, Node) and other.dims is not None and (x.dims is None or len(x.dims) <= len(other.dims)):
        return reshaping.expand(interp, x, [ops.value_of(dim) for dim in other.dims], "expand")
    return ops.keep(interp, x, "expand")


def do_repeat(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    target = sizes_of(interp, args, kwargs)
    return reshaping.expand(interp, x, target, "repeat") if target is not None else interp.opaque(x, name="repeat")


def do_mean(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    return ops.reduce(
        interp, x, argument(args, kwargs, 0, "dim", "axis"), argument(args, kwargs, 1, "keepdim", "keepdims"), "mean", True
    )


def do_extreme(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    axis = argument(args, kwargs, 0, "dim", "axis")
    if axis is None or isinstance(axis, Node):
        return interp.opaque(x, *args, name="max")
    values = ops.reduce(interp, x, axis, argument(args, kwargs, 1, "keepdim"), "max", False)
    return ListV([values, interp.opaque(x, name="argmax")], "tuple")


def do_amax(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    return ops.reduce(interp, x, argument(args, kwargs, 0, "dim"), argument(args, kwargs, 1, "keepdim"), "max", False)


def do_chunk(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    return ops.split(interp, x, argument(args, kwargs, 0, "chunks"), argument(args, kwargs, 1, "dim", default=0), True)


def do_split(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    sizes = argument(args, kwargs, 0, "split_size_or_sections", "split_size")
    return ops.split(interp, x, sizes, argument(args, kwargs, 1, "dim", default=0), False)


def do_tensor_split(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    return ops.split(
        interp, x, argument(args, kwargs, 0, "indices_or_sections"), argument(args, kwargs, 1, "dim", default=0), True
    )


def do_unbind(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    return ops.unbind(interp, x, argument(args, kwargs, 0, "dim", default=0))


def do_select(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    axis = argument(args, kwargs, 0, "dim")
    return (
        ops.select(interp, x, axis, argument(args, kwargs, 1, "index"))
        if isinstance(axis, int)
        else interp.opaque(x, name="select")
    )


def do_narrow(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    return ops.part(interp, x, argument(args, kwargs, 0, "dim"), 0)


def do_matmul(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    return ops.matmul(interp, x, argument(args, kwargs, 0, "other", "mat2", "tensor2"))


def do_bmm(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    """Of tensors with three axes, and of no others."""
    other = argument(args, kwargs, 0, "mat2")
    for node in (x, other):
        if isinstance(node, Node) and node.dims is None:
            interp.flow.learn_rank(node, 3)
    return ops.matmul(interp, x, other)


def do_baddbmm(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    """input + batch1 @ batch2"""
    return ops.add(
        interp, ops.matmul(interp, argument(args, kwargs, 0, "batch1", "mat1"), argument(args, kwargs, 1, "batch2", "mat2")), x
    )


def do_softmax(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    result = ops.softmax(interp, x, argument(args, kwargs, 0, "dim", "axis"))
    result.info["cast"] = kwargs.get("dtype") is not None or (x.op == "keep" and x.name in CASTS)
    return result


CASTS = {"float", "double", "half", "bfloat16", "to", "type"}


def do_max_pool(spatial: int) -> Handler:
    def work(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
        return ops.window(interp, x, spatial, "max_pool")

    return work


def do_average_pool(spatial: int) -> Handler:
    def work(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
        padding = argument(args, kwargs, 2, "padding", default=0)
        counted = argument(args, kwargs, 4, "count_include_pad", default=True)
        padded = not (isinstance(padding, int) and padding == 0) and counted is not False
        return ops.smooth(interp, x, spatial, "avg_pool", padded)

    return work


def do_adaptive_pool(spatial: int) -> Handler:
    def work(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
        return adaptive(interp, x, spatial, argument(args, kwargs, 0, "output_size"))

    return work


def adaptive(interp: Interpreter, x: Node, spatial: int, size: Value) -> Node:
    """Adaptive average pooling; a result of size 1 no longer varies in space."""
    node = ops.smooth(interp, x, spatial, "adaptive_avg_pool")
    sizes = size.items if isinstance(size, ListV) else [size] * spatial
    if node.dims is not None and len(sizes) == spatial and len(node.dims) > spatial:
        tail = [item if isinstance(item, int) else dim for item, dim in zip(sizes, node.dims[-spatial:], strict=True)]
        node.dims = (*node.dims[:-spatial], *tail)
        if all(item == 1 for item in sizes):
            rank = len(node.dims)
            pooled = reshaping.remap(
                interp, x, {axis: (axis,) for axis in range(rank - spatial)}, node.dims, "adaptive_avg_pool"
            )
            x.readers.remove(node)
            return pooled
    return node


def do_interpolate(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    spatial = (x.rank or 4) - 2
    return ops.smooth(interp, x, max(spatial, 1), "interpolate")


def do_pad(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    mode = argument(args, kwargs, 1, "mode", default="constant")
    widths = argument(args, kwargs, 0, "pad")
    return ops.pad(interp, x, widths if isinstance(widths, ListV) else 1, mode == "constant" or not isinstance(mode, str))


def do_dropout(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    rate = argument(args, kwargs, 0, "p", default=0.5)
    training = argument(args, kwargs, 1, "training", default=True)
    if (is_constant(rate) and rate == 0) or training is False:
        return ops.keep(interp, x, "dropout")
    node = interp.opaque(x, name="dropout")
    node.dims = x.dims
    return node


def do_mask(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    """masked_fill with minus infinity takes positions out of a softmax; with anything else it shows where it filled."""
    value = argument(args, kwargs, 1, "value")
    large = isinstance(value, (int, float)) and value < -1000
    if large or isinstance(value, Unknown) or (isinstance(value, Node) and value.op == "const"):
        return ops.keep(interp, x, "masked_fill")
    return interp.opaque(x, *args, name="masked_fill")


def do_attention(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    key = argument(args, kwargs, 0, "key")
    value = argument(args, kwargs, 1, "value")
    mask = argument(args, kwargs, 2, "attn_mask")
    return ops.attention(interp, x, key, value, [mask], argument(args, kwargs, 3, "dropout_p", default=0.0))


def do_where(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    """torch.where(mask, scores, -inf) on scores."""
    if len(args) == 2 and isinstance(args[0], Node):
        node = ops.keep(interp, args[0], "where")
        others = [item for item in (x, *tensors_in(args[1])) if item.op != "const" and item.op != "input"]
        if others:
            return interp.opaque(x, *args, name="where")
        return node
    return interp.opaque(x, *args, name="where")


def do_fill(interp: Interpreter, x: Node, args: list[Value], kwargs: tensors.Kwargs) -> Value:
    return x


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
    "view_as": do_expand_as,
    "reshape_as": do_expand_as,
    "repeat": do_repeat,
    "tile": do_repeat,
    "mean": do_mean,
    "sum": do_mean,
    "max": do_extreme,
    "min": do_extreme,
    "amax": do_amax,
    "amin": do_amax,
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
    "softmax": do_softmax,
    "log_softmax": do_softmax,
    "max_pool1d": do_max_pool(1),
    "max_pool2d": do_max_pool(2),
    "max_pool3d": do_max_pool(3),
    "adaptive_max_pool1d": do_max_pool(1),
    "adaptive_max_pool2d": do_max_pool(2),
    "adaptive_max_pool3d": do_max_pool(3),
    "avg_pool1d": do_average_pool(1),
    "avg_pool2d": do_average_pool(2),
    "avg_pool3d": do_average_pool(3),
    "adaptive_avg_pool1d": do_adaptive_pool(1),
    "adaptive_avg_pool2d": do_adaptive_pool(2),
    "adaptive_avg_pool3d": do_adaptive_pool(3),
    "interpolate": do_interpolate,
    "upsample": do_interpolate,
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
    "pixel_shuffle": lambda interp, x, args, kwargs: reshaping.pixel_shuffle(interp, x),
    "pixel_unshuffle": lambda interp, x, args, kwargs: reshaping.pixel_unshuffle(interp, x),
}
