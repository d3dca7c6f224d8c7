"""BL801: a model makes a layer that nothing uses."""

from __future__ import annotations

from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.theory.program import Place, Program

KIND = "unused layer"


def check(program: Program) -> Iterator[Report]:
    """Report layers of PyTorch that are unused in every execution that makes them."""
    sites = list(program.sites(KIND))
    made = runs_that_make(program, {site.place for site in sites}) if sites else {}
    for site in sites:
        use = site.first
        if use.framework == "torch" and made[site.place] <= {one.run for one in site.uses}:
            yield Report(
                site.place,
                f"`{use.name}` is never used: its parameters get no gradient",
                layer=use.name,
                advice="use it in the forward pass or delete it; `DistributedDataParallel` stops at parameters without a gradient",
            )


def runs_that_make(program: Program, places: set[Place]) -> dict[Place, set[int]]:
    """The executions that make layers by these calls."""
    found: dict[Place, set[int]] = {place: set() for place in places}
    for use in program.uses:
        for place in places.intersection(use.chain) if use.kind != KIND else ():
            found[place].add(use.run)
    return found
