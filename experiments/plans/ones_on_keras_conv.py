"""Convolutions of Keras whose biases start at 1.0 instead of its default (BL201)."""

from experiments import data
from experiments.keras_models import convolutional
from experiments.plan import Experiment, Task, Variant

EXPERIMENT = Experiment(
    name="ones_on_keras_conv",
    title="Convolution biases of 1.0 in Keras",
    rules=("BL201",),
    hypothesis="As with He's initialization in PyTorch: a higher loss at the start, some more steps to the level, the same end.",
    tasks=(
        Task(
            name="digits, four convolutions, in Keras",
            data=data.digit_images,
            variants=(
                Variant('bias_initializer="ones"', model=convolutional(bias_initializer="ones")),
                Variant("Keras's default, zeros", model=convolutional()),
            ),
            steps=120,
            evaluations=40,
            rates=(2e-3, 5e-3, 1e-2, 2e-2),
            level=0.3,
            seeds=10,
        ),
    ),
)
