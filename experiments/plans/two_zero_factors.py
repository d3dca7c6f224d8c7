"""A residual branch behind two factors that both start at zero (BL605)."""

from experiments import data, networks
from experiments.changes import fill, several
from experiments.plan import Experiment, Task, Variant

ONE = fill("nb.gamma", 0.0)
EXPERIMENT = Experiment(
    name="two_zero_factors",
    title="Two factors of zero on one branch",
    rules=("BL605",),
    hypothesis="With both at zero the gradient of each is zero, so no block ever learns: the network stays one layer, and ends clearly worse.",
    tasks=(
        Task(
            name="digits, three residual blocks of width 16",
            data=data.digits,
            start=networks.residual_start(64, 16, 3, 10),
            forward=networks.residual,
            variants=(
                Variant("scale and factor at zero", change=several(ONE, fill("factor", 0.0), fill("nb.beta", 0.0))),
                Variant("scale at zero, factor at one", change=ONE),
            ),
            steps=300,
            level=0.3,
        ),
    ),
)
