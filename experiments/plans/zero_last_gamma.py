"""The last norm of each residual block at one, or at zero (Goyal and others, 2017); a one that overwrites it is BL604."""

from experiments import data, networks
from experiments.changes import fill
from experiments.plan import Experiment, Task, Variant

EXPERIMENT = Experiment(
    name="zero_last_gamma",
    title="The last norm's scale in residual blocks",
    rules=("BL604",),
    hypothesis="At zero, blocks start as the identity: a few steps fewer in a network of ten blocks, and no difference at the end.",
    tasks=(
        Task(
            name="digits, ten residual blocks of width 24",
            data=data.digits,
            start=networks.residual_start(64, 24, 10, 10),
            forward=networks.residual,
            variants=(Variant("last scale at one"), Variant("last scale at zero", change=fill("nb.gamma", 0.0))),
            steps=200,
            level=0.2,
        ),
    ),
)
