"""TensorFlow's functions that make and apply a layer at once: tf.layers, slim and tf.contrib.layers, recurrent cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain import values as domain_values
from biaslint.analysis.domain.layers import Layer
from biaslint.analysis.domain.values import Args, DictValue, External, Instance, Kwargs, SequenceValue, Unknown, Value
from biaslint.analysis.frameworks.common import construction, signatures
from biaslint.analysis.frameworks.common.signatures import REQUIRED
from biaslint.analysis.frameworks.keras import layer_construction, layers as keras_layers, vocabulary as keras_vocabulary
from biaslint.analysis.frameworks.tensorflow import tensorpack_vocabulary, vocabulary as tensorflow_vocabulary

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution


def bound(signature: str, args: Args, kwargs: Kwargs) -> Kwargs:
    config: Kwargs = {name: default for name, default in signatures.parameters(signature) if default is not REQUIRED}
    config.update(zip(signatures.positional_names(signature), args, strict=False))
    config.update(kwargs)
    return config


def layer_function(ex: Execution, name: str, args: Args, kwargs: Kwargs) -> Value:
    """tf.layers.conv2d(x, ...)"""
    short, signature = tensorflow_vocabulary.FUNCTION_LAYERS[name]
    config = bound(signature, args, kwargs)
    x = config.pop("inputs", None)
    obj = made(ex, short, f"tf.layers.{name}", config)
    assert obj.layer is not None
    obj.layer.texts = texts(ex, signature)
    obj.layer.positions = construction.own_positions(ex, obj.layer, signatures.positional_names(signature), len(args))
    obj.layer.argument_text = obj.layer.texts.get("use_bias", "")
    if short == "Dropout" and config.get("training") is False:
        return x
    return keras_layers.apply(ex, obj, [x], {"training": config.get("training", True)})


def texts(ex: Execution, signature: str) -> dict[str, str]:

    return construction.argument_texts(ex, signatures.positional_names(signature))


def made(ex: Execution, short: str, type_: str, config: Kwargs) -> Instance:
    obj = Instance(External(f"keras.layers.{short}"), ex.origin())
    obj.used = True
    ex.objects.append(obj)
    layer_construction.make(ex, obj, short, [], config, type_, "tensorflow")
    return obj


# -- slim ------------------------------------------------------------------------------------------------------------------------------


def scope_of(ex: Execution) -> dict[str, Kwargs]:
    return ex.contexts[-1] if ex.contexts else {}


def slim_function(ex: Execution, name: str, args: Args, kwargs: Kwargs) -> Value:
    """slim.conv2d(x, 64, 3): a layer, the normaliser or the bias, and the activation, with what arg_scope says."""
    short, signature = tensorflow_vocabulary.SLIM[name]
    given = {**scope_of(ex).get(short, {}), **kwargs}
    config = bound(signature, args, given)
    x = config.pop("inputs", None)
    if name == "relu" and len(args) < 2 and "num_outputs" not in kwargs:
        node = construction.tensor(ex, x)
        return construction.nonlinear(ex, node, "relu") if node is not None else x
    config = {tensorflow_vocabulary.SLIM_TO_KERAS.get(key, key): value for key, value in config.items()}
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
        normalized = ex.truth(normalizer, ex.node) if isinstance(normalizer, Unknown) else normalizer is not None
        config["use_bias"] = not normalized and config.get("bias_initializer") is not None
    obj = made(ex, short, f"tf_slim.{name}", config)
    assert obj.layer is not None
    obj.layer.argument = ""
    obj.layer.texts = texts(ex, signature)
    flag = config.get("is_training", True)
    result = keras_layers.apply(ex, obj, [x], {"training": flag})
    if normalizer is not None:
        params = config.get("normalizer_params")
        extra = (
            {key: item for key, item in params.items.items() if isinstance(key, str)} if isinstance(params, DictValue) else {}
        )
        result = ex.call(normalizer, [result], extra, ex.node)
    node = construction.tensor(ex, result)
    return keras_layers.activated(ex, activation, node) if node is not None else result


def arg_scope(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """slim.arg_scope([slim.conv2d], padding="SAME"), or a scope that was made before."""
    obj = Instance(External("tf_slim.arg_scope"), ex.origin())
    obj.attrs["functions"] = args[0] if args else kwargs.pop("list_ops_or_scope", None)
    obj.attrs["settings"] = DictValue(dict(kwargs))
    return obj


def enter(ex: Execution, obj: Instance) -> Value:
    functions = obj.attrs.get("functions")
    table = {key: dict(value) for key, value in scope_of(ex).items()}
    if isinstance(functions, Instance) and isinstance(functions.attrs.get("table"), dict):
        table = {key: dict(value) for key, value in functions.attrs["table"].items()}
    elif isinstance(functions, SequenceValue):
        settings = obj.attrs["settings"].items
        for one in functions.items:
            if isinstance(one, External):
                table_of = tensorpack_vocabulary.LAYERS if one.name.startswith("tensorpack.") else tensorflow_vocabulary.SLIM
                entry = table_of.get(one.name.rpartition(".")[2])
                if entry is not None:
                    table.setdefault(entry[0], {}).update(settings)
    ex.contexts.append(table)
    snapshot = Instance(External("tf_slim.arg_scope"), obj.origin)
    snapshot.attrs["table"] = table
    return snapshot


def leave(ex: Execution) -> None:
    if ex.contexts:
        ex.contexts.pop()


def repeat(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """slim.repeat(x, 3, slim.conv2d, 64, 3)"""
    x, count, function, rest = args[0], args[1], args[2], args[3:]
    extra = {key: value for key, value in kwargs.items() if key != "scope"}
    for _ in range(min(count, 64) if isinstance(count, int) else 2):
        x = ex.call(function, [x, *rest], extra, ex.node)
    return x


def stack(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """slim.stack(x, slim.fully_connected, [32, 64])"""
    x, function, each = args[0], args[1], args[2]
    extra = {key: value for key, value in kwargs.items() if key != "scope"}
    for item in ex.iterate(each):
        x = ex.call(function, [x, *(item.items if isinstance(item, SequenceValue) else [item])], extra, ex.node)
    return x


# -- recurrent cells ---------------------------------------------------------------------------------------------------------------------


def cell(ex: Execution, name: str, args: Args, kwargs: Kwargs) -> Instance:
    """tf.nn.rnn_cell.BasicLSTMCell(units, forget_bias=1.0)"""

    spec = tensorflow_vocabulary.CELLS[name]
    obj = Instance(External(f"tensorflow.nn.rnn_cell.{name}"), ex.origin())
    ex.objects.append(obj)
    layer = Layer(f"tf.nn.rnn_cell.{name}", spec.kind, "tensorflow", bound(spec.signature, args, kwargs), ex.origin())
    layer.bias, layer.default = True, "zeros"
    layer.spec = spec
    layer.texts = texts(ex, spec.signature)
    layer.settings = construction.settings(ex)
    obj.layer = layer
    ex.layers.append(layer)
    return obj


def cell_wrapper(ex: Execution, name: str, args: Args, kwargs: Kwargs) -> Instance:
    obj = Instance(External(f"tensorflow.nn.rnn_cell.{name}"), ex.origin())
    inner = args[0] if args else kwargs.get("cell", kwargs.get("cells"))
    obj.attrs["cells"] = inner
    return obj


def cells_in(value: Value, depth: int = 5) -> list[Layer]:
    """The recurrent cells of a cell, a wrapper or a list of them."""
    if isinstance(value, SequenceValue) and depth:
        return [layer for item in value.items for layer in cells_in(item, depth - 1)]
    if isinstance(value, Instance):
        if value.layer is not None:
            value.used = True
            return [value.layer]
        return cells_in(value.attrs.get("cells"), depth - 1) if depth else []
    return []


def run_cells(ex: Execution, name: str, args: Args, kwargs: Kwargs) -> Value:
    """tf.nn.dynamic_rnn(cell, x), tf.nn.bidirectional_dynamic_rnn(forward, backward, x) ..."""
    values = [*args, *kwargs.values()]
    layers = cells_in(SequenceValue(list(values)))
    node = ex.opaque(*[value for value in values if domain_values.tensors_in(value)], name=name)
    for layer in layers:
        layer.calls.append(node)
    state = ex.opaque(node, name="the state")
    if name.startswith("bidirectional_dynamic"):
        other = ex.opaque(node, name=name)
        return SequenceValue(
            [SequenceValue([node, other], "tuple"), SequenceValue([state, ex.opaque(node, name="the state")], "tuple")], "tuple"
        )
    if name in ("static_rnn", "rnn"):
        return SequenceValue([SequenceValue([node, ex.opaque(node, name=name)]), state], "tuple")
    return SequenceValue([node, state], "tuple")
