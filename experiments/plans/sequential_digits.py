"""The forget gate of an LSTM that reads digits by pairs of pixels (BL301)."""

from experiments import data, networks
from experiments.plan import Experiment, Task
from experiments.plans.forget_gate_bias import DEFAULT, OPENED

EXPERIMENT = Experiment(
    name="sequential_digits",
    title="The forget gate of an LSTM that reads digits by pairs of pixels",
    rules=("BL301",),
    hypothesis="With a bias of 1 fewer steps to the level and a lower test loss after the budget.",
    tasks=(
        Task(
            name="digits, 32 pairs of pixels",
            data=data.digit_pixels,
            start=networks.lstm_start(2, 24, 10),
            forward=networks.lstm,
            variants=(DEFAULT, OPENED),
            steps=250,
            evaluations=25,
            level=0.5,
            clip=1.0,
            rates=(1e-2, 3e-2, 6e-2),
            seeds=10,
        ),
    ),
)
