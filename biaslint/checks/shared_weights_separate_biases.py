"""BL501: two layers share their weight and not their bias."""

from __future__ import annotations

import re
from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.findings.finding import Fix, InsertAfter, Related, Safety
from biaslint.theory.program import LayerUse, Program

KINDS = ("linear", "conv", "bilinear")


def check(program: Program) -> Iterator[Report]:
    """Report layers whose weight is another layer's of the same kind, and whose bias is their own."""
    known = {(use.run, use.ident): use for use in program.uses}
    for site in program.sites(*KINDS):
        pairs = [
            (use, known.get((use.run, use.weight_of or 0))) for use in site.uses if use.fate.kind not in ("uncalled", "unknown")
        ]
        if not pairs or not all(_separate(use, other) for use, other in pairs):
            continue
        use, other = pairs[0]
        if other is not None:
            yield Report(
                site.place,
                f"`{use.name}` shares the weight of `{other.name}` but has its own bias",
                layer=use.name,
                related=(Related(other.place, "the layer whose weight it shares"),),
                fix=_fix(use),
                advice=f"share the bias as well, or apply `{other.name}` twice",
            )


def _fix(use: LayerUse) -> Fix | None:
    """Share the bias where the weight is shared."""
    tie = use.tied
    one, two = (re.fullmatch(r"(.+)\.(weight|_?kernel)", text) for text in (tie.target, tie.text)) if tie else (None, None)
    if tie is None or one is None or two is None:
        return None
    text = f"{one[1]}.bias = {two[1]}.bias"
    message = f"`{text}` (a checkpoint loses one of the two biases)"
    return Fix(Safety.UNSAFE, message, (InsertAfter(tie.place, text),))


def _separate(use: LayerUse, other: LayerUse | None) -> bool:
    if other is None or use.weight_of is None or use.bias_of is not None or other.bias_of is not None:
        return False
    return bool(use.bias.present and other.bias.present and use.type == other.type and _same_size(use, other))


def _same_size(use: LayerUse, other: LayerUse) -> bool:
    """A transposed (autoencoder) tie cannot share the bias."""
    names = ("in_features", "out_features", "in_channels", "out_channels")
    return all(use.texts.get(name) == other.texts.get(name) for name in names)
