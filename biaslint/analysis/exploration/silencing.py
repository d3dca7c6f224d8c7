"""Why a layer in front of a norm is not judged: which use keeps its bias alive or unknown, and where that use stands."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from biaslint.theory import shift
from biaslint.theory.program import ESCAPED, HANDED, MEAN_READ, READ, STORED, Fate

if TYPE_CHECKING:
    from biaslint.analysis.domain.layers import Layer
    from biaslint.theory.dataflow import Node

FROZEN = "the norm is in inference mode"
NEAR = 40  # tensors between a layer and the norm that it stands in front of


def explained(fate: Fate, layer: Layer, nodes: list[Node], read: Node | None, place: Any) -> Fate:
    """The fate of a living or unknown bias with the norm in front of which its layer stands, and the place of the use.

    `read`: where the bias itself or the norm's mean is read. `by` is set where the norm takes the bias away from some of its readers.
    """
    norm = next((node for node in map(norm_before, nodes) if node is not None), None)
    if norm is None:
        return fate
    removed: list[Node] = []
    origin: Any = None
    if fate.detail in (ESCAPED, HANDED):
        origin = layer.handed_at
    elif fate.detail in (READ, MEAN_READ):
        origin = read.origin if read is not None else None
    elif fate.detail == STORED or norm.op != "norm":
        origin, fate = norm.origin, replace(fate, detail=fate.detail if fate.detail == STORED else FROZEN)
    else:
        outcome = shift.follow((node, frozenset(layer.axes)) for node in nodes)
        removed = outcome.removed
        origin = origin_of(outcome.seen[0][0]) if outcome.seen else None
    known = isinstance(origin, tuple) and None not in origin
    by = removed[0].info.get("style") or "" if removed else ""
    return replace(fate, by=by, cancelled_by=name_of(norm), place=place(*origin) if known else None)


def origin_of(node: Node) -> Any:
    """Where a tensor was made; of a model's output, where what is put out was."""
    return node.inputs[0].origin if node.op == "output" and node.inputs else node.origin


def name_of(norm: Node) -> str:
    layer = norm.info.get("layer")
    return getattr(layer, "name", "") or norm.name or norm.info.get("style", "a norm")


def norm_before(node: Node) -> Node | None:
    """The first norm that would cancel a bias, behind a layer and before the next one."""
    waiting, seen = [node], {node.id}
    while waiting and len(seen) < NEAR:
        for reader in waiting.pop(0).readers:
            if reader.id in seen or reader.bias_of is not None:
                continue
            seen.add(reader.id)
            if reader.op == "norm" or reader.info.get("frozen"):
                if reader.info.get("frozen") or reader.info.get("means") is not None:
                    return reader
            else:
                waiting.append(reader)
    return None
