"""BL207: a small positive bias before a ReLU, "so that all ReLUs fire"."""

from __future__ import annotations

from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.checks.support.common import SMALL, by_write, into_relu, live, the_layer, to_zero
from biaslint.theory.program import BiasWrite, LayerUse, Program


def check(program: Program) -> Iterator[Report]:
    """Report the statements that start hidden biases a little above zero where ReLUs read them."""
    for use, write in by_write(program, _small, ("conv", "linear", "affine")):
        yield Report(
            write.place,
            f"the bias of `{use.name}` starts at {write.value:g} before a ReLU",
            layer=use.name,
            related=the_layer(use, write.place),
            fix=to_zero(use, write),
            advice="zero works as well and is more common",
        )


def _small(use: LayerUse, write: BiasWrite) -> bool:
    small = write.how == "constant" and 0 < (write.value or 0) <= SMALL
    return small and live(use) and into_relu(use) and not use.is_output
