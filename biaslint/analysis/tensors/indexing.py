"""Tensors as Python objects: their attributes, methods, operators, shapes and indexing."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain import values
from biaslint.analysis.domain.layers import Param
from biaslint.analysis.domain.values import Args, BoundNative, External, SequenceValue, Unknown, Value
from biaslint.analysis.interpreter.objects import items
from biaslint.analysis.project.environment import MISSING
from biaslint.analysis.tensors import contents, conventions, graphs, known_numbers, nodes, ops, parameter_writes, reshaping
from biaslint.theory import terms
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution


CONSTANT_ATTRIBUTES = {"requires_grad", "is_cuda", "is_sparse", "is_quantized", "is_nested", "is_mkldnn", "is_complex"}


FEATURES = ("features", "feats", "F")  # of a sparse tensor, which is taken for the table of its points' features


def attribute(ex: Execution, node: Node, name: str) -> Value:
    if name == "shape":
        return shape(ex, node)
    own = conventions.attribute(ex, node, name)
    if own is not MISSING:
        return own
    if name in ("ndim", "rank"):
        return node.rank if node.rank is not None else Unknown(terms.Rank(node.id), "ndim")
    if name in ("dtype", "device", "layout", "name", "grad_fn", "names"):
        return Unknown(terms.TensorProperty(name), name)
    if name in CONSTANT_ATTRIBUTES:
        return Unknown(terms.TensorProperty(name), name)
    if name in ("data", "real") or name in FEATURES:
        return node
    if name in graphs.TABLES:
        return graphs.table(node, name)
    if name in ("T", "mT", "H"):
        return reshaping.transpose(ex, node, -1, -2)
    if name == "grad":
        return ex.fresh("grad")
    return BoundNative(node, name)


def shape(ex: Execution, node: Node) -> Value:
    if node.dims is not None:
        return SequenceValue([nodes.value_of(dim) for dim in node.dims], "tuple")
    return Unknown(terms.Shape(ex.flow.own(node).id), "shape")


def node_of_shape(ex: Execution, value: Unknown) -> Node:
    known = ex.flow.nodes[value.key.node : value.key.node + 1]  # none where another execution asked for the shape
    return known[0] if known else ex.flow.add("input", (), None, value.text, ex.here())


def unpack_shape(ex: Execution, value: Unknown, count: int | None) -> list[Value]:
    """`b, c, h, w = x.shape` tells the rank."""
    node = node_of_shape(ex, value)
    offset: Any = value.key.start
    dims = node.dims
    if dims is None:
        if count is None:
            return [ex.fresh("a size") for _ in range(2)]
        if offset < 0:
            return [nodes.value_of(terms.Dimension(node.id, axis)) for axis in range(-count, 0)]
        ex.flow.learn_rank(node, count + offset)
        dims = node.dims
        if dims is None:
            return [ex.fresh("a size") for _ in range(count)]
    return [nodes.value_of(dim) for dim in dims[offset:]]


def leading(ex: Execution, value: Unknown) -> list[Value]:
    """`*x.shape[:-1]` of a tensor of unknown rank: sequences of features, (N, L, C), are what this is written for."""
    key: Any = value.key
    node = node_of_shape(ex, value)
    ex.flow.learn_rank(node, 3)
    return [nodes.value_of(dim) for dim in (node.dims or ())[: key.stop]]


def rank_of_shape(ex: Execution, value: Unknown) -> Value:
    node = node_of_shape(ex, value)
    return node.rank if node.rank is not None else Unknown(terms.Rank(node.id), "ndim")


def shape_item(ex: Execution, value: Unknown, index: Value) -> Value:
    node = node_of_shape(ex, value)
    if node.dims is not None:
        return items.load_item(ex, shape(ex, node), index)
    if isinstance(index, int):
        return nodes.value_of(terms.Dimension(node.id, index))
    if isinstance(index, SequenceValue) and index.kind == "slice":
        start, stop = index.items[0], index.items[1]
        if stop is None and isinstance(start, int):
            return Unknown(terms.Shape(node.id, start), "shape")
        if isinstance(stop, int) and stop < 0 and start in (None, 0):
            return Unknown(terms.LeadingShape(node.id, stop), "shape")
        if isinstance(stop, int) and stop > 0:
            return SequenceValue([nodes.value_of(terms.Dimension(node.id, axis)) for axis in range(start or 0, stop)], "tuple")
    return ex.fresh("a size")


def shape_method(ex: Execution, value: Unknown, name: str, args: Args) -> Value:
    if name in ("numel",):
        return ex.fresh("a size")
    if name == "as_list":
        return value
    return ex.fresh(name)


def unary(ex: Execution, node: Node) -> Value:
    return nodes.keep(ex, node, "-")


def binary(ex: Execution, symbol: str, left: Value, right: Value, node: ast.AST) -> Value:
    if (isinstance(left, Param) and not isinstance(right, (Node, Unknown))) or (
        isinstance(right, Param) and not isinstance(left, (Node, Unknown))
    ):
        return parameter_arithmetic(ex, left, right)
    for side in (left, right):
        if isinstance(side, Node) and side.info.get("write") is not None:
            value = written_arithmetic(ex, symbol, left, right)
            if value is not None:
                return value
    if symbol in ("+", "-"):
        return ops.add(ex, left, right, symbol)
    if symbol == "*":
        return ops.mul(ex, left, right)
    if symbol == "/":
        return ops.div(ex, left, right)
    if symbol == "@":
        return ops.matmul(ex, left, right)
    return ex.opaque(left, right, name=symbol)


def parameter_arithmetic(ex: Execution, left: Value, right: Value) -> Value:
    params = [side for side in (left, right) if isinstance(side, Param)]
    read = [ex.read(param, nodes.param_dims(param)) for param in params]
    return nodes.make(ex, "const", read, read[0].dims, params[0].which)


def written_arithmetic(ex: Execution, symbol: str, left: Value, right: Value) -> Value | None:
    """`torch.ones(n) * 0.1`: a filled tensor times or plus a number."""
    tensor, other = (left, right) if isinstance(left, Node) else (right, left)
    written = tensor.info.get("write")
    if written is None:
        return None
    how, value, spread = written
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
    return nodes.const(ex, tensor.dims, tensor.name, write=new)


def unpack(ex: Execution, node: Node, count: int | None) -> list[Value]:
    """The items of a tensor that is unpacked or gone through: pieces of a split, or what stands along its first axis."""
    numbers = known_numbers.of(node)
    if numbers is not None:
        return list(numbers)
    pieces = node.info.get("pieces")
    if pieces is not None:
        return [ops.part(ex, pieces.x, pieces.axis, index, pieces.size) for index in range(count or 3)]
    if "unbind" in node.info:
        return [ops.select(ex, node.inputs[0], node.info["unbind"], index) for index in range(count or 3)]
    if node.op in ("input", "opaque"):
        # a tuple or list of inputs, as likely as a tensor
        if node.op == "opaque":
            return [ex.opaque(node, name=node.name) for _ in range(count or 2)]
        return [ex.flow.add("input", (), None, f"{node.name}[{index}]", ex.here()) for index in range(count or 3)]
    size = node.dims[0] if node.dims else None
    number = count if count is not None else size if isinstance(size, int) and size <= 64 else 2
    return [ops.select(ex, node, 0, index) for index in range(number)]


def items_of_index(where: Value) -> list[Value]:
    return where.items if isinstance(where, SequenceValue) and where.kind == "tuple" else [where]


def is_new_axis(part: Value) -> bool:
    """Is it a library's name for None in an index?"""
    return isinstance(part, External) and part.name.endswith(".newaxis")


