"""Keras's models as a protocol: functional and sequential models, subclasses of Model and Layer, and what all of them inherit."""

from __future__ import annotations

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
from biaslint.analysis.frameworks.common import construction
from biaslint.analysis.frameworks.keras import (
    layer_construction,
    layers as keras_layers,
    losses,
    model_methods,
    model_parts,
    names as keras_names,
    training_modes,
    vocabulary as keras_vocabulary,
)
from biaslint.analysis.interpreter import module_tree
from biaslint.analysis.interpreter.objects import attributes, unknown_calls
from biaslint.analysis.project.environment import MISSING
from biaslint.analysis.tensors import indexing, nodes, parameter_writes
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
    """Prepare a new instance for its constructor."""
    if base_name(obj) == "Sequential":
        obj.items = {}


def build_functional(ex: Execution, obj: Instance, inputs: Value, outputs: Value) -> None:
    obj.attrs["inputs"], obj.attrs["outputs"] = inputs, outputs


def initialize(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> None:
    """The constructor of a Keras class."""
    name = base_name(obj)
    if name in keras_vocabulary.LAYERS:
        if obj.layer is None:
            layer_construction.make(ex, obj, name, args, kwargs)
        return
    if name == "Sequential":
        source = args[0] if args else kwargs.get("layers")
        for item in ex.iterate(source) if source is not None else []:
            model_parts.add_layer(ex, obj, item)
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


# -- calling -------------------------------------------------------------------------------------------------------------------------


def before_call(ex: Execution, obj: Instance, func: FunctionValue, args: Args, kwargs: Kwargs) -> tuple[Args, Kwargs]:
    """Keras builds a layer before its first call, and tells `call` that this is training."""
    if func.name != "call":
        return args, kwargs
    build(ex, obj, args)
    model_parts.note_application(ex, obj, args)
    model_parts.note_mode(obj, kwargs.get("training", True))
    spec = func.node.args
    names = [parameter.arg for parameter in (*spec.posonlyargs, *spec.args)][1:]
    for flag in ("training", "is_training", "train"):
        place = names.index(flag) if flag in names else len(args)
        known = args[place] if place < len(args) else kwargs.get(flag)
        mode: Value = True
        if flag == "training":
            known = training_modes.told(ex, known, place < len(args) or flag in kwargs)
            mode = True if known is None or isinstance(known, (Node, Unknown)) else known
            obj.attrs["told="] = mode
        elif known is not None and not isinstance(known, (Node, Unknown)):
            continue
        if place < len(args):
            args = [*args[:place], mode, *args[place + 1 :]]
        elif flag in names or any(parameter.arg == flag for parameter in spec.kwonlyargs):
            kwargs = {**kwargs, flag: mode}
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
    if len(args) < 2 and (args or kwargs):
        mode = training_modes.told(ex, kwargs.get("training"), "training" in kwargs)
        kwargs = kwargs if mode is None else {**kwargs, "training": mode}
    if obj.layer is not None:
        patched = patched_call(ex, obj)
        if patched is not None:
            return ex.call(patched, [obj, *args], kwargs, ex.node)
        build(ex, obj, args)
        return keras_layers.apply(ex, obj, args, kwargs)
    fact = obj.attrs.get("fact=")
    if isinstance(fact, Layer) and fact.kind == "loss":
        return losses.called(ex, fact, args, kwargs)
    model_parts.note_mode(obj, kwargs.get("training", True))
    if obj.items is not None:
        model_parts.note_application(ex, obj, args)
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
        training_modes.run(
            model_parts.nodes_of(obj, True), kwargs.get("training") is not False and obj.attrs.get("trainable") is not False
        )
        return applied(ex, outputs) if kwargs.get("training") is False else outputs
    inner = obj.attrs.get("layer")
    if isinstance(inner, Instance) and is_module(inner):
        return ex.call(inner, args, kwargs, ex.node)
    return MISSING


def patched_call(ex: Execution, obj: Instance) -> Value:
    """A call that the program has given to the framework's own class."""
    if not ex.patches:
        return None
    names = (keras_names.canonical(base.name) for base in class_lookup.external_bases(obj.cls))
    found = (f"{name}.{method}" for name in names for method in ("call", "__call__"))
    return next((ex.patches[name] for name in found if name in ex.patches), None)


def applied(ex: Execution, outputs: Value) -> Value:
    """The outputs of a model that is called for inference: training with them does not reach its norms."""
    if isinstance(outputs, SequenceValue):
        return SequenceValue([applied(ex, one) for one in outputs.items], outputs.kind, outputs.open)
    return nodes.make(ex, "keep", [outputs], outputs.dims, "a model", applied=True) if isinstance(outputs, Node) else outputs


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
    """An attribute that an instance has from its Keras class."""
    if name in model_methods.METHODS or name in LAYER_METHODS:
        return BoundNative(obj, name)
    if name == "trainable":
        return obj.attrs.get("trainable", True)
    if name in ("layers", "_layers"):
        return model_parts.listed(ex, obj)
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
        return SequenceValue([*model_parts.variables_of(obj)])
    if name in ("dtype", "compute_dtype", "variable_dtype", "dtype_policy", "stateful"):
        return Unknown(terms.TensorProperty(name), name)
    if name in ("name", "built", "_name", "optimizer", "input_spec", "history", "_self_setattr_tracking"):
        return obj.attrs.get(name, ex.fresh(name))
    value = MISSING if obj.layer is None else layer_attribute(obj, obj.layer, name)
    return Unknown(terms.Attribute(obj, name), f"self.{name}") if value is MISSING else value


STATISTICS = {"moving_mean": "running_mean", "moving_variance": "running_var"}
WEIGHT_NAMES = {
    "kernel", "weight", "depthwise_kernel", "embeddings", "gamma", "recurrent_kernel", "pointwise_kernel", "_kernel",
}  # fmt: skip


def layer_attribute(obj: Instance, layer: Layer, name: str) -> Value:
    """A layer's parameter or constructor argument."""
    if name == "bias":
        return Param(layer, "bias") if layer.bias is not False else None
    if name in WEIGHT_NAMES:
        return Param(layer, "weight")
    if name == "beta":
        return Param(layer, "bias")
    if name in STATISTICS and layer.kind == "norm" and layer.spec.facts["style"] == "batch":
        return Param(layer, STATISTICS[name])
    if name in layer.config:
        return layer.config[name]
    if name in ("cell", "forward_layer", "backward_layer") and isinstance(obj.attrs.get("layer"), Instance):
        return obj.attrs["layer"]
    return obj if name == "cell" else MISSING


def activation_after(node: Node) -> Node:
    """A layer's own activation belongs to its output."""
    if len(node.readers) == 1 and node.readers[0].op == "opaque" and node.readers[0].name in keras_vocabulary.ACTIVATIONS:
        return node.readers[0]
    return node


def has_attribute(obj: Instance, name: str) -> bool | None:
    if name in model_methods.METHODS or name in LAYER_METHODS or name in ("trainable", "layers", "weights", "name", "built"):
        return True
    if obj.layer is not None:
        if name == "bias":
            return obj.layer.kind in ("conv", "linear") and obj.layer.bias is not False
        if name == "kernel":
            return obj.layer.kind in ("conv", "linear")
        if obj.layer.kind == "norm" and name in STATISTICS:
            return layer_attribute(obj, obj.layer, name) is not MISSING
        if obj.layer.kind == "norm" and name in ("gamma", "beta"):
            return None
        return name in obj.layer.config or name in obj.attrs
    return None if isinstance(obj.cls, (Class, External)) else False


def store(ex: Execution, obj: Instance, name: str, value: Value) -> bool:
    """obj.name = value, where that is more than an attribute."""
    if name == "trainable":
        for _, module in module_tree.walk(obj):
            module.attrs["trainable"] = value
            if module.layer is not None:
                module.layer.trainable = module.layer.weight_trainable = value
                if module.layer.kind == "norm" and module.layer.calls:
                    training_modes.freeze(module.layer.calls, training_modes.is_off(ex, value))
        if "outputs" in obj.attrs:
            training_modes.freeze(model_parts.nodes_of(obj), training_modes.is_off(ex, value))
        return True
    if obj.layer is not None and name in obj.layer.config:
        obj.layer.config[name] = value
        if name == obj.layer.argument and name.startswith("use"):
            obj.layer.bias = ex.truth(value, ex.node)
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
        if obj.layer is not None:
            return keras_layers.apply(ex, obj, args, for_inference(obj, args, kwargs))
        return called(ex, obj, args, kwargs)
    if name == "__setattr__" and len(args) == 2 and isinstance(args[0], str):
        obj.attrs[args[0]] = args[1]
        values.adopt(obj, args[1], f"self.{args[0]}")
        return None
    return method(ex, obj, name, args, kwargs)


def for_inference(obj: Instance, args: Args, kwargs: Kwargs) -> Kwargs:
    """The arguments of `norm.call(x)`: it is `__call__` that knows whether this is training."""
    told = len(args) > 1 or obj.layer is None or obj.layer.kind != "norm"
    return kwargs if told else {"training": False, **kwargs}


def method(ex: Execution, obj: Instance, name: str, args: Args, kwargs: Kwargs) -> Value:
    """A method of an instance of one of Keras's classes."""
    if name == "call" and obj.layer is not None:
        return keras_layers.apply(ex, obj, args, for_inference(obj, args, kwargs))
    if name in ("call", "__call__", "apply"):
        return called(ex, obj, args, kwargs)
    return model_methods.inherited(ex, obj, name, args, kwargs)


def called(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    result = call_object(ex, obj, args, kwargs)
    return unknown_calls.call_unknown(ex, Unknown(terms.Object(obj), "call"), args, kwargs) if result is MISSING else result
