"""How Hugging Face's models start: post_init() initializes every module once, each model's own by its own `_init_weights`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain import class_lookup
from biaslint.analysis.domain.layers import Param
from biaslint.analysis.domain.values import BoundNative, Class, External, Instance
from biaslint.analysis.interpreter import module_tree
from biaslint.analysis.interpreter.objects import attributes
from biaslint.analysis.tensors import contents, parameter_writes

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution
    from biaslint.analysis.project.module import Module


BASE = "PreTrainedModel"
METHODS = ("post_init", "init_weights", "_init_weights")
DONE = "_is_hf_initialized"
ZEROED = ("linear", "conv", "rnn")


def is_base(base: Value) -> bool:
    """The library's base class, or one of its own bases for a kind of model where the library is not read."""
    if isinstance(base, Class):
        return base.name == BASE
    return isinstance(base, External) and base.name.endswith(BASE)


def is_model(obj: Instance) -> bool:
    return isinstance(obj.cls, Class) and any(is_base(base) for base in obj.cls.mro)


def base_class_is_linted(obj: Instance) -> bool:
    """Is the base class part of what is linted, and so of a version that is known to set biases to zero?"""
    return isinstance(obj.cls, Class) and any(isinstance(base, Class) and is_base(base) for base in obj.cls.mro)


def defines_models(module: Module) -> bool:
    """Does a file define classes that derive from the library's base class?"""
    return any(base.endswith(BASE) for base in module.bases)


def is_unwrapped_part(ex: Execution) -> bool:
    """Is what is made now a part of models that the file defines, without one around it? Theirs is the initialization."""
    if ex.module is None or not defines_models(ex.module):
        return False
    around = [frame.self.cls for frame in ex.stack if isinstance(frame.self, Instance) and isinstance(frame.self.cls, Class)]
    bases = [base.name for cls in around for base in class_lookup.external_bases(cls)]
    return all(name.startswith("torch.nn.") for name in bases) and not any(is_base(base) for cls in around for base in cls.mro)


def method(obj: Instance, owner: Value, name: str) -> Value:
    """The base class's own initialization is known, so its source is not executed; None for everything else."""
    return BoundNative(obj, name) if name in METHODS and is_base(owner) else None


def initialize(ex: Execution, model: Instance) -> Value:
    """Children first, each module by the `_init_weights` of the model that it is part of; one that is done stays as it is."""
    order: list[tuple[Instance, Instance]] = []
    todo, seen = [(model, model)], set()
    while todo:
        module, owner = todo.pop()
        if id(module) in seen:
            continue
        seen.add(id(module))
        owner = module if is_model(module) else owner
        order.append((module, owner))
        todo.extend((child, owner) for _, child in reversed(list(module_tree.children(module))) if isinstance(child, Instance))
    for module, owner in reversed(order):
        if module.attrs.get(DONE) is True:
            continue
        hook = attributes.load(ex, owner, "_init_weights")
        ex.call(hook, [module], {}, ex.node)
        module.attrs[DONE] = True
    return None


def default_init_weights(ex: Execution, model: Instance, module: Value) -> Value:
    """What `_init_weights` of the base class does; what it did to biases depends on the version."""
    layer = module.layer if isinstance(module, Instance) else None
    if layer is not None and layer.kind in ZEROED and layer.bias is not False:
        content = contents.constant(0.0) if base_class_is_linted(model) else contents.UNKNOWN
        parameter_writes.record(ex, Param(layer, "bias"), content, by="post_init")
    if layer is not None and layer.kind == "embedding":
        parameter_writes.record(ex, Param(layer, "weight"), contents.UNKNOWN, by="post_init")
    return None
