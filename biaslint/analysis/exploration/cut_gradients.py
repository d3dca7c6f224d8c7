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
    """A fact for each layer of the kind, with the step that cuts it off; none for a model of which nothing has a gradient.

    Such a one is there for predictions. Nor is a model judged that has a backward pass of its own.
    """
    if any(one.name == "backward" for one in ex.functions):
        return []
    kept = {value.id for obj in ex.objects for value in obj.attrs.values() if isinstance(value, Node)}
    found: list[Layer] = []
    learns = False
    for layer in ex.layers:
        if layer.kind not in WITH_WEIGHTS or not layer.calls or not layer.origin.chain:
            continue
        steps, others = ways_on(layer.calls, kept)
        learns = learns or OUT in others
        plain = layer.weight_trainable is True and not layer.passed_to_unknown_code
        own = not (layer.reads or layer.shared_with or layer.weight_of or layer.bias_of)
        if plain and own and not others and any(map(fates.reaches_output, steps)):
            origin = Origin(layer.origin.chain[:1])
            found.append(Layer(KIND, KIND, layer.framework, {"by": said(steps[0])}, origin, name=layer.name))
    return found if learns else []


OUT, ELSEWHERE = "it leaves the model", "it may be used elsewhere"


def ways_on(calls: list[Node], kept: set[int]) -> tuple[list[Node], set[str]]:
    """The steps without a gradient that take a layer's results, or what is made of them, and where else these go."""
    steps: list[Node] = []
    others: set[str] = set()
    waiting, seen = list(calls), {node.id for node in calls}
    while waiting:
        node = waiting.pop()
        if (not node.readers and node.name not in PAIRS) or node.later is not None or node.id in kept:
            others.add(ELSEWHERE)
        for reader in node.readers:
            if has_no_gradient(reader):
                steps.append(reader)
            elif reader.op == "output" or outputs.is_loss(reader):
                others.add(OUT)
            elif reader.info.get("unknown"):
                others.add(ELSEWHERE)
            elif reader.id not in seen:
                seen.add(reader.id)
                waiting.append(reader)
    return steps, others


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
