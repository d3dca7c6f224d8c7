"""BL802: a parameter starts with whatever the memory holds."""

from __future__ import annotations

from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.theory.program import Program


def check(program: Program) -> Iterator[Report]:
    """Report parameters that are made without values and used before anything fills them, in every execution."""
    for site in program.sites("unfilled parameter"):
        use = site.first
        if not any(one.config.get("filled") is not False for one in site.uses) and not all(one.part for one in site.uses):
            yield Report(
                site.place,
                f"`{use.name}` is never initialized: it starts with whatever the memory holds, which may be NaN",
                layer=use.name,
                advice="fill it in the constructor, with `nn.init.zeros_` for a bias and a scaled initializer for a weight",
            )
