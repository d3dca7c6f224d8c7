"""Which calls of a batch norm take their statistics from the batch, and which from what training has stored.

A functional model's graph is made once and runs in every model that holds it: in its own training, frozen within a combined model,
in a call with `training=False`. A norm in it is trained if one of these runs trains it. What a layer's own call was told
(`norm(x, training=False)`) holds for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable

from biaslint.theory.dataflow import Node


def called(node: Node, calls: list[Node], frozen: bool, inference: bool) -> None:
    """A batch norm was called: `calls` are all of its calls, `frozen` says that its layer is not trainable now."""
    node.info.update({"calls": calls, "frozen": frozen, "inference": inference})
    settle(node)


def freeze(nodes: Iterable[Node], frozen: bool) -> None:
    """`trainable = False` or True, for what is compiled or called from now on."""
    for node in batch_norms(nodes):
        node.info["frozen"] = frozen
        settle(node)


def run(nodes: Iterable[Node], training: bool) -> None:
    """A model with these tensors is trained, or called within another one."""
    for node in batch_norms(nodes):
        if not training:
            node.info["untrained"] = True
        elif not node.info["frozen"]:
            node.info["trained"] = True
        settle(node)


def batch_norms(nodes: Iterable[Node]) -> list[Node]:
    return [node for node in nodes if "inference" in node.info]


def settle(node: Node) -> None:
    """Does no run take the norm's statistics from the batch?"""
    info = node.info
    info["stored"] = info["inference"] or (not info.get("trained") and (info["frozen"] or info.get("untrained", False)))
