"""Batch norms that are told that they predict when they are trained, and the other way round (BL504)."""

from torch import Tensor

from experiments import data, networks
from experiments.plan import Experiment, Params, Task, Variant


def inverted(p: Params, x: Tensor, stats: Params | None) -> Tensor:
    """Stored statistics in training, which start at 0 and 1 and stay there, and those of the batch in a prediction."""
    return networks.cnn(p, x, None if stats is not None else {})


EXPERIMENT = Experiment(
    name="inverted_mode",
    title="Batch norms whose mode is inverted",
    rules=("BL504",),
    hypothesis="In training the norms do nothing, and predictions are normalized by statistics that training never saw: the training "
    "loss falls, and the test loss stays close to that of a constant prediction, or above it.",
    tasks=(
        Task(
            name="digits, four convolutions with batch norm",
            data=data.digit_images,
            start=networks.cnn_start(norm=True),
            forward=networks.cnn,
            variants=(Variant("inverted mode", forward=inverted), Variant("the right mode")),
            steps=120,
            level=0.3,
            evaluations=20,
            seeds=10,
        ),
    ),
)
