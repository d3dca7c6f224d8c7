"""Layers whose results reach the model's outputs by steps alone that have no gradient: the greatest entry's position, a comparison."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from biaslint.analysis.domain.layers import Layer, Origin
from biaslint.analysis.exploration import fates, outputs
from biaslint.analysis.exploration.unused_layers import WITH_WEIGHTS
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution

KIND = "layer without gradient"
POSITIONS = re.compile(r"positions|argmax|argmin|argsort|one_hot|multinomial|bincount")
STEPS = re.compile(r"a comparison|sign|round|floor|ceil|trunc|heaviside|long|int|bool")
PAIRS = {"max", "min", "topk", "sort", "median", "mode", "kthvalue"}  # give entries and their positions


def cut_off(ex: Execution) -> list[Layer]:
    """A fact for each layer of the kind, with the step that cuts it off."""
    found: list[Layer] = []
    kept = {value.id for obj in ex.objects for value in obj.attrs.values() if isinstance(value, Node)}
    for layer in ex.layers:
        plain = layer.kind in WITH_WEIGHTS and layer.weight_trainable is True and layer.calls and layer.origin.chain
        if not plain or layer.reads or layer.shared_with or layer.weight_of or layer.bias_of or layer.passed_to_unknown_code:
            continue
        step = cutting(layer.calls, kept)
        if step is not None:
            found.append(
                Layer(KIND, KIND, layer.framework, {"by": said(step)}, Origin(layer.origin.chain[:1]), name=layer.name)
            )
    return found


def cutting(calls: list[Node], kept: set[int]) -> Node | None:
    """The first step without a gradient, where every way on from a layer's results leads through one and something is made of it."""
    steps: list[Node] = []
    waiting, seen = list(calls), {node.id for node in calls}
    while waiting:
        node = waiting.pop()
        if (not node.readers and node.name not in PAIRS) or node.later is not None or node.id in kept:
            return None  # it may be used elsewhere
        for reader in node.readers:
            if has_no_gradient(reader):
                steps.append(reader)
            elif reader.op == "output" or outputs.is_loss(reader) or reader.info.get("unknown"):
                return None
            elif reader.id not in seen:
                seen.add(reader.id)
                waiting.append(reader)
    return steps[0] if steps and any(map(fates.reaches_output, steps)) else None


def has_no_gradient(node: Node) -> bool:
    return is_position(node) or (node.op == "opaque" and STEPS.fullmatch(node.name) is not None)


def is_position(node: Node) -> bool:
    """Does it say where entries stand, and not what they are?"""
    return bool(node.info.get("positions")) or (node.op == "opaque" and POSITIONS.fullmatch(node.name) is not None)


def said(step: Node) -> str:
    """What is used of a layer's results, in words."""
    if is_position(step):
        return "the order of its results"
    return "a comparison of its results" if step.name == "a comparison" else f"`{step.name}` of its results"
