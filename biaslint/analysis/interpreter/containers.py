"""Containers of modules, and copies of them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain.values import DictValue, External, Instance, SequenceValue, Unknown, adopt
from biaslint.analysis.interpreter import framework

if TYPE_CHECKING:
    from biaslint.analysis.domain.layers import Layer
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution


def container_items(obj: Instance) -> list[Value]:
    items = obj.items or {}
    if isinstance(obj.cls, External) and obj.cls.name.endswith("Dict"):
        return list(items)
    outside = framework.external_base(obj.cls)
    return list(items) if outside is not None and outside.name.endswith("Dict") else list(items.values())


def container_item(ex: Execution, obj: Instance, index: Value) -> Value:
    items = obj.items or {}
    if isinstance(index, str):
        if index in items:
            return items[index]
        if index in obj.attrs:
            return obj.attrs[index]
        return ex.fresh(index)
    values = list(items.values())
    if isinstance(index, Unknown):
        number = ex.path.number(index.key)
        if number is not None and -len(values) <= int(number) < len(values):
            return values[int(number)]
        kinds = {id(value.cls) if isinstance(value, Instance) else id(value) for value in values}
        if values and len(kinds) == 1 and isinstance(values[0], Instance):
            return values[0]
        return ex.fresh("an entry")
    if isinstance(index, int):
        if ex.shortened and values and index >= len(values):
            return values[-1]
        return values[index] if -len(values) <= index < len(values) else ex.fresh("an entry")
    if isinstance(index, SequenceValue) and index.kind == "slice":
        bounds = [
            part if part is None or isinstance(part, int) else ex.path.number(part.key) if isinstance(part, Unknown) else None
            for part in index.items
        ]
        piece = Instance(obj.cls if isinstance(obj.cls, External) else framework.sequential_of(obj), obj.origin)
        chosen = list(items.items())[slice(*[None if part is None else int(part) for part in bounds])]
        piece.items = {str(place): value for place, (_, value) in enumerate(chosen)}
        return piece
    return ex.fresh("an entry")


def container_store(ex: Execution, obj: Instance, index: Value, value: Value) -> None:
    items = obj.items if obj.items is not None else {}
    if isinstance(index, int) and -len(items) <= index < len(items):
        items[list(items)[index]] = value
    elif isinstance(index, str):
        items[index] = value
    else:
        items[f"?{len(items)}"] = value
    adopt(obj, value, "")


def container_delete(ex: Execution, obj: Instance, index: Value) -> None:
    items = obj.items or {}
    if isinstance(index, int) and -len(items) <= index < len(items):
        del items[list(items)[index]]
        obj.items = {str(place): value for place, value in enumerate(items.values())}
    elif isinstance(index, str):
        items.pop(index, None)
    elif (
        isinstance(index, SequenceValue)
        and index.kind == "slice"
        and all(part is None or isinstance(part, int) for part in index.items)
    ):
        for key in list(items)[slice(*index.items)]:
            del items[key]


def copy_layer(layer: Layer) -> Layer:
    """A copied layer: initialized like the original, with its own parameters, which nothing reads yet."""
    own: dict[str, Any] = {"calls": [], "weight_of": None, "tied": None, "bias_of": None, "doubles": None}
    return dataclasses.replace(layer, writes=list(layer.writes), weight_writes=list(layer.weight_writes), **own)


def copy(ex: Execution, value: Value, memo: dict[int, Value] | None = None) -> Value:
    """copy.deepcopy: the copy has layers of its own, with the same places in the source."""
    memo = {} if memo is None else memo
    if id(value) in memo:
        return memo[id(value)]
    if isinstance(value, SequenceValue):
        made: Value = SequenceValue([], value.kind, value.open)
        memo[id(value)] = made
        made.items.extend(copy(ex, item, memo) for item in value.items)
        return made
    if isinstance(value, DictValue):
        made = DictValue({}, value.open)
        memo[id(value)] = made
        made.items.update({key: copy(ex, item, memo) for key, item in value.items.items()})
        return made
    if isinstance(value, Instance):
        made = Instance(value.cls, value.origin)
        memo[id(value)] = made
        made.training, made.eval_mode = value.training, value.eval_mode
        ex.objects.append(made)
        for name, item in value.attrs.items():
            made.attrs[name] = copy(ex, item, memo)
        if value.items is not None:
            made.items = {name: copy(ex, item, memo) for name, item in value.items.items()}
        if value.layer is not None:
            made.layer = copy_layer(value.layer)
            ex.layers.append(made.layer)
        return made
    return value
