"""torch.nn.Module as a protocol: attributes, containers, and the methods that every module inherits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain import class_lookup, values
from biaslint.analysis.domain.layers import Param
from biaslint.analysis.domain.values import (
    Args,
    BoundNative,
    Class,
    DictValue,
    External,
    FunctionValue,
    Hook,
    Instance,
    Kwargs,
    ModelFunction,
    SequenceValue,
    Unknown,
    Value,
    argument,
)
from biaslint.analysis.frameworks.torch import (
    hugging_face,
    layers as torch_layers,
    message_passing,
    names as torch_names,
    refusals,
    vocabulary as torch_vocabulary,
)
from biaslint.analysis.interpreter import containers, framework
from biaslint.analysis.interpreter.objects import attributes, unknown_calls
from biaslint.analysis.project.environment import MISSING
from biaslint.analysis.tensors import parameter_writes
from biaslint.theory import terms
from biaslint.theory.dataflow import Node

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
    """A new instance, before its constructor runs."""
    if container(obj):
        obj.items = {}


def finished(ex: Execution, obj: Instance) -> None:
    """A new instance, after its constructor ran."""


class ChildrenOf(DictValue):
    """`module._modules`: what is stored in it becomes a part of the module."""

    __slots__ = ("module",)

    def __init__(self, module: Instance, items: dict[Any, Value]) -> None:
        super().__init__(items)
        self.module = module

    def put(self, ex: Execution, key: Value, value: Value) -> None:
        """_modules[key] = value"""
        if isinstance(key, str):
            do_add_module(ex, self.module, [key, value], {})


LAYER_METHODS = {
    "reset_parameters",
    "forward",
    "extra_repr",
    "_conv_forward",
    "flatten_parameters",
    "state_dict",
}


def attribute(ex: Execution, obj: Instance, name: str) -> Value:
    """What an instance's framework class gives it."""
    if name == "training":
        return obj.training
    if name in METHODS or name in LAYER_METHODS or (name == "propagate" and message_passing.is_message_passing(obj)):
        return BoundNative(obj, name)
    if name == "_modules":
        return ChildrenOf(obj, dict(framework.children(obj)))
    layer = obj.layer
    if name in ("_parameters", "_buffers", "__annotations__"):
        own = parameters_of(obj) if layer is not None and name == "_parameters" else []
        return DictValue({param.which: param for _, param in own}, open=True)
    if layer is None:
        if obj.items is not None and name in CONTAINER_METHODS:
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
            return SequenceValue([value] * torch_vocabulary.LAYERS[layer.type.rpartition(".")[2]].facts.get("dims", 2), "tuple")
        if name == "normalized_shape" and isinstance(value, int):
            return SequenceValue([value], "tuple")
        return value
    if name in ("transposed",):
        return bool(torch_vocabulary.LAYERS[layer.type.rpartition(".")[2]].facts.get("transposed"))
    if name in ("_all_weights", "all_weights") and layer.kind == "rnn":
        params = parameters_of(obj)
        each = 2 if layer.bias is False else 4
        values: list[Value] = [param.which if name == "_all_weights" else param for _, param in params]
        return SequenceValue([SequenceValue(values[place : place + each]) for place in range(0, len(values), each)])
    if name in ("_flat_weights_names", "_flat_weights") and layer.kind == "rnn":
        return SequenceValue([param.which if name.endswith("names") else param for _, param in parameters_of(obj)])
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
    if name in METHODS or name in LAYER_METHODS or name in ("training", "_modules", "_parameters", "forward"):
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
        obj.training, obj.eval_mode = value, value is False
        if obj.layer is not None:
            obj.layer.eval_mode = obj.eval_mode
        return True
    if obj.layer is not None:
        if parameter_writes.replace(ex, obj, obj.layer, name, value):
            return True
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
            fill(ex, obj, args, kwargs)
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
        return obj.attrs.get(args[0]) if args[0] in obj.attrs else ex.fresh(args[0])
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


