"""BL504: a norm or dropout layer gets a training flag where it expects an inference flag."""

from __future__ import annotations

from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.theory.program import Program

DOES = {
    "use_running_average": "uses stored statistics in training and batch statistics afterwards",
    "deterministic": "is off in training and on afterwards",
}


def check(program: Program) -> Iterator[Report]:
    """Report `use_running_average=train` and `deterministic=train`."""
    for site in program.sites("mode"):
        use = site.first
        argument, flag = str(use.config.get("argument")), str(use.config.get("flag"))
        yield Report(
            site.place,
            f"`{argument}={flag}` is inverted: the layer {DOES[argument]}",
            layer=use.name,
            advice=f"write `{argument}=not {flag}`",
        )
