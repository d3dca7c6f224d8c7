"""Hidden weights with a standard deviation of sqrt(fan_in) for sqrt(2 / fan_in), or of 1 (BL601)."""

from experiments import data, networks
from experiments.changes import weight_std
from experiments.plan import Experiment, Task, Variant

EXPERIMENT = Experiment(
    name="inverted_std",
    title="He's initialization upside down",
    rules=("BL601",),
    hypothesis="A loss that starts thousands of times higher, far more steps, and a clearly worse end; with a standard deviation of 1 the "
    "same, less extreme.",
    tasks=(
        Task(
            name="digits, two hidden layers of 64",
            data=data.digits,
            start=networks.mlp_start(64, 64, 64, 10),
            forward=networks.mlp,
            variants=(
                Variant("std of sqrt(fan_in)", change=weight_std("sqrt")),
                Variant("std of sqrt(2 / fan_in)"),
                Variant("std of 1", change=weight_std("one")),
            ),
            steps=500,
            level=0.3,
            rates=(1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1, 2e-1, 5e-1, 1.0, 2.0, 5.0),
        ),
    ),
)
