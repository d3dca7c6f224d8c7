"""What an initialiser of Keras or TensorFlow puts into a variable: how, with which value and spread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from biaslint.frontends import arrays, calls, writes
from biaslint.frontends.values import External, Func, ListV, Native, Obj, Partial, Unknown, Value
from biaslint.theory.dataflow import Node
from biaslint.vocabulary import keras as vocabulary

if TYPE_CHECKING:
    from biaslint.frontends.interpreter import Interpreter

Content = tuple[str, float | None, float | None, str]  # how, value, spread, the weight initialiser's name
UNKNOWN: Content = ("unknown", None, None, "")


def plain_name(name: str) -> str:
    """RandomNormal, random_normal_initializer and tf.initializers.random_normal are one thing."""
    short = name.rpartition(".")[2].replace("_", "").lower()
    for ending in ("initializerv2", "initializerv1", "initializer"):
        if short.endswith(ending) and short != ending:
            short = short[: -len(ending)]
    return short


def is_initializer(name: str) -> bool:
    short = plain_name(name)
    return short in vocabulary.INITIALIZERS or short in vocabulary.SCALED_INITIALIZERS


def make(interp: Interpreter, name: str, args: list[Value], kwargs: dict[str, Value]) -> Obj:
    """An initialiser's instance."""
    obj = Obj(External(name), interp.origin())
    obj.attrs["args"] = ListV(list(args))
    obj.attrs.update(kwargs)
    return obj


def named(name: str, args: list[Value], kwargs: dict[str, Value], old: bool) -> Content:
    """An initialiser by its name. `old` is TensorFlow 1, whose normals have a standard deviation of 1."""
    short = plain_name(name)
    if short in vocabulary.SCALED_INITIALIZERS:
        return ("scaled", None, None, name.rpartition(".")[2])
    entry = vocabulary.INITIALIZERS.get(short)
    if entry is None:
        return UNKNOWN
    how, value, spread = entry

    def given(place: int, *keys: str) -> Value:
        for key in keys:
            if key in kwargs:
                return kwargs[key]
        return args[place] if len(args) > place else None

    def number(item: Value, default: float | None) -> float | None:
        return default if item is None else float(item) if isinstance(item, (int, float)) else None

    if short == "constant":
        item = given(0, "value")
        if isinstance(item, (int, float)) or item is None:
            return ("constant", number(item, 0.0), None, "")
        return (*content_of_value(item), "")
    if how == "normal":
        mean, deviation = number(given(0, "mean"), 0.0), number(given(1, "stddev", "std"), 1.0 if old else spread)
        return (how, mean, deviation, "") if deviation is not None else UNKNOWN
    if how == "uniform":
        low, high = number(given(0, "minval"), -0.05), number(given(1, "maxval"), 0.05)
        if short == "uniform" and "scale" in kwargs:
            high = number(kwargs["scale"], None)
            low = -high if high is not None else None
        return (how, (low + high) / 2, (high - low) / 2, "") if low is not None and high is not None else UNKNOWN
    return (how, value, spread, "")


def content_of_value(value: Value) -> tuple[str, float | None, float | None]:
    """A number, an array, a list of equal numbers, or a value worked out from a prior."""
    if isinstance(value, bool):
        return ("unknown", None, None)
    if isinstance(value, (int, float)):
        return ("constant", float(value), None)
    if isinstance(value, ListV):
        numbers = {item for item in value.items if isinstance(item, (int, float))}
        if len(numbers) == 1 and all(isinstance(item, (int, float)) for item in value.items):
            return ("constant", float(numbers.pop()), None)
        if any(isinstance(item, Unknown) and writes.has_logarithm(item.key) for item in value.items):
            return ("prior", None, None)
        return ("unknown", None, None)
    if isinstance(value, Node):
        written = value.info.get("write")
        if written is not None:
            return written  # type: ignore[no-any-return]
        seen: list[Node] = [value]
        for node in seen:
            if "log" in node.name and "logits" not in node.name:
                return ("prior", None, None)
            seen.extend(node.inputs if len(seen) < 20 else ())
    array = arrays.filled(value)
    if array is not None:
        return array
    if isinstance(value, Unknown) and writes.has_logarithm(value.key):
        return ("prior", None, None)
    return ("unknown", None, None)


def content(interp: Interpreter, value: Value, shape: Value = None, old: bool = False) -> Content:
    """What a value given as an initialiser puts there: a name, a class, an instance, a function or a tensor."""
    if value is None:
        return UNKNOWN
    if isinstance(value, str):
        return named(value, [], {}, False)
    if isinstance(value, External):
        return named(value.name, [], {}, old)
    if isinstance(value, Obj) and isinstance(value.cls, External):
        stored = value.attrs.get("args")
        items = stored.items if isinstance(stored, ListV) else []
        return named(value.cls.name, items, {key: item for key, item in value.attrs.items() if key != "args"}, old)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return ("constant", float(value), None, "")
    if isinstance(value, (Func, Partial, Native, Obj)):
        made = calls.call(interp, value, [shape if shape is not None else interp.fresh("shape")], {}, interp.node)
        if isinstance(made, (Obj, External, str)):
            return content(interp, made, shape, old)
        return (*content_of_value(made), "")
    return (*content_of_value(value), "")


def as_write(
    interp: Interpreter, value: Value, text: str = "", which: str = "bias", shape: Value = None, old: bool = False
) -> Any:
    """The write that an initialiser makes, at the call that is being carried out."""
    how, number, spread, by = content(interp, value, shape, old)
    return writes.Write(how, which, number, spread, None, by, text, "", interp.module, interp.node)
