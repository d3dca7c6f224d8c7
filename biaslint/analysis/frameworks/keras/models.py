"""Keras's models as a protocol: functional and sequential models, subclasses of Model and Layer, and what all of them inherit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from biaslint.analysis.domain import class_lookup, values
from biaslint.analysis.domain.layers import Layer, Param
from biaslint.analysis.domain.values import (
    Args,
    BoundNative,
    Class,
    DictValue,
    External,
    FunctionValue,
    Instance,
    Kwargs,
    SequenceValue,
    Unknown,
    Value,
)
from biaslint.analysis.frameworks.common import construction, initializers as common_initializers, raw_layers
from biaslint.analysis.frameworks.keras import (
    layers as keras_layers,
    names as keras_names,
    training_modes,
    vocabulary as keras_vocabulary,
)
from biaslint.analysis.interpreter import framework
from biaslint.analysis.interpreter.objects import attributes, unknown_calls
from biaslint.analysis.project.environment import MISSING
from biaslint.analysis.tensors import contents, indexing, nodes, parameter_writes
from biaslint.theory import terms
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution


def base_name(obj: Instance) -> str:
    """The Keras class an instance is built on: "Dense", "Sequential", "Model", "Layer", or "" where it is none."""
    base = class_lookup.most_specific(obj.cls, keras_names.specific)
    return keras_names.short_of(base) if base else ""


def is_module(obj: Instance) -> bool:
    return obj.layer is not None or obj.items is not None or bool(base_name(obj))


def prepare(ex: Execution, obj: Instance) -> None:
    """A new instance, before its constructor runs."""
    if base_name(obj) == "Sequential":
        obj.items = {}


def finished(ex: Execution, obj: Instance) -> None:
    """A new instance, after its constructor ran."""


def build_functional(ex: Execution, obj: Instance, inputs: Value, outputs: Value) -> None:
    obj.attrs["inputs"], obj.attrs["outputs"] = inputs, outputs


def initialize(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> None:
    """The constructor of a Keras class."""
    name = base_name(obj)
    if name in keras_vocabulary.LAYERS:
        if obj.layer is None:
            keras_layers.make(ex, obj, name, args, kwargs)
        return
    if name == "Sequential":
        source = args[0] if args else kwargs.get("layers")
        for item in ex.iterate(source) if source is not None else []:
            add_layer(ex, obj, item)
        return
    if name in ("Model", "Functional"):
        inputs = args[0] if args else kwargs.get("inputs", kwargs.get("input"))
        outputs = args[1] if len(args) > 1 else kwargs.get("outputs", kwargs.get("output"))
        if outputs is not None:
            build_functional(ex, obj, inputs, outputs)
    if "trainable" in kwargs:
        obj.attrs["trainable"] = kwargs["trainable"]
    if "name" in kwargs:
        obj.attrs["name"] = kwargs["name"]
    if name == "Layer" and isinstance(kwargs.get("layer"), Instance):
        obj.attrs["layer"] = kwargs["layer"]
        values.adopt(obj, kwargs["layer"], "")


def add_layer(ex: Execution, obj: Instance, item: Value) -> None:
    if obj.items is None:
        obj.items = {}
    obj.items[str(len(obj.items))] = item
    values.adopt(obj, item, "")


# -- calling -------------------------------------------------------------------------------------------------------------------------


def before_call(ex: Execution, obj: Instance, func: FunctionValue, args: Args, kwargs: Kwargs) -> tuple[Args, Kwargs]:
    """Keras builds a layer before its first call, and tells `call` that this is training."""
    if func.name != "call":
        return args, kwargs
    build(ex, obj, args)
    note_mode(obj, kwargs.get("training", True))
    spec = func.node.args
    names = [parameter.arg for parameter in (*spec.posonlyargs, *spec.args)][1:]
    for flag in ("training", "is_training", "train"):
        place = names.index(flag) if flag in names else len(args)
        known = args[place] if place < len(args) else kwargs.get(flag)
        if known is not None and not isinstance(known, (Node, Unknown)):
            continue
        if place < len(args):
            args = [*args[:place], True, *args[place + 1 :]]
        elif flag in names or any(parameter.arg == flag for parameter in spec.kwonlyargs):
            kwargs = {**kwargs, flag: True}
    return args, kwargs


def build(ex: Execution, obj: Instance, args: Args) -> None:
    if obj.attrs.get("built") is True:
        return
    obj.attrs["built"] = True
    found = class_lookup.find_in_class(obj.cls, "build")
    if found is None or not isinstance(found.value, FunctionValue):
        return
    count = len(found.value.node.args.args) - 1 - len(found.value.defaults)
    shapes: list[Value] = []
    for value in [*args[: max(count, 1)]]:
        node = construction.tensor(ex, value) if not isinstance(value, (SequenceValue, DictValue)) else None
        shapes.append(indexing.shape(ex, node) if node is not None else ex.fresh("input_shape"))
    while len(shapes) < count:
        shapes.append(ex.fresh("input_shape"))
    ex.call(attributes.load(ex, obj, "build"), shapes if len(found.value.node.args.args) > 1 else [], {}, ex.node)
    obj.attrs["built"] = True


def call_object(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    """obj(...) where the project defines no call."""
    if obj.layer is not None:
        return keras_layers.apply(ex, obj, args, kwargs)
    note_mode(obj, kwargs.get("training", True))
    if obj.items is not None:
        value: Value = args[0] if args else next(iter(kwargs.values()), None)
        for item in list(obj.items.values()):  # which what is called may change
            if isinstance(item, Node):
                if isinstance(value, Node) and value.dims is None and value.op == "input":
                    value.dims = item.dims
                continue
            extra: Kwargs = {}
            if (
                kwargs.get("training") is False
                and isinstance(item, Instance)
                and (item.items is not None or (item.layer is not None and item.layer.kind == "norm"))
            ):
                extra["training"] = False
            value = ex.call(item, [value], extra, ex.node)
        obj.attrs["outputs="] = value
        return value
    outputs = obj.attrs.get("outputs")
    if outputs is not None:
        for node in values.tensors_in(SequenceValue([*args]), 6):
            if node.op != "input":
                ex.opaque(node, name="a model")
        training_modes.run(nodes_of(obj, True), kwargs.get("training") is not False and obj.attrs.get("trainable") is not False)
        return applied(ex, outputs) if kwargs.get("training") is False else outputs
    inner = obj.attrs.get("layer")
    if isinstance(inner, Instance) and is_module(inner):
        return ex.call(inner, args, kwargs, ex.node)
    return MISSING


def only_applied(obj: Instance) -> bool:
    """Has the model been called with `training=False`, and never without?"""
    return obj.attrs.get("called=") is False


def note_mode(obj: Instance, training: Value) -> None:
    if training is not False:
        obj.attrs["called="] = True
    else:
        obj.attrs.setdefault("called=", False)


def applied(ex: Execution, outputs: Value) -> Value:
    """The outputs of a model that is called for inference: what is trained with them stops short of its norms."""
    if isinstance(outputs, SequenceValue):
        return SequenceValue([applied(ex, one) for one in outputs.items], outputs.kind, outputs.open)
    return nodes.make(ex, "keep", [outputs], outputs.dims, "a model", applied=True) if isinstance(outputs, Node) else outputs


def nodes_of(obj: Instance, trained: bool = False) -> list[Node]:
    """All tensors of a functional model, from its outputs back. `trained`: without those of models that it calls for inference."""
    todo = values.tensors_in(obj.attrs.get("outputs", obj.attrs.get("outputs=")), 6)
    stop = {node.id for node in values.tensors_in(obj.attrs.get("inputs"), 6)}
    seen: dict[int, Node] = {}
    while todo:
        node = todo.pop()
        if node.id not in seen:
            seen[node.id] = node
            if node.id not in stop and not (trained and node.info.get("applied")):
                todo.extend(node.inputs)
    return [seen[key] for key in sorted(seen)]


def layers_of_model(ex: Execution, obj: Instance) -> list[Value]:
    """model.layers"""
    if obj.items is not None:
        return [item for item in obj.items.values() if isinstance(item, Instance)]
    if "outputs" in obj.attrs:
        by_layer = {id(other.layer): other for other in ex.objects if other.layer is not None}
        found: dict[int, Value] = {}
        for node in nodes_of(obj):
            layer = node.info.get("layer") or node.bias_of
            if isinstance(layer, Layer) and id(layer) in by_layer:
                found.setdefault(id(layer), by_layer[id(layer)])
        return list(found.values())
    return [child for _, child in framework.children(obj)]


# -- attributes ------------------------------------------------------------------------------------------------------------------------

LAYER_METHODS = {
    "apply",
    "call",
    "build",
    "get_config",
    "compute_output_shape",
    "add_loss",
    "get_weights",
    "set_weights",
    "from_config",
    "compute_mask",
}


def attribute(ex: Execution, obj: Instance, name: str) -> Value:
    """What an instance's Keras class gives it."""
    if name in METHODS or name in LAYER_METHODS:
        return BoundNative(obj, name)
    if name == "trainable":
        return obj.attrs.get("trainable", True)
    if name in ("layers", "_layers"):
        return SequenceValue(layers_of_model(ex, obj))
    if name in ("output", "outputs"):
        outputs = obj.attrs.get("outputs", obj.attrs.get("outputs="))
        if outputs is None and obj.items:
            outputs = call_object(ex, obj, [ex.flow.add("input", (), None, "the input", ex.here())], {})
            obj.used = True
        if obj.layer is not None and obj.layer.calls:
            return activation_after(obj.layer.calls[-1])
        return outputs if outputs is not None else ex.fresh(name)
    if name in ("input", "inputs"):
        inputs = obj.attrs.get("inputs")
        if inputs is None and obj.layer is not None and obj.layer.calls and obj.layer.calls[-1].inputs:
            return obj.layer.calls[-1].inputs[0]
        return inputs if inputs is not None else ex.flow.add("input", (), None, "the input", ex.here())
    if name in ("output_shape", "input_shape"):
        value = attribute(ex, obj, name.removesuffix("_shape"))
        return indexing.shape(ex, value) if isinstance(value, Node) else ex.fresh(name)
    if name in (
        "weights",
        "trainable_weights",
        "trainable_variables",
        "variables",
        "non_trainable_weights",
        "losses",
        "metrics",
        "updates",
    ):
        return SequenceValue([param for layer in all_layers(obj) for param in params_of(layer)])
    if name in ("dtype", "compute_dtype", "variable_dtype", "dtype_policy", "stateful"):
        return Unknown(terms.TensorProperty(name), name)
    if name in ("name", "built", "_name", "optimizer", "input_spec", "history", "_self_setattr_tracking"):
        return obj.attrs.get(name, ex.fresh(name))
    layer = obj.layer
    if layer is not None:
        if name == "bias":
            return Param(layer, "bias") if layer.bias is not False else None
        if name in (
            "kernel",
            "weight",
            "depthwise_kernel",
            "embeddings",
            "gamma",
            "recurrent_kernel",
            "pointwise_kernel",
            "_kernel",
        ):
            return Param(layer, "weight")
        if name == "beta":
            return Param(layer, "bias")
        if name in layer.config:
            return layer.config[name]
        if name in ("cell", "forward_layer", "backward_layer") and isinstance(obj.attrs.get("layer"), Instance):
            return obj.attrs["layer"]
        if name == "cell":
            return obj
    return Unknown(terms.Attribute(obj, name), f"self.{name}")


