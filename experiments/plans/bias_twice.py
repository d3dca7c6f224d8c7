"""Two biases on one layer (BL104): one number with twice the learning rate."""

import torch

from experiments import data, networks
from experiments.plan import SGD, Experiment, Params, Task, Variant


def start(generator: torch.Generator) -> Params:
    p = networks.mlp_start(64, 32, 32, 10)(generator)
    return p | {f"{name}.second": torch.zeros_like(p[f"{name}.bias"]) for name in ("l1", "l2", "out")}


def twice(p: Params, x: torch.Tensor, stats: Params | None) -> torch.Tensor:
    return networks.mlp(p | {f"{name}.bias": p[f"{name}.bias"] + p[f"{name}.second"] for name in ("l1", "l2", "out")}, x, stats)


EXPERIMENT = Experiment(
    name="bias_twice",
    title="Two biases on one layer",
    rules=("BL104",),
    hypothesis="No difference that matters: the sum of the two learns twice as fast as one bias.",
    tasks=(
        Task(
            name="digits, two hidden layers of 32",
            data=data.digits,
            start=start,
            forward=networks.mlp,
            variants=(Variant("two biases on each layer", forward=twice), Variant("one bias")),
            steps=400,
            level=0.2,
            optimizer="sgd",
            rates=SGD,
        ),
    ),
)
