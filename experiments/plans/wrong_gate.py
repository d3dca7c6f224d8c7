"""Another gate of an LSTM raised in the forget gate's place, and all four raised (BL302)."""

from experiments import data, networks
from experiments.changes import quarter
from experiments.plan import Experiment, Task, Variant

EXPERIMENT = Experiment(
    name="wrong_gate",
    title="The wrong quarter of an LSTM's bias",
    rules=("BL302",),
    hypothesis="With the input gate raised, as slow as without any raised gate, or slower; with all gates raised, nearly as fast as with "
    "the forget gate alone.",
    tasks=(
        Task(
            name="which symbol came first, before 20 steps of noise",
            data=lambda: data.first_symbol(20),
            start=networks.lstm_start(6, 24, 4),
            forward=networks.lstm,
            variants=(
                Variant("input gate bias of 1", change=quarter(0, 1.0)),
                Variant("forget gate bias of 1", change=quarter(1, 1.0)),
                Variant("all biases at 1", change=quarter(None, 1.0)),
            ),
            steps=400,
            evaluations=25,
            level=0.5,
            clip=1.0,
            rates=(3e-3, 1e-2, 3e-2),
            seeds=10,
        ),
    ),
)
