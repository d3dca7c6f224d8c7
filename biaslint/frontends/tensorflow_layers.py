"""TensorFlow's functions that make and apply a layer at once: tf.layers, slim and tf.contrib.layers, recurrent cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.frontends import calls, keras_layers
from biaslint.frontends.values import DictV, External, Layer, ListV, Obj, Unknown, Value, tensors_in
from biaslint.vocabulary import keras as keras_vocabulary
from biaslint.vocabulary import tensorflow as vocabulary
from biaslint.vocabulary import tensorpack
from biaslint.vocabulary.spec import REQUIRED, parameters, positional_names

if TYPE_CHECKING:
    from biaslint.frontends.interpreter import Interpreter

Args = list[Value]
Kwargs = dict[str, Value]


def bound(signature: str, args: Args, kwargs: Kwargs) -> Kwargs:
    config: Kwargs = {name: default for name, default in parameters(signature) if default is not REQUIRED}
    config.update(zip(positional_names(signature), args, strict=False))
    config.update(kwargs)
    return config


def layer_function(interp: Interpreter, name: str, args: Args, kwargs: Kwargs) -> Value:
    """tf.layers.conv2d(x, ...)"""
    short, signature = vocabulary.FUNCTION_LAYERS[name]
    config = bound(signature, args, kwargs)
    x = config.pop("inputs", None)
    obj = made(interp, short, f"tf.layers.{name}", config)
    assert obj.layer is not None
    obj.layer.texts = texts(interp, signature)
    obj.layer.argument_text = obj.layer.texts.get("use_bias", "")
    if short == "Dropout" and config.get("training") is False:
        return x
    return keras_layers.apply(interp, obj, [x], {"training": config.get("training", True)})


def texts(interp: Interpreter, signature: str) -> dict[str, str]:
    from biaslint.frontends import torch_layers

    return torch_layers.argument_texts(interp, positional_names(signature))


def made(interp: Interpreter, short: str, type_: str, config: Kwargs) -> Obj:
    obj = Obj(External(f"keras.layers.{short}"), interp.origin())
    obj.used = True
    interp.objects.append(obj)
    keras_layers.make(interp, obj, short, [], config, type_, "tensorflow")
    return obj


# -- slim ------------------------------------------------------------------------------------------------------------------------------


def scope_of(interp: Interpreter) -> dict[str, Kwargs]:
    return interp.contexts[-1] if interp.contexts else {}


def slim_function(interp: Interpreter, name: str, args: Args, kwargs: Kwargs) -> Value:
    """slim.conv2d(x, 64, 3): a layer, the normaliser or the bias, and the activation, with what arg_scope says."""
    short, signature = vocabulary.SLIM[name]
    given = {**scope_of(interp).get(short, {}), **kwargs}
    config = bound(signature, args, given)
    x = config.pop("inputs", None)
    if name == "relu" and len(args) < 2 and "num_outputs" not in kwargs:
        node = keras_layers.tensor(interp, x)
        return keras_layers.nonlinear(interp, node, "relu") if node is not None else x
    config = {vocabulary.SLIM_TO_KERAS.get(key, key): value for key, value in config.items()}
    if isinstance(config.get("data_format"), str) and config["data_format"].startswith("NC"):
        config["data_format"] = "channels_first"
    if short == "Dense":
        config["units"] = config.pop("filters", None)
    if short == "BatchNormalization" and config.get("data_format") == "channels_first":
        config["axis"] = 1
    if short == "Dropout":
        if config.get("is_training") is False:
            return x
        config["rate"] = 0 if config.get("keep_prob") == 1.0 else 0.5
    if short == "GroupNormalization":
        config["axis"] = config.pop("channels_axis", -1)
    activation, normalizer = config.pop("activation", None), config.pop("normalizer_fn", None)
    if "use_bias" not in config and keras_vocabulary.LAYERS[short].bias:
        normalized = interp.truth(normalizer, interp.node) if isinstance(normalizer, Unknown) else normalizer is not None
        config["use_bias"] = not normalized and config.get("bias_initializer") is not None
    obj = made(interp, short, f"tf_slim.{name}", config)
    assert obj.layer is not None
    obj.layer.argument = ""
    obj.layer.texts = texts(interp, signature)
    flag = config.get("is_training", True)
    result = keras_layers.apply(interp, obj, [x], {"training": flag})
    if normalizer is not None:
        params = config.get("normalizer_params")
        extra = {key: item for key, item in params.items.items() if isinstance(key, str)} if isinstance(params, DictV) else {}
        result = calls.call(interp, normalizer, [result], extra, interp.node)
    node = keras_layers.tensor(interp, result)
    return keras_layers.activated(interp, activation, node) if node is not None else result


def arg_scope(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    """slim.arg_scope([slim.conv2d], padding="SAME"), or a scope that was made before."""
    obj = Obj(External("tf_slim.arg_scope"), interp.origin())
    obj.attrs["functions"] = args[0] if args else kwargs.pop("list_ops_or_scope", None)
    obj.attrs["settings"] = DictV(dict(kwargs))
    return obj


def enter(interp: Interpreter, obj: Obj) -> Value:
    functions = obj.attrs.get("functions")
    table = {key: dict(value) for key, value in scope_of(interp).items()}
    if isinstance(functions, Obj) and isinstance(functions.attrs.get("table"), dict):
        table = {key: dict(value) for key, value in functions.attrs["table"].items()}
    elif isinstance(functions, ListV):
        settings = obj.attrs["settings"].items
        for one in functions.items:
            if isinstance(one, External):
                table_of = tensorpack.LAYERS if one.name.startswith("tensorpack.") else vocabulary.SLIM
                entry = table_of.get(one.name.rpartition(".")[2])
                if entry is not None:
                    table.setdefault(entry[0], {}).update(settings)
    interp.contexts.append(table)
    snapshot = Obj(External("tf_slim.arg_scope"), obj.origin)
    snapshot.attrs["table"] = table
    return snapshot


def leave(interp: Interpreter) -> None:
    if interp.contexts:
        interp.contexts.pop()


def repeat(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    """slim.repeat(x, 3, slim.conv2d, 64, 3)"""
    x, count, function, rest = args[0], args[1], args[2], args[3:]
    extra = {key: value for key, value in kwargs.items() if key != "scope"}
    for _ in range(min(count, 64) if isinstance(count, int) else 2):
        x = calls.call(interp, function, [x, *rest], extra, interp.node)
    return x


def stack(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    """slim.stack(x, slim.fully_connected, [32, 64])"""
    x, function, each = args[0], args[1], args[2]
    extra = {key: value for key, value in kwargs.items() if key != "scope"}
    for item in interp.iterate(each):
        x = calls.call(interp, function, [x, *(item.items if isinstance(item, ListV) else [item])], extra, interp.node)
    return x


# -- recurrent cells ---------------------------------------------------------------------------------------------------------------------


def cell(interp: Interpreter, name: str, args: Args, kwargs: Kwargs) -> Obj:
    """tf.nn.rnn_cell.BasicLSTMCell(units, forget_bias=1.0)"""
    from biaslint.frontends import torch_layers

    spec = vocabulary.CELLS[name]
    obj = Obj(External(f"tensorflow.nn.rnn_cell.{name}"), interp.origin())
    interp.objects.append(obj)
    layer = Layer(f"tf.nn.rnn_cell.{name}", spec.kind, "tensorflow", bound(spec.signature, args, kwargs), interp.origin())
    layer.bias, layer.default = True, "zeros"
    layer.texts = texts(interp, spec.signature)
    layer.settings = torch_layers.settings(interp)
    obj.layer = layer
    interp.layers.append(layer)
    return obj


def cell_wrapper(interp: Interpreter, name: str, args: Args, kwargs: Kwargs) -> Obj:
    obj = Obj(External(f"tensorflow.nn.rnn_cell.{name}"), interp.origin())
    inner = args[0] if args else kwargs.get("cell", kwargs.get("cells"))
    obj.attrs["cells"] = inner
    return obj


def cells_in(value: Value, depth: int = 5) -> list[Layer]:
    """The recurrent cells of a cell, a wrapper or a list of them."""
    if isinstance(value, ListV) and depth:
        return [layer for item in value.items for layer in cells_in(item, depth - 1)]
    if isinstance(value, Obj):
        if value.layer is not None:
            value.used = True
            return [value.layer]
        return cells_in(value.attrs.get("cells"), depth - 1) if depth else []
    return []


def run_cells(interp: Interpreter, name: str, args: Args, kwargs: Kwargs) -> Value:
    """tf.nn.dynamic_rnn(cell, x), tf.nn.bidirectional_dynamic_rnn(forward, backward, x) ..."""
    values = [*args, *kwargs.values()]
    layers = cells_in(ListV(list(values)))
    node = interp.opaque(*[value for value in values if tensors_in(value)], name=name)
    for layer in layers:
        layer.calls.append(node)
    state = interp.opaque(node, name="the state")
    if name.startswith("bidirectional_dynamic"):
        other = interp.opaque(node, name=name)
        return ListV([ListV([node, other], "tuple"), ListV([state, interp.opaque(node, name="the state")], "tuple")], "tuple")
    if name in ("static_rnn", "rnn"):
        return ListV([ListV([node, interp.opaque(node, name=name)]), state], "tuple")
    return ListV([node, state], "tuple")
