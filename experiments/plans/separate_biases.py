"""A siamese network whose two branches share weights and not biases (BL501)."""

from experiments import data, networks
from experiments.plan import Experiment, Task, Variant

EXPERIMENT = Experiment(
    name="separate_biases",
    title="Shared weights with separate biases",
    rules=("BL501",),
    hypothesis="Slightly slower, since the branches start as two functions; at the end little difference, because training brings the "
    "biases together.",
    tasks=(
        Task(
            name="pairs of digits, of one class or not",
            data=data.digit_pairs,
            start=networks.siamese_start,
            forward=networks.siamese(separate=False),
            variants=(Variant("biases of their own", forward=networks.siamese(separate=True)), Variant("shared biases")),
            steps=500,
            level=0.5,
        ),
    ),
)
