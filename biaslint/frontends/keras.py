"""Keras's calling conventions: which name is what, and what calling it does. Keras 1, 2, 3 and tf.keras are one."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from biaslint.frontends import keras_functions, keras_initializers, keras_layers, keras_models
from biaslint.frontends.values import MISSING, Class, External, Layer, ListV, Native, Obj, Param, Unknown, Value
from biaslint.theory.dataflow import Dims, Node
from biaslint.vocabulary import keras as vocabulary

if TYPE_CHECKING:
    from biaslint.frontends.interpreter import Interpreter

CALL_METHODS = ("__call__", "call")
# where Keras lives; the longest first
HOMES = (
    "tensorflow.compat.v1.keras.", "tensorflow.compat.v2.keras.", "tensorflow.contrib.keras.python.keras.", "tensorflow.contrib.keras.api.keras.",
    "tensorflow.contrib.keras.", "tensorflow.python.keras.api.", "tensorflow.python.keras.", "tensorflow.keras.", "keras._tf_keras.keras.",
    "tf_keras.src.", "tf_keras.api.", "tf_keras.", "keras_core.src.", "keras_core.", "keras.src.", "keras.api._v2.keras.", "keras.api._v1.keras.",
    "keras.api.", "keras.",
)  # fmt: skip
ROOTS = {home[:-1] for home in HOMES}
SUBMODULES = "keras_applications.get_submodules_from_kwargs"  # how models are written for several Keras packages at once

is_module = keras_models.is_module
prepare = keras_models.prepare
finished = keras_models.finished
attribute = keras_models.attribute
has_attribute = keras_models.has_attribute
store = keras_models.store
method = keras_models.method
base_method = keras_models.base_method
call_object = keras_models.call_object
before_call = keras_models.before_call


def owns(name: str) -> bool:
    return name.startswith(HOMES) or name in ROOTS or name == SUBMODULES


@cache
def canonical(name: str) -> str:
    """keras.src.layers.convolutional.conv2d.Conv2D and tf.keras.layers.Convolution2D are keras.layers.Conv2D."""
    for home in HOMES:
        if name.startswith(home):
            below = name[len(home) :]
            break
    else:
        return "keras" if name in ROOTS else name
    parts = below.split(".")
    short = parts[-1]
    if parts[0] in ("layers", "legacy_tf_layers", "engine", "models") or len(parts) == 1:
        if short in ("Model", "Functional", "Sequential", "Layer", "Input", "Wrapper") or short in (
            "Network",
            "Container",
            "Graph",
        ):
            short = {"Network": "Model", "Container": "Model", "Functional": "Model"}.get(short, short)
            return f"keras.layers.{short}" if short in ("Layer", "Wrapper") else f"keras.{short}"
        if short in vocabulary.LAYERS and parts[0] == "layers":
            return f"keras.layers.{short}"
        if parts[0] == "layers" and len(parts) > 1 and short in vocabulary.RENAMED_LAYERS:
            return f"keras.layers.{short}"
    if parts[0] == "src":
        return canonical("keras." + ".".join(parts[1:])) if len(parts) > 1 else "keras"
    return "keras." + below


def short_of(name: str) -> str:
    """The layer's or model's name, "" for anything else."""
    full = canonical(name)
    if full.startswith("keras.layers.") and "." not in full[13:]:
        return vocabulary.RENAMED_LAYERS.get(full[13:], full[13:])
    if full in ("keras.Model", "keras.Sequential"):
        return full[6:]
    return ""


def knows(name: str) -> bool:
    """Is it a public name whose meaning is known? The names of Keras's own packages among them."""
    if not owns(name):
        return False
    full = canonical(name)
    parts = full.split(".")
    if full in ("keras.Model", "keras.Sequential", "keras.Input", "keras.layers.Layer", "keras.layers.Wrapper"):
        return True
    if len(parts) < 3:
        return parts[-1] in vocabulary.NAMESPACES
    if parts[1] == "layers" and len(parts) == 3:
        return parts[2] in vocabulary.LAYERS or parts[2] in vocabulary.RENAMED_LAYERS or parts[2] in vocabulary.MERGERS
    if parts[1] == "initializers":
        return keras_initializers.is_initializer(full)
    if parts[1] == "activations":
        return parts[-1] in vocabulary.ACTIVATIONS or parts[-1] in ("softmax", "linear", "get")
    if parts[1] in ("optimizers", "losses"):
        return parts[-1] in vocabulary.OPTIMIZERS or parts[-1] in vocabulary.LOSSES
    return False


