"""BL203: a weight initializer (Xavier, He, orthogonal) is applied to a bias."""

from __future__ import annotations

from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.checks.support.common import the_layer, to_zero, zeros_instead
from biaslint.findings.finding import Severity
from biaslint.theory.program import BiasWrite, LayerUse, Place, Program

VECTORS = ("conv", "linear", "bilinear", "rnn", "rnn_cell", "norm", "affine")


def check(program: Program) -> Iterator[Report]:
    """Report the calls that scale a bias as if it were a weight matrix, in every execution of some entry point."""
    seen: set[Place] = set()
    for site in program.sites(*VECTORS):
        by_root: dict[str, dict[int, list[LayerUse]]] = {}
        for use in [use for use in site.uses if use.fate.kind != "unknown"] or site.uses:
            by_root.setdefault(use.root, {}).setdefault(use.run, []).append(use)
        for runs in by_root.values():  # one entry point that gets there in each of its executions is enough
            scaled = [
                {_place(write): (use, write) for use in uses for write in use.bias.writes if _scales(write)}
                for uses in runs.values()
            ]
            for place, (use, write) in scaled[0].items():
                if place not in seen and all(place in other for other in scaled):
                    seen.add(place)
                    yield _report(use, write, place)


def _place(write: BiasWrite) -> Place:
    return write.call or write.place


def _scales(write: BiasWrite) -> bool:
    """A view of the bias may have the dimensions that the initializer asks for."""
    return write.how == "scaled" and not write.caught and not set("([").intersection(write.target)


def _report(use: LayerUse, write: BiasWrite, place: Place) -> Report:
    raises = use.framework in ("torch", "flax")
    name = write.by.rpartition(".")[2] or "a weight initializer"
    end = (
        "which raises an error: a bias is one-dimensional"
        if raises
        else "which is meaningless: a bias has no fan-in or fan-out"
    )
    return Report(
        place,
        f"`{name}` is applied to the bias of `{use.name}`, {end}",
        layer=use.name,
        related=the_layer(use, place),
        fix=zeros_instead(write) if use.framework == "torch" else to_zero(use, write),
        advice="initialize biases to zero",
        severity=Severity.ERROR if raises else Severity.HINT,
    )
