"""PyTorch's default where He's initialization was written and never called (BL603), or misses a layer (BL606)."""

from __future__ import annotations

from experiments import data, networks
from experiments.changes import torch_default
from experiments.plan import Experiment, Task, Variant


def task(layers: int) -> Task:
    return Task(
        name=f"digits, {layers} hidden layers of 32",
        data=data.digits,
        start=networks.mlp_start(64, *[32] * layers, 10),
        forward=networks.mlp,
        variants=(Variant("PyTorch's default", change=torch_default), Variant("He's initialization, biases of 0")),
        steps=400,
        level=0.3,
    )


EXPERIMENT = Experiment(
    name="default_instead_of_he",
    title="He's initialization that is never called",
    rules=("BL603", "BL606"),
    hypothesis="With two hidden layers little; with ten, without norms, the default's signal shrinks with depth, and training is far slower and "
    "ends worse.",
    tasks=(task(2), task(10)),
)
