"""torch.nn.Module as a protocol: what a module is built on, its attributes, its construction and its calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain import class_lookup, values
from biaslint.analysis.domain.layers import Param
from biaslint.analysis.domain.values import (
    Args,
    BoundNative,
    Class,
    DictValue,
    External,
    Instance,
    Kwargs,
    Raised,
    SequenceValue,
    Unknown,
    Value,
)
from biaslint.analysis.frameworks.torch import (
    containers,
    hugging_face,
    layers as torch_layers,
    losses,
    message_passing,
    module_methods,
    names as torch_names,
    parameters,
    refusals,
    vocabulary as torch_vocabulary,
)
from biaslint.analysis.interpreter import module_tree
from biaslint.analysis.interpreter.objects import attributes, unknown_calls
from biaslint.analysis.project.environment import MISSING
from biaslint.analysis.tensors import parameter_writes
from biaslint.theory import terms

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution


def base_name(obj: Instance) -> str:
    """The torch.nn class an instance is built on: "Conv2d", "Sequential", "Module", or "" where it is none."""
    base = class_lookup.most_specific(obj.cls, torch_names.specific)
    generic = "Module" if base.rpartition(".")[2] in torch_vocabulary.MODULE_CLASSES else ""
    return torch_names.short_of(base) or generic if base else ""


def is_module(obj: Instance) -> bool:
    return obj.layer is not None or obj.items is not None or bool(base_name(obj))


def container(obj: Instance) -> str:
    name = base_name(obj)
    return name if name in torch_vocabulary.CONTAINERS else ""


def prepare(ex: Execution, obj: Instance) -> None:
    """Prepare a new instance for its constructor."""
    if container(obj):
        obj.items = {}


class ChildrenOf(DictValue):
    """`module._modules`: what is stored in it becomes a part of the module."""

    __slots__ = ("module",)

    def __init__(self, module: Instance, items: dict[Any, Value]) -> None:
        super().__init__(items)
        self.module = module

    def put(self, ex: Execution, key: Value, value: Value) -> None:
        """_modules[key] = value"""
        if isinstance(key, str):
            module_methods.do_add_module(ex, self.module, [key, value], {})

    def drop(self, ex: Execution, key: Value) -> None:
        """del _modules[key]"""
        attributes.delete(ex, self.module, str(key))


class ParametersOf(DictValue):
    """`module._parameters`: what is stored in it becomes a parameter of the module."""

    __slots__ = ("module",)

    def __init__(self, module: Instance, items: dict[Any, Value]) -> None:
        super().__init__(items, open=True)
        self.module = module

    def put(self, ex: Execution, key: Value, value: Value) -> None:
        """_parameters[key] = value"""
        if isinstance(key, str):
            module_methods.do_setattr(ex, self.module, [key, value], {})

    def drop(self, ex: Execution, key: Value) -> None:
        """del _parameters[key]"""
        attributes.delete(ex, self.module, str(key))


LAYER_METHODS = {
    "reset_parameters",
    "forward",
    "extra_repr",
    "_conv_forward",
    "flatten_parameters",
    "state_dict",
}


TABLES = {"_modules", "_parameters", "_buffers", "__annotations__", "module"}


def table(obj: Instance, name: str) -> Value:
    """The tables that a module keeps of its parts, and what a wrapper that is taken for what it wraps holds."""
    if name == "module":
        return obj
    if name == "_modules":
        return ChildrenOf(obj, dict(module_tree.children(obj)))
    own = parameters.parameters_of(obj) if obj.layer is not None and name == "_parameters" else []
    return ParametersOf(obj, {param.which: param for _, param in own})


def attribute(ex: Execution, obj: Instance, name: str) -> Value:
    """An attribute that an instance has from its torch class."""
    if name == "training":
        return obj.training
    if (
        name in module_methods.METHODS
        or name in LAYER_METHODS
        or (name == "propagate" and message_passing.is_message_passing(obj))
    ):
        return BoundNative(obj, name)
    layer = obj.layer
    if name in TABLES:
        return table(obj, name)
    if layer is None:
        if obj.items is not None and name in containers.METHODS:
            return BoundNative(obj, name)
        if name in ("device", "dtype"):
            return Unknown(terms.TensorProperty(name), name)
        return Unknown(terms.Attribute(obj, name), f"self.{name}")
    if name == "bias":
        if layer.bias is False:
            return None
        return Param(layer, name)
    if name in ("weight", "in_proj_weight", "in_proj_bias", "running_mean", "running_var") or name.startswith(
        ("weight_", "bias_")
    ):
        if name.startswith("bias_") and layer.bias is False:
            return ex.fresh(name)
        if name == "running_mean" and layer.config.get("track_running_stats", True) is False:
            return None
        return Param(layer, name)
    if name in layer.config:
        value = layer.config[name]
        if name in ("kernel_size", "stride", "padding", "dilation") and isinstance(value, int) and layer.kind == "conv":
            return SequenceValue([value] * layer.spec.facts.get("dims", 2), "tuple")
        if name == "normalized_shape" and isinstance(value, int):
            return SequenceValue([value], "tuple")
        return value
    if name in ("transposed",):
        return bool(layer.spec.facts.get("transposed"))
    if name in ("_all_weights", "all_weights") and layer.kind == "rnn":
        params = parameters.parameters_of(obj)
        each = 2 if layer.bias is False else 4
        values: list[Value] = [param.which if name == "_all_weights" else param for _, param in params]
        return SequenceValue([SequenceValue(values[place : place + each]) for place in range(0, len(values), each)])
    if name in ("_flat_weights_names", "_flat_weights") and layer.kind == "rnn":
        return SequenceValue([param.which if name.endswith("names") else param for _, param in parameters.parameters_of(obj)])
    if name == "out_proj":
        known = obj.attrs.get("out_proj")
        if known is None:
            width = layer.config.get("embed_dim", ex.fresh())
            known = torch_layers.construct(ex, "NonDynamicallyQuantizableLinear", [width, width], {})
            if known.layer is not None:
                known.layer.passed_to_unknown_code = True
            obj.attrs["out_proj"] = known
        return known
    return Unknown(terms.Attribute(obj, name), f"{layer.name}.{name}")


def has_attribute(obj: Instance, name: str) -> bool | None:
    if name in hugging_face.METHODS:
        return hugging_face.is_model(obj)
    if name in module_methods.METHODS or name in LAYER_METHODS or name in ("training", "_modules", "_parameters", "forward"):
        return True
    layer = obj.layer
    if layer is not None:
        if name == "weight":
            return layer.kind in ("conv", "linear", "embedding", "norm", "bilinear")
        if name == "bias":
            return layer.kind in ("conv", "linear", "norm", "bilinear", "rnn", "rnn_cell")
        if name.startswith(("weight_", "bias_")):
            return layer.kind in ("rnn", "rnn_cell")
        if name in ("running_mean", "running_var", "num_batches_tracked"):
            return "BatchNorm" in layer.type or "InstanceNorm" in layer.type
        return name in layer.config
    if name in ("weight", "bias"):
        return False
    return False if isinstance(obj.cls, (Class, External)) else None


def store(ex: Execution, obj: Instance, name: str, value: Value) -> bool:
    """obj.name = value, where that is more than an attribute."""
    refusals.assignment(ex, obj, name, value)
    if name == "training":
        obj.attrs.pop("training", None)
        obj.training, obj.eval_mode = value, value is False
        if obj.layer is not None:
            obj.layer.eval_mode = obj.eval_mode
        return True
    if obj.layer is not None:
        if parameter_writes.replace(ex, obj, obj.layer, name, value):
            return True
        if name == "track_running_stats" and "BatchNorm" in obj.layer.type:
            return False  # a batch norm asks whether it has statistics: those that its constructor has made
        if name in obj.layer.config:
            obj.layer.config[name] = value
            return True
    return False


def base_method(ex: Execution, obj: Instance, name: str, args: Args, kwargs: Kwargs) -> Value:
    """super().name(...) or a method that the class does not define itself."""
    if name == "__init__":
        ex.initialized.add(id(obj))
        short = base_name(obj)
        if short in torch_vocabulary.LAYERS and obj.layer is None:
            torch_layers.make(ex, obj, short, args, kwargs)
            started(ex, obj)
        elif obj.items is not None:
            containers.fill(ex, obj, container(obj), args, kwargs)
        elif args and isinstance(args[0], Instance) is False and short == "Module" and "config" not in obj.attrs:
            keep_config(obj, args)
        return None
    if name in ("forward", "__call__", "_conv_forward"):
        if name == "_conv_forward" and obj.layer is not None:
            return torch_layers.apply(ex, obj, args[:1], {})
        return call_object(ex, obj, args, kwargs)
    if name == "__setattr__" and len(args) == 2 and isinstance(args[0], str):
        obj.attrs[args[0]] = args[1]
        values.adopt(obj, args[1], f"self.{args[0]}")
        return None
    if name == "__getattr__" and args and isinstance(args[0], str):
        if ex.try_depth and not attributes.has(ex, obj, args[0]):
            raise Raised(External("builtins.AttributeError"))
        return module_methods.do_getattr(ex, obj, args, kwargs)
    return method(ex, obj, name, args, kwargs)


def started(ex: Execution, obj: Instance) -> None:
    """PyTorch's layers end their constructors with reset_parameters(), which a subclass may have of its own."""
    own = class_lookup.find_method(obj, "reset_parameters")
    if own is not None:
        ex.call(own, [], {}, ex.node)


