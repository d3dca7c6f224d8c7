"""The fate of a layer's bias, and the readers of its output."""

from __future__ import annotations

import re
from typing import Any

from biaslint.analysis.domain.layers import Layer
from biaslint.analysis.exploration import silencing
from biaslint.theory import shift
from biaslint.theory.dataflow import Node
from biaslint.theory.program import ESCAPED, HANDED, MEAN_READ, READ, SCORES, STORED, Fate


def fate_of(layer: Layer, place: Any) -> Fate:
    """The fate of the shift that the layer's bias adds."""
    escaped = Fate("unknown", detail="" if layer.passed_within_container else ESCAPED)
    fate = escaped if layer.passed_to_unknown_code else followed(layer, place)
    if fate.kind != "unknown" and layer.model_passed_to_unknown_code and fate.kind not in ("dead", "part"):
        fate = Fate("unknown", detail=HANDED if fate.kind == "alive" else "")
    if fate.kind in ("alive", "unknown") and layer.bias is not False and layer.kind in AFFINE:
        nodes = [node for node in layer.calls if node.bias_of is layer]
        return silencing.explained(fate, layer, nodes, where_read(layer, fate), place)
    return fate


def where_read(layer: Layer, fate: Fate) -> Node | None:
    """The tensor as which a bias, or the mean of the norm behind it, is read."""
    layers = sharing(layer)
    if fate.detail == MEAN_READ:
        norms = (silencing.norm_before(node) for node in layer.calls)
        layers = [one for norm in norms if norm is not None and isinstance(one := norm.info.get("layer"), Layer)]
    reads = [node for one in layers for which, node in one.reads if which.startswith(("bias", "running_mean"))]
    return next(filter(reaches_output, reads), None)


AFFINE = ("conv", "linear", "bilinear")


def followed(layer: Layer, place: Any) -> Fate:
    """The fate of the shift as far as the flow is known."""
    if not layer.calls:
        return Fate("uncalled")
    one_bias = sharing(layer)
    nodes = [node for one in one_bias for node in one.calls if node.bias_of is one]
    if layer.kind in AFFINE and any(one.kind not in AFFINE and one.calls for one in one_bias):
        return Fate("alive", detail=READ)  # it is the shift of a norm as well
    if not nodes or layer.kind not in AFFINE:
        return Fate("alive", detail="")
    if all(not node.readers for node in nodes):
        return Fate("unread")
    starts = [(node, frozenset(axes_of(node.bias_of))) for node in nodes if isinstance(node.bias_of, Layer)]
    outcome = shift.follow(starts)
    if any(map(is_read, one_bias)):
        return Fate("alive", detail=READ)
    if outcome.dead and any(mean_is_read(norm, outcome.carried) or own_mean_is_read(norm) for norm in outcome.removed):
        return Fate("alive", detail=MEAN_READ)
    if outcome.dead:
        node = outcome.removed[0]
        by = node.info.get("style") or "softmax"
        where = None
        norm = node.info.get("layer")
        if isinstance(norm, Layer) and norm.origin.chain:
            where = place(*norm.origin.chain[0])
        elif isinstance(node.origin, tuple) and node.origin[0] is not None and node.origin[1] is not None:
            where = place(*node.origin)
        styles = {removed.info.get("style") for removed in outcome.removed}
        detail = SCORES if node.op == "softmax" and makes_scores(node, layer) else ""
        return Fate("dead", by, name_of(node), where, detail, training_only="batch norm" in styles)
    if outcome.stored or (outcome.untrained and shift.follow(starts, into_untrained=False).stored):
        return Fate("alive", detail=STORED)
    if outcome.seen:
        try:
            part = part_of(layer, nodes)
        except shift.Seen:
            part = None
        if part is not None:
            return part
        return Fate("alive", detail=outcome.seen[0][1], guarded=all(node.info.get("unknown") for node, _ in outcome.seen))
    return Fate("unread")


def is_read(layer: Layer) -> bool:
    """Does the bias itself, or what is computed from it, leave the model?"""
    return any(which.startswith("bias") and reaches_output(node) for which, node in layer.reads)


def sharing(layer: Layer) -> list[Layer]:
    """The layers that have one bias, or share it (`d.bias = c.bias`)."""
    found = [layer]
    for one in found:
        near = [*one.shared_with, *([one.bias_of] if isinstance(one.bias_of, Layer) and one in one.bias_of.shared_with else [])]
        found += [other for other in near if other not in found]
    return found


