"""A bias that a batch norm subtracts again (BL101): nothing but bytes and time."""

from __future__ import annotations

import statistics
import time
from typing import Any

import torch
from torch import nn

from experiments import data, networks
from experiments.plan import Experiment, Task, Variant

WITH = Variant("convolutions with a bias before batch norm")
WITHOUT = Variant("convolutions without", frozen=("c1.bias", "c2.bias", "c3.bias", "c4.bias"))


def task(name: str, optimizer: str, rates: tuple[float, ...]) -> Task:
    return Task(
        name=f"digits, four convolutions with batch norm, {name}",
        data=data.digit_images,
        start=networks.cnn_start(norm=True),
        forward=networks.cnn,
        variants=(WITH, WITHOUT),
        steps=120,
        level=0.1,
        evaluations=20,
        optimizer=optimizer,
        rates=rates,
        seeds=10,
    )


def block(channels: int, bias: bool) -> nn.Module:
    layers: list[nn.Module] = []
    for _ in range(4):
        layers += [nn.Conv2d(channels, channels, 3, padding=1, bias=bias), nn.BatchNorm2d(channels), nn.ReLU()]
    return nn.Sequential(*layers)


def cost(tiny: bool) -> dict[str, Any]:
    """Bytes of a state dict, and seconds of a training step, measured in turn: four convolutions of 64 channels on 16 x 16."""
    models = {bias: block(8 if tiny else 64, bias) for bias in (True, False)}
    x = torch.randn(2 if tiny else 16, 8 if tiny else 64, 16, 16)
    times: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(3 if tiny else 60):
        for bias, model in models.items():
            begun = time.perf_counter()
            model(x).square().mean().backward()
            times[bias].append(time.perf_counter() - begun)
    size = {bias: sum(p.numel() * p.element_size() for p in model.state_dict().values()) for bias, model in models.items()}
    ratios = [one / other for one, other in zip(times[True], times[False], strict=True)][2:]
    return {
        "what": "four convolutions of 64 channels",
        "bytes": [size[True], size[False]],
        "milliseconds": [round(1000 * statistics.median(times[bias]), 2) for bias in (True, False)],
        "time_ratio": round(statistics.median(ratios), 3),
    }


EXPERIMENT = Experiment(
    name="dead_bias",
    title="A bias before batch norm",
    rules=("BL101",),
    hypothesis="No difference in any measure of training, with SGD and with Adam, which divides even a gradient of rounding errors by its "
    "size and so lets the dead bias wander. A state dict that is smaller by less than 1 %, and no difference in time that can be measured.",
    tasks=(task("Adam", "adam", (2e-3, 5e-3, 1e-2, 2e-2)), task("SGD", "sgd", (1e-2, 2e-2, 5e-2, 1e-1))),
    cost=cost,
)
