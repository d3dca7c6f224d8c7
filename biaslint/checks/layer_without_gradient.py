"""BL803: a layer reaches the outputs by steps alone that have no gradient."""

from __future__ import annotations

from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.checks.unused_layer import runs_that_make
from biaslint.theory.program import Program

KIND = "layer without gradient"


def check(program: Program) -> Iterator[Report]:
    """Report layers that are cut off in every execution that makes them."""
    sites = list(program.sites(KIND))
    made = runs_that_make(program, {site.place for site in sites}) if sites else {}
    for site in sites:
        use = site.first
        if use.framework == "torch" and made[site.place] <= {one.run for one in site.uses}:
            yield Report(
                site.place,
                f"`{use.name}` gets no gradient: nothing but {use.config['by']} is used",
                layer=use.name,
                advice="multiply by the scores as well, as a softmax or sigmoid of them, or estimate the gradient straight through",
            )
