"""BL201: a convolution's bias starts at a non-zero constant."""

from __future__ import annotations

from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.finding import Fix, Related, ReplaceExpression, Safety
from biaslint.graph import BiasWrite, LayerUse, Program

GATES = {"sigmoid", "tanh", "hard_sigmoid"}


def check(program: Program) -> Iterator[Report]:
    """Report the statements that set a hidden convolution's bias to a constant other than zero, for good."""
    seen = set()
    for site in program.sites("conv"):
        for use in site.uses:
            write = use.bias.last
            if write is None or not _questionable(use, write) or write.place in seen:
                continue
            # One statement may set the biases of several layers: it is judged by all of them.
            others = [other for other in program.uses if other.bias.last and other.bias.last.place == write.place]
            if not all(_questionable(other, write) for other in others):
                continue
            seen.add(write.place)
            yield Report(
                write.place,
                f"the bias of `{use.name}` starts at {write.value:g} in every channel",
                layer=use.name,
                related=(Related(use.place, "the layer"),) if use.place != write.place else (),
                fix=_fix(write),
                advice="start it at zero, as is usual for convolutions; a non-zero constant shifts all channels alike",
            )


def _questionable(use: LayerUse, write: BiasWrite) -> bool:
    if use.kind != "conv" or not use.bias.present or write.how != "constant" or not write.value:
        return False
    cancelled = use.fate.kind in ("dead", "unknown")
    return not (cancelled or use.is_output or GATES.intersection(use.readers))


def _fix(write: BiasWrite) -> Fix | None:
    if write.value_place is None:
        return None
    zero = "0" if write.text.lstrip("-").isdigit() else "0.0"
    message = f"`{zero}` for `{write.text}` (a newly trained model starts elsewhere)"
    return Fix(Safety.UNSAFE, message, (ReplaceExpression(write.value_place, zero),))
