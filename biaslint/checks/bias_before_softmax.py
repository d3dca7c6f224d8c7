"""BL102: the bias of an attention's key projection, which softmax cancels."""

from __future__ import annotations

from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.checks_common import removal
from biaslint.conditions import verdicts
from biaslint.finding import Related
from biaslint.graph import LayerUse, Program


def check(program: Program) -> Iterator[Report]:
    """Report every key projection whose bias, or the keys' part of a fused projection's bias, softmax cancels."""
    for verdict in verdicts(program, cancelled_by_softmax, ("conv", "linear")):
        use = verdict.use
        part = use.fate.kind == "part"
        what = f"{use.fate.detail} of the bias of `{use.name}`" if part else f"the bias of `{use.name}`"
        when = f" when `{verdict.when}`" if verdict.when else ""
        where = (
            ()
            if use.fate.place is None
            else (Related(use.fate.place, "softmax over the keys: a number added for every key is lost"),)
        )
        yield Report(
            verdict.place,
            f"{what} adds the same number to a query's score for every key, and softmax cancels it{when}",
            layer=use.name,
            related=where,
            when=verdict.when,
            fix=None if part else removal(verdict),
            advice="a fused projection has no switch for one part of its bias; nothing needs to be done"
            if part
            else "the projection of the keys needs no bias; those of queries and values keep theirs",
        )


def cancelled_by_softmax(use: LayerUse) -> bool:
    """Does a softmax take the bias away, or the part of it that makes the keys?"""
    return use.fate.kind in ("dead", "part") and use.fate.by == "softmax"
