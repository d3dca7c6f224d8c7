"""Which calls of a batch norm take their statistics from the batch, and which from what training has stored.

A functional model's graph is made once and runs in every model that holds it: in its own training, frozen within a combined model,
in a call with `training=False`. A norm in it is trained if one of these runs trains it. What a layer's own call was told
(`norm(x, training=False)`) holds for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from biaslint.analysis.domain import class_lookup, values
from biaslint.analysis.domain.values import Instance, Unknown, Value
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution

TRAINING = re.compile(
    r"(not )?([\w.]*\.)?(is_?)?(train|training|phase|phase_?train|train_?(phase|mode|flag))(_\w+)?", re.IGNORECASE
)


def is_off(ex: Execution, flag: Value) -> bool:
    """Is `trainable=` or `training=` false? A flag that a caller sets is a setting, but for one that says whether this is training."""
    if isinstance(flag, Unknown):
        if TRAINING.fullmatch(flag.text):
            return flag.text.startswith("not ")
        return not ex.truth(flag, ex.node)
    return values.is_constant(flag) and flag is not None and not flag


def told(ex: Execution, flag: Value, given: bool) -> Value:
    """What a call runs in that is `given` training=flag, or nothing; None where that is not known.

    Keras 3 keeps what a call is told for the calls that follow, to the end of the outermost `call`: where a part of a model has been
    called for inference, what comes after it and is told nothing runs in inference, too. There, `training=None` means inference.
    """
    outermost = next((frame for frame in ex.stack if frame.func.name == "call"), None)
    if outermost is None:
        return flag
    if given and (flag is None or isinstance(flag, bool)):
        outermost.told = bool(flag)
    elif outermost.told is None and isinstance(outermost.self, Instance):
        outermost.told = outermost.self.attrs.get("told=") is not False
    return flag if given and flag is not None else outermost.told


def is_outside(ex: Execution) -> bool:
    """Is a layer called by a plain `tf.Module`, within no Keras model? There, a norm that is told nothing runs in inference."""
    return bool(ex.stack) and all(
        isinstance(frame.self, Instance) and class_lookup.is_built_on(frame.self.cls, "Module") for frame in ex.stack
    )


def called(node: Node, calls: list[Node], frozen: bool, inference: bool) -> None:
    """A batch norm was called: `calls` are all of its calls, `frozen` says that its layer is not trainable now."""
    node.info.update({"calls": calls, "frozen": frozen, "inference": inference})
    settle(node)


def freeze(nodes: Iterable[Node], frozen: bool) -> None:
    """`trainable = False` or True, for what is compiled or called from now on."""
    for node in batch_norms(nodes):
        node.info["frozen"] = frozen
        settle(node)


def picked(nodes: Iterable[Node]) -> None:
    """Layers of the model are picked by their number, to freeze or train them: which ones train is not known."""
    for node in batch_norms(nodes):
        node.info["picked"] = True
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
    info["stored"] = (
        info["inference"]
        or info.get("picked") is True
        or (not info.get("trained") and (info["frozen"] or info.get("untrained", False)))
    )
