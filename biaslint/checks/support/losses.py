"""What losses are given, for the checks that judge it."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from biaslint.findings.finding import Related
from biaslint.theory import loss_fit
from biaslint.theory.program import LayerUse, Place, Prediction, Program

Pair = tuple[LayerUse, Prediction]


def ill_fitted(program: Program, kinds: Collection[str]) -> Iterator[Pair]:
    """The losses with a prediction that is wrong in one of these ways: each loss and step once, in order of place.

    Where an execution of the same entry point with other settings gives the same loss something that fits, made by the same layer or step, the settings
    decide, and who chooses them may choose the loss as well.
    """
    pairs = [(use, one) for use in program.uses if use.kind == "loss" for one in use.predictions]
    right = {key for use, one in pairs if not loss_fit.misfit(one) for key in _keys(use, one)}
    found: dict[tuple[Place, Place, str], Pair] = {}
    for use, one in pairs:
        kind = loss_fit.misfit(one)
        if kind in kinds and one.made is not None and one.made.path and right.isdisjoint(_keys(use, one)):
            found.setdefault((one.made, use.place, kind), (use, one))
    return iter(found[key] for key in sorted(found))


def _keys(use: LayerUse, one: Prediction) -> set[tuple[object, ...]]:
    """By what a prediction is the same as another one: the entry point and the call of the loss, with the layer or step behind it."""
    call = (use.root_path, use.root, one.place)
    return {(*call, which, place) for which, place in (("layer", one.layer), ("step", one.made)) if place is not None}


def loss_name(use: LayerUse) -> str:
    """A loss as the source says it."""
    return use.callee or use.type.rpartition(".")[2]


def step_name(one: Prediction) -> str:
    """The step that made a prediction, as the source says it."""
    return f"`{one.name}`" if one.name in ("", one.by) or one.by in ("affine", "norm") else f"`{one.name}` ({one.by})"


def places(use: LayerUse, one: Prediction, but: Place) -> tuple[Related, ...]:
    """Points at the loss and at the call of it, where the finding stands elsewhere."""
    found = [(use.place, "the loss")]
    if (one.place.path, one.place.line) != (use.place.path, use.place.line):
        found.append((one.place, "it is applied here"))
    return tuple(Related(place, text) for place, text in found if place != but)
