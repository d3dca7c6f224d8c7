"""Methods and attributes of tensors whose names mean different things in different frameworks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from biaslint.analysis.domain.values import External, Instance
from biaslint.analysis.interpreter import framework
from biaslint.analysis.interpreter.framework import ARRAY_NAMES
from biaslint.analysis.project.environment import MISSING
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Args, Kwargs, Value
    from biaslint.analysis.interpreter.execution import Execution
    from biaslint.analysis.interpreter.framework_record import Framework


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


WHOLE = re.compile(r"q?u?int\d*|bool|long|short|char|byte|(int|long|short|char|byte|bool)tensor")
COUNTED = {"arange", "randint", "argmax", "argmin", "argsort", "one_hot", "bincount", "long", "int", "short", "bool"}


def of_whole_numbers(kind: Value) -> bool:
    """Is it a type of whole numbers or truths, by its name, or a tensor of such a type?"""
    if isinstance(kind, Node):
        return kind.name in COUNTED
    name = kind if isinstance(kind, str) else kind.name if isinstance(kind, External) else ""
    return WHOLE.fullmatch(name.rpartition(".")[2].lower()) is not None


def attribute(ex: Execution, node: Node, name: str) -> Value:
    """An attribute with another meaning in the running framework; MISSING for all others."""
    if name not in ARRAY_NAMES:
        return MISSING
    owner = in_charge(ex)
    handler = owner.array_attributes.get(name) if owner is not None else None
    return handler(ex, node) if handler is not None else MISSING
