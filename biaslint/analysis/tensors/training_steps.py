"""What a step of training tells of the tensors that led to its loss."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from biaslint.analysis.domain.values import FunctionValue
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution


def backward(ex: Execution, loss: Node) -> None:
    """Note that it is a loss."""
    loss.info["descended"] = True
    if takes_step(ex):
        ex.descended.append(loss)
        if not ex.stack:
            mark_trained(ex)


def mark_trained(ex: Execution) -> None:
    """Mark the norms of models that an optimizer trains in evaluation mode: they have stored statistics, in training as well.

    Within functions this waits for the end of the execution: they may name the optimizer after the loss.
    """
    losses, ex.descended = ex.descended, []
    trained = {id(layer) for fact in ex.facts if fact.kind == "optimizer" for layer, _, _ in fact.covers}
    waiting, seen = losses if trained else [], {loss.id for loss in losses}
    while waiting:
        node = waiting.pop()
        if node.info.get("measured") and id(node.info.get("layer")) in trained:
            node.info["stored"] = True
        waiting += [one for one in node.inputs if one.id not in seen]
        seen.update(one.id for one in node.inputs)


def takes_step(ex: Execution) -> bool:
    """Does the function that goes backward, its caller or a script speak of an optimizer's step? A map of gradients is no training."""
    inner = [frame.func.node for frame in reversed(ex.stack) if isinstance(frame.func, FunctionValue)][:2]
    return not inner or any(
        isinstance(node, ast.Attribute) and "step" in node.attr for function in inner for node in ast.walk(function)
    )
