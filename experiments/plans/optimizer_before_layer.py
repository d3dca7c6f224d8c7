"""An output layer that the optimizer does not know, since it was made later (BL503)."""

from experiments import data, networks
from experiments.plan import Experiment, Task, Variant

EXPERIMENT = Experiment(
    name="optimizer_before_layer",
    title="An output layer that comes after the optimizer",
    rules=("BL503",),
    hypothesis="With two hidden layers that adapt to the random output layer, more steps and a slightly worse end; with a single layer "
    "of eight units before it, far more steps and a clearly worse end.",
    tasks=tuple(
        Task(
            name=f"digits, {name}",
            data=data.digits,
            start=networks.mlp_start(64, *hidden, 10),
            forward=networks.mlp,
            variants=(Variant("output layer not trained", frozen=("out.weight", "out.bias")), Variant("output layer trained")),
            steps=400,
            level=0.3,
        )
        for name, hidden in (("two hidden layers of 32", (32, 32)), ("one hidden layer of 8", (8,)))
    ),
)
