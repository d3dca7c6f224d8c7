"""BL801: a model makes a layer that nothing uses."""

from __future__ import annotations

from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.checks.support.executions import sites_of_every_run
from biaslint.theory.program import Program


def check(program: Program) -> Iterator[Report]:
    """Report layers of PyTorch that are unused in every execution that makes them."""
    for site in sites_of_every_run(program, "unused layer", "torch"):
        yield Report(
            site.place,
            f"`{site.first.name}` is never used: its parameters get no gradient",
            layer=site.first.name,
            advice="use it in the forward pass or delete it; `DistributedDataParallel` stops at parameters without a gradient",
        )
