"""Hidden layers without a bias (BL103), and biases that are never trained (BL205): in both the bias stays zero."""

from experiments import data, networks
from experiments.changes import fill
from experiments.plan import Experiment, Task, Variant

VARIANTS = (
    Variant("hidden biases that stay at zero", change=fill("hidden bias", 0.0), frozen=("l1.bias", "l2.bias")),
    Variant("hidden biases that are trained"),
)
EXPERIMENT = Experiment(
    name="missing_hidden_bias",
    title="Hidden layers without a trained bias",
    rules=("BL103", "BL205"),
    hypothesis="Much worse where the input is one number on [1, 3], since without biases all bends lie at zero; a little worse for a small "
    "network on digits; no difference for a large one.",
    tasks=(
        Task(
            name="a bend at 2, inputs on [1, 3], 32 ReLUs",
            data=data.bend,
            start=networks.mlp_start(1, 32, 1),
            forward=networks.mlp,
            variants=VARIANTS,
            steps=600,
            level=0.3,
        ),
        Task(
            name="digits, 8 and 8 ReLUs",
            data=data.digits,
            start=networks.mlp_start(64, 8, 8, 10),
            forward=networks.mlp,
            variants=VARIANTS,
            steps=400,
            level=0.2,
        ),
        Task(
            name="digits, 128 and 128 ReLUs",
            data=data.digits,
            start=networks.mlp_start(64, 128, 128, 10),
            forward=networks.mlp,
            variants=VARIANTS,
            steps=200,
            level=0.1,
        ),
    ),
)
