"""BL602: an embedding drawn from N(0, 1) is the output layer as well."""

from __future__ import annotations

import math
from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.findings.finding import Related
from biaslint.theory.program import LayerUse, Program

WIDE = 0.5


def check(program: Program) -> Iterator[Report]:
    """Report embeddings whose default start makes the logits far too wide, in every use."""
    for site in program.sites("embedding"):
        tied = [use for use in site.uses if use.projections]
        if not tied or not all(_wide(use) for use in tied):
            continue
        use, projection = tied[0], tied[0].projections[0]
        last = use.weight_writes[-1] if use.weight_writes else None
        yield Report(
            site.place,
            f"`{use.name}` starts with a standard deviation of {1.0 if last is None else last.spread:g} and is also the"
            f" output layer: {_consequence(use)}",
            layer=use.name,
            related=(
                *(
                    (Related(last.place, "drawn here"),)
                    if last is not None and last.place.path and last.place != site.place
                    else ()
                ),
                Related(projection.place, f"the output layer, which takes the results of `{projection.norm}`"),
            ),
            advice="draw its weight with a small standard deviation such as 0.02, or scale the logits by 1 / sqrt(embedding_dim)",
        )


def _wide(use: LayerUse) -> bool:
    if use.escaped or use.hooked or use.configured or "_weight" in use.texts or use.weight_trainable is False:
        return False
    if not use.weight_writes:
        return True
    last = use.weight_writes[-1]
    return last.how == "normal" and last.span is None and (last.spread or 0) >= WIDE


def _consequence(use: LayerUse) -> str:
    """How wide the logits are, and what the loss is by that."""
    classes, width = use.config.get("num_embeddings"), use.config.get("embedding_dim")
    spread = (use.weight_writes[-1].spread or 1.0) if use.weight_writes else 1.0
    if not isinstance(width, int) or width < 2:
        return "logits start about sqrt(embedding_dim) times too wide"
    deviation = spread * math.sqrt(width)
    text = f"logits start about {deviation:.0f} times too wide"
    if isinstance(classes, int) and classes > 1:
        text += f", and the loss at about {expected_loss(classes, deviation):.0f} instead of {math.log(classes):.1f}"
    return text


def expected_loss(classes: int, deviation: float) -> float:
    """The cross-entropy of independent normal logits: that of even ones and half the variance, until the largest logit decides."""
    edge = math.sqrt(2 * math.log(classes))
    return math.log(classes) + deviation**2 / 2 if deviation < edge else deviation * edge