def index(ex: Execution, node: Node, where: Value) -> Value:
    """x[...]"""
    number = known_numbers.index(ex, node, where)
    if number is not MISSING:
        return number
    pieces = node.info.get("pieces")
    if pieces is not None and isinstance(where, int):
        return ops.part(ex, pieces.x, pieces.axis, where, pieces.size)
    if "unbind" in node.info and isinstance(where, int):
        return ops.select(ex, node.inputs[0], node.info["unbind"], where)
    if node.op == "input" and node.dims is None and isinstance(where, (int, str)):
        key = f"[{where!r}]"
        known = node.info.setdefault("items", {})
        if key not in known:
            known[key] = ex.flow.add("input", (), None, f"{node.name}{key}", ex.here())
        return known[key]
    parts = [None if is_new_axis(part) else part for part in items_of_index(where)]
    if any(isinstance(part, (Node, Unknown)) or (isinstance(part, SequenceValue) and part.kind != "slice") for part in parts):
        return gather(ex, node, parts)
    wide = [part for part in parts if is_whole(part)]
    if node.dims is None and len(wide) > 1 and parts[: len(wide)] == wide and set(parts[len(wide) :]) == {None}:
        ex.flow.learn_rank(node, len(wide))  # x[:, :, None, None] is written for the rows of a table
    current = node
    axis = 0
    explicit = len([part for part in parts if part is not None and part is not Ellipsis])
    for place, part in enumerate(parts):
        if part is Ellipsis:
            rest = len([item for item in parts[place + 1 :] if item is not None])
            if current.rank is None:
                return index_from_back(ex, current, parts[place + 1 :])
            axis = current.rank - rest
        elif part is None:
            current = reshaping.unsqueeze(ex, current, axis)
            axis += 1
        elif isinstance(part, int):
            if current.rank is not None and axis >= current.rank:
                return ex.opaque(node, name="[]")
            current = ops.select(ex, current, axis, part)
        else:
            current = cut(ex, current, axis, part)
            axis += 1
    if current is node and explicit:
        current = nodes.keep(ex, node, "[]")
    return current


