"""Methods and attributes of tensors whose names mean different things in different frameworks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain.values import Instance
from biaslint.analysis.interpreter import framework
from biaslint.analysis.interpreter.framework import ARRAY_NAMES
from biaslint.analysis.project.environment import MISSING

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Args, Kwargs, Value
    from biaslint.analysis.interpreter.execution import Execution
    from biaslint.analysis.interpreter.framework_record import Framework
    from biaslint.theory.dataflow import Node


def in_charge(ex: Execution) -> Framework | None:
    """The framework whose tensors the running code works on: that of the model whose method runs, else the only one its file names."""
    for frame in reversed(ex.stack):
        if isinstance(frame.self, Instance) and framework.is_module(frame.self):
            return framework.of_object(frame.self)
    mentioned = framework.mentioned_in(ex.module.text) if ex.module is not None else ()
    return mentioned[0] if len(mentioned) == 1 else None


def method(ex: Execution, node: Node, name: str, args: Args, kwargs: Kwargs) -> Value:
    """A method with another meaning in the running framework; MISSING for all others."""
    if name not in ARRAY_NAMES:
        return MISSING
    owner = in_charge(ex)
    handler = owner.array_methods.get(name) if owner is not None else None
    return handler(ex, ex.flow.now(node), args, kwargs) if handler is not None else MISSING


def attribute(ex: Execution, node: Node, name: str) -> Value:
    """An attribute with another meaning in the running framework; MISSING for all others."""
    if name not in ARRAY_NAMES:
        return MISSING
    owner = in_charge(ex)
    handler = owner.array_attributes.get(name) if owner is not None else None
    return handler(ex, node) if handler is not None else MISSING