def activation_after(node: Node) -> Node:
    """A layer's own activation belongs to its output."""
    if len(node.readers) == 1 and node.readers[0].op == "opaque" and node.readers[0].name in keras_vocabulary.ACTIVATIONS:
        return node.readers[0]
    return node


def all_layers(obj: Instance) -> list[Layer]:
    return list(framework.layers_of(obj))


def params_of(layer: Layer) -> list[Param]:
    if layer.kind in ("conv", "linear", "rnn", "rnn_cell", "norm"):
        return [Param(layer, "weight"), *([Param(layer, "bias")] if layer.bias is not False else [])]
    return [Param(layer, "weight")] if layer.kind == "embedding" else []


def has_attribute(obj: Instance, name: str) -> bool | None:
    if name in METHODS or name in LAYER_METHODS or name in ("trainable", "layers", "weights", "name", "built"):
        return True
    if obj.layer is not None:
        if name == "bias":
            return obj.layer.kind in ("conv", "linear") and obj.layer.bias is not False
        if name == "kernel":
            return obj.layer.kind in ("conv", "linear")
        return name in obj.layer.config or name in obj.attrs
    return None if isinstance(obj.cls, (Class, External)) else False


def store(ex: Execution, obj: Instance, name: str, value: Value) -> bool:
    """obj.name = value, where that is more than an attribute."""
    if name == "trainable":
        for _, module in framework.walk(obj):
            module.attrs["trainable"] = value
            if module.layer is not None:
                module.layer.trainable = module.layer.weight_trainable = value
                training_modes.freeze(module.layer.calls, value is False)
        if "outputs" in obj.attrs:
            training_modes.freeze(nodes_of(obj), value is False)
        return True
    if obj.layer is not None and name in obj.layer.config:
        obj.layer.config[name] = value
        return True
    if obj.layer is not None and name in ("kernel", "_kernel", "bias") and isinstance(value, Param):
        return parameter_writes.replace(
            ex, obj, obj.layer, name.replace("_kernel", "kernel").replace("kernel", "weight"), value
        )
    return False


