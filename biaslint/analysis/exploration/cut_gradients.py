"""Layers whose results reach the model's outputs by steps alone that have no gradient: the greatest entry's position, a comparison."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from biaslint.analysis.domain.layers import Layer, Origin
from biaslint.analysis.exploration import fates, outputs
from biaslint.analysis.exploration.unused_layers import WITH_WEIGHTS
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution

KIND = "layer without gradient"
POSITIONS = re.compile(r"argmax|argmin|argsort|one_hot|multinomial|bincount")
STEPS = re.compile(r"a comparison|sign|round|floor|ceil|trunc|heaviside|long|int|bool")
PAIRS = {"max", "min", "topk", "sort", "median", "mode", "kthvalue"}  # give entries and their positions


def cut_off(ex: Execution) -> list[Layer]:
    """A fact for each layer of the kind, with the step that cuts it off; none for a model of which nothing has a gradient.

    Such a one is there for predictions. Nor is a model judged that has a backward pass of its own.
    """
    if any(one.name == "backward" for one in ex.functions) or not any(map(has_no_gradient, ex.flow.nodes)):
        return []
    ways = ways_on(ex)
    found: list[Layer] = []
    learns = False
    for layer in ex.layers:
        if layer.kind not in WITH_WEIGHTS or not layer.calls or not layer.origin.chain:
            continue
        steps = [step for node in layer.calls for step in ways[node.id].steps]
        leaves = any(ways[node.id].leaves for node in layer.calls)
        learns = learns or leaves
        plain = layer.weight_trainable is True and not layer.passed_to_unknown_code
        own = not (layer.reads or layer.shared_with or layer.weight_of or layer.bias_of)
        other = leaves or any(ways[node.id].elsewhere for node in layer.calls)
        if plain and own and not other and any(map(fates.reaches_output, steps)):
            origin = Origin(layer.origin.chain[:1])
            found.append(Layer(KIND, KIND, layer.framework, {"by": said(steps[0])}, origin, name=layer.name))
    return found if learns else []


class Ways(NamedTuple):
    """Where a tensor, and what is made of it, goes: out of the model or into a loss, elsewhere, into steps without a gradient."""

    leaves: bool
    elsewhere: bool  # it may be used by code that is not known, or is not used at all
    steps: tuple[Node, ...]  # the first that is found


def ways_on(ex: Execution) -> dict[int, Ways]:
    """The ways on from each tensor, the last tensor first."""
    kept = {value.id for obj in ex.objects for value in obj.attrs.values() if isinstance(value, Node)}
    found: dict[int, Ways] = {}
    for node in reversed(ex.flow.nodes):
        leaves = False
        steps: tuple[Node, ...] = ()
        elsewhere = (not node.readers and node.name not in PAIRS) or node.later is not None or node.id in kept
        for reader in node.readers:
            if has_no_gradient(reader):
                steps = steps or (reader,)
            elif reader.op == "output" or outputs.is_loss(reader):
                leaves = True
            elif reader.info.get("unknown") or reader.id not in found:
                elsewhere = True
            else:
                after = found[reader.id]
                leaves, elsewhere, steps = leaves or after.leaves, elsewhere or after.elsewhere, steps or after.steps
        found[node.id] = Ways(leaves, elsewhere, steps)
    return found


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
