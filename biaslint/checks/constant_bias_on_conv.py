"""BL201: a convolution's bias starts at a non-zero constant."""

from __future__ import annotations

from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.checks.support.common import SMALL, by_write, hidden_constant, is_output, sets_outputs, the_layer, to_zero
from biaslint.theory.program import BiasWrite, LayerUse, Program


def check(program: Program) -> Iterator[Report]:
    """Report the statements that set the biases of hidden convolutions (output layers may be among the layers they set) to a constant other than zero."""
    for use, write in by_write(program, _questionable, ("conv",), beside=is_output):
        yield Report(
            write.place,
            f"the bias of `{use.name}` is initialized to the constant {write.value:g} for every channel",
            layer=use.name,
            related=the_layer(use, write.place),
            fix=None if sets_outputs(program, write.place) else to_zero(use, write),
            advice="initialize it to zero; a non-zero constant shifts all channels alike",
        )


def _questionable(use: LayerUse, write: BiasWrite) -> bool:
    return hidden_constant(use, write) > SMALL
