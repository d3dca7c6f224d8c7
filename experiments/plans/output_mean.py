"""A regression's output bias at zero, or at the mean of the targets (BL401)."""

from experiments import data, networks
from experiments.changes import output_bias
from experiments.plan import Experiment, Task, Variant

VARIANTS = (Variant("output bias of zero"), Variant("output bias at the targets' mean", change=output_bias("mean")))
RATES = (1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1, 2e-1, 5e-1, 1.0)

EXPERIMENT = Experiment(
    name="output_mean",
    title="The output bias of a regression",
    rules=("BL401",),
    hypothesis="With a target of mean 152 far fewer steps and a better end within the budget; with a target of mean 1.5 a faster start and "
    "no difference at the end.",
    tasks=(
        Task(
            name="diabetes, a target of mean 152",
            data=data.diabetes,
            start=networks.mlp_start(10, 32, 1),
            forward=networks.mlp,
            variants=VARIANTS,
            steps=400,
            level=0.75,
            rates=RATES,
        ),
        Task(
            name="diabetes, a target of mean 1.5",
            data=data.diabetes_in_hundreds,
            start=networks.mlp_start(10, 32, 1),
            forward=networks.mlp,
            variants=VARIANTS,
            steps=400,
            level=0.65,
            rates=RATES[:6],
        ),
    ),
)
