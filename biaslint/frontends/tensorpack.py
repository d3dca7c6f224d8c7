"""tensorpack's calling conventions: `Conv2D("conv1", x, 64, 3, activation=BNReLU)`, `argscope` and `LinearWrap`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.frontends import calls, keras_layers, tensorflow_layers, torch_layers
from biaslint.frontends.values import MISSING, External, ListV, Obj, Value
from biaslint.vocabulary import tensorpack as vocabulary
from biaslint.vocabulary.spec import positional_names

if TYPE_CHECKING:
    from biaslint.frontends.interpreter import Interpreter

HOME = "tensorpack."
WRAP = "tensorpack.LinearWrap"


def knows(name: str) -> bool:
    short = name.rpartition(".")[2]
    return name.startswith(HOME) and (short in vocabulary.LAYERS or short in vocabulary.OTHERS)


def call(interp: Interpreter, short: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """A function of tensorpack. MISSING where it is not known."""
    if short in vocabulary.LAYERS:
        return layer(interp, short, args, kwargs)
    if short == "argscope" and args:
        return tensorflow_layers.arg_scope(interp, [args[0] if isinstance(args[0], ListV) else ListV(args[:1])], kwargs)
    if short == "LinearWrap" and args:
        wrap = Obj(External(WRAP), interp.origin())
        wrap.attrs["tensor"] = args[0]
        return wrap
    return MISSING


def layer(interp: Interpreter, name: str, args: list[Value], kwargs: dict[str, Value], wrapped: Value = None) -> Value:
    """A layer made and applied; `wrapped` is the tensor where it is not among the arguments."""
    short, signature = vocabulary.LAYERS[name]
    named = bool(args) and isinstance(args[0], str)
    values = list(args[named:])
    if wrapped is not None:
        values.insert(0, wrapped)
    scope = tensorflow_layers.scope_of(interp).get(short, {})
    given = {vocabulary.RENAMED.get(key, key): value for key, value in {**scope, **kwargs}.items()}
    config = tensorflow_layers.bound(signature, values, given)
    x = config.pop("inputs", None)
    activation = config.pop("activation", None)
    if short == "BatchNormalization" and config.get("axis") is None:
        config["axis"] = -1
    obj = tensorflow_layers.made(interp, short, f"tensorpack.{name}", config)
    assert obj.layer is not None
    names = positional_names(signature)[wrapped is not None :]
    obj.layer.texts = torch_layers.argument_texts(interp, ("name",) * named + names)
    obj.layer.argument_text = obj.layer.texts.get("use_bias", "")
    if "use_bias" in scope and not obj.layer.argument_text:
        obj.layer.argument_text = "use_bias"  # the scope says so
    result = keras_layers.apply(interp, obj, [x], {"training": False} if config.get("training") is False else {})
    node = keras_layers.tensor(interp, result)
    if node is None:
        return result
    return keras_layers.activated(interp, "relu" if name == "BNReLU" else activation, node)


def method(interp: Interpreter, wrap: Obj, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """LinearWrap(x).Conv2D("conv1", 32, 3).BatchNorm("bn")()"""
    x = wrap.attrs.get("tensor")
    if name == "__call__":
        return x
    if name in vocabulary.LAYERS:
        wrap.attrs["tensor"] = layer(interp, name, args, kwargs, x)
    elif name == "apply" and args:
        wrap.attrs["tensor"] = calls.call(interp, args[0], [x, *args[1:]], kwargs, interp.node)
    else:
        wrap.attrs["tensor"] = interp.opaque(x, *args, name=name)
    return wrap
