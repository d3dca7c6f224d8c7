"""Xavier's initializer on a bias, which Keras accepts (BL203). PyTorch and Flax raise an error, which needs no experiment."""

from experiments import data
from experiments.keras_models import perceptron
from experiments.plan import Experiment, Task, Variant

SIZES = (64, 32, 32, 10)
EXPERIMENT = Experiment(
    name="weight_initializer",
    title="Xavier's initializer on biases",
    rules=("BL203",),
    hypothesis="Nothing: in layers of 32 units the numbers are small (below 0.31).",
    tasks=(
        Task(
            name="digits, two hidden layers of 32, in Keras",
            data=data.digits,
            variants=(
                Variant('bias_initializer="glorot_uniform"', model=perceptron(*SIZES, bias_initializer="glorot_uniform")),
                Variant("Keras's default, zeros", model=perceptron(*SIZES)),
            ),
            steps=300,
            level=0.2,
            evaluations=60,
        ),
    ),
)
