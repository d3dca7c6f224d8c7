"""The output bias at zero, or at the log-odds of the positives, on ten imbalanced tables (BL401)."""

from __future__ import annotations

from experiments import data, networks
from experiments.changes import output_bias
from experiments.plan import ADAM, Experiment, Task, Variant

TABLES = (
    "abalone9-18",
    "car-good",
    "ecoli4",
    "flare-F",
    "kr-vs-k-three_vs_eleven",
    "page-blocks0",
    "shuttle-c0-vs-c4",
    "vowel0",
    "winequality-red-4",
    "yeast4",
)  # chosen by the share of positives, 2.8 to 10.2 %, one of each family


def table(name: str, variants: tuple[Variant, ...], steps: int = 800) -> Task:
    return Task(
        name=f"{name} (KEEL)",
        data=lambda: data.keel(name),
        start=lambda generator: networks.mlp_start(data.keel(name).x.shape[1], 32, 1)(generator),
        forward=networks.mlp,
        variants=variants,
        steps=steps,
        level=1.0,
        rates=(2e-4, *ADAM, 1e-1),
    )


EXPERIMENT = Experiment(
    name="output_prior",
    title="The output bias on imbalanced tables",
    rules=("BL401",),
    hypothesis="The prior starts far lower and is below the loss of a constant prediction after a few steps, where zero needs tens to "
    "hundreds; at the end no difference, or a slightly higher test loss with the prior: a faster start, not a better end.",
    tasks=tuple(
        table(name, (Variant("output bias of zero"), Variant("output bias at the prior", change=output_bias("log-odds"))))
        for name in TABLES
    ),
)
