"""tensorpack's calling conventions: `Conv2D("conv1", x, 64, 3, activation=BNReLU)`, `argscope` and `LinearWrap`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain.values import External, Instance, SequenceValue
from biaslint.analysis.frameworks.common import construction, signatures
from biaslint.analysis.frameworks.keras import layers as keras_layers
from biaslint.analysis.frameworks.tensorflow import layers as tensorflow_layers, tensorpack_vocabulary
from biaslint.analysis.project.environment import MISSING

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution


HOME = "tensorpack."
WRAP = "tensorpack.LinearWrap"


def knows(name: str) -> bool:
    short = name.rpartition(".")[2]
    return name.startswith(HOME) and (short in tensorpack_vocabulary.LAYERS or short in tensorpack_vocabulary.OTHERS)


def call(ex: Execution, short: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """A function of tensorpack. MISSING where it is not known."""
    if short in tensorpack_vocabulary.LAYERS:
        return layer(ex, short, args, kwargs)
    if short == "argscope" and args:
        return tensorflow_layers.arg_scope(
            ex, [args[0] if isinstance(args[0], SequenceValue) else SequenceValue(args[:1])], kwargs
        )
    if short == "LinearWrap" and args:
        wrap = Instance(External(WRAP), ex.origin())
        wrap.attrs["tensor"] = args[0]
        return wrap
    return MISSING


def layer(ex: Execution, name: str, args: list[Value], kwargs: dict[str, Value], wrapped: Value = None) -> Value:
    """A layer made and applied; `wrapped` is the tensor where it is not among the arguments."""
    short, signature = tensorpack_vocabulary.LAYERS[name]
    named = bool(args) and isinstance(args[0], str)
    values = list(args[named:])
    if wrapped is not None:
        values.insert(0, wrapped)
    scope = tensorflow_layers.scope_of(ex).get(short, {})
    given = {tensorpack_vocabulary.RENAMED.get(key, key): value for key, value in {**scope, **kwargs}.items()}
    config = tensorflow_layers.bound(signature, values, given)
    x = config.pop("inputs", None)
    activation = config.pop("activation", None)
    if short == "BatchNormalization" and config.get("axis") is None:
        config["axis"] = -1
    obj = tensorflow_layers.made(ex, short, f"tensorpack.{name}", config)
    assert obj.layer is not None
    names = signatures.positional_names(signature)[wrapped is not None :]
    obj.layer.texts = construction.argument_texts(ex, ("name",) * named + names)
    obj.layer.argument_text = obj.layer.texts.get("use_bias", "")
    if "use_bias" in scope and not obj.layer.argument_text:
        obj.layer.argument_text = "use_bias"  # the scope says so
    elif not tensorflow_layers.scope_of(ex) and "use_bias" not in given and is_a_part(ex):
        obj.layer.bias = ex.fresh("use_bias")
    result = keras_layers.apply(ex, obj, [x], {"training": False} if config.get("training") is False else {})
    node = construction.tensor(ex, result)
    if node is None:
        return result
    return keras_layers.activated(ex, "relu" if name == "BNReLU" else activation, node)


def is_a_part(ex: Execution) -> bool:
    """Is this a function with parameters that is executed by itself? The scope of those that call it may say whether there is a bias."""
    frame = ex.stack[0] if ex.stack else None
    return frame is not None and frame.func.owner is None and bool(frame.bound)


def method(ex: Execution, wrap: Instance, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """LinearWrap(x).Conv2D("conv1", 32, 3).BatchNorm("bn")()"""
    x = wrap.attrs.get("tensor")
    if name == "__call__":
        return x
    if name in tensorpack_vocabulary.LAYERS:
        wrap.attrs["tensor"] = layer(ex, name, args, kwargs, x)
    elif name == "apply" and args:
        wrap.attrs["tensor"] = ex.call(args[0], [x, *args[1:]], kwargs, ex.node)
    elif name == "apply2" and len(args) > 1:
        wrap.attrs["tensor"] = ex.call(args[0], [args[1], x, *args[2:]], kwargs, ex.node)
    else:
        wrap.attrs["tensor"] = ex.opaque(x, *args, name=name)
    return wrap
