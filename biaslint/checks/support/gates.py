"""The gates of an LSTM: their order in the bias vector, and the writes that raise another one than the forget gate, or in vain."""

from __future__ import annotations

from collections.abc import Iterator

from biaslint.checks.support.common import RAISED
from biaslint.theory.program import BiasWrite, LayerUse, Place, Program

GATES = {
    "torch": ("input", "forget", "cell", "output"),
    "keras": ("input", "forget", "cell", "output"),
    "tensorflow": ("input", "cell", "forget", "output"),
    "flax": ("input", "forget", "cell", "output"),
}


def forget_part(framework: str) -> tuple[float, float]:
    """The part of the bias vector that is the forget gate's."""
    at, count = GATES[framework].index("forget"), len(GATES[framework])
    return at / count, (at + 1) / count


def opens(write: BiasWrite) -> bool:
    """Does the write raise a gate?"""
    return write.how == "constant" and (write.value or 0) >= RAISED


def misplaced(use: LayerUse) -> Iterator[tuple[BiasWrite, BiasWrite | None]]:
    """The writes that raise other gates alone, and those that raise the forget gate, each with the one that closes it again."""
    writes = use.bias.writes
    if any(write.how == "unknown" for write in writes):
        return
    low, high = forget_part(use.framework)
    raised = [write for write in writes if write.span and opens(write)]
    right = [write for write in raised if write.span and write.span[0] < high and write.span[1] > low]
    if not right:
        yield from ((write, None) for write in raised)
    for write in right:
        later = [one for one in writes[writes.index(write) + 1 :] if one.which == write.which and _covers(one, low, high)]
        if later and later[-1].how == "constant" and not later[-1].value and later[-1].where == write.where:
            yield write, later[-1]


def _covers(write: BiasWrite, low: float, high: float) -> bool:
    """Does the write reach all of this part of the vector?"""
    return write.span is None or (write.span[0] <= low and write.span[1] >= high)


def misplaced_in_own_cells(program: Program) -> dict[Place, list[tuple[LayerUse, BiasWrite]]]:
    """Of cells that are written out, by the place of the forget gate's bias: the writes that raise something else."""
    closed: dict[Place, bool] = {}
    for site in program.sites("forget_gate"):
        starts = [use.config.get("start") for use in site.uses if use.fate.kind == "alive"]
        closed[site.place] = bool(starts) and all(start is not None and start <= 0 for start in starts)
    found: dict[Place, list[tuple[LayerUse, BiasWrite]]] = {}
    for site in program.sites("misplaced_gate_bias"):
        for use in site.uses:
            write = use.bias.writes[0]
            raises = (write.value or 0) * use.config["raised"] >= RAISED and use.fate.kind == "alive"
            if raises and (closed.get(site.place) or use.config["what"] == "every"):
                found.setdefault(site.place, []).append((use, write))
    return found
