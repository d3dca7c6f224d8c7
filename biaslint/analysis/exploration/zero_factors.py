"""Zero weights that multiply nothing but what is zero by other zero weights: neither gets a gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.layers import Layer, Write
    from biaslint.analysis.interpreter.execution import Execution

KINDS = {"linear", "conv"}
# What gives zero for zero, beside steps that only move entries or average them
THROUGH_ZERO = {
    "relu", "relu6", "leaky_relu", "prelu", "elu", "selu", "celu", "gelu", "silu", "swish", "mish", "tanh", "hardswish", "dropout",
}  # fmt: skip


def blocking(ex: Execution, layer: Layer) -> list[Layer]:
    """The layers with a zero weight that alone take up what a layer with a zero weight gives; none where anything else does."""
    if not zero_weight(layer) or not zero_bias(layer) or not layer.calls:
        return []
    takers = {id(product(node)): other for other in ex.layers if zero_weight(other) for node in other.calls}
    found: dict[int, Layer] = {}
    todo, seen = list(layer.calls), set[int]()
    while todo:
        node = todo.pop()
        if not node.readers:
            return []
        for reader in node.readers:
            taker = takers.get(id(reader))
            if taker is not None and taker is not layer and reader.inputs[0] is node:
                found[id(taker)] = taker
            elif not zero_at_zero(reader):
                return []
            elif reader.id not in seen:
                seen.add(reader.id)
                todo.append(reader)
    # the second weight learns where anything but zeros reaches it
    return [one for one in found.values() if all(comes_from(product(node).inputs[0], layer) for node in one.calls)]


def zero_weight(layer: Layer) -> bool:
    """Does training start with a weight of zeros, which it may change?"""
    if layer.kind not in KINDS or layer.weight_trainable is not True or not layer.weight_writes or layer.weight_of is not None:
        return False
    known = not (layer.passed_to_unknown_code or layer.model_passed_to_unknown_code or layer.reparametrized or layer.configured)
    return known and sets_zero(layer.weight_writes[-1])


def zero_bias(layer: Layer) -> bool:
    """Is there no bias, or one that starts at zero? It stays there for as long as no gradient comes through."""
    if layer.bias is False:
        return True
    return sets_zero(layer.writes[-1]) if layer.writes else layer.default == "zeros"


def sets_zero(write: Write) -> bool:
    """Does a write leave zeros, and nothing else?"""
    return write.how == "constant" and write.value == 0 and write.span is None


def product(node: Node) -> Node:
    """The product of a call with the weight, before a bias is added."""
    return node.inputs[0] if node.op == "layer" and node.inputs else node


def zero_at_zero(node: Node) -> bool:
    """Is the result of a step zero where its input is?"""
    if node.op in ("keep", "remap", "smooth", "window"):
        return "plus" not in node.info
    return node.op == "mul" or (node.op == "opaque" and node.name in THROUGH_ZERO and len(node.inputs) == 1)


def comes_from(node: Node, layer: Layer) -> bool:
    """Is a tensor a layer's result, with nothing but such steps between?"""
    calls = {id(one) for one in layer.calls}
    while id(node) not in calls:
        if not zero_at_zero(node) or not node.inputs:
            return False
        node = node.inputs[0]
    return True
