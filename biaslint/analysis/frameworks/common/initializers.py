"""Initializers of Keras and TensorFlow: how they fill a variable, with which value and spread."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain import layers
from biaslint.analysis.domain.values import External, FunctionValue, Instance, ModelFunction, Partial, SequenceValue, number
from biaslint.analysis.tensors import contents
from biaslint.theory.tensor_info import Content

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution


NamedContent = tuple[str, float | None, float | None, str]  # how, value, spread, the weight initialiser's name
UNKNOWN: NamedContent = ("unknown", None, None, "")
MOST_CALLS = 8  # initializers that give initializers


def plain_name(name: str) -> str:
    """RandomNormal, random_normal_initializer and tf.initializers.random_normal are one thing."""
    short = name.rpartition(".")[2].replace("_", "").lower()
    for ending in ("initializerv2", "initializerv1", "initializer"):
        if short.endswith(ending) and short != ending:
            short = short[: -len(ending)]
    return short


def is_initializer(name: str) -> bool:
    short = plain_name(name)
    return short in INITIALIZERS or short in SCALED_INITIALIZERS


def make(ex: Execution, name: str, args: list[Value], kwargs: dict[str, Value]) -> Instance:
    """An initialiser's instance."""
    obj = Instance(External(name), ex.origin())
    obj.attrs["args"] = SequenceValue(list(args))
    obj.attrs.update(kwargs)
    return obj


def named(name: str, args: list[Value], kwargs: dict[str, Value], old: bool) -> NamedContent:
    """An initialiser by its name. `old` is TensorFlow 1, whose normals have a standard deviation of 1."""
    short = plain_name(name)
    if short in SCALED_INITIALIZERS:
        return ("scaled", None, None, name.rpartition(".")[2])
    entry = INITIALIZERS.get(short)
    if entry is None:
        return UNKNOWN
    how, value, spread = entry

    def given(place: int, *keys: str) -> Value:
        for key in keys:
            if key in kwargs:
                return kwargs[key]
        return args[place] if len(args) > place else None

    def given_number(default: float | None, place: int, *keys: str) -> float | None:
        item = given(place, *keys)
        return default if item is None else number(item)

    if short == "constant":
        item = given(0, "value")
        return (*contents.content_of(0.0 if item is None else item), "")
    if how == "normal":
        mean, deviation = given_number(0.0, 0, "mean"), given_number(1.0 if old else spread, 1, "stddev", "std")
        return (how, mean, deviation, "") if deviation is not None else UNKNOWN
    if how == "uniform":
        low, high = given_number(-0.05, 0, "minval"), given_number(0.05, 1, "maxval")
        if short == "uniform" and "scale" in kwargs:
            high = number(kwargs["scale"])
            low = -high if high is not None else None
        return (how, (low + high) / 2, (high - low) / 2, "") if low is not None and high is not None else UNKNOWN
    return (how, value, spread, "")


def content(ex: Execution, value: Value, shape: Value = None, old: bool = False) -> NamedContent:
    """The content that an initializer gives: a name, a class, an instance, a function or a tensor."""
    value = called(ex, value, shape)
    if value is None:
        return UNKNOWN
    if isinstance(value, str):
        return named(value, [], {}, False)
    if isinstance(value, External):
        return named(value.name, [], {}, old)
    if isinstance(value, Instance) and isinstance(value.cls, External):
        stored = value.attrs.get("args")
        items = stored.items if isinstance(stored, SequenceValue) else []
        return named(value.cls.name, items, {key: item for key, item in value.attrs.items() if key != "args"}, old)
    return (*contents.content_of(value), "")


def called(ex: Execution, value: Value, shape: Value) -> Value:
    """What a function of the program gives that is an initializer; anything else as it is."""
    own = isinstance(value, Instance) and not isinstance(value.cls, External)
    for _ in range(MOST_CALLS):
        if not own and not isinstance(value, (FunctionValue, Partial, ModelFunction)):
            break
        value = ex.call(value, [shape if shape is not None else ex.fresh("shape")], {}, ex.node)
        own = isinstance(value, Instance) and not isinstance(value.cls, External)
    return value


def as_write(ex: Execution, value: Value, text: str = "", which: str = "bias", shape: Value = None, old: bool = False) -> Any:
    """The write of an initializer, at the current call."""
    value = called(ex, value, shape)
    how, mean, spread, by = content(ex, value, shape, old)
    write = write_here(ex, (how, mean, spread), by, text, which)
    write.parts = parts_here(ex, value, which)
    return write


def parts_here(ex: Execution, value: Value, which: str = "bias") -> tuple[layers.Write, ...]:
    """The writes of a vector in parts, at the current call; none of a vector in one part."""
    found = [(write_here(ex, content, which=which), span) for content, span in contents.parts_of(value)]
    return tuple(replace(write, span=span) for write, span in found if span is not None)


def write_here(ex: Execution, content: Content, by: str = "", text: str = "", which: str = "bias") -> layers.Write:
    """A write at the current call."""
    how, value, spread = content
    return layers.Write(how, which, value, spread, None, by, text, "", ex.module, ex.node)


# initialisers: name in lower case without underscores -> how, mean or value, spread; None: a weight initialiser
INITIALIZERS: dict[str, tuple[str, float | None, float | None]] = {
    "zeros": ("constant", 0.0, None),
    "zero": ("constant", 0.0, None),
    "ones": ("constant", 1.0, None),
    "one": ("constant", 1.0, None),
    "randomnormal": ("normal", 0.0, 0.05),
    "normal": ("normal", 0.0, 0.05),
    "truncatednormal": ("normal", 0.0, 0.05),
    "randomuniform": ("uniform", 0.0, 0.05),
    "uniform": ("uniform", 0.0, 0.05),
    "constant": ("constant", 0.0, None),
}
SCALED_INITIALIZERS = {
    "glorotuniform", "glorotnormal", "xavier", "xavierinitializer", "henormal", "heuniform", "lecunnormal", "lecununiform", "orthogonal",
    "variancescaling", "identity", "orthogonalinitializer", "variancescalinginitializer", "xavierinitializerconv2d",
}  # fmt: skip
