"""What is set on purpose and set again by a general initialization."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from biaslint.theory.program import BiasWrite, LayerUse, Place

DRAWN = ("normal", "uniform")
GENERAL = (*DRAWN, "scaled", "constant")
# `self.norm.weight`, `block.bn3.weight`: one layer that is named; `m.weight` is whatever a loop or `apply` has come to
NAMED = re.compile(r"\w+(\.\w+|\[[^]]*\])+\.weight(\.data)?")


def layers_set(uses: Iterable[tuple[LayerUse, tuple[BiasWrite, ...]]]) -> Counter[tuple[int, Place]]:
    """How many layers of an execution each statement writes to."""
    layers = {(use.run, use.ident, write.place) for use, writes in uses for write in writes}
    return Counter((run, place) for run, _, place in layers)


def start(write: BiasWrite) -> str:
    """What a write leaves behind, in words."""
    return f"{write.value:g}" if write.how == "constant" else "random numbers"
