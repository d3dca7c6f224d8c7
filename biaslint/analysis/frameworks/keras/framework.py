"""Keras's calling conventions: which name is what, and what calling it does. Keras 1, 2, 3 and tf.keras are one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain import class_lookup
from biaslint.analysis.domain.layers import Layer
from biaslint.analysis.domain.values import External, Instance, ModelFunction, SequenceValue, Unknown
from biaslint.analysis.frameworks.common import construction, initializers as common_initializers, raw_layers
from biaslint.analysis.frameworks.keras import (
    functions as keras_functions,
    layer_construction,
    layers as keras_layers,
    losses,
    model_parts,
    models,
    names as keras_names,
    vocabulary as keras_vocabulary,
)
from biaslint.analysis.frameworks.keras.names import SUBMODULES
from biaslint.analysis.interpreter.framework_record import Composition, Framework
from biaslint.analysis.project.environment import MISSING
from biaslint.theory import terms
from biaslint.theory.dataflow import Dims, Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.layers import Param
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution


def call(ex: Execution, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """Call a name of Keras. MISSING where it is not known."""
    short = keras_names.short_of(name)
    if short in keras_vocabulary.LAYERS:
        return layer_construction.construct(ex, name.rpartition(".")[2], args, kwargs)
    if short in ("Model", "Sequential", "Layer"):
        return new_model(ex, name, args, kwargs)
    if name == SUBMODULES:
        return SequenceValue([External(f"keras.{space}") for space in ("backend", "layers", "models", "utils")], "tuple")
    parts = name.split(".")
    space, last = parts[1] if len(parts) > 2 else "", parts[-1]
    if last == "Input" or name == "keras.backend.placeholder":
        return make_input(ex, args, kwargs)
    if last in ("image_data_format", "normalize_data_format", "standardize_data_format"):
        return args[0] if args and isinstance(args[0], str) else "channels_last"
    if last == "image_dim_ordering":
        return "tf"
    if last in keras_vocabulary.MERGERS and space in ("layers", "legacy", "engine"):
        return merged(ex, last, args, kwargs)
    if space in SPACES:
        return SPACES[space](ex, name, args, kwargs)
    if space in ("backend", "ops", "random", "tree") or len(parts) == 3:
        result = backend_function(ex, last, args, kwargs)
        if result is not MISSING:
            return result
    if space in ("utils", "api_export", "saving") and last in REGISTERING:
        return ModelFunction(last, lambda value, *rest, **options: value)
    changing = kwargs.get("clone_function", args[2] if len(args) > 2 else None)
    if last == "clone_model" and changing is not None:
        return model_parts.cloned(ex, args[0] if args else kwargs.get("model"))
    if last == "get_source_inputs" or space in (
        "config",
        "utils",
        "saving",
        "mixed_precision",
        "dtype_policies",
        "distribution",
    ):
        return ex.fresh(last)
    return MISSING


REGISTERING = {"register_keras_serializable", "keras_export", "get_registered_object"}  # decorators
RAW_LAYERS = {
    "conv", "conv1d", "conv2d", "conv3d", "depthwise_conv", "separable_conv", "conv_transpose", "bias_add", "batch_normalization",
}  # fmt: skip
FILLED = {
    "zeros", "ones", "zeros_like", "ones_like", "random_normal", "random_uniform", "constant", "normal", "uniform",
    "truncated_normal", "full",
}  # fmt: skip


def backend_function(ex: Execution, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """keras.ops.matmul(x, y), keras.backend.zeros(shape). MISSING where it is not known."""
    if name == "learning_phase":
        return True
    if name == "backend":
        return ex.fresh("the backend")
    if name in ("variable", "Variable"):
        return variable(ex, args, kwargs)
    if name in RAW_LAYERS:
        return raw_layers.function(ex, name, args, kwargs, "keras")
    if name in ("is_keras_tensor", "is_tensor"):
        return isinstance(args[0], Node) if args and not isinstance(args[0], Unknown) else ex.fresh(name)
    if name in FILLED:
        return raw_layers.filled(ex, name, args, kwargs)
    return keras_functions.call(ex, name, args, kwargs)


def new_model(ex: Execution, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """keras.Sequential(layers), keras.Model(inputs, outputs)"""
    obj = Instance(External(name), ex.origin())
    ex.objects.append(obj)
    models.prepare(ex, obj)
    models.initialize(ex, obj, args, kwargs)
    return obj


def make_input(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """Input(shape=...)"""
    if kwargs.get("tensor") is not None:
        return kwargs["tensor"]
    shape = args[0] if args else kwargs.get("shape", kwargs.get("input_shape"))
    batch = kwargs.get("batch_size")
    dims: Dims | None = None
    if isinstance(shape, SequenceValue) and not shape.open:
        dims = construction.shape_dims(ex, [batch, *shape.items])
    elif isinstance(shape, int):
        dims = construction.shape_dims(ex, [batch, shape])
    whole = kwargs.get("batch_shape", kwargs.get("batch_input_shape"))
    if isinstance(whole, SequenceValue) and not whole.open:
        dims = construction.shape_dims(ex, whole.items)
    name = kwargs.get("name")
    return ex.flow.add("input", (), dims, name if isinstance(name, str) else "the input", ex.here())


def merged(ex: Execution, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """keras.layers.add([a, b]), merge([a, b], mode='concat')"""
    parts = args[0] if args else kwargs.get("inputs", kwargs.get("tensors"))
    config = dict(kwargs)
    if "concat_axis" in config:
        config["axis"] = config["concat_axis"]
    op = keras_vocabulary.LAYERS[keras_vocabulary.MERGERS[name]].facts["op"]
    if op == "mode" and len(args) > 1:
        config["mode"] = args[1]
    if op == "concat" and len(args) > 1:
        config["axis"] = args[1]
    return keras_layers.merge(ex, op, ex.iterate(parts), config)


def initializer(ex: Execution, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """keras.initializers.HeNormal(), keras.initializers.get("zeros")"""
    if name.endswith(".get"):
        return args[0] if args else kwargs.get("identifier")
    return common_initializers.make(ex, name, args, kwargs)


def activation(ex: Execution, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """keras.activations.relu(x), keras.activations.get("relu")"""
    name = name.rpartition(".")[2]
    value = args[0] if args else next(iter(kwargs.values()), None)
    if name == "get":
        if isinstance(value, str):
            return None if value == "linear" else External(f"keras.activations.{value}")
        return value
    x = construction.tensor(ex, value)
    if x is None:
        return ex.fresh(name)
    return keras_layers.activated(ex, name, x)


def variable(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    value = args[0] if args else kwargs.get("value", kwargs.get("initializer"))
    return raw_layers.variable_of(ex, value, kwargs.get("trainable", True), "keras", kwargs.get("shape"))


def optimizer(ex: Execution, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    obj = Instance(External(name), ex.origin())
    short = name.rpartition(".")[2]
    if short in keras_vocabulary.OPTIMIZERS:
        layer = construction.note_fact(
            ex, f"keras.optimizers.{short}", "optimizer", "keras", dict(kwargs), ("learning_rate",), raw_layers.named(ex)
        )
        obj.attrs["fact="] = layer
    return obj


def loss(ex: Execution, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """keras.losses.BinaryCrossentropy(...), keras.losses.binary_crossentropy(y, p)"""
    name = name.rpartition(".")[2]
    if name in keras_vocabulary.LOSSES:
        obj = Instance(External(f"keras.losses.{name}"), ex.origin())
        obj.attrs["fact="] = losses.note(ex, name, args, kwargs)
        return obj
    if name in keras_vocabulary.LOSS_NAMES:
        return losses.function(ex, name, args, kwargs)
    return ex.opaque(*args, *kwargs.values(), name=name)


def other_object(ex: Execution, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return Instance(External(name))


SPACES = {
    "initializers": initializer,
    "activations": activation,
    "optimizers": optimizer,
    "losses": loss,
    "regularizers": other_object,
    "constraints": other_object,
    "callbacks": other_object,
    "metrics": other_object,
}


def is_instance(value: Value, kind: External) -> bool | None:
    """isinstance(value, kind) for a class of Keras."""
    name = keras_names.canonical(kind.name)
    if name.endswith("KerasTensor"):
        return isinstance(value, Node)
    if not isinstance(value, Instance):
        return None if isinstance(value, Unknown) else False
    return any(is_subclass(base, kind) for base in class_lookup.external_bases(value.cls))


def is_subclass(cls: External, kind: External) -> bool:
    one, two = keras_names.canonical(cls.name), keras_names.canonical(kind.name)
    short, other = keras_names.short_of(one), keras_names.short_of(two)
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
    units = construction.size_of(layer, "units", "filters", "num_units")
    if param.which.startswith("bias"):
        if layer.kind in ("rnn", "rnn_cell"):
            gates = {"lstm": 4, "gru": 3}.get(cell_of(layer), 1)
            return (gates * units if isinstance(units, int) else terms.Operation("*", *sorted((gates, units), key=str)),)
        return (units,)
    return None


def cell_of(layer: Layer) -> str:
    short = layer.short_type
    if short in keras_vocabulary.LAYERS:
        return str(keras_vocabulary.LAYERS[short].facts.get("cell", ""))
    return "lstm" if "LSTM" in short else ""


COMPOSITION: Composition = Composition(
    bias_argument="use_bias",
    layers="keras.layers",
    sequential="keras.Sequential",
    sequence=lambda ex, parts: call(ex, "keras.Sequential", [SequenceValue(parts)], {}),
    batch_norm=lambda ex, layer, after: call(ex, "keras.layers.BatchNormalization", [], {}),
)
KERAS = Framework(
    name="keras",
    import_names=frozenset({"keras", "tf_keras", "keras_core", "keras_applications", "keras_contrib"}),
    owns=keras_names.owns,
    canonical=keras_names.canonical,
    knows=keras_names.knows,
    specificity=keras_names.specific,
    call=call,
    call_methods=keras_names.CALL_METHODS,
    is_module=models.is_module,
    only_applied=model_parts.only_applied,
    is_instance=is_instance,
    is_subclass=is_subclass,
    before_init=models.prepare,
    attribute=models.attribute,
    has_attribute=models.has_attribute,
    store=models.store,
    method=models.method,
    base_method=models.base_method,
    call_object=models.call_object,
    before_call=models.before_call,
    loss_names=frozenset({*keras_vocabulary.CROSSENTROPIES, *keras_vocabulary.LOSS_NAMES}),
    update_methods=frozenset({"fit", "fit_generator", "train_on_batch", "apply_gradients"}),
    parameter_shape=param_dims,
    layer_names=keras_names.LAYER_NAMES,
    builds_by_functions=True,
    forward_method="call",
    module_class="keras.layers.Layer",
    composition=COMPOSITION,
)
