"""BL606: an initialization covers one type of convolution and leaves out another."""

from __future__ import annotations

from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.checks.support import resets
from biaslint.findings.finding import Related
from biaslint.theory.program import BiasWrite, LayerUse, Place, Program


def check(program: Program) -> Iterator[Report]:
    """Report convolutions that keep the default start in a model that sets those of other types."""
    models: dict[int, list[LayerUse]] = {}
    for use in program.uses:
        if use.kind == "conv" and use.framework == "torch":
            models.setdefault(use.run, []).append(use)
    for site in program.sites("conv"):
        missed = [_reaching_others(use, models.get(use.run, [])) for use in site.uses]
        write, use = missed[0], site.first
        if write is not None and all(one is not None for one in missed):
            yield Report(
                site.place,
                f"`{use.name}` keeps PyTorch's default initialization, which the model replaces in its other convolutions",
                layer=use.name,
                related=(Related(write.place, f"this does not cover `{use.type.rpartition('.')[2]}`"),),
                advice="add its type there",
            )


def _reaching_others(use: LayerUse, model: list[LayerUse]) -> BiasWrite | None:
    """The statement that sets convolutions of another type, where a question for that type has left this one out."""
    if use.weight_writes or use.bias.writes or use.escaped or use.hooked or use.configured or use.weight_of is not None:
        return None
    if any(other.weight_writes for other in model if other.type == use.type) or use.weight_trainable is False:
        return None
    last = [other.weight_writes[-1] for other in model if other.weight_writes]
    return next(
        (one for one in last for asked in use.turned_away if one.how in resets.GENERAL and _within(one.place, asked)), None
    )


def _within(place: Place, outer: Place) -> bool:
    """Does a statement stand in another one?"""
    return (place.path, place.cell) == (outer.path, outer.cell) and outer.line < place.line and place.end_line <= outer.end_line
