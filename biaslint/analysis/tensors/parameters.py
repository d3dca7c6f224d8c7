"""A layer's parameters as Python objects: their attributes, methods, indexing, and what is stored in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain.layers import Param
from biaslint.analysis.domain.values import BoundNative, Kwargs, SequenceValue, Unknown, argument
from biaslint.analysis.interpreter import framework
from biaslint.analysis.tensors import indexing, methods as tensor_methods, nodes, parameter_writes
from biaslint.theory import terms

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution


def attribute(ex: Execution, param: Param, name: str) -> Value:
    if framework.holds(param, name):
        return param
    if name == "shape":
        dims = nodes.param_dims(param)
        return SequenceValue([nodes.value_of(dim) for dim in dims], "tuple") if dims is not None else ex.fresh("shape")
    if name in ("dtype", "device", "grad"):
        return Unknown(terms.TensorProperty(name), name)
    if name == "ndim":
        dims = nodes.param_dims(param)
        return len(dims) if dims is not None else ex.fresh("ndim")
    if name == "requires_grad":
        return param.layer.trainable if param.which.startswith("bias") else ex.fresh(name)
    if name == "T":
        return ex.read(param, None)
    if name == "name":
        return "bias" if param.which == "bias" and param.layer.kind != "norm" else ex.fresh(name)
    return BoundNative(param, name)


def method(ex: Execution, param: Param, name: str, args: list[Value], kwargs: Kwargs) -> Value:
    if name in ("size", "dim", "numel", "nelement"):
        dims = nodes.param_dims(param)
        if name == "size" and args and isinstance(args[0], int) and dims is not None and -len(dims) <= args[0] < len(dims):
            return nodes.value_of(dims[args[0]])
        if name in ("numel", "nelement") and dims is not None and len(dims) == 1:
            return nodes.value_of(dims[0])
        if name == "dim" and dims is not None:
            return len(dims)
        if name == "size" and not args and dims is not None:
            return SequenceValue([nodes.value_of(dim) for dim in dims], "tuple")
        return ex.fresh(name)
    if name in ("detach", "cpu", "cuda", "to", "float", "half", "contiguous", "view", "flatten", "requires_grad_"):
        if name == "requires_grad_":
            parameter_writes.set_trainable(param, argument(args, kwargs, 0, "requires_grad", default=True))
        return param
    if name in ("chunk", "split"):
        return parameter_writes.pieces(ex, param, name, args)
    if parameter_writes.method(ex, param, name, args, kwargs):
        return param
    node = nodes.tensor(ex, param)
    return tensor_methods.method(ex, node, name, args, kwargs) if node is not None else ex.fresh(name)


def index(ex: Execution, param: Param, where: Value) -> Value:
    if param.span is not None and not indexing.is_whole(where):
        return Param(param.layer, param.which, parameter_writes.SOMEWHERE)
    if isinstance(where, SequenceValue) and where.kind == "slice":
        return Param(param.layer, param.which, (where.items[0], where.items[1]))
    if where is Ellipsis or (isinstance(where, SequenceValue) and not where.items):
        return param
    return Param(param.layer, param.which, (where, where))


def store(ex: Execution, param: Param, name: str, value: Value) -> None:
    """param.data = value, param.requires_grad = value"""
    if framework.holds(param, name):
        parameter_writes.assign(ex, param, value)
    elif name == "requires_grad":
        parameter_writes.set_trainable(param, value)


def store_item(ex: Execution, param: Param, where: Value, value: Value) -> None:
    part = index(ex, param, where)
    parameter_writes.assign(ex, part if isinstance(part, Param) else param, value)
