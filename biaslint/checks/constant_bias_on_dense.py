"""BL202: a hidden dense layer's bias starts at a large constant."""

from __future__ import annotations

from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.checks.support.common import by_write, live, ordinary, the_layer, to_zero
from biaslint.theory.program import BiasWrite, LayerUse, Program

LARGE = 0.5


def check(program: Program) -> Iterator[Report]:
    """Report the statements that set the biases of hidden dense layers, and of nothing else, to a large constant."""
    for use, write in by_write(program, _large, ("linear", "affine")):
        yield Report(
            write.place,
            f"the bias of `{use.name}` starts at {write.value:g} in every unit",
            layer=use.name,
            related=the_layer(use, write.place),
            fix=to_zero(use, write),
            advice="start it at zero, as is usual; 1.0 on dense layers is a habit from AlexNet",
        )


def _large(use: LayerUse, write: BiasWrite) -> bool:
    if write.how != "constant" or not write.value or not live(use) or use.is_output or not ordinary(use):
        return False
    return write.value >= LARGE
