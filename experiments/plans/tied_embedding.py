"""An embedding from N(0, 1) that is the output layer as well (BL602)."""

from experiments import data, networks
from experiments.changes import draw
from experiments.plan import Experiment, Task, Variant

EXPERIMENT = Experiment(
    name="tied_embedding",
    title="A wide embedding as output layer",
    rules=("BL602",),
    hypothesis="The loss starts near sqrt(2 d ln V), 21 for these sizes, instead of ln V = 6.9; more steps to the level, and a higher loss at the "
    "end of this budget.",
    tasks=(
        Task(
            name="the next word of the Python documentation, 1000 words of width 32",
            data=data.documentation,
            start=networks.language_start(data.WORDS, data.CONTEXT, tied=True),
            forward=networks.language,
            variants=(Variant("embedding from N(0, 1)"), Variant("embedding from N(0, 0.02)", change=draw("embedding", 0.02))),
            steps=600,
            level=0.9,
            batch=64,
            evaluations=60,
            rates=(1e-2, 2e-2, 5e-2, 1e-1, 2e-1),
            seeds=12,
        ),
    ),
)
