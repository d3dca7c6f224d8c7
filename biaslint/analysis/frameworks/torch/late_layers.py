"""Layers that come into a model after an optimizer has taken its parameters: it never learns of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain.layers import Layer
from biaslint.analysis.domain.values import Instance, Unknown
from biaslint.analysis.interpreter import framework, module_tree
from biaslint.theory import terms

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution

WITH_WEIGHTS = {"conv", "linear", "norm", "bilinear", "embedding", "rnn", "rnn_cell"}
SAME_MODEL = {"to", "cuda", "cpu", "train", "half", "float", "double"}  # methods that give the model back


def taken(ex: Execution, optimizer: Layer, params: Value) -> None:
    """Note an optimizer. What it takes, or may take, was not missed after all."""
    learnt = {id(layer) for layer, _, _ in optimizer.covers}
    for layer in ex.layers:
        if layer.missed_by is not None and (not optimizer.covers_all or id(layer) in learnt):
            layer.missed_by = None
    of = model_of(params)
    if optimizer.covers_all or of is not None:
        ex.optimizers.append((optimizer, of))
    ex.on_store = stored


def stored(ex: Execution, base: Value, name: str, value: Value) -> None:
    """Mark the layers within a new part of a model whose parameters an optimizer has."""
    if not isinstance(value, Instance) or not framework.is_module(value):
        return
    fresh = list(module_tree.layers_of(value))
    for optimizer, of in ex.optimizers:
        learnt = {id(layer) for layer, _, _ in optimizer.covers}
        if isinstance(base, Instance):
            concerned = framework.is_module(base) and trains(learnt, base, name)
        else:
            concerned = of is not None and isinstance(base, Unknown) and same_model(base.key) == of
        for layer in fresh if concerned else ():
            if id(layer) not in learnt and layer.missed_by is None:
                layer.missed_by = optimizer


def trains(learnt: set[int], module: Instance, name: str) -> bool:
    """Has an optimizer the parameters of a module's part, or, where there was none of that name, of all its parts?"""
    before = module.attrs.get(name, (module.items or {}).get(name))
    parts = list(module_tree.layers_of(before if isinstance(before, Instance) else module))
    held = [layer for layer in parts if layer.weight_trainable is True and layer.kind in WITH_WEIGHTS]
    return bool(held) and all(id(layer) in learnt for layer in held)


def model_of(params: Value) -> Any:
    """The model elsewhere whose `parameters()` these are; None for anything else."""
    key = params.key if isinstance(params, Unknown) else None
    method = key.function if isinstance(key, terms.CallOf) else None
    return same_model(method.base) if isinstance(method, terms.Attribute) and method.name == "parameters" else None


def same_model(key: Any) -> Any:
    """A model elsewhere without the methods that give it back: `model.to(device)`."""
    while isinstance(key, terms.CallOf) and isinstance(key.function, terms.Attribute) and key.function.name in SAME_MODEL:
        key = key.function.base
    return key
