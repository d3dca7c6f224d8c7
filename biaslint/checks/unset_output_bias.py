"""BL401: the layer whose output leaves the model keeps its default bias."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.checks.support.common import TARGETS, predicts, size_of
from biaslint.checks.support.target_evidence import FACTS, evidence, rebalances
from biaslint.theory.program import LayerUse, Place, Program, Site

CALLED = ("uncalled", "unread", "unknown")
KINDS = ("linear", "conv", "norm", "affine")
BALANCE = "; zero is fine if the loss or sampler rebalances the classes"


def check(program: Program) -> Iterator[Report]:
    """Report the places that make nothing but output layers whose bias is never set.

    Without evidence on the targets it is said only on request, and once for each model.
    """
    facts: dict[int, list[LayerUse]] = {}
    blanket = _blanket(program)
    for use in program.uses:
        if use.kind in FACTS:
            facts.setdefault(use.run, []).append(use)
    balanced = {fact.place.path for fact in program.uses if fact.kind in FACTS and rebalances(fact)}
    said: set[tuple[str, str]] = set()
    for site in program.sites(*KINDS):
        called = _unset_uses(site, blanket)
        if not called:
            continue
        around = _around(called, facts)
        zero_is_right = any(map(rebalances, around))
        found = [(use, evidence(use, facts.get(use.run, []), zero_is_right)) for use in called]
        use, shown = next((pair for pair in found if pair[1] is not None), found[0])
        if shown is None:
            model = (site.place.path, use.owner if site.place.cell is None else "")
            elsewhere = site.place.path in balanced and not any(fact.kind == "loss" for fact in around)
            if zero_is_right or elsewhere or model in said or not all(predicts(other) for other in called):
                continue
            said.add(model)
        yield Report(
            site.place,
            f"output layer `{use.name}` keeps its default bias initialization" + (shown.why if shown else ""),
            layer=use.name,
            related=shown.related if shown else (),
            advice=shown.advice if shown else _advice(use.output_activation),
            severity=shown.severity if shown else None,
            on_request=shown is None,
        )


def _unset_uses(site: Site, blanket: set[tuple[int, Place]]) -> list[LayerUse]:
    """The uses of a place's layers, where all are output layers whose bias nobody sets; none otherwise."""
    called = [use for use in site.uses if use.fate.kind not in CALLED]
    if any(use.fate.kind == "uncalled" for use in site.uses):
        return []  # some model made of the same class has no use for it: it is an encoder, and the layer is dropped
    if any(_meant(use, blanket) for use in site.uses) or not all(_unset(use) for use in called):
        return []
    return called


def _around(uses: list[LayerUse], facts: dict[int, list[LayerUse]]) -> list[LayerUse]:
    """The facts of all executions that use a layer."""
    return [fact for use in uses for fact in facts.get(use.run, [])]


def _blanket(program: Program) -> set[tuple[int, Place]]:
    """The statements that set the biases of several layers of one execution: a general initialization."""
    layers = {(use.run, use.ident, write.place) for use in program.uses for write in use.bias.writes}
    counts = Counter((run, place) for run, _, place in layers)
    return {key for key, count in counts.items() if count > 1}


def _meant(use: LayerUse, blanket: set[tuple[int, Place]]) -> bool:
    """Is this layer's bias set, and not only together with every bias to about zero, or where a variable has to start at something?"""
    return any(
        write.value != 0
        or write.how not in ("constant", "normal", "uniform")
        or ((use.run, write.place) not in blanket and write.place != use.place)
        for write in use.bias.writes
    )


def _unset(use: LayerUse) -> bool:
    if not use.is_output or not use.bias.present or use.escaped:
        return False
    if use.kind in ("norm", "affine") and not TARGETS.search(size_of(use)):
        return False  # a norm's or a sum's result is features as often as a prediction
    tied = use.weight_of is not None or use.bias_of is not None
    return not (tied or "bias_initializer" in use.texts or use.configured)


def _advice(activation: str) -> str:
    if activation == "sigmoid":
        return "initialize it to log(p / (1 - p)), where p is the fraction of positive targets" + BALANCE
    if activation in ("softmax", "log_softmax"):
        return "initialize it to the log class frequencies, unless the classes are balanced" + BALANCE
    return "initialize it to the mean of the targets, or to the logit of the class frequencies" + BALANCE
