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
    yield from _idle(program)


def _idle(program: Program) -> Iterator[Report]:
    """Report initializations that are called and set nothing in any execution."""
    for site in program.sites("idle initializer"):
        use = site.first
        if not any(one.config.get("sets") for one in site.uses):
            yield Report(
                _header(use),
                f"`{use.name}` is called but sets no weights: its questions fit no layer of the model",
                layer=use.name,
                advice="compare the types and names that it asks for with the model's layers; `apply` gives it each of them",
            )


def _advice(use: LayerUse, short: str) -> str:
    if "." in use.name:
        return f"call `self.{short}` at the end of `__init__`, with `self.apply(...)` if it takes a module, or delete it"
    return f"call it, with `model.apply({short})` if it takes a module, or delete it"


def _header(use: LayerUse) -> Place:
    """The first line of the definition."""
    end = use.place.column + len("def ") + len(use.name.rpartition(".")[2])
    return replace(use.place, end_line=use.place.line, end_column=end)
