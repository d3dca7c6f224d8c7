"""A layer's parameters as Python objects: their attributes, methods, indexing, and what is stored in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.frontends import ops, tensor_methods, tensors, writes
from biaslint.frontends.values import Builtin, ListV, Param, Unknown, Value

if TYPE_CHECKING:
    from biaslint.frontends.interpreter import Interpreter


def attribute(interp: Interpreter, param: Param, name: str) -> Value:
    if name == "data":
        return param
    if name == "shape":
        dims = ops.param_dims(param)
        return ListV([ops.value_of(dim) for dim in dims], "tuple") if dims is not None else interp.fresh("shape")
    if name in ("dtype", "device", "grad"):
        return Unknown(("tensor", name), name)
    if name == "ndim":
        dims = ops.param_dims(param)
        return len(dims) if dims is not None else interp.fresh("ndim")
    if name == "requires_grad":
        return param.layer.trainable if param.which.startswith("bias") else interp.fresh(name)
    if name == "T":
        return ops.const(interp, None, param.which)
    return Builtin(param, name)


def method(interp: Interpreter, param: Param, name: str, args: list[Value], kwargs: tensors.Kwargs) -> Value:
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
            writes.set_trainable(param, tensor_methods.argument(args, kwargs, 0, "requires_grad", default=True))
        return param
    if name in ("chunk", "split"):
        return writes.pieces(interp, param, name, args)
    if writes.method(interp, param, name, args, kwargs):
        return param
    node = ops.tensor(interp, param)
    return tensor_methods.method(interp, node, name, args, kwargs) if node is not None else interp.fresh(name)


def index(interp: Interpreter, param: Param, where: Value) -> Value:
    if isinstance(where, ListV) and where.kind == "slice":
        return Param(param.layer, param.which, (where.items[0], where.items[1]))
    if where is Ellipsis or (isinstance(where, ListV) and not where.items):
        return param
    return Param(param.layer, param.which, (where, where))


def store(interp: Interpreter, param: Param, name: str, value: Value) -> None:
    """param.data = value, param.requires_grad = value"""
    if name == "data":
        writes.assign(interp, param, value)
    elif name == "requires_grad":
        writes.set_trainable(param, value)


def store_item(interp: Interpreter, param: Param, where: Value, value: Value) -> None:
    part = index(interp, param, where)
    writes.assign(interp, part if isinstance(part, Param) else param, value)


def arithmetic(interp: Interpreter, symbol: str, left: Value, right: Value) -> Value:
    param = left if isinstance(left, Param) else right
    return ops.const(interp, ops.param_dims(param), param.which)
