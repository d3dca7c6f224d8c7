"""Training many runs at once: each seed with each learning rate is a run, and runs share nothing but their arithmetic.

The same seed has the same split, the same start and the same order of batches in all variants, so that results are paired.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from experiments.data import Data
from experiments.plan import Context, Forward, Loss, Params, Task, Variant

FITTED = 400  # training examples that the best constant of a focal loss is fitted to
CAP = 10.0  # a loss above this multiple of the constant prediction's, or none at all, counts as this multiple
STATISTICS = (".mean", ".var")


@dataclass
class Runs:
    """What was measured for each seed with each rate: `train` at the start and the end, `valid` all along, the others at the end."""

    at: list[int]  # steps
    train: Tensor
    valid: Tensor
    test: Tensor
    quality: Tensor
    constant: Tensor  # (seeds,): the loss of the best constant prediction on the validation set


def cross_entropy(outputs: Tensor, y: Tensor) -> Tensor:
    """For each run: outputs are (runs, batch, classes), targets (runs, batch)."""
    return functional.cross_entropy(outputs.flatten(0, 1), y.flatten(), reduction="none").view(y.shape).mean(1)


def binary(outputs: Tensor, y: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(outputs, y, reduction="none").mean(1)


def squared(outputs: Tensor, y: Tensor) -> Tensor:
    return (outputs - y).square().mean(1)


def focal(outputs: Tensor, y: Tensor) -> Tensor:
    """RetinaNet's: gamma 2, alpha 0.25, the sum divided by the number of positives."""
    loss = functional.binary_cross_entropy_with_logits(outputs, y, reduction="none")
    wrong = torch.where(y > 0, 1 - outputs.sigmoid(), outputs.sigmoid())
    weight = torch.where(y > 0, 0.25, 0.75) * wrong.square()
    return (weight * loss).flatten(1).sum(1) / y.flatten(1).sum(1).clamp_min(1)


LOSSES: dict[str, Loss] = {"classes": cross_entropy, "binary": binary, "numbers": squared, "cells": focal}


def constant(kind: str, fit: Tensor, y: Tensor) -> Tensor:
    """For each run: the loss on `y` of the constant that fits the training targets best."""
    if kind == "classes":
        counts = torch.stack([torch.bincount(row, minlength=int(fit.max()) + 1) for row in fit]).float() + 0.5
        return -(counts / counts.sum(1, keepdim=True)).log().gather(1, y).mean(1)
    if kind == "numbers":
        return squared(fit.mean(1, keepdim=True).expand_as(y), y)
    if kind == "cells":  # the focal loss has its minimum elsewhere than at the share of positives
        tried = torch.arange(-8.0, 0.0, 0.25)
        losses = torch.stack(
            [LOSSES[kind](torch.full(fit[:, :FITTED].shape, float(logit)), fit[:, :FITTED]) for logit in tried], 1
        )
        logit = tried[losses.argmin(1)]
    else:
        share = fit.mean(1)
        logit = (share / (1 - share)).log()
    return LOSSES[kind](logit.view(-1, *[1] * (y.dim() - 1)).expand_as(y), y)


def best_constant(data: Data, parts: list[tuple[Tensor, Tensor, Tensor]], valid: Tensor) -> Tensor:
    """For each seed: the loss on its validation examples of the constant that fits its training targets best."""
    return constant(data.kind, torch.stack([data.y[part[0]] for part in parts]), data.y[valid])


def quality(kind: str, outputs: Tensor, y: Tensor) -> Tensor:
    """For each run: accuracy, area under the ROC curve, R squared, or average precision over all cells."""
    if kind == "classes":
        return (outputs.argmax(-1) == y).float().mean(1)
    if kind == "numbers":
        return 1 - squared(outputs, y) / y.var(1, unbiased=False)
    from sklearn.metrics import average_precision_score, roc_auc_score

    score = roc_auc_score if kind == "binary" else average_precision_score
    scores = outputs.nan_to_num(0.0, 1e6, -1e6).flatten(1)
    return torch.tensor([float(score(a.numpy(), b.numpy())) for a, b in zip(y.flatten(1), scores, strict=True)])