def index_from_back(ex: Execution, node: Node, parts: Sequence[Value]) -> Value:
    """x[..., a:b] on a tensor of unknown rank."""
    if all(isinstance(part, SequenceValue) and part.kind == "slice" for part in parts):
        current = node
        for offset, part in enumerate(parts):
            current = cut(ex, current, offset - len(parts), part)
        return current
    if all(part is None for part in parts):
        for _ in parts:
            node = reshaping.unsqueeze(ex, node, -1)
        return node
    if len(parts) == 1 and isinstance(parts[0], int):
        return nodes.make(
            ex, "remap", [node], None, "[]", sources={axis: (axis - 1,) for axis in range(-6, 0)}, part=parts[0], axis=-1
        )
    return ex.opaque(node, name="[]")


def cut(ex: Execution, node: Node, axis: int, part: Value) -> Node:
    """x[:, a:b] keeps the axes. The part that was taken is noted for fused projections."""
    if isinstance(part, SequenceValue) and all(item is None for item in part.items):
        return node
    dims = node.dims
    if dims is not None and -len(dims) <= axis < len(dims):
        place = axis % len(dims)
        size: Any = ex.fresh().key
        bounds = part.items if isinstance(part, SequenceValue) else []
        if bounds and all(item is None or isinstance(item, int) for item in bounds) and isinstance(dims[place], int):
            size = len(range(dims[place])[slice(*bounds)])
        dims = tuple(size if at == place else dim for at, dim in enumerate(dims))
    made = nodes.make(ex, "keep", [node], dims, "[]", part=cut_key(part), axis=axis)
    if isinstance(part, SequenceValue) and len(part.items) > 1:
        if parameter_writes.own_parameter(node) and node.rank in (None, 1) and axis == 0:
            made.info["part_of"] = (node, part.items[0], part.items[1])
        elif made.op != "const":
            made.info["cut"] = ("slice", part.items[0], part.items[1])
    return made


def cut_key(part: Value) -> Any:
    return (
        tuple(None if item is None else values.term_of(item) for item in part.items)
        if isinstance(part, SequenceValue)
        else None
    )


def gather(ex: Execution, node: Node, parts: Sequence[Value]) -> Value:
    """Indexing with tensors or unknown numbers: positions are picked along some axes."""
    if len(parts) == 1 and isinstance(parts[0], Node):
        return picked_by(ex, node, parts[0])
    if not node.rank:
        return ex.opaque(node, *parts, name="[]")
    simple = all(part is Ellipsis or part is None or isinstance(part, (int, SequenceValue, Unknown)) for part in parts)
    picked = [part for part in parts if isinstance(part, Unknown)]
    if simple and len(picked) == 1 and len(parts) == 1:
        return ops.select(ex, node, 0, parts[0])
    return ex.opaque(node, *parts, name="[]")


def picked_by(ex: Execution, node: Node, where: Node) -> Value:
    """x[positions] or x[mask]: rows are picked, what they consist of stays."""
    if node.dims is None:
        leading = (*range(6), *range(-6, -1))
        sources = {axis: (-1,) if axis == -1 else leading for axis in range(-6, 6)}
        return nodes.make(ex, "remap", [node], None, "[]", sources=sources)
    if where.rank == 1 and len(node.dims) > 1:
        return nodes.make(ex, "keep", [node], (ex.fresh().key, *node.dims[1:]), "[]")
    return ex.opaque(node, where, name="[]")


def is_whole(where: Value) -> bool:
    """Is it `[:]` or `[...]`?"""
    whole = isinstance(where, SequenceValue) and where.kind == "slice" and all(item is None for item in where.items)
    return where is Ellipsis or whole


def store_index(ex: Execution, node: Node, where: Value, value: Value) -> None:
    """x[...] = value: the new x depends on the value, and is not followed."""
    if parameter_writes.own_parameter(node):
        if node.info.get("parameter"):
            ex.fault("a parameter is written in place")
        part = node if is_whole(where) else index(ex, node, where)
        if isinstance(part, Node) and parameter_writes.own_parameter(part):
            parameter_writes.assign(ex, part, value)
            return
    parameter_writes.record_view(ex, node)
    if node.info.get("write") is not None:  # what it was filled with
        node.info["write"] = contents.content_of(value) if is_whole(where) else contents.UNKNOWN
    made = ex.opaque(node, value, name="an item assignment")
    made.origin = (ex.module, ex.statement)
    made.dims = node.dims
    if node.op != "const" or any(one.op != "const" for one in values.tensors_in(value)):
        ex.flow.change(node, made)
