"""BL201: a convolution's bias starts at a non-zero constant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.finding import Fix, Related, Safety, SetArgument
from biaslint.graph import BiasWrite, LayerUse, Place, Program

GATES = {"sigmoid", "tanh", "hard_sigmoid"}

# The call that sets a constant -> the keyword and the position of its value.
VALUE_OF = {"nn.init.constant_": ("val", 1), "fill_": ("value", 0)}


def check(program: Program) -> Iterator[Report]:
    """Report the statements that set the biases of hidden convolutions, and of nothing else, to a constant other than zero."""
    written: dict[Place, list[tuple[LayerUse, BiasWrite]]] = defaultdict(list)
    for use in program.uses:
        write = use.bias.last
        if write is not None:
            written[write.place].append((use, write))
    for place in sorted(written):
        if not all(_questionable(use, write) for use, write in written[place]):
            continue
        use, write = written[place][0]
        yield Report(
            place,
            f"the bias of `{use.name}` starts at {write.value:g} in every channel",
            layer=use.name,
            related=(Related(use.place, "the layer"),) if use.place != place else (),
            fix=_fix(write),
            advice="start it at zero, as is usual for convolutions; a non-zero constant shifts all channels alike",
        )


def _questionable(use: LayerUse, write: BiasWrite) -> bool:
    if use.kind != "conv" or not use.bias.present or write.how != "constant" or not write.value:
        return False
    cancelled = use.fate.kind in ("dead", "unknown")
    return not (cancelled or use.is_output or GATES.intersection(use.readers))


def _fix(write: BiasWrite) -> Fix | None:
    if write.by not in VALUE_OF:
        return None
    keyword, position = VALUE_OF[write.by]
    zero = "0" if write.text.lstrip("-").isdigit() else "0.0"
    message = f"`{zero}` for `{write.text or write.value}` (a newly trained model starts elsewhere)"
    return Fix(Safety.UNSAFE, message, (SetArgument(write.place, keyword, zero, position),))
