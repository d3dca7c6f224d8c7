"""The output bias of a language model at zero, or at the words' log frequencies (BL401; Meister and others, 2023)."""

from experiments import data, networks
from experiments.changes import output_bias
from experiments.plan import Experiment, Task, Variant

EXPERIMENT = Experiment(
    name="log_unigram",
    title="The output bias of a language model",
    rules=("BL401",),
    hypothesis="The loss starts at the words' entropy instead of the logarithm of their number, and reaches the level in clearly fewer "
    "steps; at the end of this small budget it is still slightly lower.",
    tasks=(
        Task(
            name="the next word of the Python documentation, 1000 words",
            data=data.documentation,
            start=networks.language_start(data.WORDS, data.CONTEXT),
            forward=networks.language,
            variants=(
                Variant("output bias of zero"),
                Variant("output bias at the log frequencies", change=output_bias("log-shares")),
            ),
            steps=600,
            level=0.9,
            batch=64,
            evaluations=60,
            rates=(1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2),
            seeds=12,
        ),
    ),
)
