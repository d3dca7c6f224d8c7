"""An output layer without a bias (BL402)."""

from dataclasses import replace

from experiments import data, networks
from experiments.plan import Experiment, Task, Variant
from experiments.plans.output_prior import table

VARIANTS = (Variant("no output bias", frozen=("out.bias",)), Variant("an output bias, at zero first"))
EXPERIMENT = Experiment(
    name="missing_output_bias",
    title="An output layer without a bias",
    rules=("BL402",),
    hypothesis="Slightly more steps on imbalanced tables, where the hidden ReLUs have to make up for the bias; no difference on the "
    "balanced digits; a far worse end for a linear model on centred features, which nothing else gives a constant.",
    tasks=(
        table("page-blocks0", VARIANTS),
        table("winequality-red-4", VARIANTS),
        replace(
            table("page-blocks0", VARIANTS),
            name="page-blocks0 (KEEL), a linear model",
            start=lambda generator: networks.mlp_start(data.keel("page-blocks0").x.shape[1], 1)(generator),
        ),
        Task(
            name="digits, two hidden layers of 32",
            data=data.digits,
            start=networks.mlp_start(64, 32, 32, 10),
            forward=networks.mlp,
            variants=VARIANTS,
            steps=300,
            level=0.2,
        ),
    ),
)
