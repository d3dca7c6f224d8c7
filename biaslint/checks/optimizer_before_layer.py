"""BL503: a layer is added to a model after the optimizer has taken the model's parameters."""

from __future__ import annotations

from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.findings.finding import Related
from biaslint.theory.program import LayerUse, Place, Program


def check(program: Program) -> Iterator[Report]:
    """Report layers that no optimizer learns of, in any execution."""
    named = {(use.run, use.ident): use for use in program.uses if use.kind == "optimizer"}
    told: set[tuple[Place | None, tuple[Place, ...]]] = set()  # what one statement puts in is told once
    for site in program.sites():
        use = site.first
        if all(_left_out(one) for one in site.uses) and (use.statement, use.chain[1:]) not in told:
            told.add((use.statement, use.chain[1:]))
            optimizer = named.get((use.run, use.missed_by or 0))
            yield Report(
                site.place,
                f"`{use.name}` is never trained: it is added after the optimizer took the model's parameters",
                layer=use.name,
                related=(Related(optimizer.place, "the optimizer"),) if optimizer is not None else (),
                advice="create the optimizer after it, or pass the layer to it with `add_param_group`",
            )


def _left_out(use: LayerUse) -> bool:
    loaded = any(write.how == "loaded" for write in use.weight_writes)
    trained = use.bias.trainable is not False and use.weight_trainable is not False
    return use.missed_by is not None and not use.escaped and trained and not loaded
