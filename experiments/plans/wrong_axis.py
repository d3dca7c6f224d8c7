"""A softmax over a single output, or over the batch (BL407)."""

from __future__ import annotations

from torch import Tensor

from experiments import data, networks
from experiments.plan import Experiment, Task, Variant
from experiments.plans.no_activation import clipped, picked


def over_one(outputs: Tensor, y: Tensor) -> Tensor:
    """Softmax over an axis of size one, then the binary cross-entropy, with Keras's clipping."""
    return clipped(outputs.unsqueeze(-1).softmax(-1).squeeze(-1), y)


def over_batch(outputs: Tensor, y: Tensor) -> Tensor:
    return picked(outputs.log_softmax(1), y)


EXPERIMENT = Experiment(
    name="wrong_axis",
    title="A softmax over the wrong axis",
    rules=("BL407",),
    hypothesis="Over a single output nothing is learnt at all. Over the batch training goes on, towards scores that compare examples and not "
    "classes: accuracy is lower and the loss of single examples far higher.",
    tasks=(
        Task(
            name="breast cancer, a softmax over one output",
            data=data.breast_cancer,
            start=networks.mlp_start(30, 16, 1),
            forward=networks.mlp,
            variants=(Variant("softmax over one output", loss=over_one), Variant("sigmoid")),
            steps=300,
            level=0.3,
        ),
        Task(
            name="digits, a softmax over the batch",
            data=data.digits,
            start=networks.mlp_start(64, 32, 32, 10),
            forward=networks.mlp,
            variants=(Variant("softmax over the batch", loss=over_batch), Variant("softmax over the classes")),
            steps=300,
            level=0.3,
        ),
    ),
)
