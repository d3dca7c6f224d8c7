"""BL803: a layer reaches the outputs by steps alone that have no gradient."""

from __future__ import annotations

from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.checks.support.executions import sites_of_every_run
from biaslint.theory.program import Program


def check(program: Program) -> Iterator[Report]:
    """Report layers of PyTorch that are cut off in every execution that makes them."""
    for site in sites_of_every_run(program, "layer without gradient", "torch"):
        use = site.first
        yield Report(
            site.place,
            f"`{use.name}` gets no gradient: nothing but {use.config['by']} is used",
            layer=use.name,
            advice="multiply by the scores as well, as a softmax or sigmoid of them, or estimate the gradient straight through",
        )
