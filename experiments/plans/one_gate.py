"""The forget gate of units with one gate: at PyTorch's default, or opened by a bias of 1 (BL301)."""

from experiments import data, networks
from experiments.changes import filled
from experiments.plan import Experiment, Task, Variant

VARIANTS = (
    Variant("forget gate at PyTorch's default, about 0.5"),
    Variant("forget gate bias of 1", change=filled("gate.bias", 1.0)),
)


def task(name: str, gated: bool) -> Task:
    return Task(
        name=f"which symbol came first, before 20 steps of noise, {name}",
        data=lambda: data.first_symbol(20),
        start=networks.one_gate_start(6, 24, 4),
        forward=networks.one_gate(gated),
        variants=VARIANTS,
        steps=400,
        evaluations=25,
        level=0.5,
        clip=1.0,
        rates=(3e-3, 1e-2, 3e-2),
        seeds=10,
    )


EXPERIMENT = Experiment(
    name="one_gate",
    title="The forget gate of units with one gate",
    rules=("BL301",),
    hypothesis="With a bias of 1 fewer steps to the level and a lower test loss after the budget; of the minimal gated unit, whose new value "
    "then sees less of the state, a smaller gain.",
    tasks=(
        task("a unit that mixes state and new value", False),
        task("a minimal gated unit", True),
    ),
)
