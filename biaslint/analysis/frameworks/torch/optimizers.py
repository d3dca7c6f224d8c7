"""`torch.optim`: which parameters an optimizer gets, with which weight decay."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from biaslint.analysis.domain.layers import Layer, Param
from biaslint.analysis.domain.values import DictValue, External, Instance, ModelFunction, SequenceValue
from biaslint.analysis.frameworks.common import construction
from biaslint.analysis.frameworks.torch import late_layers, vocabulary as torch_vocabulary
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution


def optimizer(ex: Execution, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    short = name.rpartition(".")[2]
    obj = Instance(External(name), ex.origin())
    if short in torch_vocabulary.OPTIMIZERS:
        params = args[0] if args else kwargs.get("params")
        config = {**kwargs, "groups": groups(params)}
        layer = construction.note_fact(ex, name, "optimizer", "torch", config, ("params", "lr"))
        decay = kwargs.get("weight_decay", 0.01 if short == "AdamW" else 0.0)
        layer.covers_all = cover(layer, params, decay)
        late_layers.taken(ex, layer, params)
        obj.attrs["add_param_group"] = ModelFunction("add_param_group", partial(add_group, ex, layer, decay))
    return obj


def add_group(ex: Execution, optimizer: Layer, decay: Value, group: Value = None) -> None:
    """optimizer.add_param_group({"params": ...})"""
    optimizer.covers_all = cover(optimizer, group, decay) and optimizer.covers_all
    late_layers.taken(ex, optimizer, None)


def cover(optimizer: Layer, params: Value, decay: Value) -> bool:
    """Note the parameters that an optimiser is given; False where some of them are not known."""
    if isinstance(params, Param):
        optimizer.covers.append((params.layer, params.which, decay))
        return True
    if isinstance(params, DictValue):
        return not params.open and cover(optimizer, params.items.get("params"), params.items.get("weight_decay", decay))
    if isinstance(params, SequenceValue):
        return (
            all(cover(optimizer, item.items[1] if is_named(item) else item, decay) for item in params.items) and not params.open
        )
    return isinstance(params, Node) and bool(params.info.get("parameter"))


def is_named(item: Value) -> bool:
    """Is it a pair (name, parameter)?"""
    return isinstance(item, SequenceValue) and item.kind == "tuple" and len(item.items) == 2 and isinstance(item.items[0], str)


def groups(params: Value) -> int:
    """How many parameter groups an optimiser is given: 0 for a plain list or iterator."""
    if isinstance(params, SequenceValue):
        return sum(1 for item in params.items if isinstance(item, DictValue))
    return 0
