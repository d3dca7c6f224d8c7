"""Hidden dense layers whose biases start at 1.0 (BL202)."""

from experiments import data, networks
from experiments.changes import fill
from experiments.plan import Experiment, Task, Variant

VARIANTS = (Variant("biases of 1.0", change=fill("hidden bias", 1.0)), Variant("biases of 0"))
EXPERIMENT = Experiment(
    name="ones_on_dense",
    title="Dense biases of 1.0",
    rules=("BL202",),
    hypothesis="With two hidden layers little or nothing; with five a slower start, and the same end.",
    tasks=(
        Task(
            name="digits, two hidden layers of 64",
            data=data.digits,
            start=networks.mlp_start(64, 64, 64, 10),
            forward=networks.mlp,
            variants=VARIANTS,
            steps=300,
            level=0.2,
        ),
        Task(
            name="digits, five hidden layers of 32",
            data=data.digits,
            start=networks.mlp_start(64, *[32] * 5, 10),
            forward=networks.mlp,
            variants=VARIANTS,
            steps=400,
            level=0.2,
        ),
    ),
)
