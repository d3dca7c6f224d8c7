"""BL401: the layer whose output leaves the model keeps its default bias."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from biaslint.checks import Report
from biaslint.checks.support.common import TARGETS, predicts, size_of
from biaslint.findings.finding import Related, Severity
from biaslint.theory.program import LayerUse, Place, Program

PRIOR = re.compile(r"(^|_)(prior|prior_prob|prior_probability|positive_rate|pos_rate|base_rate|bias_prob)$")
MEAN = re.compile(r"^((target|label|y)_mean|mean_(target|label|y))$")
FACTS = ("loss", "counts", "sampler", "logarithm")
PLAIN = re.compile(r"(CrossEntropyLoss|BCEWithLogitsLoss|BCELoss|[cC]rossentropy|cross_entropy(_with_logits)?)$")
ANCHORS = re.compile(r"anchor|(num|n)_(priors?|boxes)\b|bbox_per_cell", re.IGNORECASE)
CALLED = ("uncalled", "unread", "unknown")
BALANCE = "; zero is fine if the loss or sampler rebalances the classes"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the program itself says of the targets: why zero is the wrong start, and what to write instead."""

    why: str
    advice: str
    related: tuple[Related, ...] = ()
    severity: Severity = Severity.WARNING


def check(program: Program) -> Iterator[Report]:
    """Report the places that make nothing but output layers whose bias is never set.

    Without evidence on the targets it is said only on request, and once for each model.
    """
    facts: dict[int, list[LayerUse]] = {}
    blanket = _blanket(program)
    for use in program.uses:
        if use.kind in FACTS:
            facts.setdefault(use.run, []).append(use)
    said: set[tuple[str, str]] = set()
    for site in program.sites("linear", "conv"):
        called = [use for use in site.uses if use.fate.kind not in CALLED]
        if any(use.fate.kind == "uncalled" for use in site.uses):
            continue  # some model made of the same class has no use for it: it is an encoder, and the layer is dropped
        if not called or any(_meant(use, blanket) for use in site.uses) or not all(_unset(use) for use in called):
            continue
        found = [(use, _evidence(use, facts.get(use.run, []))) for use in called]
        use, evidence = next((pair for pair in found if pair[1] is not None), found[0])
        if evidence is None:
            model = (site.place.path, use.owner if site.place.cell is None else "")
            if model in said or not all(predicts(other) for other in called):
                continue
            said.add(model)
        yield Report(
            site.place,
            f"output layer `{use.name}` keeps its default bias initialization" + (evidence.why if evidence else ""),
            layer=use.name,
            related=evidence.related if evidence else (),
            advice=evidence.advice if evidence else _advice(use.output_activation),
            severity=evidence.severity if evidence else None,
            on_request=evidence is None,
        )


def _blanket(program: Program) -> set[tuple[int, Place]]:
    """The statements that set the biases of several layers of one execution: a general initialization."""
    layers = {(use.run, use.ident, write.place) for use in program.uses for write in use.bias.writes}
    counts = Counter((run, place) for run, _, place in layers)
    return {key for key, count in counts.items() if count > 1}


def _meant(use: LayerUse, blanket: set[tuple[int, Place]]) -> bool:
    """Is this layer's bias set, and not only together with every bias to about zero?"""
    return any(
        write.value != 0 or write.how not in ("constant", "normal", "uniform") or (use.run, write.place) not in blanket
        for write in use.bias.writes
    )


def _unset(use: LayerUse) -> bool:
    if not use.is_output or not use.bias.present or use.escaped:
        return False
    tied = use.weight_of is not None or use.bias_of is not None
    return not (tied or "bias_initializer" in use.texts or use.configured)


def _evidence(use: LayerUse, facts: list[LayerUse]) -> Evidence | None:
    losses = [fact for fact in facts if fact.kind == "loss"]
    return _configured(use) or _focal(use, losses) or _counted(use, losses, facts) or _anchors(use, losses)


def _configured(use: LayerUse) -> Evidence | None:
    """A prior or a target mean that the model is given."""
    for name, value in use.settings.items():
        if isinstance(value, float) and PRIOR.search(name) and 0 < value < 1 and value != 0.5:
            start = math.log(value / (1 - value))
            return Evidence(f" although `{name}` is known", f"initialize it to log({name} / (1 - {name})) = {start:.3g}")
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value and MEAN.search(name):
            return Evidence(f" although `{name}` is known", f"initialize it to `{name}` = {value:g}")
    return None


def _focal(use: LayerUse, losses: list[LayerUse]) -> Evidence | None:
    """A focal loss, on the result itself or somewhere in the same execution."""
    focal = [fact for fact in losses if "focal" in fact.type.lower() and "categorical" not in fact.type.lower()]
    if not (focal or use.focal) or use.output_activation not in ("", "sigmoid"):
        return None
    return Evidence(
        ", which makes a focal loss unstable at the start",
        "initialize it to -log((1 - p) / p), with the prior p that the focal loss assumes (-4.6 for 0.01)",
        (Related(focal[0].place, "the focal loss"),) if focal else (),
    )


def _counted(use: LayerUse, losses: list[LayerUse], facts: list[LayerUse]) -> Evidence | None:
    """Classes that are counted, or a prior's logit that is worked out, for a loss that does not rebalance them."""
    plain = losses and all(PLAIN.search(fact.type) for fact in losses)
    weighted = any("weight" in fact.texts or "pos_weight" in fact.texts for fact in losses)
    if not plain or weighted or any(fact.kind == "sampler" for fact in facts):
        return None
    for fact in facts:
        related = (Related(fact.place, "the class frequencies are computed here"),)
        if fact.kind == "counts":
            return Evidence(
                " although the class frequencies are computed", "initialize it to the log class frequencies", related
            )
        if fact.kind == "logarithm" and 0 < fact.config["prior"] < 1:
            related = (Related(fact.place, "the prior is computed here"),)
            return Evidence(" although the logit of the prior is computed", f"initialize it to `{fact.name}`", related)
    return None


def _anchors(use: LayerUse, losses: list[LayerUse]) -> Evidence | None:
    """A detector's scores: a class per anchor, nearly all of which are background."""
    sigmoid = use.output_activation == "sigmoid" or any(fact.type.endswith("BCEWithLogitsLoss") for fact in losses)
    if not sigmoid or use.kind != "conv" or not ANCHORS.search(size_of(use)) or not TARGETS.search(size_of(use)):
        return None
    return Evidence(
        ", although nearly all anchors are background",
        "initialize it to -log((1 - p) / p), where p is the fraction of anchors with an object (-4.6 for 0.01)",
        severity=Severity.HINT,
    )


def _advice(activation: str) -> str:
    if activation == "sigmoid":
        return "initialize it to log(p / (1 - p)), where p is the fraction of positive targets" + BALANCE
    if activation in ("softmax", "log_softmax"):
        return "initialize it to the log class frequencies, unless the classes are balanced" + BALANCE
    return "initialize it to the mean of the targets, or to the logit of the class frequencies" + BALANCE
