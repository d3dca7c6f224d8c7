"""The parts of a plan: an experiment has tasks, and a task compares variants of one network on one data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from torch import Generator, Tensor

from experiments.data import Data

Params = dict[str, Tensor]
Start = Callable[[Generator], Params]
Forward = Callable[[Params, Tensor, "Params | None"], Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]
Change = Callable[[Params, "Context"], None]

ADAM = (5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2)
SGD = (2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1, 2e-1)
BUDGET = "{seeds} seeds with each of the learning rates {rates}; {length} of {batch} examples ({optimizer})"
MEASURES = (
    "Training loss before the first step; steps until the validation loss is below the stated level; loss on the test set at the end and "
    "its quality (accuracy, area under the ROC curve, R squared or average precision). Each variant has the learning rate that suits it "
    "best: for the steps, the one with the lowest mean validation loss over the budget, for the end, with the lowest in the last tenth. "
    "Differences are paired by seed; their 95 % intervals come from a bootstrap over the seeds that chooses the learning rates again."
)


@dataclass(frozen=True)
class Context:
    """What a variant may look at when it changes the start of one run: the training targets, and a source of random numbers."""

    targets: Tensor
    generator: Generator


@dataclass(frozen=True)
class Variant:
    """One side of a comparison. What is left out is as the task has it."""

    name: str
    change: Change | None = None  # changes the parameters of one run in place
    frozen: tuple[str, ...] = ()  # endings of the names of parameters that are not trained
    undecayed: tuple[str, ...] = ()  # endings of the names of parameters without weight decay
    loss: Loss | str | None = None  # the training loss; of a Keras model, what `compile` is given
    forward: Forward | None = None
    model: Callable[[], Any] | None = None  # a Keras model, which Keras itself trains


@dataclass(frozen=True)
class Task:
    """A network on a data set. The first variant is the flagged one, the second the fixed one; further ones are for comparison."""

    name: str
    data: Callable[[], Data]
    variants: tuple[Variant, ...]
    steps: int  # where `epochs` is given, they follow from that
    level: float  # as a multiple of the loss of the best constant prediction
    start: Start | None = None  # the parameters of one run; none where the variants are models of Keras
    forward: Forward | None = None
    batch: int = 32
    evaluations: int = 100
    epochs: int | None = None
    every: int | None = None  # the steps between two evaluations, where not their number is given
    optimizer: str = "adam"  # or "sgd", with momentum 0.9
    rates: tuple[float, ...] = ADAM
    decay: float = 0.0
    clip: float | None = None  # the largest norm of a run's gradient
    seeds: int = 20
    shown: int = 400  # examples of each part on which a run is evaluated, at most


@dataclass(frozen=True)
class Experiment:
    """A claim about training, and what tests it. `rules` are codes; none where the claim belongs to no rule."""

    name: str
    title: str
    rules: tuple[str, ...]
    hypothesis: str
    tasks: tuple[Task, ...]
    measures: str = MEASURES
    cost: Callable[[bool], dict[str, Any]] | None = None  # bytes and seconds, where the claim is about those


SMALL: dict[str, Any] = {"steps": 3, "epochs": None, "evaluations": 2, "every": None, "batch": 4, "seeds": 2, "shown": 100}


def tiny(experiment: Experiment) -> Experiment:
    """The same experiment in a second or so, to see whether it runs: two tasks, or one where Keras is to train it."""
    some = experiment.tasks[: 1 if experiment.tasks[0].start is None else 2]
    tasks = [replace(task, **SMALL, rates=task.rates[1:3]) for task in some]
    cost = experiment.cost
    return replace(experiment, tasks=tuple(tasks), cost=None if cost is None else lambda _: cost(True))


def budget(task: Task) -> str:
    """The budget of a task in words."""
    rates = ", ".join(f"{rate:g}" for rate in task.rates)
    optimizer = {"adam": "Adam", "sgd": "SGD with momentum 0.9"}[task.optimizer] + (
        f", weight decay {task.decay:g}" if task.decay else ""
    )
    length = f"{task.steps} steps" if task.epochs is None else f"{task.epochs} epochs in batches"
    return BUDGET.format(seeds=task.seeds, rates=rates, length=length, batch=task.batch, optimizer=optimizer)
