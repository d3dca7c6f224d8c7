"""BL603: a method or function that initializes weights is never called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from biaslint.checks import Report
from biaslint.theory.program import LayerUse, Place, Program


def check(program: Program) -> Iterator[Report]:
    """Report initializations that nothing names; a public method, which a user of the class may call, on request only."""
    for site in program.sites("unused initializer"):
        use = site.first
        short = use.name.rpartition(".")[2]
        yield Report(
            _header(use),
            f"`{use.name}` sets the weights but is never called: the layers keep their default initialization",
            layer=use.name,
            advice=_advice(use, short),
            on_request=use.config.get("private") is not True,
        )


def _advice(use: LayerUse, short: str) -> str:
    if "." in use.name:
        return f"call `self.{short}` at the end of `__init__`, with `self.apply(...)` if it takes a module, or delete it"
    return f"call it, with `model.apply({short})` if it takes a module, or delete it"


def _header(use: LayerUse) -> Place:
    """The first line of the definition."""
    end = use.place.column + len("def ") + len(use.name.rpartition(".")[2])
    return replace(use.place, end_line=use.place.line, end_column=end)
