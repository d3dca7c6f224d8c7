"""Running an experiment: all variants with all seeds and learning rates, then the rates that suit each variant best."""

from __future__ import annotations

import platform
import sys
import time
from typing import Any

import torch

from experiments.plan import Experiment, Task, Variant, budget
from experiments.training import CAP, Runs, in_steps, train

DRAWS = 2000  # of the bootstrap
POINTS = 100  # of a curve, at most; the first evaluation after the start is always one
QUALITY = {"classes": "accuracy", "binary": "area under the ROC curve", "numbers": "R squared", "cells": "average precision"}


def run(experiment: Experiment) -> dict[str, Any]:
    """The result of an experiment as data for JSON."""
    torch.set_num_threads(1)
    begun, many = time.time(), len(experiment.tasks)
    result: dict[str, Any] = {
        "name": experiment.name,
        "title": experiment.title,
        "rules": list(experiment.rules),
        "hypothesis": experiment.hypothesis,
        "measures": experiment.measures,
        "tasks": [
            compare(f"{experiment.name} ({number} of {many})", in_steps(task))
            for number, task in enumerate(experiment.tasks, 1)
        ],
    }
    if experiment.cost is not None:
        result["cost"] = experiment.cost(False)
    result["seconds"] = round(time.time() - begun)
    result["versions"] = versions(any(variant.model is not None for task in experiment.tasks for variant in task.variants))
    return result


def versions(with_keras: bool) -> dict[str, str]:
    """What the runs were made with."""
    found = {"python": platform.python_version(), "torch": torch.__version__.partition("+")[0]}
    if with_keras:
        import keras

        found |= {"keras": keras.__version__, "backend of keras": keras.backend.backend()}
    return found


def compare(head: str, task: Task) -> dict[str, Any]:
    """All variants of a task, and the first against the second. What is said on the way begins with `head`."""
    runs = [Measured(task, trained(head, task, variant)) for variant in task.variants]
    return {
        "name": task.name,
        "quality": QUALITY[task.data().kind],
        "level": task.level,
        "steps": task.steps,
        "budget": budget(task),
        "variants": [described(task, variant, one) for variant, one in zip(task.variants, runs, strict=True)],
        "errors": errors(runs[0], runs[1]),
    }


def trained(head: str, task: Task, variant: Variant) -> Runs:
    progress = Progress(f"{head}: {task.name}: {variant.name}", task.steps)
    if variant.model is not None:
        from experiments import keras_training

        return keras_training.train(task, variant, list(range(task.seeds)), task.rates, progress)
    return train(task, variant, list(range(task.seeds)), task.rates, progress)


class Measured:
    """The measures of one variant, for each seed with each learning rate. Losses are multiples of the constant prediction's."""

    def __init__(self, task: Task, runs: Runs) -> None:
        self.runs = runs
        self.valid = capped(runs, runs.valid)
        self.over_all = self.valid.mean(-1)
        self.at_end = self.valid[..., -max(1, self.valid.shape[-1] // 10) :].mean(-1)
        at = torch.tensor(runs.at, dtype=torch.float32)
        below = self.valid < task.level
        self.missed = ~below.any(-1)
        self.steps = at[below.float().argmax(-1)].masked_fill(self.missed, task.steps)
        self.log_steps = self.steps.clamp_min(float(at[1])).log()
        self.test = capped(runs, runs.test.unsqueeze(-1))[..., 0]
        self.quality = runs.quality

    def chosen(self, seeds: torch.Tensor) -> dict[str, torch.Tensor]:
        """For each row of seeds the means of all measures, with the learning rates that suit these seeds best."""
        fast, last = (scores[seeds].mean(1).argmin(1, keepdim=True) for scores in (self.over_all, self.at_end))
        pairs = (
            ("steps", self.steps, fast),
            ("log_steps", self.log_steps, fast),
            ("test", self.test, last),
            ("quality", self.quality, last),
        )
        return {name: values[seeds].mean(1).gather(1, rate)[:, 0] for name, values, rate in pairs}


def errors(flagged: Measured, fixed: Measured) -> dict[str, float | None]:
    """The standard errors of the paired differences, from drawing the seeds again and choosing the learning rates anew each time."""
    count = len(flagged.test)
    seeds = torch.randint(count, (DRAWS, count), generator=torch.Generator().manual_seed(0))
    ones, others = flagged.chosen(seeds), fixed.chosen(seeds)
    return {name: rounded(float((ones[name] - others[name]).std()) * (count / (count - 1)) ** 0.5) for name in ones}


def described(task: Task, variant: Variant, one: Measured) -> dict[str, Any]:
    """One variant with its learning rates: one for its curve and the steps, one for what stands at the end."""
    scores = [one.over_all.mean(0), one.at_end.mean(0)]
    fast, last = (int(score.argmin()) for score in scores)
    reached = [None if missed else int(step) for step, missed in zip(one.steps[:, fast], one.missed[:, fast], strict=True)]
    return {
        "name": variant.name,
        "rate": task.rates[fast],
        "end_rate": task.rates[last],
        "rates_at_edge": [index in (0, len(task.rates) - 1) for index in (fast, last)],
        "mean_loss_by_rate": numbers(scores[0]),
        "end_loss_by_rate": numbers(scores[1]),
        "test_by_rate": numbers(one.test.mean(0)),
        "diverged_by_rate": (~one.runs.train[..., -1].isfinite()).sum(0).tolist(),
        "initial": numbers(one.runs.train[:, fast, 0]),
        "reached": reached,
        "train": numbers(capped(one.runs, one.runs.train)[:, last, -1]),
        "test": numbers(one.test[:, last]),
        "quality": numbers(one.quality[:, last]),
        "constant": rounded(float(one.runs.constant.mean())),
        "curve": curve(one.runs.at, one.valid[:, fast]),
    }


def capped(runs: Runs, losses: torch.Tensor) -> torch.Tensor:
    """Losses as multiples of the constant prediction's, at most CAP."""
    return (losses / runs.constant.view(-1, 1, 1)).nan_to_num(CAP, CAP, CAP).clamp(max=CAP)


def curve(at: list[int], losses: torch.Tensor) -> dict[str, list[float]]:
    """The median over seeds, and the band that holds the middle eight tenths of them."""
    thinned = sorted({0, min(1, len(at) - 1), *(round(n * (len(at) - 1) / POINTS) for n in range(POINTS + 1))})
    low, middle, high = losses[:, thinned].quantile(torch.tensor([0.1, 0.5, 0.9]), dim=0)
    return {"at": [float(at[n]) for n in thinned], "median": numbers(middle), "low": numbers(low), "high": numbers(high)}


def rounded(value: float) -> float | None:
    """Four digits; None for what is no number."""
    return float(f"{value:.4g}") if abs(value) < float("inf") else None


def numbers(values: torch.Tensor) -> list[Any]:
    return [rounded(value) for value in values.tolist()]


class Progress:
    """Says on standard error how far a training is: on a terminal in place, else one line at the end."""

    def __init__(self, head: str, steps: int) -> None:
        self.head, self.steps, self.begun = head, steps, time.time()

    def __call__(self, step: int) -> None:
        terminal, done = sys.stderr.isatty(), step == self.steps
        if terminal or done:
            text = f"{self.head}: step {step} of {self.steps}, {time.time() - self.begun:.0f} s"
            print(("\r" if terminal else "") + text, end="\n" if done or not terminal else "", file=sys.stderr, flush=True)
