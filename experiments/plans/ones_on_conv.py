"""Convolutions whose biases start at 1.0 (BL201)."""

from experiments import data, networks
from experiments.changes import fill
from experiments.plan import Experiment, Task, Variant

VARIANTS = (Variant("biases of 1.0", change=fill("hidden bias", 1.0)), Variant("biases of 0"))
EXPERIMENT = Experiment(
    name="ones_on_conv",
    title="Convolution biases of 1.0",
    rules=("BL201",),
    hypothesis="A higher loss at the start and more steps to the level, because the shift grows with depth; a final quality that is the "
    "same or slightly worse. At 0.1 nothing.",
    tasks=(
        Task(
            name="digits, four convolutions",
            data=data.digit_images,
            start=networks.cnn_start(),
            forward=networks.cnn,
            variants=(
                *VARIANTS,
                Variant("biases of 0.1", change=fill("hidden bias", 0.1)),
            ),
            steps=120,
            evaluations=20,
            rates=(2e-3, 5e-3, 1e-2, 2e-2),
            level=0.3,
            seeds=10,
        ),
        Task(
            name="digits, eight convolutions",
            data=data.digit_images,
            start=networks.cnn_start(networks.DEEP),
            forward=networks.cnn,
            variants=VARIANTS,
            steps=120,
            evaluations=20,
            rates=(2e-3, 5e-3, 1e-2, 2e-2),
            level=0.3,
            seeds=10,
        ),
    ),
)
