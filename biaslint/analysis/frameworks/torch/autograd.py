"""`torch.autograd.Function`: functions with a gradient of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain import class_lookup, values
from biaslint.analysis.domain.values import Args, Class, External, FunctionValue, Instance, Kwargs, SequenceValue, Value
from biaslint.analysis.project.environment import MISSING
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution


BASES = ("torch.autograd.Function", "torch.autograd.function.Function", "torch.autograd.function.InplaceFunction")


def class_method(ex: Execution, cls: Class, outside: External, name: str, args: Args, kwargs: Kwargs) -> Value:
    """`Swish.apply(x)`: its forward pass. Whatever goes in is seen, since its gradient may be anything, unless the backward pass only
    scales it."""
    if outside.name not in BASES or name != "apply":
        return MISSING
    found = class_lookup.find_in_class(cls, "forward")
    given = [node for value in (*args, *kwargs.values()) for node in values.tensors_in(value)]
    if found is None or not isinstance(found.value, FunctionValue):
        return ex.opaque(*args, *kwargs.values(), name=cls.name)
    with_context = class_lookup.find_in_class(cls, "setup_context") is None
    context = [Instance(External("torch.autograd.function.FunctionCtx"))] if with_context else []
    result = ex.call(found.value, [*context, *args], kwargs, ex.node)
    return result if context and scales_gradient(ex, cls, context[0], args) else shown(ex, cls, result, given)


def scales_gradient(ex: Execution, cls: Class, context: Value, args: Args) -> bool:
    """Does the backward pass give each tensor the gradient that came, times a number at most, as one that reverses it does?"""
    found = class_lookup.find_in_class(cls, "backward")
    if found is None or not isinstance(found.value, FunctionValue):
        return False
    came = ex.flow.add("input", (), None, "the gradient", ex.here())
    gave = ex.call(found.value, [context, came], {}, ex.node)
    parts = gave.items if isinstance(gave, SequenceValue) else [gave]
    pairs = [(arg, part) for arg, part in zip(args, parts, strict=False) if isinstance(arg, Node)]
    return bool(pairs) and all(isinstance(part, Node) and scaled(part, came) for _, part in pairs)


def scaled(part: Node, came: Node) -> bool:
    """Is it the gradient that came, but for factors and signs?"""
    while part.op == "keep" and len(part.inputs) == 1 and "plus" not in part.info:
        part = part.inputs[0]
    return part is came


def shown(ex: Execution, cls: Class, result: Value, given: list[Node]) -> Value:
    """The result as tensors that show whatever was given."""
    if isinstance(result, Node):
        node = ex.opaque(result, *given, name=cls.name)
        node.dims = result.dims
        return node
    if isinstance(result, SequenceValue):
        return SequenceValue([shown(ex, cls, item, given) for item in result.items], result.kind, result.open)
    return ex.opaque(result, *given, name=cls.name) if given else result
