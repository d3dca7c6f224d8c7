"""BL204: biases are drawn at random with a wide spread."""

from __future__ import annotations

import math
from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.checks.support.common import by_write, the_layer, to_zero, zeros_instead
from biaslint.theory.program import BiasWrite, LayerUse, Program

WIDE = 0.5
KINDS = ("conv", "linear", "bilinear", "rnn", "rnn_cell", "affine")


def check(program: Program) -> Iterator[Report]:
    """Report the statements that draw biases with a standard deviation of 0.5 or more."""
    for use, write in by_write(program, _wide, KINDS):
        yield Report(
            write.place,
            f"the bias of `{use.name}` is drawn with a standard deviation of {_deviation(write):.2g}",
            layer=use.name,
            related=the_layer(use, write.place),
            fix=to_zero(use, write) if use.framework != "torch" else zeros_instead(write),
            advice="initialize it to zero, or use a small standard deviation such as 0.01",
        )


def _deviation(write: BiasWrite) -> float:
    spread = write.spread or 0.0
    return spread / math.sqrt(3) if write.how == "uniform" else spread


def _wide(use: LayerUse, write: BiasWrite) -> bool:
    frozen = use.bias.trainable is False and use.weight_trainable is False  # random features are meant to be wide
    if use.bias.present is not True or frozen or use.fate.kind in ("dead", "unknown"):
        return False
    return write.how in ("normal", "uniform") and _deviation(write) >= WIDE
