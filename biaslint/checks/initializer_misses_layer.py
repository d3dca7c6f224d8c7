"""BL606: an initialization that reaches a model's convolutions of one type leaves those of another type out."""

from __future__ import annotations

from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.checks.support import resets
from biaslint.findings.finding import Related
from biaslint.theory.program import BiasWrite, LayerUse, Program


def check(program: Program) -> Iterator[Report]:
    """Report convolutions that keep the default start in a model that sets those of other types."""
    models: dict[int, list[LayerUse]] = {}
    for use in program.uses:
        if use.kind == "conv" and use.framework == "torch":
            models.setdefault(use.run, []).append(use)
    for site in program.sites("conv"):
        missed = [_reaching_others(use, models[use.run]) if use.run in models else None for use in site.uses]
        write, use = missed[0], site.first
        if write is not None and all(one is not None for one in missed):
            yield Report(
                site.place,
                f"`{use.name}` keeps PyTorch's default initialization, which the model replaces in its other convolutions",
                layer=use.name,
                related=(Related(write.place, f"this does not reach a {use.type.rpartition('.')[2]}"),),
                advice="name its type there as well",
            )


def _reaching_others(use: LayerUse, model: list[LayerUse]) -> BiasWrite | None:
    """The statement that sets the weights of all convolutions of another type in the model; None where this one is set as well."""
    if use.weight_writes or use.bias.writes or use.escaped or use.hooked or use.configured or use.weight_of is not None:
        return None
    if any(other.weight_writes for other in model if other.type == use.type) or use.weight_trainable is False:
        return None
    for kind in sorted({other.type for other in model} - {use.type}):
        last = [other.weight_writes[-1] if other.weight_writes else None for other in model if other.type == kind]
        first = last[0]
        general = first is not None and first.how in resets.GENERAL and resets.NAMED.fullmatch(first.target) is None
        if general and all(one is not None and one.place == first.place for one in last):
            return first
    return None
