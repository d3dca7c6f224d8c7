"""BL604: weights that were loaded or set to zero on purpose are overwritten by a later initialization."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.checks.support import resets
from biaslint.findings.finding import Related
from biaslint.theory.program import BiasWrite, LayerUse, Place, Program

KINDS = ("conv", "linear", "norm", "embedding", "bilinear")
Overwritten = list[tuple[LayerUse, BiasWrite, BiasWrite | None]]  # a layer, the write that is meant, and what overwrites it


def check(program: Program) -> Iterator[Report]:
    """Report the statements whose weights are set again in every execution, by a statement that sets many layers'."""
    counts = resets.layers_set((use, use.weight_writes) for use in program.uses if use.kind in KINDS)
    found: dict[Place, Overwritten] = {}
    for use in program.uses:
        for index, write in enumerate(use.weight_writes if use.kind in KINDS else ()):
            if write.how == "loaded" or zeroed(write):
                later = overwriting(use.weight_writes[index + 1 :], write, counts, use.run)
                found.setdefault(write.place, []).append((use, write, later))
    for place in sorted(found):
        told = loaded(found[place]) if found[place][0][1].how == "loaded" else zero(found[place])
        if told is not None:
            yield told


def zeroed(write: BiasWrite) -> bool:
    """Does a statement set one layer's weight to zero: the last scale of a residual branch, an adapter, a head?"""
    return (
        write.how == "constant" and write.value == 0 and write.span is None and resets.NAMED.fullmatch(write.target) is not None
    )


def overwriting(
    later: tuple[BiasWrite, ...], write: BiasWrite, counts: Counter[tuple[int, Place]], run: int
) -> BiasWrite | None:
    """The last later write to the same weight, where a general initialization makes it before anything has used the weight."""
    after = [one for one in later if one.which == write.which]
    if write.how != "loaded":  # a checkpoint that is loaded afterwards holds what was trained from these
        after = list(itertools.takewhile(lambda one: one.how != "loaded", after))
    if not after or any(one.how not in resets.GENERAL or one.span is not None or one.used != write.used for one in after):
        return None
    last = after[-1]
    many = counts[run, last.place] > 1 or last.where != write.where
    general = many and resets.NAMED.fullmatch(last.target) is None and last.place != write.place
    return last if general and not (last.how == "constant" and last.value == 0) else None


def zero(found: Overwritten) -> Report | None:
    """The report on a weight that does not stay at zero."""
    use, write, later = found[0]
    if later is None or any(one is None for _, _, one in found):
        return None
    return Report(
        write.place,
        f"the weight of `{use.name}` is set to 0 here but overwritten later",
        layer=use.name,
        related=(Related(later.place, f"this sets it to {resets.start(later)}"),),
        advice="set it after that initialization, or skip this layer there",
    )


def loaded(found: Overwritten) -> Report | None:
    """The report on a checkpoint of which nothing stays in the kinds of layers that a later initialization sets."""
    lost = [(use, later) for use, _, later in found if later is not None]
    types = {use.type for use, _ in lost}
    if len({(use.place, use.ident) for use, _ in lost}) < 2 or any(
        later is None and use.type in types for use, _, later in found
    ):
        return None
    _, write, _ = found[0]
    later = lost[0][1]
    return Report(
        write.place,
        "the weights that are loaded here are overwritten later",
        related=(Related(later.place, f"this sets them to {resets.start(later)}"),),
        advice="initialize the model before its checkpoint is loaded",
    )
