"""Hidden biases drawn from N(0, 1) or U(0, 1) (BL204)."""

from experiments import data, networks
from experiments.changes import draw, draw_uniform
from experiments.plan import Experiment, Task, Variant

VARIANTS = (
    Variant("biases from N(0, 1)", change=draw("hidden bias", 1.0)),
    Variant("biases of 0"),
    Variant("biases from U(0, 1)", change=draw_uniform("hidden bias", 0.0, 1.0)),
)
EXPERIMENT = Experiment(
    name="wide_bias",
    title="Wide random biases",
    rules=("BL204",),
    hypothesis="A slower start, and a slightly worse end in the convolutional network; in the shallow one little.",
    tasks=(
        Task(
            name="digits, four convolutions",
            data=data.digit_images,
            start=networks.cnn_start(),
            forward=networks.cnn,
            variants=VARIANTS[:2],
            steps=120,
            evaluations=20,
            rates=(2e-3, 5e-3, 1e-2, 2e-2),
            level=0.3,
            seeds=10,
        ),
        Task(
            name="digits, two hidden layers of 32",
            data=data.digits,
            start=networks.mlp_start(64, 32, 32, 10),
            forward=networks.mlp,
            variants=VARIANTS,
            steps=300,
            level=0.2,
        ),
    ),
)
