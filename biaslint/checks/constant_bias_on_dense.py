"""BL202: a hidden dense layer's bias starts at a large constant."""

from __future__ import annotations

from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.checks.support.common import by_write, hidden_constant, is_output, sets_outputs, the_layer, to_zero
from biaslint.theory.program import BiasWrite, LayerUse, Program

LARGE = 0.5


def check(program: Program) -> Iterator[Report]:
    """Report the statements that set the biases of hidden dense layers (output layers may be among the layers they set) to a large constant."""
    for use, write in by_write(program, _large, ("linear", "affine"), beside=is_output):
        yield Report(
            write.place,
            f"the bias of `{use.name}` is initialized to the constant {write.value:g} for every unit",
            layer=use.name,
            related=the_layer(use, write.place),
            fix=None if sets_outputs(program, write.place) else to_zero(use, write),
            advice="initialize it to zero; initializing dense biases to 1.0 is a leftover from AlexNet",
        )


def _large(use: LayerUse, write: BiasWrite) -> bool:
    return hidden_constant(use, write) >= LARGE
