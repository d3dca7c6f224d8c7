"""Sequential, ModuleList and ModuleDict: how they are filled, and their methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from biaslint.analysis.domain import values
from biaslint.analysis.domain.values import Args, DictValue, Instance, Kwargs, SequenceValue, Value
from biaslint.analysis.interpreter import containers

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution

Handler = Callable[["Execution", Instance, Args, Kwargs], Value]


def fill(ex: Execution, obj: Instance, kind: str, args: Args, kwargs: Kwargs) -> None:
    """The constructor of the container class `kind`."""
    assert obj.items is not None
    source = args[0] if args else kwargs.get("modules")
    if kind == "Sequential":
        if len(args) == 1 and isinstance(source, DictValue):
            entries = [(str(key), value) for key, value in source.items.items()]
        else:
            entries = [(str(place), value) for place, value in enumerate(args)]
    elif kind.endswith("Dict"):
        if isinstance(source, DictValue):
            entries = [(str(key), value) for key, value in source.items.items()]
        elif isinstance(source, SequenceValue):
            entries = [
                (str(pair.items[0]), pair.items[1])
                for pair in source.items
                if isinstance(pair, SequenceValue) and len(pair.items) == 2
            ]
        else:
            entries = []
    else:
        entries = [(str(place), value) for place, value in enumerate(ex.iterate(source) if source is not None else [])]
    for key, value in entries:
        obj.items[key] = value
        values.adopt(obj, value, "")


def do_append(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    assert obj.items is not None
    value = args[0] if args else kwargs.get("module")
    obj.items[str(len(obj.items))] = value
    values.adopt(obj, value, "")
    return obj


def do_extend(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    for value in ex.iterate(args[0] if args else kwargs.get("modules")):
        do_append(ex, obj, [value], {})
    return obj


def do_insert(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    assert obj.items is not None
    values = list(obj.items.values())
    if len(args) == 2:
        values.insert(args[0] if isinstance(args[0], int) else len(values), args[1])
    obj.items = {str(place): value for place, value in enumerate(values)}
    return obj


def do_pop(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    assert obj.items is not None
    keys = list(obj.items)
    where = args[0] if args else -1
    key = keys[where] if isinstance(where, int) and -len(keys) <= where < len(keys) else where
    return obj.items.pop(key, None) if isinstance(key, str) else ex.fresh("pop")


def do_items(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    return SequenceValue([SequenceValue([key, value], "tuple") for key, value in (obj.items or {}).items()])


def do_keys(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    return SequenceValue(list(obj.items or {}))


def do_values(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    return SequenceValue(list((obj.items or {}).values()))


def do_update(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    assert obj.items is not None
    if args and isinstance(args[0], DictValue):
        obj.items.update({str(key): value for key, value in args[0].items.items()})
    return None


def do_get(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    items = obj.items or {}
    return items.get(args[0], args[1] if len(args) > 1 else None) if args and isinstance(args[0], str) else ex.fresh("get")


METHODS: dict[str, Handler] = {
    "append": do_append,
    "extend": do_extend,
    "insert": do_insert,
    "pop": do_pop,
    "items": do_items,
    "keys": do_keys,
    "values": do_values,
    "update": do_update,
    "get": do_get,
    "__len__": lambda ex, obj, args, kwargs: len(obj.items or {}),
    "__getitem__": lambda ex, obj, args, kwargs: _item(ex, obj, args),
}


def _item(ex: Execution, obj: Instance, args: Args) -> Value:
    return containers.container_item(ex, obj, args[0]) if args else ex.fresh()
