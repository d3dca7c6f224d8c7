"""Xavier's initializer on a bias, as Keras accepts it (BL203). PyTorch and Flax raise an error, which needs no experiment."""

from __future__ import annotations

import math

import torch

from experiments import data, networks
from experiments.plan import Context, Experiment, Params, Task, Variant


def glorot(p: Params, context: Context) -> None:
    """Keras's GlorotUniform for a vector of n numbers: n is taken for both fans."""
    for name in p:
        if name.endswith("bias"):
            bound = math.sqrt(6 / (2 * len(p[name])))
            p[name] = (2 * torch.rand(p[name].shape, generator=context.generator) - 1) * bound


EXPERIMENT = Experiment(
    name="weight_initializer",
    title="Xavier's initializer on biases",
    rules=("BL203",),
    hypothesis="Nothing: in layers of 32 units the numbers are small (below 0.31).",
    tasks=(
        Task(
            name="digits, two hidden layers of 32, as in Keras",
            data=data.digits,
            start=networks.mlp_start(64, 32, 32, 10),
            forward=networks.mlp,
            variants=(Variant("biases by Xavier", change=glorot), Variant("biases of 0")),
            steps=300,
            level=0.2,
        ),
    ),
)
