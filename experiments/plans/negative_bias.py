"""Hidden biases of -1 before ReLUs (BL206)."""

from experiments import data, networks
from experiments.changes import fill
from experiments.plan import Experiment, Task, Variant

EXPERIMENT = Experiment(
    name="negative_bias",
    title="Negative biases before ReLUs",
    rules=("BL206",),
    hypothesis="More steps to the level, and a slightly worse end at -1, since part of the units start dead; much worse at -2.",
    tasks=(
        Task(
            name="digits, three hidden layers of 32",
            data=data.digits,
            start=networks.mlp_start(64, 32, 32, 32, 10),
            forward=networks.mlp,
            variants=(
                Variant("biases of -1", change=fill("hidden bias", -1.0)),
                Variant("biases of 0"),
                Variant("biases of -2", change=fill("hidden bias", -2.0)),
                Variant("biases of -0.1", change=fill("hidden bias", -0.1)),
            ),
            steps=400,
            level=0.3,
        ),
    ),
)
