"""Weight decay on biases and norms (BL502)."""

from __future__ import annotations

from experiments import data, networks
from experiments.plan import ADAM, SGD, Experiment, Task, Variant
from experiments.plans.output_prior import table

VARIANTS = (
    Variant("everything decays"),
    Variant("biases and norms do not decay", undecayed=(".bias", ".beta", ".gamma")),
)


def digits(name: str, optimizer: str, rates: tuple[float, ...], decay: float) -> Task:
    return Task(
        name=f"digits, two hidden layers of 32 with batch norm, {name}",
        data=data.digits,
        start=networks.mlp_start(64, 32, 32, 10, norm=True),
        forward=networks.mlp,
        variants=VARIANTS,
        steps=400,
        level=0.1,
        optimizer=optimizer,
        rates=rates,
        decay=decay,
    )


def imbalanced() -> Task:
    from dataclasses import replace

    base = table("page-blocks0", VARIANTS)
    return replace(base, name=f"{base.name}, AdamW, decay 0.1", decay=0.1, steps=400)


EXPERIMENT = Experiment(
    name="decayed_bias",
    title="Weight decay on biases and norms",
    rules=("BL502",),
    hypothesis="Nothing at a decay of 0.0005 with SGD; nothing or next to nothing with AdamW and a strong decay of 0.1, also where the output "
    "bias has to hold a prior.",
    tasks=(
        digits("SGD, decay 0.0005", "sgd", SGD, 5e-4),
        digits("AdamW, decay 0.1", "adam", ADAM, 0.1),
        imbalanced(),
    ),
)
