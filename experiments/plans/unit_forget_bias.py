"""The forget gate of an LSTM in Keras, whose default bias of 1 is switched off (BL301)."""

from experiments import data
from experiments.keras_models import recurrent
from experiments.plan import Experiment, Task, Variant


def variants(steps: int, inputs: int, outputs: int) -> tuple[Variant, ...]:
    return (
        Variant("unit_forget_bias=False", model=recurrent(steps, inputs, outputs, unit_forget_bias=False)),
        Variant("Keras's default, True", model=recurrent(steps, inputs, outputs)),
    )


EXPERIMENT = Experiment(
    name="unit_forget_bias",
    title="The forget gate of an LSTM in Keras",
    rules=("BL301",),
    hypothesis="Where the answer depends on what came 20 steps earlier, twice as many steps or more without the default's bias of 1; on "
    "short recordings of speech, little or no difference.",
    tasks=(
        Task(
            name="which symbol came first, before 20 steps of noise, in Keras",
            data=lambda: data.first_symbol(20),
            variants=variants(21, 6, 4),
            steps=400,
            evaluations=50,
            level=0.5,
            clip=1.0,
            rates=(3e-3, 1e-2, 3e-2),
            seeds=10,
        ),
        Task(
            name="Japanese vowels, 25 steps of speech, in Keras",
            data=data.vowels,
            variants=variants(25, 12, 9),
            steps=150,
            evaluations=30,
            level=0.2,
            clip=1.0,
            rates=(3e-3, 1e-2, 3e-2),
            seeds=10,
        ),
    ),
)
