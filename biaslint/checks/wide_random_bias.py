"""BL204: biases are drawn at random with a wide spread, or with the arguments of another distribution."""

from __future__ import annotations

import math
from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.checks.support.common import by_write, the_layer, to_zero, zeros_instead
from biaslint.theory.program import BiasWrite, LayerUse, Program

WIDE = 0.5
KINDS = ("conv", "linear", "bilinear", "rnn", "rnn_cell", "affine")


def check(program: Program) -> Iterator[Report]:
    """Report the statements that draw biases as wide as activations, or a normal draw that is given the bounds of a uniform one."""
    for use, write in by_write(program, _wide, KINDS):
        yield Report(
            write.place,
            _message(use, write),
            layer=use.name,
            related=the_layer(use, write.place),
            fix=to_zero(use, write) if use.framework != "torch" else zeros_instead(write),
            advice=_advice(write),
        )


def _message(use: LayerUse, write: BiasWrite) -> str:
    if _mixed_up(write):
        return f"the bias of `{use.name}` is drawn from a normal distribution whose mean is minus its standard deviation"
    if _from_zero(write):
        return f"the bias of `{use.name}` is drawn from [0, {2 * (write.spread or 0):g}): all its values are positive"
    return f"the bias of `{use.name}` is drawn with a standard deviation of {_deviation(write):.2g}"


def _advice(write: BiasWrite) -> str:
    if _mixed_up(write):
        return "the two arguments are a mean and a standard deviation: bounds are for a uniform draw"
    return "initialize it to zero, or use a small standard deviation such as 0.01"


def _mixed_up(write: BiasWrite) -> bool:
    """Is a normal draw given two bounds, -b and b, for its mean and standard deviation?"""
    if write.how == "mirrored":
        return True
    return write.how == "normal" and write.value is not None and bool(write.spread) and write.value == -(write.spread or 0)


def _from_zero(write: BiasWrite) -> bool:
    """Is it a uniform draw from zero upwards, as far from zero as a wide one?"""
    if write.how != "uniform" or write.value is None or not write.spread or write.value != write.spread:
        return False
    return math.hypot(write.value, _deviation(write)) >= WIDE


def _deviation(write: BiasWrite) -> float:
    spread = write.spread or 0.0
    return spread / math.sqrt(3) if write.how == "uniform" else spread


def _wide(use: LayerUse, write: BiasWrite) -> bool:
    frozen = use.bias.trainable is False and use.weight_trainable is False  # random features are meant to be wide
    if use.bias.present is not True or frozen or use.fate.kind in ("dead", "unknown"):
        return False
    wide = write.how in ("normal", "uniform") and _deviation(write) >= WIDE
    return wide or _from_zero(write) or _mixed_up(write)
