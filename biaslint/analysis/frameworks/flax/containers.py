"""Flax's containers of modules: a list, a dictionary, and a sequence that is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain import values
from biaslint.analysis.domain.values import Args, External, Instance, Kwargs, SequenceValue, Value

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution


def make_container(ex: Execution, name: str, args: Args, kwargs: Kwargs) -> Instance:
    """nn.Sequential([...]), nnx.Sequential(...), nnx.List([...])"""
    obj = Instance(External(name), ex.origin())
    ex.objects.append(obj)
    obj.items = {}
    fill(ex, obj, name, args, kwargs)
    return obj


def fill(ex: Execution, obj: Instance, name: str, args: Args, kwargs: Kwargs) -> None:
    if obj.items is None:
        obj.items = {}
    if name == "flax.nnx.Sequential":
        parts = list(args)
    elif name == "flax.nnx.Dict":
        parts = []
        for key, value in kwargs.items():
            obj.items[key] = value
            values.adopt(obj, value, "")
    else:
        source = args[0] if args else kwargs.get("layers")
        parts = ex.iterate(source) if source is not None else []
    grow(ex, obj, parts)


def call_sequence(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    """Each part is called with what the one before has given: a tuple as positional arguments."""
    first = True
    value: Value = args[0] if args else next(iter(kwargs.values()), None)
    for item in list((obj.items or {}).values()):
        if first:
            value = ex.call(item, args, kwargs, ex.node)
        elif isinstance(value, SequenceValue) and value.kind == "tuple":
            value = ex.call(item, list(value.items), {}, ex.node)
        else:
            value = ex.call(item, [value], {}, ex.node)
        first = False
    return value


def do_append(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    """nnx.List: modules.append(module)"""
    return grow(ex, obj, args[:1])


def do_extend(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    return grow(ex, obj, ex.iterate(args[0]) if args else [])


def grow(ex: Execution, obj: Instance, parts: list[Value]) -> Value:
    if obj.items is None:
        return ex.fresh("a module")
    for part in parts:
        obj.items[str(len(obj.items))] = part
        values.adopt(obj, part, "")
    return None
