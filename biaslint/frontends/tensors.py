"""Tensors as Python objects: their attributes, methods, operators, shapes and indexing; and a layer's parameters likewise."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from biaslint.flow import Node
from biaslint.frontends import ops
from biaslint.frontends.values import Builtin, ListV, Obj, Param, Unknown, Value, is_constant, tensors_in
from biaslint.vocabulary import torch as vocabulary

if TYPE_CHECKING:
    from biaslint.frontends.interpreter import Interpreter

Args = Sequence[Value]
Kwargs = dict[str, Value]


def all_in(*values: Value) -> list[Node]:
    return [node for value in values for node in tensors_in(value)]


# -- attributes and shapes ----------------------------------------------------------------------------------------------------

CONSTANT_ATTRIBUTES = {"requires_grad", "is_cuda", "is_sparse", "is_quantized", "is_nested", "is_mkldnn", "is_complex"}


def attribute(interp: Interpreter, node: Node, name: str) -> Value:
    if name == "shape":
        return shape(interp, node)
    if name in ("ndim", "rank"):
        return node.rank if node.rank is not None else Unknown(("rank", node.id), "ndim")
    if name in ("dtype", "device", "layout", "name", "grad_fn", "names"):
        return Unknown(("tensor", name), name)
    if name in CONSTANT_ATTRIBUTES:
        return Unknown(("tensor", name), name)
    if name in ("data", "real"):
        return node
    if name in ("T", "mT", "H"):
        return ops.transpose(interp, node, -1, -2)
    if name == "grad":
        return interp.fresh("grad")
    return Builtin(node, name)


def shape(interp: Interpreter, node: Node) -> Value:
    if node.dims is not None:
        return ListV([ops.value_of(dim) for dim in node.dims], "tuple")
    return Unknown(("shape", node.id), "shape")


def node_of_shape(interp: Interpreter, value: Unknown) -> Node:
    node: Node = interp.flow.nodes[value.key[1]]
    return node


def unpack_shape(interp: Interpreter, value: Unknown, count: int | None) -> list[Value]:
    """`b, c, h, w = x.shape` tells the rank."""
    node = node_of_shape(interp, value)
    offset: Any = value.key[2] if len(value.key) > 2 else 0
    if node.dims is None:
        if count is None:
            return [interp.fresh("a size") for _ in range(2)]
        if offset < 0:
            return [ops.value_of(("dim", node.id, axis)) for axis in range(-count, 0)]
        interp.flow.learn_rank(node, count + offset)
        if node.dims is None:
            return [interp.fresh("a size") for _ in range(count)]
    dims = node.dims or ()
    return [ops.value_of(dim) for dim in dims[offset:]]


def leading(interp: Interpreter, value: Unknown) -> list[Value]:
    """`*x.shape[:-1]` of a tensor of unknown rank: sequences of features, (N, L, C), are what this is written for."""
    key: Any = value.key
    node = interp.flow.nodes[key[1]]
    interp.flow.learn_rank(node, 3)
    return [ops.value_of(dim) for dim in (node.dims or ())[: key[2]]]


def rank_of_shape(interp: Interpreter, value: Unknown) -> Value:
    node = node_of_shape(interp, value)
    return node.rank if node.rank is not None else Unknown(("rank", node.id), "ndim")


def shape_item(interp: Interpreter, value: Unknown, index: Value) -> Value:
    node = node_of_shape(interp, value)
    if node.dims is not None:
        from biaslint.frontends import attributes

        return attributes.load_item(interp, shape(interp, node), index)
    if isinstance(index, int):
        return ops.value_of(("dim", node.id, index))
    if isinstance(index, ListV) and index.kind == "slice":
        start, stop = index.items[0], index.items[1]
        if stop is None and isinstance(start, int):
            return Unknown(("shape", node.id, start), "shape")
        if isinstance(stop, int) and stop < 0 and start in (None, 0):
            return Unknown(("lead", node.id, stop), "shape")
        if isinstance(stop, int) and stop > 0:
            return ListV([ops.value_of(("dim", node.id, axis)) for axis in range(start or 0, stop)], "tuple")
    return interp.fresh("a size")


def shape_method(interp: Interpreter, value: Unknown, name: str, args: Args) -> Value:
    if name in ("numel",):
        return interp.fresh("a size")
    if name == "as_list":
        return value
    return interp.fresh(name)


# -- operators -----------------------------------------------------------------------------------------------------------------


def unary(interp: Interpreter, node: Node, expression: ast.AST) -> Value:
    return ops.keep(interp, node, "-")


def binary(interp: Interpreter, symbol: str, left: Value, right: Value, node: ast.AST) -> Value:
    if (isinstance(left, Param) and not isinstance(right, (Node, Unknown))) or (
        isinstance(right, Param) and not isinstance(left, (Node, Unknown))
    ):
        return param_arithmetic(interp, symbol, left, right)
    for side in (left, right):
        if isinstance(side, Node) and side.info.get("write") is not None:
            value = written_arithmetic(interp, symbol, left, right)
            if value is not None:
                return value
    if symbol in ("+", "-"):
        return ops.add(interp, left, right, symbol)
    if symbol == "*":
        return ops.mul(interp, left, right)
    if symbol == "/":
        return ops.div(interp, left, right)
    if symbol == "@":
        return ops.matmul(interp, left, right)
    return interp.opaque(left, right, name=symbol)


def written_arithmetic(interp: Interpreter, symbol: str, left: Value, right: Value) -> Value | None:
    """`torch.ones(n) * 0.1`: a filled tensor times or plus a number."""
    tensor, other = (left, right) if isinstance(left, Node) else (right, left)
    if tensor.info.get("write") is None:
        return None
    how, value, spread = tensor.info["write"]
    if not isinstance(other, (int, float)) or value is None:
        return None
    if symbol == "*":
        new = (how, value * other, None if spread is None else abs(spread * other))
    elif symbol == "+":
        new = (how, value + other, spread)
    elif symbol == "-":
        new = (how, value - other if tensor is left else other - value, spread)
    elif symbol == "/" and tensor is left and other:
        new = (how, value / other, None if spread is None else abs(spread / other))
    else:
        return None
    return ops.const(interp, tensor.dims, tensor.name, write=new)


def operator_method(interp: Interpreter, symbol: str, left: Value, right: Value, node: ast.AST) -> Value:
    """`a + b` on instances with operators of their own."""
    from biaslint.frontends import attributes, calls

    names = {"+": "add", "-": "sub", "*": "mul", "/": "truediv", "@": "matmul", "|": "or", "&": "and"}
    if symbol in names:
        if isinstance(left, Obj):
            method = attributes.find_method(left, f"__{names[symbol]}__")
            if method is not None:
                return calls.call(interp, method, [right], {}, node)
        if isinstance(right, Obj):
            method = attributes.find_method(right, f"__r{names[symbol]}__")
            if method is not None:
                return calls.call(interp, method, [left], {}, node)
    return interp.fresh(tensors=all_in(left, right))


# -- unpacking and indexing ------------------------------------------------------------------------------------------------------


def unpack(interp: Interpreter, node: Node, count: int | None) -> list[Value]:
    """The items of a tensor that is unpacked or gone through: pieces of a split, or what stands along its first axis."""
    pieces = node.info.get("pieces")
    if pieces is not None:
        return [ops.part(interp, pieces.x, pieces.axis, index, pieces.size) for index in range(count or 3)]
    if "unbind" in node.info:
        return [ops.select(interp, node.inputs[0], node.info["unbind"], index) for index in range(count or 3)]
    if node.op in ("input", "opaque"):
        # a tuple or list of inputs, as likely as a tensor
        if node.op == "opaque":
            return [interp.opaque(node, name=node.name) for _ in range(count or 2)]
        return [interp.flow.add("input", (), None, f"{node.name}[{index}]", interp.here()) for index in range(count or 3)]
    size = node.dims[0] if node.dims else None
    number = count if count is not None else size if isinstance(size, int) and size <= 64 else 2
    return [ops.select(interp, node, 0, index) for index in range(number)]


def index(interp: Interpreter, node: Node, where: Value) -> Value:
    """x[...]"""
    pieces = node.info.get("pieces")
    if pieces is not None and isinstance(where, int):
        return ops.part(interp, pieces.x, pieces.axis, where, pieces.size)
    if node.op == "input" and node.dims is None and isinstance(where, (int, str)):
        key = f"[{where!r}]"
        known = node.info.setdefault("items", {})
        if key not in known:
            known[key] = interp.flow.add("input", (), None, f"{node.name}{key}", interp.here())
        return known[key]
    parts = where.items if isinstance(where, ListV) and where.kind == "tuple" else [where]
    if any(isinstance(part, (Node, Unknown)) or (isinstance(part, ListV) and part.kind != "slice") for part in parts):
        return gather(interp, node, parts)
    current = node
    axis = 0
    explicit = len([part for part in parts if part is not None and part is not Ellipsis])
    for place, part in enumerate(parts):
        if part is Ellipsis:
            rest = len([item for item in parts[place + 1 :] if item is not None])
            if current.rank is None:
                return index_from_back(interp, current, parts[place + 1 :])
            axis = current.rank - rest
        elif part is None:
            current = ops.unsqueeze(interp, current, axis)
            axis += 1
        elif isinstance(part, int):
            if current.rank is not None and axis >= current.rank:
                return interp.opaque(node, name="[]")
            current = ops.select(interp, current, axis, part)
        else:
            current = cut(interp, current, axis, part)
            axis += 1
    if current is node and explicit:
        current = ops.keep(interp, node, "[]")
    return current


def index_from_back(interp: Interpreter, node: Node, parts: Sequence[Value]) -> Value:
    """x[..., a:b] on a tensor of unknown rank."""
    if all(isinstance(part, ListV) and part.kind == "slice" for part in parts):
        current = node
        for offset, part in enumerate(parts):
            current = cut(interp, current, offset - len(parts), part)
        return current
    if len(parts) == 1 and isinstance(parts[0], int):
        return ops.make(
            interp, "remap", [node], None, "[]", sources={axis: (axis - 1,) for axis in range(-6, 0)}, part=parts[0], axis=-1
        )
    return interp.opaque(node, name="[]")


def cut(interp: Interpreter, node: Node, axis: int, part: Value) -> Node:
    """x[:, a:b] keeps the axes; which part was taken is remembered for fused projections."""
    if isinstance(part, ListV) and all(item is None for item in part.items):
        return node
    dims = node.dims
    if dims is not None and -len(dims) <= axis < len(dims):
        place = axis % len(dims)
        size: Any = interp.fresh().key
        bounds = part.items if isinstance(part, ListV) else []
        if bounds and all(item is None or isinstance(item, int) for item in bounds) and isinstance(dims[place], int):
            size = len(range(dims[place])[slice(*bounds)])
        dims = tuple(size if at == place else dim for at, dim in enumerate(dims))
    return ops.make(interp, "keep", [node], dims, "[]", part=cut_key(part), axis=axis)


def cut_key(part: Value) -> Any:
    from biaslint.frontends.values import key_of

    return tuple(None if item is None else key_of(item) for item in part.items) if isinstance(part, ListV) else None


def gather(interp: Interpreter, node: Node, parts: Sequence[Value]) -> Value:
    """Indexing with tensors or unknown numbers: positions are picked along some axes."""
    if not node.rank:
        return interp.opaque(node, *parts, name="[]")
    simple = all(part is Ellipsis or part is None or isinstance(part, (int, ListV, Unknown)) for part in parts)
    picked = [part for part in parts if isinstance(part, Unknown)]
    if simple and len(picked) == 1 and len(parts) == 1:
        return ops.select(interp, node, 0, parts[0])
    return interp.opaque(node, *parts, name="[]")


def store_index(interp: Interpreter, node: Node, where: Value, value: Value) -> None:
    """x[...] = value: what stood there is part of what x becomes, which is not followed."""
    interp.opaque(node, value, name="an item assignment")


# -- functions and methods -------------------------------------------------------------------------------------------------------

Handler = Callable[["Interpreter", Node, list[Value], Kwargs], Value]


def argument(args: Args, kwargs: Kwargs, place: int, *names: str, default: Value = None) -> Value:
    """An argument by place or by one of its names."""
    for name in names:
        if name in kwargs:
            return kwargs[name]
    return args[place] if len(args) > place else default


def method(interp: Interpreter, node: Node, name: str, args: list[Value], kwargs: Kwargs) -> Value:
    """node.name(...)"""
    if name in ("size", "get_shape") and not kwargs.get("dim") and not args:
        return shape(interp, node)
    if name == "size":
        return shape_item(interp, Unknown(("shape", node.id), "shape"), argument(args, kwargs, 0, "dim"))
    if name in ("dim", "ndimension"):
        return attribute(interp, node, "ndim")
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


def apply(interp: Interpreter, name: str, node: Node, args: list[Value], kwargs: Kwargs) -> Value:
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


def size_dims(interp: Interpreter, args: Args) -> Any:
    """The dimensions given to torch.zeros and its like: numbers, or one sequence."""
    if len(args) >= 1 and isinstance(args[0], ListV):
        return tuple(ops.dim_of(interp, item) for item in args[0].items) if not args[0].open else None
    if len(args) >= 1 and isinstance(args[0], Unknown) and isinstance(args[0].key, tuple) and args[0].key[:1] == ("shape",):
        return node_of_shape(interp, args[0]).dims
    sizes = [item for item in args if isinstance(item, (int, Unknown)) and not isinstance(item, bool)]
    return tuple(ops.dim_of(interp, item) for item in sizes) if sizes else None


def sizes_of(interp: Interpreter, args: list[Value], kwargs: Kwargs) -> list[Value] | None:
    """The target of view(2, 3), view((2, 3)), view(*x.shape[:2], -1)."""
    if len(args) == 1 and isinstance(args[0], ListV):
        return list(args[0].items) if not args[0].open else None
    if len(args) == 1 and isinstance(args[0], Unknown):
        key: Any = args[0].key
        if isinstance(key, tuple) and key[:1] == ("shape",):
            node = node_of_shape(interp, args[0])
            return [ops.value_of(dim) for dim in node.dims] if node.dims is not None else None
        if isinstance(key, tuple) and key[:1] in (("dim",), ("param",), ("attr",), ("op",)):
            return list(args)
        return None
    if not args and "shape" in kwargs:
        return sizes_of(interp, [kwargs["shape"]], {})
    return list(args)


def do_view(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    target = sizes_of(interp, args, kwargs)
    if target is None or (len(target) == 1 and isinstance(target[0], (ListV,))):
        return interp.opaque(x, name="reshape")
    if any(not isinstance(item, (int, Unknown)) for item in target):
        if len(target) == 1:
            return ops.keep(interp, x, "view")  # view(dtype)
        target = [item if isinstance(item, (int, Unknown)) else interp.fresh() for item in target]
    return ops.reshape(interp, x, target)


def do_permute(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    order = args[0] if len(args) == 1 else kwargs.get("dims", ListV(list(args)))
    axes = ops.axes_of(order)
    return ops.permute(interp, x, axes) if axes is not None else interp.opaque(x, name="permute")


def do_transpose(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    one = argument(args, kwargs, 0, "dim0", "axis0")
    two = argument(args, kwargs, 1, "dim1", "axis1")
    if not isinstance(one, int) or not isinstance(two, int):
        return interp.opaque(x, name="transpose")
    return ops.transpose(interp, x, one, two)


def do_movedim(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    one = argument(args, kwargs, 0, "source")
    two = argument(args, kwargs, 1, "destination")
    if not x.rank or not isinstance(one, int) or not isinstance(two, int):
        return interp.opaque(x, name="movedim")
    order = list(range(x.rank))
    order.insert(two % x.rank, order.pop(one % x.rank))
    return ops.permute(interp, x, order)


def do_t(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    return ops.transpose(interp, x, 0, 1) if x.rank == 2 else ops.transpose(interp, x, -1, -2)


def do_flatten(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    return ops.flatten(
        interp, x, argument(args, kwargs, 0, "start_dim", default=0), argument(args, kwargs, 1, "end_dim", default=-1)
    )


def do_unflatten(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    return ops.unflatten(interp, x, argument(args, kwargs, 0, "dim"), argument(args, kwargs, 1, "sizes", "unflattened_size"))


def do_squeeze(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    return ops.squeeze(interp, x, argument(args, kwargs, 0, "dim"))


def do_unsqueeze(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    return ops.unsqueeze(interp, x, argument(args, kwargs, 0, "dim"))


def do_expand(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    target = sizes_of(interp, args, kwargs)
    return ops.expand(interp, x, target, "expand") if target is not None else interp.opaque(x, name="expand")


def do_expand_as(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    other = args[0] if args else None
    if isinstance(other, Node) and other.dims is not None and (x.dims is None or len(x.dims) <= len(other.dims)):
        return ops.expand(interp, x, [ops.value_of(dim) for dim in other.dims], "expand")
    return ops.keep(interp, x, "expand")


def do_repeat(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    target = sizes_of(interp, args, kwargs)
    return ops.expand(interp, x, target, "repeat") if target is not None else interp.opaque(x, name="repeat")


def do_mean(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    return ops.reduce(
        interp, x, argument(args, kwargs, 0, "dim", "axis"), argument(args, kwargs, 1, "keepdim", "keepdims"), "mean", True
    )


def do_extreme(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    axis = argument(args, kwargs, 0, "dim", "axis")
    if axis is None or isinstance(axis, Node):
        return interp.opaque(x, *args, name="max")
    values = ops.reduce(interp, x, axis, argument(args, kwargs, 1, "keepdim"), "max", False)
    return ListV([values, interp.opaque(x, name="argmax")], "tuple")


def do_amax(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    return ops.reduce(interp, x, argument(args, kwargs, 0, "dim"), argument(args, kwargs, 1, "keepdim"), "max", False)


def do_chunk(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    return ops.split(interp, x, argument(args, kwargs, 0, "chunks"), argument(args, kwargs, 1, "dim", default=0), True)


def do_split(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    sizes = argument(args, kwargs, 0, "split_size_or_sections", "split_size")
    return ops.split(interp, x, sizes, argument(args, kwargs, 1, "dim", default=0), False)


def do_tensor_split(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    return ops.split(
        interp, x, argument(args, kwargs, 0, "indices_or_sections"), argument(args, kwargs, 1, "dim", default=0), True
    )


def do_unbind(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    return ops.unbind(interp, x, argument(args, kwargs, 0, "dim", default=0))


def do_select(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    axis = argument(args, kwargs, 0, "dim")
    return (
        ops.select(interp, x, axis, argument(args, kwargs, 1, "index"))
        if isinstance(axis, int)
        else interp.opaque(x, name="select")
    )


def do_narrow(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    return ops.part(interp, x, argument(args, kwargs, 0, "dim"), 0)


def do_matmul(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    return ops.matmul(interp, x, argument(args, kwargs, 0, "other", "mat2", "tensor2"))


def do_bmm(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    """Of tensors with three axes, and of no others."""
    other = argument(args, kwargs, 0, "mat2")
    for node in (x, other):
        if isinstance(node, Node) and node.dims is None:
            interp.flow.learn_rank(node, 3)
    return ops.matmul(interp, x, other)


def do_baddbmm(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    """input + batch1 @ batch2"""
    return ops.add(
        interp, ops.matmul(interp, argument(args, kwargs, 0, "batch1", "mat1"), argument(args, kwargs, 1, "batch2", "mat2")), x
    )


def do_softmax(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    result = ops.softmax(interp, x, argument(args, kwargs, 0, "dim", "axis"))
    result.info["cast"] = kwargs.get("dtype") is not None or (x.op == "keep" and x.name in CASTS)
    return result


CASTS = {"float", "double", "half", "bfloat16", "to", "type"}


def do_max_pool(spatial: int) -> Handler:
    def work(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
        return ops.window(interp, x, spatial, "max_pool")

    return work


def do_average_pool(spatial: int) -> Handler:
    def work(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
        padding = argument(args, kwargs, 2, "padding", default=0)
        counted = argument(args, kwargs, 4, "count_include_pad", default=True)
        padded = not (isinstance(padding, int) and padding == 0) and counted is not False
        return ops.smooth(interp, x, spatial, "avg_pool", padded)

    return work


def do_adaptive_pool(spatial: int) -> Handler:
    def work(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
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
            pooled = ops.remap(interp, x, {axis: (axis,) for axis in range(rank - spatial)}, node.dims, "adaptive_avg_pool")
            x.readers.remove(node)
            return pooled
    return node


def do_interpolate(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    spatial = (x.rank or 4) - 2
    return ops.smooth(interp, x, max(spatial, 1), "interpolate")


def do_pad(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    mode = argument(args, kwargs, 1, "mode", default="constant")
    widths = argument(args, kwargs, 0, "pad")
    return ops.pad(interp, x, widths if isinstance(widths, ListV) else 1, mode == "constant" or not isinstance(mode, str))


def do_dropout(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    rate = argument(args, kwargs, 0, "p", default=0.5)
    training = argument(args, kwargs, 1, "training", default=True)
    if (is_constant(rate) and rate == 0) or training is False:
        return ops.keep(interp, x, "dropout")
    node = interp.opaque(x, name="dropout")
    node.dims = x.dims
    return node


def do_mask(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    """masked_fill with minus infinity takes positions out of a softmax; with anything else it shows where it filled."""
    value = argument(args, kwargs, 1, "value")
    large = isinstance(value, (int, float)) and value < -1000
    if large or isinstance(value, Unknown) or (isinstance(value, Node) and value.op == "const"):
        return ops.keep(interp, x, "masked_fill")
    return interp.opaque(x, *args, name="masked_fill")


def do_attention(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    key = argument(args, kwargs, 0, "key")
    value = argument(args, kwargs, 1, "value")
    mask = argument(args, kwargs, 2, "attn_mask")
    return ops.attention(interp, x, key, value, [mask], argument(args, kwargs, 3, "dropout_p", default=0.0))


def do_where(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
    """torch.where(mask, scores, -inf) on scores."""
    if len(args) == 2 and isinstance(args[0], Node):
        node = ops.keep(interp, args[0], "where")
        others = [item for item in (x, *tensors_in(args[1])) if item.op != "const" and item.op != "input"]
        if others:
            return interp.opaque(x, *args, name="where")
        return node
    return interp.opaque(x, *args, name="where")


def do_fill(interp: Interpreter, x: Node, args: list[Value], kwargs: Kwargs) -> Value:
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
    "pixel_shuffle": lambda interp, x, args, kwargs: ops.pixel_shuffle(interp, x),
    "pixel_unshuffle": lambda interp, x, args, kwargs: ops.pixel_unshuffle(interp, x),
}


# -- a layer's parameters ----------------------------------------------------------------------------------------------------------


def param_attribute(interp: Interpreter, param: Param, name: str) -> Value:

    if name in ("data",):
        return param
    if name in ("shape",):
        dims = ops.param_dims(param)
        return ListV([ops.value_of(dim) for dim in dims], "tuple") if dims is not None else interp.fresh("shape")
    if name in ("dtype", "device", "grad"):
        return Unknown(("tensor", name), name)
    if name in ("ndim",):
        dims = ops.param_dims(param)
        return len(dims) if dims is not None else interp.fresh("ndim")
    if name == "requires_grad":
        return param.layer.trainable if param.which.startswith("bias") else interp.fresh(name)
    if name == "T":
        return ops.const(interp, None, param.which)
    return Builtin(param, name) if True else interp.fresh(name)


def param_method(interp: Interpreter, param: Param, name: str, args: list[Value], kwargs: Kwargs) -> Value:
    from biaslint.frontends import writes

    if name in ("size", "dim", "numel", "nelement"):
        dims = ops.param_dims(param)
        if name == "size" and args and isinstance(args[0], int) and dims is not None and -len(dims) <= args[0] < len(dims):
            return ops.value_of(dims[args[0]])
        if name in ("numel", "nelement") and dims is not None and len(dims) == 1:
            return ops.value_of(dims[0])
        if name == "dim" and dims is not None:
            return len(dims)
        if name == "size" and not args and dims is not None:
            return ListV([ops.value_of(dim) for dim in dims], "tuple")
        return interp.fresh(name)
    if name in ("detach", "cpu", "cuda", "to", "float", "half", "contiguous", "view", "flatten", "requires_grad_"):
        if name == "requires_grad_":
            writes.set_trainable(param, argument(args, kwargs, 0, "requires_grad", default=True))
        return param
    if name in ("chunk", "split"):
        return writes.pieces(interp, param, name, args)
    if writes.method(interp, param, name, args, kwargs):
        return param
    node = ops.tensor(interp, param)
    return method(interp, node, name, args, kwargs) if node is not None else interp.fresh(name)


def param_index(interp: Interpreter, param: Param, where: Value) -> Value:
    if isinstance(where, ListV) and where.kind == "slice":
        return Param(param.layer, param.which, (where.items[0], where.items[1]))
    if where is Ellipsis or (isinstance(where, ListV) and not where.items):
        return param
    return Param(param.layer, param.which, (where, where))


def store_param(interp: Interpreter, param: Param, name: str, value: Value) -> None:
    """param.data = value, param.requires_grad = value"""
    from biaslint.frontends import writes

    if name == "data":
        writes.assign(interp, param, value)
    elif name == "requires_grad":
        writes.set_trainable(param, value)


def store_param_item(interp: Interpreter, param: Param, where: Value, value: Value) -> None:
    from biaslint.frontends import writes

    part = param_index(interp, param, where)
    writes.assign(interp, part if isinstance(part, Param) else param, value)


def param_arithmetic(interp: Interpreter, symbol: str, left: Value, right: Value) -> Value:
    param = left if isinstance(left, Param) else right
    return ops.const(interp, ops.param_dims(param), param.which)
