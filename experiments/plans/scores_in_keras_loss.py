"""Keras's binary cross-entropy, which takes probabilities by default, given scores (BL406)."""

from experiments import data
from experiments.keras_models import perceptron
from experiments.plan import Experiment, Task, Variant

MODEL = perceptron(30, 16, 1)
EXPERIMENT = Experiment(
    name="scores_in_keras_loss",
    title="Scores in Keras's loss for probabilities",
    rules=("BL406",),
    hypothesis="Both are evaluated by the probabilities of a sigmoid. With scores cut off at zero and one some runs stall, and the end is "
    "worse, as in the imitation of that loss in PyTorch.",
    tasks=(
        Task(
            name="breast cancer, in Keras",
            data=data.breast_cancer,
            variants=(
                Variant('scores, then "binary_crossentropy"', model=MODEL, loss="binary_crossentropy"),
                Variant("BinaryCrossentropy(from_logits=True)", model=MODEL),
            ),
            steps=400,
            evaluations=50,
            level=0.3,
            rates=(1e-3, 2e-3, 5e-3, 2e-2, 5e-2),
        ),
    ),
)
