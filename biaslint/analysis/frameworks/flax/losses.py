"""Optax: the losses that compare a model's outputs with the targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain.layers import LossCall
from biaslint.analysis.domain.values import argument
from biaslint.analysis.frameworks.common import construction
from biaslint.analysis.project.environment import MISSING

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Args, Kwargs, Value
    from biaslint.analysis.interpreter.execution import Execution

# Optax's losses, and the names that checks and graphs know them by.
LOSSES = {
    "softmax_cross_entropy": "softmax_cross_entropy",
    "softmax_cross_entropy_with_integer_labels": "softmax_cross_entropy",
    "safe_softmax_cross_entropy": "softmax_cross_entropy",
    "poly_loss_cross_entropy": "poly_loss",
    "sigmoid_binary_cross_entropy": "sigmoid_binary_cross_entropy",
    "sigmoid_focal_loss": "sigmoid_focal_loss",
    "l2_loss": "l2_loss",
    "squared_error": "squared_error",
    "huber_loss": "huber_loss",
    "log_cosh": "log_cosh",
    "cosine_distance": "cosine_distance",
    "hinge_loss": "hinge_loss",
    "ctc_loss": "ctc_loss",
    "kl_divergence": "kl_divergence",
    "kl_divergence_with_log_targets": "kl_divergence",
}
# What a loss takes, under which name, and whether it is a distribution over classes.
TAKES = {
    "softmax_cross_entropy": ("logits", "logits", True),
    "poly_loss": ("logits", "logits", True),
    "ctc_loss": ("logits", "logits", True),
    "sigmoid_binary_cross_entropy": ("logits", "logits", False),
    "sigmoid_focal_loss": ("logits", "logits", False),
    "kl_divergence": ("log_predictions", "log-probabilities", True),
}
NAMES = frozenset(LOSSES.values())


def call(ex: Execution, name: str, args: Args, kwargs: Kwargs) -> Value:
    """optax.<loss>(predictions, targets), optax.losses.<loss>(...). MISSING for any other name."""
    short = LOSSES.get(name.rpartition(".")[2])
    if short is None:
        return MISSING
    fact = construction.note_fact(ex, f"optax.{short}", "loss", "flax", dict(kwargs))
    fact.callee = construction.callee(ex)
    if short in TAKES:
        predicted, takes, classes = TAKES[short]
        given = construction.tensor(ex, argument(args, kwargs, 0, predicted))
        if given is not None and ex.module is not None and ex.node is not None:
            fact.loss_calls.append(LossCall(ex.flow.now(given), takes, classes, -1, (ex.module, ex.node)))
    return ex.opaque(*args, *kwargs.values(), name=short)