def keep_config(obj: Instance, args: Args) -> None:
    """Hugging Face's base class keeps the configuration that it is given."""
    if isinstance(obj.cls, Class) and class_lookup.is_built_on(obj.cls, "PreTrainedModel"):
        obj.attrs["config"] = args[0]


def call_object(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    """obj(...) where the project defines no forward."""
    if obj.layer is not None:
        if obj.layer.kind == "loss":
            return losses.called(ex, obj.layer, args, kwargs)
        patched = patched_forward(ex, obj)
        if patched is not None:
            return ex.call(patched, [obj, *args], kwargs, ex.node)
        own = class_lookup.find_method(obj, "_conv_forward") if obj.layer.kind == "conv" else None
        if own is not None and args:
            bias = None if obj.layer.bias is False else Param(obj.layer, "bias")
            return ex.call(own, [args[0], Param(obj.layer, "weight"), bias], {}, ex.node)
        return torch_layers.apply(ex, obj, args, kwargs)
    if isinstance(obj.cls, External) and "nn" in obj.attrs:
        return message_passing.call_wrapper(ex, obj, args, kwargs)
    if obj.items is not None and container(obj) == "Sequential":
        patched = patched_forward(ex, obj)
        if patched is not None:
            return ex.call(patched, [obj, *args], kwargs, ex.node)
        value: Value = args[0] if args else next(iter(kwargs.values()), None)
        for item in list(obj.items.values()):  # which what is called may change
            value = ex.call(item, [value], {}, ex.node)
        return value
    return MISSING


def patched_forward(ex: Execution, obj: Instance) -> Value:
    """A forward pass that the program has given to the framework's own class."""
    if not ex.patches:
        return None
    own = External(obj.layer.type if obj.layer is not None else f"torch.nn.{container(obj)}")
    names = [
        name
        for base in (*getattr(obj.cls, "mro", ()), own)
        if isinstance(base, External)
        for name in torch_names.forward_from(base.name)
    ]
    return next(
        (
            ex.patches[f"{name}.{method}"]
            for name in names
            for method in ("forward", "__call__")
            if f"{name}.{method}" in ex.patches
        ),
        None,
    )


# -- methods -----------------------------------------------------------------------------------------------------------------------


def method(ex: Execution, obj: Instance, name: str, args: Args, kwargs: Kwargs) -> Value:
    """A method that modules inherit."""
    if obj.items is not None and name in containers.METHODS:
        return containers.METHODS[name](ex, obj, args, kwargs)
    handler = module_methods.METHODS.get(name)
    if handler is not None:
        return handler(ex, obj, args, kwargs)
    if name == "propagate" and message_passing.is_message_passing(obj):
        return message_passing.propagate(ex, obj, args, kwargs)
    if name in ("forward", "__call__"):
        return call_object(ex, obj, args, kwargs)
    return unknown_calls.call_unknown(ex, Unknown(terms.Method(obj, name), name), [obj, *args], kwargs)
