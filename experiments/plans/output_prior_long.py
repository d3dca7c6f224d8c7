"""The comparison of `output_prior`, with 300 epochs: is a faster start also a better end (BL401)?"""

from __future__ import annotations

from dataclasses import replace

from experiments.plan import Experiment, Task
from experiments.plans import output_prior

# Rows of each table's training part.
ROWS = {
    "abalone9-18": 438,
    "car-good": 1036,
    "ecoli4": 201,
    "flare-F": 639,
    "kr-vs-k-three_vs_eleven": 1761,
    "page-blocks0": 3283,
    "shuttle-c0-vs-c4": 1097,
    "vowel0": 592,
    "winequality-red-4": 959,
    "yeast4": 890,
}
BATCH, EPOCHS = 128, 300


def long(task: Task, name: str) -> Task:
    return replace(task, batch=BATCH, steps=EPOCHS * ROWS[name] // BATCH, evaluations=60, rates=(5e-4, 1e-3, 2e-3, 5e-3, 1e-2))


EXPERIMENT = Experiment(
    name="output_prior_long",
    title="The output bias on imbalanced tables after 300 epochs",
    rules=("BL401",),
    hypothesis="The test loss after 300 epochs is the same, or higher with the prior in more tables than it is lower.",
    tasks=tuple(long(task, name) for task, name in zip(output_prior.EXPERIMENT.tasks, output_prior.TABLES, strict=True)),
)
