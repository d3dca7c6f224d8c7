"""Running an experiment: learning rates are chosen on seeds of their own, then all variants run on the same further seeds."""

from __future__ import annotations

import platform
import sys
import time
from typing import Any

import torch

from experiments.plan import Experiment, Task, Variant, budget
from experiments.training import CAP, Runs, train

TUNING = 1000  # the first seed on which learning rates are chosen; results come from seeds 0, 1, 2 ...
QUALITY = {"classes": "accuracy", "binary": "area under the ROC curve", "numbers": "R squared", "cells": "average precision"}


def run(experiment: Experiment) -> dict[str, Any]:
    """The result of an experiment as data for JSON."""
    torch.set_num_threads(1)
    begun = time.time()
    result: dict[str, Any] = {
        "name": experiment.name,
        "title": experiment.title,
        "rules": list(experiment.rules),
        "hypothesis": experiment.hypothesis,
        "measures": experiment.measures,
        "tasks": [compare(experiment.name, task) for task in experiment.tasks],
    }
    if experiment.cost is not None:
        result["cost"] = experiment.cost(False)
    result["seconds"] = round(time.time() - begun)
    result["versions"] = {"python": platform.python_version(), "torch": torch.__version__.partition("+")[0]}
    return result


def compare(name: str, task: Task) -> dict[str, Any]:
    """All variants of a task."""
    return {
        "name": task.name,
        "quality": QUALITY[task.data().kind],
        "level": task.level,
        "steps": task.steps,
        "budget": budget(task),
        "variants": [measure(name, task, variant) for variant in task.variants],
    }


def measure(name: str, task: Task, variant: Variant) -> dict[str, Any]:
    """One variant, with the learning rate that suits it best: one for its curve and the steps, one for what stands at the end."""
    head = f"{name}: {task.name}: {variant.name}"
    seeds = [TUNING + number for number in range(task.tuning)]
    tuned = train(task, variant, seeds, task.rates, Progress(f"{head}: choosing a learning rate", task.steps))
    losses = capped(tuned, tuned.valid).mean(0)
    over_all, at_end = losses.mean(-1), losses[:, -max(1, losses.shape[-1] // 10) :].mean(-1)
    chosen = [int(over_all.argmin()), int(at_end.argmin())]
    rates = [task.rates[index] for index in chosen]
    made = {
        rate: train(task, variant, list(range(task.seeds)), (rate,), Progress(f"{head}: training with {rate:g}", task.steps))
        for rate in dict.fromkeys(rates)
    }
    runs, last = (made[rate] for rate in rates)
    valid = capped(runs, runs.valid)[:, 0]
    return {
        "name": variant.name,
        "rate": rates[0],
        "end_rate": rates[1],
        "rates_at_edge": [index in (0, len(task.rates) - 1) for index in chosen],
        "tuning": numbers(over_all),
        "end_tuning": numbers(at_end),
        "diverged": int((~last.train[:, 0, -1].isfinite()).sum()),
        "initial": numbers(runs.train[:, 0, 0]),
        "reached": [
            next((at for at, loss in zip(runs.at, row, strict=True) if loss < task.level), None) for row in valid.tolist()
        ],
        "train": numbers(capped(last, last.train)[:, 0, -1]),
        "test": numbers(capped(last, last.test.unsqueeze(-1))[:, 0, -1]),
        "quality": numbers(last.quality[:, 0]),
        "constant": rounded(float(runs.constant.mean())),
        "curve": curve(runs.at, valid),
    }


def capped(runs: Runs, losses: torch.Tensor) -> torch.Tensor:
    """Losses as multiples of the constant prediction's, at most CAP."""
    return (losses / runs.constant.view(-1, 1, 1)).nan_to_num(CAP, CAP, CAP).clamp(max=CAP)


def curve(at: list[int], losses: torch.Tensor) -> dict[str, list[float]]:
    """The median over seeds, and the band that holds the middle eight tenths of them."""
    low, middle, high = losses.quantile(torch.tensor([0.1, 0.5, 0.9]), dim=0)
    return {"at": [*map(float, at)], "median": numbers(middle), "low": numbers(low), "high": numbers(high)}


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