def fill(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> None:
    """The constructor of Sequential, ModuleList and ModuleDict."""
    assert obj.items is not None
    kind = container(obj)
    source = args[0] if args else kwargs.get("modules")
    if kind == "Sequential":
        if len(args) == 1 and isinstance(source, DictValue):
            entries = [(str(key), value) for key, value in source.items.items()]
        else:
            entries = [(str(place), value) for place, value in enumerate(args)]
    elif kind.endswith("Dict"):
        if isinstance(source, DictValue):
            entries = [(str(key), value) for key, value in source.items.items()]
        elif isinstance(source, SequenceValue):
            entries = [
                (str(pair.items[0]), pair.items[1])
                for pair in source.items
                if isinstance(pair, SequenceValue) and len(pair.items) == 2
            ]
        else:
            entries = []
    else:
        entries = [(str(place), value) for place, value in enumerate(ex.iterate(source) if source is not None else [])]
    for key, value in entries:
        obj.items[key] = value
        values.adopt(obj, value, "")


def call_object(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    """obj(...) where the project defines no forward."""
    if obj.layer is not None:
        if obj.layer.kind == "loss":
            found = ex.opaque(*args, *kwargs.values(), name=obj.layer.type.rpartition(".")[2])
            obj.layer.calls.append(found)
            return found
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
        value: Value = args[0] if args else next(iter(kwargs.values()), None)
        for item in list(obj.items.values()):  # which what is called may change
            value = ex.call(item, [value], {}, ex.node)
        return value
    return MISSING


def patched_forward(ex: Execution, obj: Instance) -> Value:
    """A forward pass that the program has given to the framework's own class."""
    if not ex.patches or obj.layer is None:
        return None
    names = [obj.layer.type, *(base.name for base in getattr(obj.cls, "mro", ()) if isinstance(base, External))]
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
    if obj.items is not None and name in CONTAINER_METHODS:
        return CONTAINER_METHODS[name](ex, obj, args, kwargs)
    handler = METHODS.get(name)
    if handler is not None:
        return handler(ex, obj, args, kwargs)
    if name == "propagate" and message_passing.is_message_passing(obj):
        return message_passing.propagate(ex, obj, args, kwargs)
    if name in ("forward", "__call__"):
        return call_object(ex, obj, args, kwargs)
    return unknown_calls.call_unknown(ex, Unknown(terms.Method(obj, name), name), [obj, *args], kwargs)


def do_add_module(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    name = args[0] if args else kwargs.get("name")
    module = args[1] if len(args) > 1 else kwargs.get("module")
    if not isinstance(name, str):
        ex.serial += 1
        name = f"?{ex.serial}"
    if obj.items is not None:
        obj.items[name] = module
    else:
        obj.attrs[name] = module
    values.adopt(obj, module, f"self.{name}")
    return None


def do_register_parameter(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    name = args[0] if args else kwargs.get("name")
    value = args[1] if len(args) > 1 else kwargs.get("param", kwargs.get("tensor"))
    if isinstance(name, str):
        attributes.store(ex, obj, name, value, f"self.{name}")
    return None


def do_register_buffer(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    value = args[1] if len(args) > 1 else kwargs.get("tensor")
    if isinstance(value, Node):
        value.info["buffer"] = True
    return do_register_parameter(ex, obj, args, kwargs)


def do_modules(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    return SequenceValue([module for _, module in framework.walk(obj)])


def do_named_modules(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    return SequenceValue([SequenceValue([name, module], "tuple") for name, module in framework.walk(obj)])


def do_children(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    return SequenceValue([child for _, child in framework.children(obj)])


def do_named_children(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    return SequenceValue([SequenceValue([name, child], "tuple") for name, child in framework.children(obj)])


def parameters_of(obj: Instance) -> list[tuple[str, Param]]:
    found: list[tuple[str, Param]] = []
    for name, module in framework.walk(obj):
        layer = module.layer
        if layer is None:
            continue
        head = f"{name}." if name else ""
        if layer.kind == "rnn":
            count = layer.config.get("num_layers", 1)
            for index in range(count if isinstance(count, int) and 0 < count < 17 else 1):
                for suffix in ("", "_reverse") if layer.config.get("bidirectional") is True else ("",):
                    for which in ("weight_ih", "weight_hh", *(("bias_ih", "bias_hh") if layer.bias is not False else ())):
                        found.append((f"{head}{which}_l{index}{suffix}", Param(layer, f"{which}_l{index}{suffix}")))
        elif layer.kind == "rnn_cell":
            for which in ("weight_ih", "weight_hh", *(("bias_ih", "bias_hh") if layer.bias is not False else ())):
                found.append((f"{head}{which}", Param(layer, which)))
        elif layer.kind in ("conv", "linear", "norm", "bilinear", "embedding"):
            found.append((f"{head}weight", Param(layer, "weight")))
            if layer.bias is not False and layer.kind != "embedding":
                found.append((f"{head}bias", Param(layer, "bias")))
    return found


def buffers_of(obj: Instance) -> list[tuple[str, Param]]:
    """The running statistics of the norms within."""
    found = []
    for name, module in framework.walk(obj):
        layer = module.layer
        if layer is not None and layer.kind == "norm" and layer.config.get("track_running_stats") is not False:
            found += [(f"{name}.{which}", Param(layer, which)) for which in ("running_mean", "running_var")]
    return found


def do_setattr(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    if len(args) == 2 and isinstance(args[0], str):
        attributes.store(ex, obj, args[0], args[1], f"self.{args[0]}")
    return None


def do_get_parameter(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    path = argument(args, kwargs, 0, "target")
    return next((param for name, param in parameters_of(obj) if name == path), ex.fresh("a parameter"))


def do_set_submodule(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    """model.set_submodule("block.norm", module)"""
    path, module = argument(args, kwargs, 0, "target"), argument(args, kwargs, 1, "module")
    if not isinstance(path, str):
        for layer in framework.layers_of(obj):
            layer.passed_to_unknown_code = True
        return None
    head, _, last = path.rpartition(".")
    parent = dict(framework.walk(obj)).get(head)
    if parent is not None:
        do_add_module(ex, parent, [last, module], {})
    return None


def own_parameters(obj: Instance) -> list[tuple[str, Node]]:
    """The parameters that modules hold themselves: `self.w = nn.Parameter(...)`."""
    return [
        (f"{name}.{key}" if name else key, value)
        for name, module in framework.walk(obj)
        for key, value in module.attrs.items()
        if isinstance(value, Node) and value.op == "const" and "parameter" in value.info and not value.info.get("buffer")
    ]


def do_parameters(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    return SequenceValue([param for _, param in (*own_parameters(obj), *parameters_of(obj))])


def do_named_parameters(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    return SequenceValue([SequenceValue([name, param], "tuple") for name, param in (*own_parameters(obj), *parameters_of(obj))])


def do_apply(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    """Module.apply(fn): children first, then the module itself."""
    if args:
        for _, module in reversed(list(framework.walk(obj))):
            ex.call(args[0], [module], {}, ex.node)
    return obj


def set_mode(obj: Instance, training: Value) -> None:
    for _, module in framework.walk(obj):
        module.training = training
        module.eval_mode = training is False
        if module.layer is not None:
            module.layer.eval_mode = training is False


def do_train(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    mode = args[0] if args else kwargs.get("mode", True)
    mode = mode if values.is_constant(mode) else True
    if mode is False and not freezes(ex, obj):
        return obj
    return take_mode(ex, obj, mode)


def take_mode(ex: Execution, obj: Instance, mode: Value) -> Value:
    """What train(mode) does to a module and, by their own train(), to those in it."""
    obj.training, obj.eval_mode = mode, mode is False
    if obj.layer is not None:
        obj.layer.eval_mode = obj.eval_mode
    for _, child in framework.children(obj):
        own = class_lookup.find_method(child, "train")
        if own is not None:
            ex.call(own, [mode], {}, ex.node)
        else:
            take_mode(ex, child, mode)
    return obj


def do_eval(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    """eval() on the whole model is for measuring it afterwards; on a part of one, or from within it, it freezes norms."""
    if freezes(ex, obj):
        set_mode(obj, False)
    return obj


def freezes(ex: Execution, obj: Instance) -> bool:
    """Is eval() or train(False) a part of the model, which training keeps? A model's own train(False), called from outside, is not."""
    part = isinstance(obj.cls, External) or (isinstance(obj.owner, Instance) and framework.is_module(obj.owner))
    inside = any(
        framework.is_module(frame.self)
        for frame in ex.stack
        if not (frame.func is not None and frame.func.name == "train" and frame.bound.get("mode") is False)
    )
    return inside or (part and any(frame.self is not None for frame in ex.stack))


def do_requires_grad(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    wanted = args[0] if args else kwargs.get("requires_grad", True)
    for _, param in parameters_of(obj):
        parameter_writes.set_trainable(param, wanted)
    return obj


def give_back(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    return obj


def nothing(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    return None


def hook(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs, before: bool = False) -> Value:
    """A hook may replace the weight before each call."""
    if obj.layer is not None:
        obj.layer.reparametrized = True
    made = Hook(args[0] if args else kwargs.get("hook"), before, kwargs.get("with_kwargs") is True)
    obj.hooks.insert(0 if kwargs.get("prepend") is True else len(obj.hooks), made)
    return handle(obj, made)


def handle(obj: Instance, made: Hook) -> Instance:
    """What registering a hook gives: `remove()` takes it away again."""
    result = Instance(External("torch.utils.hooks.RemovableHandle"))

    def remove(*args: Value, **kwargs: Value) -> None:
        if made in obj.hooks:
            obj.hooks.remove(made)

    result.attrs["remove"] = ModelFunction("remove", remove)
    return result


def do_get_submodule(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    if args and isinstance(args[0], str):
        for name, module in framework.walk(obj):
            if name == args[0]:
                return module
    return ex.fresh("get_submodule")


def do_reset(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    """reset_parameters(): back to the framework's default."""
    layer = obj.layer
    if layer is not None:
        layer.writes.clear()
        layer.weight_writes.clear()
    return None


def do_state_dict(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    return DictValue(dict(parameters_of(obj)), open=True)


def do_load_state_dict(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    refusals.state(ex, parameters_of(obj), args, kwargs)
    return None


def do_getattr(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    """module.__getattr__(name), where nothing of the project defines it."""
    return attributes.load(ex, obj, args[0]) if args and isinstance(args[0], str) else ex.fresh("__getattr__")


Handler = Callable[["Execution", Instance, Args, Kwargs], Value]
METHODS: dict[str, Handler] = {
    "add_module": do_add_module,
    "register_module": do_add_module,
    "register_parameter": do_register_parameter,
    "register_buffer": do_register_buffer,
    "modules": do_modules,
    "named_modules": do_named_modules,
    "children": do_children,
    "named_children": do_named_children,
    "parameters": do_parameters,
    "named_parameters": do_named_parameters,
    "apply": do_apply,
    "train": do_train,
    "eval": do_eval,
    "requires_grad_": do_requires_grad,
    "get_submodule": do_get_submodule,
    "reset_parameters": do_reset,
    "to": give_back,
    "cuda": give_back,
    "cpu": give_back,
    "half": give_back,
    "float": give_back,
    "double": give_back,
    "bfloat16": give_back,
    "type": give_back,
    "compile": give_back,
    "share_memory": give_back,
    "zero_grad": nothing,
    "load_state_dict": do_load_state_dict,
    "register_forward_hook": hook,
    "register_forward_pre_hook": lambda ex, obj, args, kwargs: hook(ex, obj, args, kwargs, before=True),
    "register_full_backward_hook": nothing,
    "_register_load_state_dict_pre_hook": nothing,
    "register_load_state_dict_pre_hook": nothing,
    "_register_state_dict_hook": nothing,
    "register_state_dict_post_hook": nothing,
    "_log_api_usage_once": nothing,
    "save_hyperparameters": nothing,
    "log": nothing,
    "log_dict": nothing,
    "state_dict": do_state_dict,
    "__getattr__": do_getattr,
    "flatten_parameters": nothing,
    "post_init": lambda ex, obj, args, kwargs: hugging_face.initialize(ex, obj),
    "init_weights": lambda ex, obj, args, kwargs: hugging_face.initialize(ex, obj) if hugging_face.is_model(obj) else None,
    "_init_weights": lambda ex, obj, args, kwargs: hugging_face.default_init_weights(ex, obj, args[0] if args else None),
    "buffers": lambda ex, obj, args, kwargs: SequenceValue([param for _, param in buffers_of(obj)]),
    "named_buffers": lambda ex, obj, args, kwargs: SequenceValue(
        [SequenceValue([name, param], "tuple") for name, param in buffers_of(obj)]
    ),
    "get_parameter": do_get_parameter,
    "set_submodule": do_set_submodule,
    "__setattr__": do_setattr,
    "__delattr__": lambda ex, obj, args, kwargs: attributes.delete(ex, obj, args[0]) if args else None,
    "extra_repr": lambda ex, obj, args, kwargs: "",
}


def do_append(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    assert obj.items is not None
    value = args[0] if args else kwargs.get("module")
    obj.items[str(len(obj.items))] = value
    values.adopt(obj, value, "")
    return obj


def do_extend(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    for value in ex.iterate(args[0] if args else kwargs.get("modules")):
        do_append(ex, obj, [value], {})
    return obj


def do_insert(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    assert obj.items is not None
    values = list(obj.items.values())
    if len(args) == 2:
        values.insert(args[0] if isinstance(args[0], int) else len(values), args[1])
    obj.items = {str(place): value for place, value in enumerate(values)}
    return obj


def do_pop(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    assert obj.items is not None
    keys = list(obj.items)
    where = args[0] if args else -1
    key = keys[where] if isinstance(where, int) and -len(keys) <= where < len(keys) else where
    return obj.items.pop(key, None) if isinstance(key, str) else ex.fresh("pop")


def do_items(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    return SequenceValue([SequenceValue([key, value], "tuple") for key, value in (obj.items or {}).items()])


def do_keys(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    return SequenceValue(list(obj.items or {}))


def do_values(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    return SequenceValue(list((obj.items or {}).values()))


def do_update(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    assert obj.items is not None
    if args and isinstance(args[0], DictValue):
        obj.items.update({str(key): value for key, value in args[0].items.items()})
    return None


def do_get(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    items = obj.items or {}
    return items.get(args[0], args[1] if len(args) > 1 else None) if args and isinstance(args[0], str) else ex.fresh("get")


CONTAINER_METHODS: dict[str, Handler] = {
    "append": do_append,
    "extend": do_extend,
    "insert": do_insert,
    "pop": do_pop,
    "items": do_items,
    "keys": do_keys,
    "values": do_values,
    "update": do_update,
    "get": do_get,
    "__len__": lambda ex, obj, args, kwargs: len(obj.items or {}),
    "__getitem__": lambda ex, obj, args, kwargs: _item(ex, obj, args),
}


def _item(ex: Execution, obj: Instance, args: Args) -> Value:
    return containers.container_item(ex, obj, args[0]) if args else ex.fresh()


def defines(obj: Instance, name: str) -> bool:
    """Does a project class define the method?"""
    found = class_lookup.find_in_class(obj.cls, name)
    return found is not None and isinstance(found.value, FunctionValue)
