"""BL401: the layer whose output leaves the model keeps its default bias."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from biaslint.checks import Report
from biaslint.checks.support.common import predicts
from biaslint.findings.finding import Related, Severity
from biaslint.theory.program import LayerUse, Program

PRIOR = re.compile(r"(^|_)(prior|prior_prob|prior_probability|positive_rate|pos_rate|base_rate|bias_prob)$")
MEAN = re.compile(r"^((target|label|y)_mean|mean_(target|label|y))$")
CALLED = ("uncalled", "unread", "unknown")
BALANCE = "; zero is fine if the loss or sampler rebalances the classes"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the program itself says of the targets: why zero is the wrong start, and what to write instead."""

    why: str
    advice: str
    related: tuple[Related, ...] = ()


def check(program: Program) -> Iterator[Report]:
    """Report the places that make nothing but output layers whose bias nobody sets."""
    facts: dict[int, list[LayerUse]] = {}
    for use in program.uses:
        if use.kind in ("loss", "counts", "sampler", "logarithm"):
            facts.setdefault(use.run, []).append(use)
    for site in program.sites("linear", "conv"):
        called = [use for use in site.uses if use.fate.kind not in CALLED]
        if any(use.fate.kind == "uncalled" for use in site.uses):
            continue  # some model made of the same class has no use for it: it is an encoder, and the layer is dropped
        if any(use.bias.writes for use in site.uses) or not called or not all(_unset(use) for use in called):
            continue
        found = [(use, _evidence(use, facts.get(use.run, []))) for use in called]
        use, evidence = next((pair for pair in found if pair[1] is not None), found[0])
        if evidence is None and not all(predicts(other) for other in called):
            continue
        yield Report(
            site.place,
            f"output layer `{use.name}` keeps its default bias initialization" + (evidence.why if evidence else ""),
            layer=use.name,
            related=evidence.related if evidence else (),
            advice=evidence.advice if evidence else _advice(use.output_activation),
            severity=Severity.WARNING if evidence else None,
        )


def _unset(use: LayerUse) -> bool:
    if not use.is_output or not use.bias.present:
        return False
    if use.escaped:
        return False
    tied = use.weight_of is not None or use.bias_of is not None
    return not (use.bias.writes or tied or "bias_initializer" in use.texts or use.configured)


def _evidence(use: LayerUse, facts: list[LayerUse]) -> Evidence | None:
    for name, value in use.settings.items():
        if isinstance(value, float) and PRIOR.search(name) and 0 < value < 1 and value != 0.5:
            start = math.log(value / (1 - value))
            return Evidence(f" although `{name}` is known", f"initialize it to log({name} / (1 - {name})) = {start:.3g}")
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value and MEAN.search(name):
            return Evidence(f" although `{name}` is known", f"initialize it to `{name}` = {value:g}")
    focal = [fact for fact in facts if fact.kind == "loss" and "focal" in fact.type]
    if focal and use.output_activation in ("", "sigmoid"):
        advice = "initialize it to -log((1 - p) / p), with the prior p that the focal loss assumes (-4.6 for 0.01)"
        return Evidence(
            ", which makes a focal loss unstable at the start", advice, (Related(focal[0].place, "the focal loss"),)
        )
    losses = [fact for fact in facts if fact.kind == "loss"]
    plain = losses and all(fact.type.endswith(("CrossEntropyLoss", "BCEWithLogitsLoss", "BCELoss")) for fact in losses)
    weighted = any("weight" in fact.texts or "pos_weight" in fact.texts for fact in losses)
    if not plain or weighted or any(fact.kind == "sampler" for fact in facts):
        return None
    for fact in facts:
        if fact.kind == "counts":
            related = (Related(fact.place, "the class frequencies are computed here"),)
            return Evidence(
                " although the class frequencies are computed", "initialize it to the log class frequencies", related
            )
        if fact.kind == "logarithm" and 0 < fact.config["prior"] < 1:
            related = (Related(fact.place, "the prior is computed here"),)
            return Evidence(" although the logit of the prior is computed", f"initialize it to `{fact.name}`", related)
    return None


def _advice(activation: str) -> str:
    if activation == "sigmoid":
        return "initialize it to log(p / (1 - p)), where p is the fraction of positive targets" + BALANCE
    if activation in ("softmax", "log_softmax"):
        return "initialize it to the log class frequencies, unless the classes are balanced" + BALANCE
    return "initialize it to the mean of the targets, or to the logit of the class frequencies" + BALANCE
