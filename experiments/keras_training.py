"""Training in Keras itself: its layers, losses and optimizer, one `fit` for each seed with each learning rate.

Splits, batches and measures are those of `training`, so that a seed means the same for both variants.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import torch
from torch import Tensor

os.environ.setdefault("KERAS_BACKEND", "torch")
import keras

from experiments.data import Data
from experiments.plan import Task, Variant
from experiments.training import (
    LOSSES,
    Runs,
    batches,
    best_constant,
    evaluation_parts,
    evaluation_steps,
    quality,
    split,
)

FOR_SCORES = {"classes": keras.losses.SparseCategoricalCrossentropy, "binary": keras.losses.BinaryCrossentropy}


def train(task: Task, variant: Variant, seeds: list[int], rates: tuple[float, ...], report: Callable[[int], None]) -> Runs:
    """Fit a variant's model for each seed with each learning rate."""
    data = task.data()
    parts = [split(data, seed) for seed in seeds]
    shown = evaluation_parts(task, parts)
    train_losses, valid, test, qualities = [], [], [], []
    for number, (seed, part) in enumerate(zip(seeds, parts, strict=True)):
        order = batches(part[0], task, seed)
        for rate in rates:
            run = Run(task, variant, data, [one[number] for one in shown], seed, rate)
            run.fit(order)
            train_losses.append(torch.tensor(run.curves[0]))
            valid.append(torch.tensor(run.curves[1]))
            outputs, y = run.outputs(2)
            test.append(LOSSES[data.kind](outputs, y))
            qualities.append(quality(data.kind, outputs, y))
            report(task.steps * len(test) // (len(seeds) * len(rates)))
    shape = (len(seeds), len(rates))
    return Runs(
        evaluation_steps(task),
        *(torch.stack(curve).view(*shape, -1) for curve in (train_losses, valid)),
        *(torch.cat(values).view(shape) for values in (test, qualities)),
        best_constant(data, parts, shown[1]),
    )


class Run(keras.callbacks.Callback):
    """One model and its losses: on the training examples at the start and the end, on the validation examples where the task says."""

    def __init__(self, task: Task, variant: Variant, data: Data, shown: list[Tensor], seed: int, rate: float) -> None:
        super().__init__()
        self.task, self.data, self.shown, self.at = task, data, shown, set(evaluation_steps(task))
        self.curves: tuple[list[float], list[float]] = ([], [])
        keras.utils.set_random_seed(seed)
        self.net = variant.model()
        self.net.compile(
            keras.optimizers.Adam(rate, global_clipnorm=task.clip), variant.loss or FOR_SCORES[data.kind](from_logits=True)
        )

    def fit(self, order: Tensor) -> None:
        """Train on the batches of one seed, in their order."""
        x, y = (values[order.flatten()].numpy() for values in (self.data.x, self.data.y))
        self.net.fit(x, y, batch_size=self.task.batch, shuffle=False, verbose=0, callbacks=[self])

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        self.evaluate(0)
        self.evaluate(1)

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if batch + 1 in self.at:
            self.evaluate(1)

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        self.evaluate(0)

    def evaluate(self, which: int) -> None:
        """Write down the loss on the training (0) or the validation examples (1)."""
        self.curves[which].append(float(LOSSES[self.data.kind](*self.outputs(which))))

    def outputs(self, which: int) -> tuple[Tensor, Tensor]:
        """Scores and targets of a part, with a leading axis for the only run."""
        chosen = self.shown[which]
        found = torch.tensor(self.net.predict_on_batch(self.data.x[chosen].numpy()))
        return found.squeeze(-1).unsqueeze(0) if found.shape[-1] == 1 else found.unsqueeze(0), self.data.y[chosen].unsqueeze(0)
