"""BL402: the output layer has no bias."""

from __future__ import annotations

import re
from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.checks.support.common import bias_added, predicts, removed_by_hand
from biaslint.theory.program import LayerUse, Program

VOCABULARY = re.compile(r"vocab|tokens?\b|codebook|embed|dim\b|proj", re.IGNORECASE)


def check(program: Program) -> Iterator[Report]:
    """Report the places that make nothing but output layers without a bias."""
    for site in program.sites("linear", "conv"):
        called = [use for use in site.uses if use.fate.kind not in ("uncalled", "unknown")]
        if called and all(_bare(use) for use in called):
            use = called[0]
            yield Report(
                site.place,
                f"the output layer `{use.name}` has no bias, so it cannot represent class frequencies or the mean of the targets",
                layer=use.name,
                fix=bias_added(use),
                advice="add a bias, unless the features are normalized or the weight is tied to an embedding",
            )


def _bare(use: LayerUse) -> bool:
    if not use.is_output or not removed_by_hand(use) or use.weight_of is not None:
        return False
    if (
        use.fate.kind == "dead" or use.sources
    ):  # what follows takes a bias away, or one comes through: scores that are scaled up
        return False
    size = use.texts.get("out_features", "") + use.texts.get("out_channels", "")
    if VOCABULARY.search(size) or VOCABULARY.search(use.name):
        return False
    return predicts(use)
