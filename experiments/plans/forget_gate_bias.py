"""The forget gate of an LSTM at PyTorch's default, or opened by a bias of 1 (BL301)."""

from experiments import data, networks
from experiments.changes import chrono, quarter
from experiments.plan import Experiment, Task, Variant

DEFAULT = Variant("forget gate at PyTorch's default, about 0.5")
OPENED = Variant("forget gate bias of 1", change=quarter(1, 1.0))
EXPERIMENT = Experiment(
    name="forget_gate_bias",
    title="The forget gate of an LSTM",
    rules=("BL301",),
    hypothesis="Where the answer depends on what came 20 steps earlier, a bias of 1 needs half as many steps or fewer, and chrono "
    "initialization fewer again; on short recordings of speech, little or no difference.",
    tasks=(
        Task(
            name="which symbol came first, before 20 steps of noise",
            data=lambda: data.first_symbol(20),
            start=networks.lstm_start(6, 24, 4),
            forward=networks.lstm,
            variants=(
                DEFAULT,
                OPENED,
                Variant("chrono initialization", change=chrono(21)),
            ),
            steps=400,
            evaluations=25,
            level=0.5,
            clip=1.0,
            rates=(3e-3, 1e-2, 3e-2),
            seeds=10,
        ),
        Task(
            name="the adding problem, 30 steps",
            data=lambda: data.adding(30),
            start=networks.lstm_start(2, 24, 1),
            forward=networks.lstm,
            variants=(DEFAULT, OPENED),
            steps=500,
            evaluations=20,
            level=0.5,
            clip=1.0,
            rates=(3e-3, 1e-2, 3e-2),
            seeds=10,
        ),
        Task(
            name="Japanese vowels, 25 steps of speech",
            data=data.vowels,
            start=networks.lstm_start(12, 24, 9),
            forward=networks.lstm,
            variants=(DEFAULT, OPENED),
            steps=150,
            evaluations=20,
            level=0.2,
            clip=1.0,
            rates=(3e-3, 1e-2, 3e-2),
            seeds=10,
        ),
    ),
)
