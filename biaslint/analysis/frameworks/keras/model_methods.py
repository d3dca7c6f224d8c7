"""The methods that models and layers inherit from Keras: adding weights, compiling, fitting, taking and setting weights."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from biaslint.analysis.domain import values
from biaslint.analysis.domain.layers import Layer, Param
from biaslint.analysis.domain.values import (
    Args,
    DictValue,
    FunctionValue,
    Instance,
    Kwargs,
    SequenceValue,
    Unknown,
    Value,
)
from biaslint.analysis.frameworks.common import construction, initializers as common_initializers, raw_layers
from biaslint.analysis.frameworks.keras import (
    losses,
    model_parts,
    training_modes,
)
from biaslint.analysis.tensors import (
    contents,
    parameter_writes,
)

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution


def inherited(ex: Execution, obj: Instance, name: str, args: Args, kwargs: Kwargs) -> Value:
    """A method that models and layers inherit."""
    if name == "add_weight" or name == "add_variable":
        return add_weight(ex, obj, args, kwargs)
    if name == "exclude_from_weight_decay" and isinstance(obj.attrs.get("fact="), Layer):
        fact = obj.attrs["fact="]
        fact.config["weight_decay"] = None
        fact.covers = [(layer, which, None) for layer, which, _ in fact.covers]
        return None
    if name == "add" and obj.items is not None:
        model_parts.add_layer(ex, obj, args[0] if args else kwargs.get("layer"))
        return None
    if name == "pop" and obj.items:
        return obj.items.pop(list(obj.items)[-1])
    if name == "compile":
        return compiled(ex, obj, args, kwargs)
    if name == "get_layer":
        return get_layer(ex, obj, args, kwargs)
    if name == "set_weights":
        return set_weights(ex, obj, args)
    if name in ("set_name",):
        return obj
    if name in ("get_weights",):
        return get_weights(obj)
    if name == "compute_output_shape":
        return ex.fresh("a shape")
    if name == "get_config":
        return DictValue(open=True)
    if name in ("predict", "evaluate", "predict_on_batch", "train_on_batch", "test_on_batch", "fit", "fit_generator"):
        return fitted(ex, obj, name, args, kwargs)
    if name == "__setattr__" and len(args) == 2:  # by a layer's own name, which is not known, it is only tracked
        if isinstance(args[0], str):
            obj.attrs[args[0]] = args[1]
            values.adopt(obj, args[1], f"self.{args[0]}")
        return None
    if name == "add_loss":
        return add_loss(ex, args, kwargs)
    if name in METHODS or name in ("add_metric", "add_update", "from_config", "build", "compute_mask"):
        if name == "build":
            obj.attrs["built"] = True
        return None
    return ex.fresh(name)


def add_loss(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """self.add_loss(value or a function): what is added to the loss leaves the model."""
    for given in (*args, *kwargs.values()):
        added = ex.call(given, [], {}, ex.node) if isinstance(given, FunctionValue) else given
        if values.tensors_in(added) or values.params_in(added):
            ex.flow.add("output", (ex.opaque(added, name="add_loss"),), None, "output")
    return None


def add_weight(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    """self.add_weight(name, shape, initializer=..., trainable=...)"""

    items = list(args)
    name = kwargs.get("name")
    if items and isinstance(items[0], str):
        name = items.pop(0)
    shape = items.pop(0) if items else kwargs.get("shape")
    given = kwargs.get("initializer", "glorot_uniform")
    written = common_initializers.as_write(ex, given, shape=shape)
    return raw_layers.variable(
        ex, shape, written, name if isinstance(name, str) else "", kwargs.get("trainable", True), "keras"
    )


def compiled(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    """model.compile(loss=...) says which loss the outputs go into; what is not frozen by now is trained."""
    train(ex, obj)
    decay(obj, kwargs.get("optimizer", args[0] if args else None))
    losses.compiled(ex, obj, kwargs.get("loss", args[1] if len(args) > 1 else None))
    return None


def train(ex: Execution, obj: Instance) -> None:
    """Training a model by itself is a use of it, whatever becomes of it in others."""
    if obj.attrs.get("trainable") is False:
        return
    model_parts.note_mode(obj, True)
    if obj.attrs.get("outputs") is not None:
        training_modes.run(model_parts.nodes_of(obj, True), True)
    elif obj.items and obj.attrs.get("trained=") is None:
        obj.attrs["trained="] = True
        result = ex.call(obj, [ex.flow.add("input", (), None, "the input", ex.here())], {}, ex.node)
        obj.attrs["trained="] = result
        training_modes.run(model_parts.nodes_of(obj, True), True)
        for node in values.tensors_in(result, 6):
            ex.flow.add("output", (node,), node.dims, "output")
        obj.used = True


def decay(obj: Instance, optimizer: Value) -> None:
    """Give the optimizer all parameters of the model, with its weight decay."""
    fact = optimizer.attrs.get("fact=") if isinstance(optimizer, Instance) else None
    if not isinstance(fact, Layer) or fact.kind != "optimizer" or fact.covers_all:
        return
    amount = fact.config.get("weight_decay")
    fact.covers_all = True
    fact.covers.extend(
        (layer, param.which, amount) for layer in model_parts.all_layers(obj) for param in model_parts.params_of(layer)
    )


def fitted(ex: Execution, obj: Instance, name: str, args: Args, kwargs: Kwargs) -> Value:
    """fit(..., class_weight=...) is a fact for checks."""

    if name.startswith("fit"):
        layer = Layer("keras.Model.fit", "training", "keras", {}, ex.origin(), bias=False)
        layer.texts = construction.argument_texts(ex, ("x", "y"))
        layer.config = {key: value for key, value in kwargs.items() if key in ("class_weight", "sample_weight")}
        ex.facts.append(layer)
    return ex.fresh(name)


def get_layer(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    wanted = kwargs.get("name", args[0] if args else None)
    index = kwargs.get("index")
    layers = model_parts.layers_of_model(ex, obj)
    if isinstance(index, int) and -len(layers) <= index < len(layers):
        return layers[index]
    for item in layers:
        if (
            isinstance(item, Instance)
            and item.layer is not None
            and isinstance(wanted, str)
            and item.layer.config.get("name") == wanted
        ):
            return item
    return Unknown(
        ("layer", id(obj), wanted if isinstance(wanted, str) else ex.serial),
        "a layer",
        tuple(values.tensors_in(obj.attrs.get("outputs"), 6)),
    )


WEIGHTS = {"conv": 1, "linear": 1, "rnn": 2, "rnn_cell": 2}  # how many weights stand before the bias


def get_weights(obj: Instance) -> Value:
    """Copies of the parameters. Writes to them count once `set_weights` returns them."""
    layer = obj.layer
    count = WEIGHTS.get(layer.kind) if layer is not None else None
    if layer is None or count is None or layer.bias not in (True, False):
        return SequenceValue([], open=True)
    copied = replace(layer, writes=[], weight_writes=[], bias_of=layer)
    weights: list[Value] = [
        Param(copied, "weight") for _ in range(count + layer.type.endswith(("1D", "2D")) * separable(layer))
    ]
    return SequenceValue([*weights, Param(copied, "bias")] if layer.bias else weights)


def separable(layer: Layer) -> bool:
    return layer.short_type.startswith("Separable")


def set_weights(ex: Execution, obj: Instance, args: Args) -> Value:
    given = args[0] if args else None
    last = given.items[-1] if isinstance(given, SequenceValue) and given.items and not given.open else None
    own = obj.layer
    if own is not None and isinstance(last, Param) and (last.which, last.span, last.layer.bias_of) == ("bias", None, own):
        own.writes.extend(last.layer.writes)
        last.layer.writes.clear()
        return None
    for layer in model_parts.held_layers(ex, obj):
        if layer.bias is not False and layer.kind != "norm":
            value = (
                given.items[-1]
                if isinstance(given, SequenceValue) and len(given.items) > 1 and obj.layer is layer
                else ex.fresh("weights")
            )
            parameter_writes.record(ex, Param(layer, "bias"), contents.content_of(value), by="set_weights")
    return None


METHODS = {
    "add_weight", "add_variable", "add", "pop", "compile", "fit", "fit_generator", "evaluate", "predict", "predict_on_batch", "summary",
    "save", "save_weights", "load_weights", "to_json", "get_layer", "train_on_batch", "test_on_batch", "set_weights", "get_weights",
    "count_params", "reset_states", "add_loss", "add_metric", "make_train_function", "_set_inputs", "export", "reset_metrics",
    "compute_loss", "_init_set_name", "enable_lora", "quantize", "_functional_construction", "load_own_variables", "add_update",
    "_make_predict_function", "make_predict_function", "_get_existing_layer_call_count", "_track_variable", "evaluate_generator",
    "predict_generator", "exclude_from_weight_decay", "get_build_config", "build_from_config", "_lock", "assert_input_compatibility",
    "__setattr__",
}  # fmt: skip
