"""BL206: units start dead, with a negative bias before a ReLU."""

from __future__ import annotations

from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.checks.support.common import by_write, into_relu, live, the_layer, to_zero
from biaslint.theory.program import BiasWrite, LayerUse, Program

LOW = -0.1


def check(program: Program) -> Iterator[Report]:
    """Report the statements that start hidden biases below zero where ReLUs read them."""
    for use, write in by_write(program, _closed, ("conv", "linear", "bilinear", "affine")):
        yield Report(
            write.place,
            f"the bias of `{use.name}` starts at {write.value:g} and feeds a ReLU: many units start dead",
            layer=use.name,
            related=the_layer(use, write.place),
            fix=to_zero(use, write),
            advice="start it at zero",
        )


def _closed(use: LayerUse, write: BiasWrite) -> bool:
    return write.how == "constant" and (write.value or 0) <= LOW and live(use) and into_relu(use) and not use.is_output
