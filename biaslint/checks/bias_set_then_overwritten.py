"""BL404: a bias that was set on purpose is reset by a later initialization."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.checks.support import resets
from biaslint.checks.support.common import ELSEWHERE
from biaslint.findings.finding import Fix, MoveStatement, Related, Safety
from biaslint.theory.program import BiasWrite, LayerUse, Place, Program

KINDS = ("conv", "linear", "bilinear", "rnn", "rnn_cell")


def check(program: Program) -> Iterator[Report]:
    """Report the statements that set one layer's bias and are undone in every execution by one that sets many."""
    counts = resets.layers_set((use, use.bias.writes) for use in program.uses if use.kind in KINDS)
    found: dict[Place, list[tuple[LayerUse, BiasWrite, BiasWrite | None]]] = {}
    for use in program.uses:
        if use.kind not in KINDS or use.bias.present is not True or use.fate.kind == "unknown":
            continue
        for index, write in enumerate(use.bias.writes):
            if _deliberate(use, write) and counts[use.run, write.place] == 1:
                found.setdefault(write.place, []).append(
                    (use, write, _reset(use.bias.writes[index + 1 :], write, counts, use.run))
                )
    for place in sorted(found):
        use, write, later = found[place][0]
        if later is not None and all(one is not None for _, _, one in found[place]):
            yield Report(
                place,
                f"the bias of `{use.name}` is set here but overwritten later",
                layer=use.name,
                related=(Related(later.place, f"this resets it to {resets.start(later)}"),),
                fix=_fix(write, later),
                advice="set it after that initialization, or skip this layer there",
            )


def _fix(write: BiasWrite, later: BiasWrite) -> Fix | None:
    """Set it after the call that leads to the reset."""
    after = later.place if later.where == write.where else dict(reversed(later.via)).get(write.where)
    if after is None or after.path != write.place.path:
        return None
    message = f"move it after line {after.line} {ELSEWHERE}"
    return Fix(Safety.UNSAFE, message, (MoveStatement(write.place, after),))


def _deliberate(use: LayerUse, write: BiasWrite) -> bool:
    """A prior, a start for an output layer, or one gate of an LSTM: not what a general initialization does."""
    if write.which.startswith("weight"):
        return False
    if use.kind in ("rnn", "rnn_cell"):
        return write.span is not None and write.how == "constant" and bool(write.value)
    if write.how == "prior" or (write.how == "constant" and write.value and "log" in write.text):
        return True
    return use.is_output and write.how == "constant" and bool(write.value)


def _reset(later: tuple[BiasWrite, ...], write: BiasWrite, counts: Counter[tuple[int, Place]], run: int) -> BiasWrite | None:
    """The last later write to the whole vector, where it is one that a general initialization makes."""
    after = [one for one in later if one.which in (write.which, "bias")]
    if not after or any(one.how in ("unknown", "prior", "scaled") or one.span is not None for one in after):
        return None
    last = after[-1]
    general = counts[run, last.place] > 1 or last.where != write.where
    many = counts[run, last.place] > 1  # a non-zero constant of one layer's own is as deliberate as the first
    constant = last.how == "constant" and last.value is not None and (last.value == 0 or (many and last.value != write.value))
    return last if general and last.place != write.place and (constant or last.how in resets.DRAWN) else None
