"""Biases that a later affine layer absorbs, since nothing but linear steps stands between."""

from __future__ import annotations

import heapq

from biaslint.analysis.domain.layers import Layer
from biaslint.analysis.exploration import fates
from biaslint.theory import shift

IGNORED_STEPS = {"dropout", "masked_fill", "where", "tril", "triu"}
LINEAR_STEPS = {"keep", "remap", "smooth", "window", "affine", "layer"}
TAKES = {"linear", "conv"}
MOST = 40  # steps that are looked at before a layer


def absorbed_by(layer: Layer) -> Layer | None:
    """The affine layer with a bias that absorbs this one's bias: every path leads there, through linear steps only."""
    if layer.kind not in TAKES or layer.bias is not True or layer.passed_to_unknown_code:
        return None
    starts = [node for node in layer.calls if node.bias_of is layer]
    state = {node.id: shift.front(layer.axes, node.rank) for node in starts}
    waiting = [(reader.id, reader) for node in starts for reader in node.readers]
    heapq.heapify(waiting)
    done: set[int] = set()
    reached: dict[int, tuple[Layer, int]] = {}  # the layers that take the bias up, and at how many of their calls
    found: Layer | None = None
    while waiting:
        _, node = heapq.heappop(waiting)
        if node.id in done:
            continue
        done.add(node.id)
        if node.op not in LINEAR_STEPS or node.name in IGNORED_STEPS or node.op not in shift.TRANSFER:
            return None
        try:
            after = shift.TRANSFER[node.op](node, state)
        except shift.Seen:
            return None
        if after is None:
            return None
        taker = node.bias_of
        if isinstance(taker, Layer):
            known = taker is not layer and taker.kind in TAKES and taker.bias is True
            if not known or not shift.front(after, node.rank) <= shift.front(taker.axes, node.rank):
                return None
            if taker.shared_with or taker.bias_of or fates.is_read(taker) or not is_free(taker):
                return None
            reached[id(taker)] = taker, reached.get(id(taker), (taker, 0))[1] + 1
            found = found or taker
            continue
        state[node.id] = shift.front(after, node.rank)
        for reader in node.readers:
            heapq.heappush(waiting, (reader.id, reader))
        if not node.readers:
            return None
    if any(len([node for node in taker.calls if node.bias_of is taker]) != count for taker, count in reached.values()):
        return None  # it is called with something else as well, where its bias would have to be another
    return found


def linear_predecessors(layer: Layer) -> list[Layer]:
    """The layers with a bias that reach this one through linear steps only."""
    found: list[Layer] = []
    todo = [node.inputs[0] for node in layer.calls[:4] if node.inputs]
    for before in todo:
        bare = before.op == "affine" and not (isinstance(before.bias_of, Layer) and before.bias_of.bias)
        if isinstance(before.bias_of, Layer) and before.op == "affine" and not bare:
            found.append(before.bias_of)
        elif bare or (before.bias_of is None and before.op in ("keep", "remap", "smooth", "add")):
            todo += [one for one in before.inputs[: None if before.op == "add" else 1] if one not in todo and len(todo) < MOST]
    return found


CONSTRAINTS = ("bias_constraint",)


def is_free(layer: Layer) -> bool:
    """May training give its bias any value? One that is frozen, constrained or set again and again takes nothing up."""
    return layer.trainable is True and not layer.rewritten and all(layer.config.get(name) is None for name in CONSTRAINTS)