def specific(name: str) -> int:
    short = short_of(name)
    if short in vocabulary.LAYERS and short != "Wrapper":
        return 4
    if short in ("Sequential", "Wrapper"):
        return 3
    if short in ("Model", "Layer"):
        return 2
    return 1 if owns(name) and canonical(name).startswith("keras.layers.") else 0


def call(interp: Interpreter, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """Call a name of Keras. MISSING where it is not known."""
    short = short_of(name)
    if short in vocabulary.LAYERS:
        return keras_layers.construct(interp, name.rpartition(".")[2], args, kwargs)
    if short in ("Model", "Sequential", "Layer"):
        obj = Obj(External(name), interp.origin())
        interp.objects.append(obj)
        prepare(interp, obj)
        keras_models.initialize(interp, obj, args, kwargs)
        return obj
    if name == SUBMODULES:
        return ListV([External(f"keras.{space}") for space in ("backend", "layers", "models", "utils")], "tuple")
    last = name.rpartition(".")[2]
    parts = name.split(".")
    if last == "Input" or name == "keras.backend.placeholder":
        return make_input(interp, args, kwargs)
    space = parts[1] if len(parts) > 2 else ""
    if last == "image_data_format" or last == "normalize_data_format" or last == "standardize_data_format":
        return args[0] if args and isinstance(args[0], str) else "channels_last"
    if last == "image_dim_ordering":
        return "tf"
    if last in vocabulary.MERGERS and space in ("layers", "legacy", "engine"):
        return merged(interp, last, args, kwargs)
    if space == "initializers":
        if last == "get":
            return args[0] if args else kwargs.get("identifier")
        return keras_initializers.make(interp, name, args, kwargs)
    if space == "activations":
        return activation(interp, last, args, kwargs)
    if space == "optimizers":
        return optimizer(interp, name, args, kwargs)
    if space == "losses":
        return loss(interp, last, args, kwargs)
    if space == "regularizers" or space == "constraints" or space == "callbacks" or space == "metrics":
        return Obj(External(name))
    if space in ("backend", "ops", "random", "tree") or len(parts) == 3:
        if last == "learning_phase":
            return True
        if last in ("backend",):
            return interp.fresh("the backend")
        if last in ("variable", "Variable"):
            return variable(interp, args, kwargs)
        if last in (
            "conv",
            "conv1d",
            "conv2d",
            "conv3d",
            "depthwise_conv",
            "separable_conv",
            "conv_transpose",
            "bias_add",
            "batch_normalization",
        ):
            from biaslint.frontends import tensorflow_variables

            return tensorflow_variables.function(interp, last, args, kwargs, "keras")
        if last in ("is_keras_tensor", "is_tensor"):
            return isinstance(args[0], Node) if args and not isinstance(args[0], Unknown) else interp.fresh(last)
        if last in (
            "zeros",
            "ones",
            "zeros_like",
            "ones_like",
            "random_normal",
            "random_uniform",
            "constant",
            "normal",
            "uniform",
            "truncated_normal",
            "full",
        ):
            from biaslint.frontends import tensorflow_variables

            return tensorflow_variables.filled(interp, last, args, kwargs)
        result = keras_functions.call(interp, last, args, kwargs)
        if result is not MISSING:
            return result
    if space in ("utils", "api_export", "saving") and last in (
        "register_keras_serializable",
        "keras_export",
        "get_registered_object",
    ):
        return Native(last, lambda value, *rest, **options: value)
    if last in ("get_source_inputs",):
        return interp.fresh(last)
    if space in ("config", "utils", "saving", "mixed_precision", "dtype_policies", "distribution"):
        return interp.fresh(last)
    return MISSING


def make_input(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """Input(shape=...)"""
    if kwargs.get("tensor") is not None:
        return kwargs["tensor"]
    shape = args[0] if args else kwargs.get("shape", kwargs.get("input_shape"))
    batch = kwargs.get("batch_size")
    dims: Dims | None = None
    if isinstance(shape, ListV) and not shape.open:
        dims = keras_layers.shape_dims(interp, [batch, *shape.items])
    elif isinstance(shape, int):
        dims = keras_layers.shape_dims(interp, [batch, shape])
    whole = kwargs.get("batch_shape", kwargs.get("batch_input_shape"))
    if isinstance(whole, ListV) and not whole.open:
        dims = keras_layers.shape_dims(interp, whole.items)
    name = kwargs.get("name")
    return interp.flow.add("input", (), dims, name if isinstance(name, str) else "the input", interp.here())


def merged(interp: Interpreter, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """keras.layers.add([a, b]), merge([a, b], mode='concat')"""
    parts = args[0] if args else kwargs.get("inputs", kwargs.get("tensors"))
    config = dict(kwargs)
    if "concat_axis" in config:
        config["axis"] = config["concat_axis"]
    op = vocabulary.LAYERS[vocabulary.MERGERS[name]].facts["op"]
    if op == "mode" and len(args) > 1:
        config["mode"] = args[1]
    if op == "concat" and len(args) > 1:
        config["axis"] = args[1]
    return keras_layers.merge(interp, op, interp.iterate(parts), config)


def activation(interp: Interpreter, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """keras.activations.relu(x), keras.activations.get("relu")"""
    value = args[0] if args else next(iter(kwargs.values()), None)
    if name == "get":
        if isinstance(value, str):
            return None if value == "linear" else External(f"keras.activations.{value}")
        return value
    x = keras_layers.tensor(interp, value)
    if x is None:
        return interp.fresh(name)
    return keras_layers.activated(interp, name, x)


def variable(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    from biaslint.frontends import tensorflow_variables

    value = args[0] if args else kwargs.get("value", kwargs.get("initializer"))
    return tensorflow_variables.variable_of(interp, value, kwargs.get("trainable", True), "keras", kwargs.get("shape"))


def optimizer(interp: Interpreter, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    from biaslint.frontends import tensorflow_variables, torch_layers

    obj = Obj(External(name), interp.origin())
    short = name.rpartition(".")[2]
    if short in vocabulary.OPTIMIZERS:
        layer = Layer(f"keras.optimizers.{short}", "optimizer", "keras", dict(kwargs), interp.origin(), bias=False)
        layer.texts = torch_layers.argument_texts(interp, ("learning_rate",))
        layer.settings = torch_layers.settings(interp)
        layer.name = tensorflow_variables.named(interp)
        interp.facts.append(layer)
        obj.attrs["fact="] = layer
    return obj


def loss(interp: Interpreter, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """keras.losses.BinaryCrossentropy(...), keras.losses.binary_crossentropy(y, p)"""
    if name in vocabulary.LOSSES:
        obj = Obj(External(f"keras.losses.{name}"), interp.origin())
        keras_models.note_loss(interp, name, kwargs)
        return obj
    if name in vocabulary.LOSS_NAMES:
        keras_models.note_loss(interp, vocabulary.LOSS_NAMES[name], kwargs)
        return interp.opaque(*args, *kwargs.values(), name=name)
    return interp.opaque(*args, *kwargs.values(), name=name)


def is_instance(value: Value, kind: External) -> bool | None:
    """isinstance(value, kind) for a class of Keras."""
    name = canonical(kind.name)
    if name.endswith("KerasTensor"):
        return isinstance(value, Node)
    if not isinstance(value, Obj):
        return None if isinstance(value, Unknown) else False
    bases = [base for base in value.cls.mro if isinstance(base, External)] if isinstance(value.cls, Class) else [value.cls]
    return any(is_subclass(base, kind) for base in bases)


def is_subclass(cls: External, kind: External) -> bool:
    one, two = canonical(cls.name), canonical(kind.name)
    short, other = short_of(one), short_of(two)
    if one == two or (short and short == other):
        return True
    if other == "Layer":
        return bool(short)
    if other == "Model":
        return short == "Sequential"
    return (short, other) in {
        ("SeparableConv2D", "Conv2D"),
        ("DepthwiseConv2D", "Conv2D"),
        ("Conv2DTranspose", "Conv2D"),
        ("Bidirectional", "Wrapper"),
        ("TimeDistributed", "Wrapper"),
    }


def param_dims(param: Param) -> Dims | None:
    """The dimensions of a layer's parameter."""
    layer = param.layer
    units = keras_layers_size(layer, "units", "filters", "num_units")
    if param.which.startswith("bias"):
        if layer.kind in ("rnn", "rnn_cell"):
            gates = {"lstm": 4, "gru": 3}.get(cell_of(layer), 1)
            return (gates * units if isinstance(units, int) else ("op", "*", *sorted((gates, units), key=str)),)
        return (units,)
    return None


def cell_of(layer: Layer) -> str:
    short = layer.type.rpartition(".")[2]
    if short in vocabulary.LAYERS:
        return str(vocabulary.LAYERS[short].facts.get("cell", ""))
    return "lstm" if "LSTM" in short else ""


def keras_layers_size(layer: Layer, *names: str) -> object:
    for name in names:
        value = layer.config.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, Unknown):
            return value.key
    return ("size", layer, names[0])