# -- methods -----------------------------------------------------------------------------------------------------------------------------


def base_method(ex: Execution, obj: Instance, name: str, args: Args, kwargs: Kwargs) -> Value:
    """super().name(...) or a method that the class does not define itself."""
    if name == "__init__":
        initialize(ex, obj, args, kwargs)
        return None
    if name == "build":
        obj.attrs["built"] = True
        return None
    if name == "__call__":
        found = class_lookup.find_in_class(obj.cls, "call")
        if found is not None and isinstance(found.value, FunctionValue):
            args, kwargs = before_call(ex, obj, found.value, args, kwargs)
            return ex.call(attributes.load(ex, obj, "call"), args, kwargs, ex.node)
        return called(ex, obj, args, kwargs)
    if name == "call":
        return called(ex, obj, args, kwargs)
    if name == "__setattr__" and len(args) == 2 and isinstance(args[0], str):
        obj.attrs[args[0]] = args[1]
        values.adopt(obj, args[1], f"self.{args[0]}")
        return None
    return method(ex, obj, name, args, kwargs)


def called(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    result = call_object(ex, obj, args, kwargs)
    return unknown_calls.call_unknown(ex, Unknown(terms.Object(obj), "call"), args, kwargs) if result is MISSING else result


def method(ex: Execution, obj: Instance, name: str, args: Args, kwargs: Kwargs) -> Value:
    """A method that models and layers inherit."""
    if name == "add_weight" or name == "add_variable":
        return add_weight(ex, obj, args, kwargs)
    if name == "exclude_from_weight_decay" and isinstance(obj.attrs.get("fact="), Layer):
        fact = obj.attrs["fact="]
        fact.config["weight_decay"] = None
        fact.covers = [(layer, which, None) for layer, which, _ in fact.covers]
        return None
    if name == "add" and obj.items is not None:
        add_layer(ex, obj, args[0] if args else kwargs.get("layer"))
        return None
    if name == "pop" and obj.items:
        return obj.items.pop(list(obj.items)[-1])
    if name in ("call", "__call__", "apply"):
        return called(ex, obj, args, kwargs)
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
    if name in METHODS or name in ("add_loss", "add_metric", "add_update", "from_config", "build", "compute_mask"):
        if name == "build":
            obj.attrs["built"] = True
        return None
    return ex.fresh(name)


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
    loss = kwargs.get("loss", args[1] if len(args) > 1 else None)
    for one in (
        loss.items if isinstance(loss, SequenceValue) else loss.items.values() if isinstance(loss, DictValue) else [loss]
    ):
        if isinstance(one, External):
            one = one.name.rpartition(".")[2]
        if isinstance(one, str):
            note_loss(ex, keras_vocabulary.LOSS_NAMES.get(one, one), {})
    return None


def train(ex: Execution, obj: Instance) -> None:
    """Training a model by itself is a use of it, whatever becomes of it in others."""
    if obj.attrs.get("trainable") is False:
        return
    note_mode(obj, True)
    if obj.attrs.get("outputs") is not None:
        training_modes.run(nodes_of(obj, True), True)
    elif obj.items and obj.attrs.get("trained=") is None:
        obj.attrs["trained="] = True
        result = ex.call(obj, [ex.flow.add("input", (), None, "the input", ex.here())], {}, ex.node)
        training_modes.run(nodes_of(obj, True), True)
        for node in values.tensors_in(result, 6):
            ex.flow.add("output", (node,), node.dims, "output")
        obj.used = True


def decay(obj: Instance, optimizer: Value) -> None:
    """The optimizer gets all of the model's parameters, and decays them alike unless it was told to leave some out."""
    fact = optimizer.attrs.get("fact=") if isinstance(optimizer, Instance) else None
    if not isinstance(fact, Layer) or fact.kind != "optimizer" or fact.covers_all:
        return
    amount = fact.config.get("weight_decay")
    fact.covers_all = True
    fact.covers.extend((layer, param.which, amount) for layer in all_layers(obj) for param in params_of(layer))


def note_loss(ex: Execution, short: str, config: Kwargs) -> Layer | None:

    if short not in keras_vocabulary.LOSSES:
        return None
    layer = Layer(f"keras.losses.{short}", "loss", "keras", dict(config), ex.origin())
    layer.texts = construction.argument_texts(ex, ())
    layer.settings = construction.settings(ex)
    layer.bias = False
    ex.facts.append(layer)
    return layer


def fitted(ex: Execution, obj: Instance, name: str, args: Args, kwargs: Kwargs) -> Value:
    """fit(..., class_weight=...) is a fact that checks want to know of."""

    if name.startswith("fit"):
        layer = Layer("keras.Model.fit", "training", "keras", {}, ex.origin(), bias=False)
        layer.texts = construction.argument_texts(ex, ("x", "y"))
        layer.config = {key: value for key, value in kwargs.items() if key in ("class_weight", "sample_weight")}
        ex.facts.append(layer)
    return ex.fresh(name)


def get_layer(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    wanted = kwargs.get("name", args[0] if args else None)
    index = kwargs.get("index")
    layers = layers_of_model(ex, obj)
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
    """Copies of the parameters: what is written to them counts where `set_weights` gives them back."""
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
    return layer.type.rpartition(".")[2].startswith("Separable")


def set_weights(ex: Execution, obj: Instance, args: Args) -> Value:
    given = args[0] if args else None
    last = given.items[-1] if isinstance(given, SequenceValue) and given.items and not given.open else None
    own = obj.layer
    if own is not None and isinstance(last, Param) and (last.which, last.span, last.layer.bias_of) == ("bias", None, own):
        own.writes.extend(last.layer.writes)
        last.layer.writes.clear()
        return None
    for layer in all_layers(obj):
        if layer.bias is not False and layer.kind != "norm":
            value = (
                given.items[-1]
                if isinstance(given, SequenceValue) and len(given.items) > 1 and obj.layer is layer
                else ex.fresh("weights")
            )
            how, number, spread = contents.content_of(value)
            parameter_writes.record(ex, Param(layer, "bias"), how, number, spread, by="set_weights")
    return None


METHODS = {
    "add_weight", "add_variable", "add", "pop", "compile", "fit", "fit_generator", "evaluate", "predict", "predict_on_batch", "summary",
    "save", "save_weights", "load_weights", "to_json", "get_layer", "train_on_batch", "test_on_batch", "set_weights", "get_weights",
    "count_params", "reset_states", "add_loss", "add_metric", "make_train_function", "_set_inputs", "export", "reset_metrics",
    "compute_loss", "_init_set_name", "enable_lora", "quantize", "_functional_construction", "load_own_variables", "add_update",
    "_make_predict_function", "make_predict_function", "_get_existing_layer_call_count", "_track_variable", "evaluate_generator",
    "predict_generator", "exclude_from_weight_decay", "get_build_config", "build_from_config", "_lock", "assert_input_compatibility",
}  # fmt: skip
