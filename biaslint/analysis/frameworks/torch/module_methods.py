"""The methods that every module inherits from torch.nn.Module: a function for each, and the table of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from biaslint.analysis.domain import class_lookup, values
from biaslint.analysis.domain.values import (
    Args,
    DictValue,
    External,
    Hook,
    Instance,
    Kwargs,
    ModelFunction,
    SequenceValue,
    Value,
    argument,
)
from biaslint.analysis.frameworks.torch import hugging_face, parameters, refusals
from biaslint.analysis.interpreter import framework, module_tree
from biaslint.analysis.interpreter.objects import attributes
from biaslint.analysis.tensors import contents, parameter_writes
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.call_stack import Frame
    from biaslint.analysis.interpreter.execution import Execution


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
    return SequenceValue([module for _, module in module_tree.walk(obj)])


def do_named_modules(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    return SequenceValue([SequenceValue([name, module], "tuple") for name, module in module_tree.walk(obj)])


def do_children(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    return SequenceValue([child for _, child in module_tree.children(obj)])


def do_named_children(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    return SequenceValue([SequenceValue([name, child], "tuple") for name, child in module_tree.children(obj)])


def do_setattr(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    if len(args) == 2 and isinstance(args[0], str):
        attributes.store(ex, obj, args[0], args[1], f"self.{args[0]}")
    return None


def do_get_parameter(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    path = argument(args, kwargs, 0, "target")
    return next(
        (param for name, param in parameters.parameters_of(obj, every_name=True) if name == path), ex.fresh("a parameter")
    )


def do_get_buffer(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    path = argument(args, kwargs, 0, "target")
    owner, _, name = path.rpartition(".") if isinstance(path, str) else ("", "", "")
    module = dict(module_tree.every_name(obj)).get(owner) if name else None
    return ex.fresh("a buffer") if module is None else attributes.load(ex, module, name)


def do_set_submodule(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    """model.set_submodule("block.norm", module)"""
    path, module = argument(args, kwargs, 0, "target"), argument(args, kwargs, 1, "module")
    if not isinstance(path, str):
        for layer in module_tree.layers_of(obj):
            layer.passed_to_unknown_code = True
        return None
    head, _, last = path.rpartition(".")
    parent = dict(module_tree.every_name(obj)).get(head)
    if parent is not None:
        do_add_module(ex, parent, [last, module], {})
    return None


def do_parameters(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    found = [param for _, param in (*parameters.own_parameters(obj), *parameters.parameters_of(obj))]
    return SequenceValue([*found], "iterator")


def do_named_parameters(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    return SequenceValue(
        [
            SequenceValue([name, param], "tuple")
            for name, param in (*parameters.own_parameters(obj), *parameters.parameters_of(obj))
        ]
    )


def do_apply(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    """Module.apply(fn): children first, then the module itself."""
    if args:
        for _, module in reversed(list(module_tree.walk(obj))):
            ex.call(args[0], [module], {}, ex.node)
    return obj


def set_mode(obj: Instance, training: Value) -> None:
    for _, module in module_tree.walk(obj):
        module.attrs.pop("training", None)
        module.training = training
        module.eval_mode = training is False
        if module.layer is not None:
            module.layer.eval_mode = training is False


def do_train(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    mode = args[0] if args else kwargs.get("mode", True)
    mode = mode if values.is_constant(mode) else ex.truth(mode)
    if mode is False and not freezes(ex, obj):
        measure(ex, obj)
        return obj
    module_tree.set_measured(obj, False)
    return take_mode(ex, obj, mode)


def measure(ex: Execution, obj: Instance) -> None:
    """Note that a whole model is in evaluation mode."""
    ex.evaluated.append(obj)
    module_tree.set_measured(obj, True)


def take_mode(ex: Execution, obj: Instance, mode: Value) -> Value:
    """What train(mode) does to a module and, by their own train(), to those in it."""
    obj.attrs.pop("training", None)
    obj.training, obj.eval_mode = mode, mode is False
    if obj.layer is not None:
        obj.layer.eval_mode = obj.eval_mode
    for _, child in module_tree.children(obj):
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
    else:
        measure(ex, obj)
    return obj


def freezes(ex: Execution, obj: Instance) -> bool:
    """Is eval() or train(False) a part of the model, which training keeps?

    A model's own train(False), called from outside, is not; nor is self.eval() in a method with which a whole model predicts.
    """
    part = isinstance(obj.cls, External) or (isinstance(obj.owner, Instance) and framework.is_module(obj.owner))
    inside = any(
        framework.is_module(frame.self)
        for frame in ex.stack
        if not (frame.func is not None and frame.func.name == "train" and frame.bound.get("mode") is False)
        and not predicts(frame, obj)
    )
    return inside or part


OF_TRAINING = re.compile("__init__|train|forward|training_step|.*(freez|froze|fix).*")


def predicts(frame: Frame, obj: Instance) -> bool:
    """Is this a method that a model has beside those of training, and the model no part of another one?"""
    owned = isinstance(obj.owner, Instance) and framework.is_module(obj.owner)
    return frame.self is obj and not owned and frame.func is not None and not OF_TRAINING.fullmatch(frame.func.name)


def do_requires_grad(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    wanted = args[0] if args else kwargs.get("requires_grad", True)
    for _, param in parameters.parameters_of(obj):
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
        for name, module in module_tree.every_name(obj):
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
    return DictValue(dict(parameters.parameters_of(obj, every_name=True)), open=True)


def do_load_state_dict(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    held = parameters.parameters_of(obj, every_name=True)
    refusals.state(ex, held, args, kwargs)
    for param in {id(param.layer): param for _, param in held if param.which.startswith("weight")}.values():
        parameter_writes.record(ex, param, contents.LOADED, by="load_state_dict")
    for _, own in parameters.own_parameters(obj):
        own.info.pop("unfilled", None)
    if any(frame.func.name == "forward" for frame in ex.stack):  # each step carries the values over
        for param in values.params_in(SequenceValue(args)):
            ex.flow.add("output", (ex.read(param, None),), None, "output")
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
    "_check_input_dim": nothing,
    "save_hyperparameters": nothing,
    "log": nothing,
    "log_dict": nothing,
    "state_dict": do_state_dict,
    "__getattr__": do_getattr,
    "flatten_parameters": nothing,
    "post_init": lambda ex, obj, args, kwargs: hugging_face.initialize(ex, obj),
    "init_weights": lambda ex, obj, args, kwargs: hugging_face.initialize(ex, obj) if hugging_face.is_model(obj) else None,
    "_init_weights": lambda ex, obj, args, kwargs: hugging_face.default_init_weights(ex, obj, args[0] if args else None),
    "buffers": lambda ex, obj, args, kwargs: SequenceValue([param for _, param in parameters.buffers_of(obj)]),
    "named_buffers": lambda ex, obj, args, kwargs: SequenceValue(
        [SequenceValue([name, param], "tuple") for name, param in parameters.buffers_of(obj)]
    ),
    "get_buffer": do_get_buffer,
    "get_parameter": do_get_parameter,
    "set_submodule": do_set_submodule,
    "__setattr__": do_setattr,
    "__delattr__": lambda ex, obj, args, kwargs: attributes.delete(ex, obj, args[0]) if args else None,
    "extra_repr": lambda ex, obj, args, kwargs: "",
}
