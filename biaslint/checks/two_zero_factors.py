"""BL605: two consecutive layers start with zero weights, so neither ever learns."""

from __future__ import annotations

from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.findings.finding import Related
from biaslint.theory.program import LayerUse, Program


def check(program: Program) -> Iterator[Report]:
    """Report layers whose zeros are multiplied with zeros in every execution."""
    named = {(use.run, use.ident): use for use in program.uses}
    for site in program.sites("linear", "conv"):
        judged = [use for use in site.uses if use.fate.kind not in ("uncalled", "unread", "unknown") or use.zeros_into]
        if not judged or not all(use.zeros_into for use in judged):
            continue
        use = judged[0]
        other = next((named[use.run, ident] for ident in use.zeros_into if (use.run, ident) in named), None)
        if other is not None:
            yield _report(use, other)


def _report(use: LayerUse, other: LayerUse) -> Report:
    places = ((use, "set to 0 here"), (other, f"the weight of `{other.name}` is set to 0 here"))
    return Report(
        use.place,
        f"`{use.name}` and the next layer `{other.name}` both start with zero weights: neither gets a gradient",
        layer=use.name,
        related=tuple(
            Related(one.weight_writes[-1].place, text) for one, text in places if one.weight_writes[-1].place != use.place
        ),
        advice="initialize one of them at random, as LoRA does with its first factor",
    )
