"""Is the target of a loss what the model was given? Then it is rebuilt, and no class is predicted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from biaslint.analysis.domain.values import Unknown
from biaslint.theory.dataflow import VIEWS, Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value


METHOD = re.compile(r"(\.\w+\([^()]*\))+$")  # `x.view(...)`: the same entries
PART = "[...]"
WHOLE = VIEWS - {"[]", "split", "unbind"}
MANY = 400  # nodes that are looked at for one loss


def is_own_input(prediction: Node, target: Value) -> bool:
    """Is a target one of the inputs that a prediction is made of?"""
    while isinstance(target, Node) and target.inputs and target.name in WHOLE:
        target = target.inputs[0]
    wanted = METHOD.sub("", target.text) if isinstance(target, Unknown) else ""
    if PART in wanted:  # it is not known which: the next words, say
        wanted = ""
    todo, seen = [prediction], set[int]()
    while todo and len(seen) < MANY:
        node = todo.pop()
        if node is target or (node.op == "input" and wanted and METHOD.sub("", node.name) == wanted):
            return True
        if node.id not in seen:
            seen.add(node.id)
            todo += node.inputs
    return False
