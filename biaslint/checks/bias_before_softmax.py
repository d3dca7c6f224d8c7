"""BL102: a bias that softmax cancels, as a rule that of an attention's key projection."""

from __future__ import annotations

from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.checks.support.common import condition_of, removal
from biaslint.findings.finding import Related
from biaslint.theory.conditions import verdicts
from biaslint.theory.program import SCORES, LayerUse, Program


def check(program: Program) -> Iterator[Report]:
    """Report every layer whose bias, or the keys' part of a fused projection's bias, softmax cancels."""
    for verdict in verdicts(program, cancelled_by_softmax, ("conv", "linear")):
        use = verdict.use
        part = use.fate.kind == "part"
        what = f"{use.fate.detail} of the bias of `{use.name}`" if part else f"the bias of `{use.name}`"
        when = condition_of(verdict)
        where = (
            ()
            if use.fate.place is None
            else (Related(use.fate.place, "a constant added to all of its scores cancels in this softmax"),)
        )
        yield Report(
            verdict.place,
            f"{what} adds the same constant to all scores of a softmax, which cancels it{when}",
            layer=use.name,
            related=where,
            when=verdict.when,
            fix=None if part else removal(verdict),
            advice=advice(use),
        )


def cancelled_by_softmax(use: LayerUse) -> bool:
    """Does a softmax take the bias away, or the part of it that makes the keys?"""
    return use.fate.kind in ("dead", "part") and use.fate.by == "softmax"


def advice(use: LayerUse) -> str:
    """What to do about it."""
    if use.fate.kind == "part":
        return "a fused projection cannot drop one part of its bias; no action is needed"
    if use.fate.detail == SCORES:
        return "softmax depends only on differences between scores: the layer that computes them needs no bias"
    return "the key projection needs no bias; the query and value projections keep theirs"
