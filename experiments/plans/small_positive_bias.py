"""Hidden biases of 0.01 or 0.1 so that all ReLUs fire (BL207)."""

from experiments import data, networks
from experiments.changes import fill
from experiments.plan import Experiment, Task, Variant

EXPERIMENT = Experiment(
    name="small_positive_bias",
    title="Biases of 0.01 before ReLUs",
    rules=("BL207",),
    hypothesis="Nothing, either way, at 0.01 and at 0.1.",
    tasks=(
        Task(
            name="digits, three hidden layers of 32",
            data=data.digits,
            start=networks.mlp_start(64, 32, 32, 32, 10),
            forward=networks.mlp,
            variants=(
                Variant("biases of 0.01", change=fill("hidden bias", 0.01)),
                Variant("biases of 0"),
                Variant("biases of 0.1", change=fill("hidden bias", 0.1)),
            ),
            steps=300,
            level=0.2,
        ),
    ),
)
