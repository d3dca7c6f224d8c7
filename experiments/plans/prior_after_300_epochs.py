"""The output bias at zero, or at the log-odds of the positives, on ten imbalanced tables for 300 epochs (BL401)."""

from dataclasses import replace

from experiments.plan import MEASURES, Experiment
from experiments.plans import output_prior

RATES = (2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3)
EXPERIMENT = Experiment(
    name="prior_after_300_epochs",
    title="The output bias after 300 epochs",
    rules=("BL401",),
    hypothesis="The prior starts far lower and saves 50 to 500 steps to the loss of a constant prediction, but after 300 epochs its test "
    "loss is higher on seven of ten tables: a faster start, not a better end.",
    tasks=tuple(replace(task, epochs=300, every=8, rates=RATES) for task in output_prior.EXPERIMENT.tasks),
    measures=f"{MEASURES} Counted are the tables on which the mean test loss at the end is higher with the prior, and on which it is lower; "
    "the same again without tuning, with one learning rate for both, for each rate of the grid.",
)
