"""A loss that takes probabilities, given scores (BL406). `BCELoss` raises an error, which needs no experiment."""

from __future__ import annotations

from torch import Tensor

from experiments import data, networks
from experiments.plan import Experiment, Task, Variant


def picked(outputs: Tensor, y: Tensor) -> Tensor:
    """`NLLLoss` on what it is given."""
    return -outputs.gather(-1, y.unsqueeze(-1)).squeeze(-1).mean(1)


def picked_probabilities(outputs: Tensor, y: Tensor) -> Tensor:
    return picked(outputs.softmax(-1), y)


def clipped(outputs: Tensor, y: Tensor) -> Tensor:
    """Keras's binary cross-entropy without `from_logits`: scores are taken for probabilities and cut off."""
    p = outputs.clamp(1e-7, 1 - 1e-7)
    return -(y * p.log() + (1 - y) * (1 - p).log()).mean(1)


RIGHT = Variant("the right loss")
EXPERIMENT = Experiment(
    name="no_activation",
    title="A loss that takes probabilities, given something else",
    rules=("BL406",),
    hypothesis="All are evaluated by the probabilities of one activation. NLLLoss on scores diverges in loss, while accuracy rises; on "
    "probabilities training is slower and ends worse; Keras's clipped scores stall in a good part of the runs.",
    tasks=(
        Task(
            name="digits, NLLLoss on probabilities",
            data=data.digits,
            start=networks.mlp_start(64, 32, 32, 10),
            forward=networks.mlp,
            variants=(Variant("softmax, then NLLLoss", loss=picked_probabilities), RIGHT),
            steps=400,
            level=0.3,
        ),
        Task(
            name="digits, NLLLoss on scores",
            data=data.digits,
            start=networks.mlp_start(64, 32, 32, 10),
            forward=networks.mlp,
            variants=(Variant("scores, then NLLLoss", loss=picked), RIGHT),
            steps=400,
            level=0.3,
        ),
        Task(
            name="breast cancer, Keras's cross-entropy on scores",
            data=data.breast_cancer,
            start=networks.mlp_start(30, 16, 1),
            forward=networks.mlp,
            variants=(Variant("scores, then Keras's loss for probabilities", loss=clipped), RIGHT),
            steps=400,
            level=0.3,
        ),
    ),
)