def split(data: Data, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Indices of 60, 20 and 20 % of the examples."""
    generator = torch.Generator().manual_seed(seed)
    blocks = len(data.x) // data.block
    order = torch.randperm(blocks, generator=generator)
    ends = [int(blocks * 0.6), int(blocks * 0.8), blocks]
    inside = torch.arange(data.block)
    parts = [order[a:b].view(-1, 1) * data.block + inside for a, b in zip([0, *ends], ends, strict=False)]
    mixed = [part.flatten()[torch.randperm(part.numel(), generator=generator)] for part in parts]
    return mixed[0], mixed[1], mixed[2]


def evaluation_parts(task: Task, parts: list[tuple[Tensor, Tensor, Tensor]]) -> list[Tensor]:
    """Of each part the examples on which runs are evaluated, (seeds, examples)."""
    return [torch.stack([part[n][: min(task.shown, *(len(one[n]) for one in parts))] for part in parts]) for n in range(3)]


def evaluation_steps(task: Task) -> list[int]:
    """The numbers of steps after which runs are evaluated."""
    return sorted({round(task.steps * n / task.evaluations) for n in range(task.evaluations + 1)})


def in_steps(task: Task) -> Task:
    """The task with the number of steps and evaluations that its data lead to."""
    if task.epochs is not None:
        task = replace(task, steps=round(task.epochs * len(split(task.data(), 0)[0]) / task.batch))
    return task if task.every is None else replace(task, evaluations=task.steps // task.every)


class Optimizer:
    """SGD with momentum (decay added to the gradient) or Adam (decay apart from it), with a learning rate for each run."""

    def __init__(self, task: Task, variant: Variant, p: Params, rates: Tensor) -> None:
        self.task, self.rates, self.step_number = task, rates, 0
        self.trained = [name for name in p if not name.endswith((*STATISTICS, *variant.frozen))]
        self.decayed = {name for name in self.trained if task.decay and not name.endswith(variant.undecayed or "\0")}
        self.first = {name: torch.zeros_like(p[name]) for name in self.trained}
        self.second = {name: torch.zeros_like(p[name]) for name in self.trained}

    def step(self, p: Params, gradients: dict[str, Tensor]) -> None:
        self.step_number += 1
        if self.task.clip is not None:
            norm = torch.stack([g.flatten(1).square().sum(1) for g in gradients.values()]).sum(0).sqrt()
            factor = (self.task.clip / norm).clamp(max=1.0)
            gradients = {name: g * factor.view(-1, *[1] * (g.dim() - 1)) for name, g in gradients.items()}
        for name, gradient in gradients.items():
            rate = self.rates.view(-1, *[1] * (gradient.dim() - 1))
            if self.task.optimizer == "sgd":
                if name in self.decayed:
                    gradient = gradient + self.task.decay * p[name]
                self.first[name].mul_(0.9).add_(gradient)
                p[name].sub_(rate * self.first[name])
                continue
            if name in self.decayed:
                p[name].mul_(1 - rate * self.task.decay)
            self.first[name].mul_(0.9).add_(gradient, alpha=0.1)
            self.second[name].mul_(0.999).addcmul_(gradient, gradient, value=0.001)
            root = (self.second[name] / (1 - 0.999**self.step_number)).sqrt_().add_(1e-8)
            p[name].sub_(rate * self.first[name] / (1 - 0.9**self.step_number) / root)


def starts(task: Task, variant: Variant, data: Data, seeds: list[int], rates: int) -> Params:
    """The parameters of all runs: those of a seed alike for all learning rates."""
    made = []
    for seed in seeds:
        p = task.start(torch.Generator().manual_seed(seed))
        if variant.change is not None:
            targets = data.y[split(data, seed)[0]]
            variant.change(p, Context(targets, torch.Generator().manual_seed(seed + 1_000_000)))
        made.append(p)
    return {name: torch.stack([p[name] for p in made]).repeat_interleave(rates, 0) for name in made[0]}


def train(task: Task, variant: Variant, seeds: list[int], rates: tuple[float, ...], report: Callable[[int], None]) -> Runs:
    """Train a variant for each seed with each learning rate."""
    data, many = task.data(), len(rates)
    parts = [split(data, seed) for seed in seeds]
    shown = evaluation_parts(task, parts)
    loss, forward, kind = variant.loss or LOSSES[data.kind], variant.forward or task.forward, data.kind
    p = starts(task, variant, data, seeds, many)
    optimizer = Optimizer(task, variant, p, torch.tensor(rates).repeat(len(seeds)))
    orders = [batches(part[0], task, seed) for part, seed in zip(parts, seeds, strict=True)]

    def evaluated(which: int) -> tuple[Tensor, Tensor]:
        x, y = (t[shown[which]].repeat_interleave(many, 0) for t in (data.x, data.y))
        with torch.no_grad():
            return forward(p, x, None), y

    curves: list[list[Tensor]] = [[], []]
    at = evaluation_steps(task)
    for number in range(task.steps + 1):
        if number in at:
            curves[1].append(LOSSES[kind](*evaluated(1)))
            if number in (0, task.steps):
                curves[0].append(LOSSES[kind](*evaluated(0)))
            report(number)
        if number < task.steps:
            chosen = torch.stack([order[number] for order in orders])
            one_step(p, optimizer, forward, loss, *(t[chosen].repeat_interleave(many, 0) for t in (data.x, data.y)))
    outputs, y = evaluated(2)
    shape = (len(seeds), many)
    return Runs(
        at,
        *(torch.stack(curve, -1).view(*shape, -1) for curve in curves),
        LOSSES[kind](outputs, y).view(shape),
        quality(kind, outputs, y).view(shape),
        best_constant(data, parts, shown[1]),
    )


def one_step(p: Params, optimizer: Optimizer, forward: Forward, loss: Loss, x: Tensor, y: Tensor) -> None:
    stats: Params = {}
    for name in optimizer.trained:
        p[name].requires_grad_()
    total = loss(forward(p, x, stats), y).sum()
    found = torch.autograd.grad(total, [p[name] for name in optimizer.trained], allow_unused=True)
    for name in optimizer.trained:
        p[name] = p[name].detach()
    with torch.no_grad():
        optimizer.step(p, {name: g for name, g in zip(optimizer.trained, found, strict=True) if g is not None})
        for name, value in stats.items():
            p[name].mul_(0.9).add_(value, alpha=0.1)


def batches(indices: Tensor, task: Task, seed: int) -> Tensor:
    """The batches of one seed, (steps, batch): one random order after another."""
    generator = torch.Generator().manual_seed(seed + 2_000_000)
    rounds = math.ceil(task.steps * task.batch / len(indices))
    order = torch.cat([indices[torch.randperm(len(indices), generator=generator)] for _ in range(rounds)])
    return order[: task.steps * task.batch].view(task.steps, task.batch)