def axes_of(layer: Layer) -> tuple[int, ...]:
    """The axes along which the bias of a layer varies."""
    return () if 1 in (layer.config.get("out_features"), layer.config.get("units")) else layer.axes


def mean_is_read(norm: Node, carried: list[Node]) -> bool:
    """Does the running mean of a norm, which holds every shift that the norm takes away, leave the model?

    A call in inference mode subtracts it: from what has the same shift, which is `carried`, or from something else.
    """
    layers = [one for one in (norm.info.get("layer"), norm.info.get("statistics")) if isinstance(one, Layer)]
    stored = [call for layer in layers for call in layer.calls if call.info.get("stored") or call.op == "smooth"]
    reads = [node for layer in layers for which, node in layer.reads if which == "running_mean"]
    return any(map(reaches_output, (*reads, *(call for call in stored if call not in carried))))


AVERAGES = re.compile(r"assign|average|moving|(^|_)ema(_|$)", re.IGNORECASE)  # what keeps a mean for the time after training


def own_mean_is_read(norm: Node) -> bool:
    """Does the mean that a norm subtracts, where it stands for itself, leave the model otherwise than as a stored average?"""
    mean = norm.info.get("own_mean")
    return mean is not None and mean.op == "const" and reaches_output(mean, AVERAGES)


def reaches_output(node: Node, but_for: re.Pattern[str] | None = None) -> bool:
    """Does anything computed from a tensor leave the model, `but_for` what goes through operations of such names?"""
    waiting, seen = [node], {node.id}
    while waiting:
        for reader in waiting.pop().readers:
            if but_for is not None and but_for.search(reader.name):
                continue
            if reader.op == "output":
                return True
            if reader.id not in seen:
                seen.add(reader.id)
                waiting.append(reader)
    return False


def makes_scores(softmax: Node, layer: Layer) -> bool:
    """Does softmax take the layer's own result, through nothing that multiplies it with another tensor?"""
    waiting, seen = list(softmax.inputs), set()
    while waiting:
        node = waiting.pop()
        if node.bias_of is layer:
            return True
        if node.id not in seen and node.op in ADDITIVE:
            seen.add(node.id)
            waiting += node.inputs
    return False


def name_of(node: Node) -> str:
    norm = node.info.get("layer")
    if isinstance(norm, Layer):
        return norm.name or norm.short_type
    return node.name


def part_of(layer: Layer, nodes: list[Node]) -> Fate | None:
    """A fused projection: is exactly one of the parts that its result is split into lost in a softmax?"""
    if len(nodes) != 1:
        return None
    current, axes = nodes[0], frozenset(layer.axes)
    state = {current.id: shift.front(axes, current.rank)}
    while len(current.readers) == 1 and current.readers[0].op in ("remap", "keep") and "part" not in current.readers[0].info:
        after = current.readers[0]
        moved = shift.TRANSFER[after.op](after, state)
        if moved is None:
            return None
        state[after.id] = moved
        current = after
    parts = [reader for reader in current.readers if "part" in reader.info]
    if len(parts) < 2 or len(parts) != len(current.readers):
        return None
    sizes = {part_size(reader) for reader in parts if reader.op == "keep"}
    if len({size for size in sizes if isinstance(size, int)}) > 1:
        return None  # unequal parts
    dead = []
    for index, reader in enumerate(parts):
        moved = shift.TRANSFER[reader.op](reader, state)
        if moved is None:
            return None
        outcome = shift.follow([(reader, moved)])
        if outcome.dead and all(node.op in ("softmax", "attention") for node in outcome.removed):
            dead.append(index)
    if len(dead) == 1:
        names = {(3, 1): "the keys' third", (2, 0): "the keys' half"}
        return Fate(
            "part",
            by="softmax",
            cancelled_by="softmax",
            detail=names.get((len(parts), dead[0]), f"part {dead[0] + 1} of {len(parts)}"),
        )
    return None


def part_size(node: Node) -> object:
    """The size of a part along the axis it was cut from, None where that is not known."""
    axis, dims = node.info["axis"], node.dims
    return dims[axis] if dims is not None and isinstance(axis, int) and -len(dims) <= axis < len(dims) else None


def readers_of(layer: Layer) -> tuple[str, ...]:
    """The readers of the layer's result."""
    found: list[str] = []
    for node in layer.calls[:4]:
        for reader in node.readers:
            text = reader.info.get("style") or (reader.name if reader.op == "opaque" else reader.op)
            if text not in found:
                found.append(text)
    return tuple(found[:6])


ADDITIVE = {"keep", "remap", "add", "concat", "smooth", "affine"}
