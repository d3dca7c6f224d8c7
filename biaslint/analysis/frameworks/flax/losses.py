"""Optax: the losses that compare a model's outputs with the targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
}
NAMES = frozenset(LOSSES.values())


def call(ex: Execution, name: str, args: Args, kwargs: Kwargs) -> Value:
    """optax.<loss>(predictions, targets), optax.losses.<loss>(...). MISSING for any other name."""
    short = LOSSES.get(name.rpartition(".")[2])
    if short is None:
        return MISSING
    construction.note_fact(ex, f"optax.{short}", "loss", "flax", dict(kwargs))
    return ex.opaque(*args, *kwargs.values(), name=short)
