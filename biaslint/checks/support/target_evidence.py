"""Evidence on the targets: what a program itself says of them, which makes a bias of zero the wrong start of an output layer.

What counts is the prior as the loss sees it: class weights and samplers that rebalance the classes, and targets that are scaled, make
zero right.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from biaslint.checks.support.common import SIZES, TARGETS, size_of
from biaslint.findings.finding import Related, Severity
from biaslint.theory.program import LayerUse

FACTS = ("loss", "counts", "target mean", "sampler", "scaled targets", "training", "logarithm", "stated")
PRIOR = re.compile(
    r"(^|_)(prior|prior_prob|prior_probability|positive_(rate|ratio|fraction|share)|pos_(rate|ratio)|base_rate|bias_prob|prevalence"
    r"|(fraud|churn|click|conversion|anomaly|outlier|defect|spam|attack|disease|minority)_(rate|ratio|fraction|share))$"
)
MEAN = re.compile(r"^((target|label|y)_mean|mean_(target|label|y))$")
WEIGHT = re.compile(r"^((scale_)?pos(itive)?_weight|imbalance_ratio|neg_pos_ratio)$")
PLAIN = re.compile(r"(CrossEntropyLoss|BCEWithLogitsLoss|BCELoss|NLLLoss|[cC]rossentropy|cross_entropy(_with_logits)?)$")
EXCLUSIVE = re.compile(r"(CrossEntropyLoss|NLLLoss|Categorical(Focal)?Crossentropy|softmax_cross_entropy\w*)$")
BINARY = re.compile(r"(BCEWithLogitsLoss|BCELoss|BinaryCrossentropy)$")
REGRESSION = re.compile(r"(MSELoss|L1Loss|SmoothL1Loss|HuberLoss|MeanSquaredError|MeanAbsoluteError|Huber|LogCosh)$")
ANCHORS = re.compile(r"anchor|(num|n)_(priors?|boxes)\b|bbox_per_cell", re.IGNORECASE)
VOCABULARY = re.compile(
    r"vocab|voc_?size|dict_?size|corpus|(num|n)_?(words?|tokens?|embeddings|chars?|characters)\b|ntokens?|input_?size",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the program itself says of the targets: why zero is the wrong start, and what to write instead."""

    why: str
    advice: str
    related: tuple[Related, ...] = ()
    severity: Severity = Severity.WARNING


def evidence(use: LayerUse, facts: list[LayerUse], balanced: bool) -> Evidence | None:
    """The first evidence on the targets of an output layer, among the facts of its execution."""
    losses = losses_of(use, facts)
    found = _configured(use) or _focal(use, losses)
    if found is not None or balanced:
        return found
    for judge in (_counted, _averaged, _stated):
        found = judge(use, losses, facts)
        if found is not None:
            return found
    return _anchors(use, losses)


def losses_of(use: LayerUse, facts: list[LayerUse]) -> list[LayerUse]:
    """The losses that take the layer's result, or those of which it is not known what they take."""
    losses = [fact for fact in facts if fact.kind == "loss"]
    own = [fact for fact in losses if any(use.place in (one.layer, one.made) for one in fact.predictions)]
    return own or [fact for fact in losses if all(one.layer is None for one in fact.predictions)]


def rebalances(fact: LayerUse) -> bool:
    """Is it weights, a sampler or scaled targets, which make zero right, for all that is known?"""
    if fact.kind == "loss":
        return _given(fact, "weight", "pos_weight") or "weighed entries" in fact.config
    return fact.kind in ("sampler", "scaled targets") or (
        fact.kind == "training" and _given(fact, "class_weight", "sample_weight")
    )


def _given(fact: LayerUse, *names: str) -> bool:
    """Is one of the arguments given, and not None?"""
    return any(fact.texts.get(name, "None") != "None" for name in names)


def _configured(use: LayerUse) -> Evidence | None:
    """A prior or a target mean that the model is given."""
    for name, value in use.settings.items():
        if isinstance(value, float) and PRIOR.search(name) and 0 < value < 1 and value != 0.5:
            return _prior(name, value)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value and MEAN.search(name):
            return Evidence(f" although `{name}` is known", f"initialize it to `{name}` = {value:g}")
    return None


def _prior(name: str, value: float, related: tuple[Related, ...] = ()) -> Evidence:
    start = math.log(value / (1 - value))
    advice = f"initialize it to log({name} / (1 - {name})) = {start:.3g}"
    return Evidence(f" although `{name}` is known", advice, related)


def _focal(use: LayerUse, losses: list[LayerUse]) -> Evidence | None:
    """A focal loss, on the result itself or somewhere in the same execution."""
    focal = [fact for fact in losses if "focal" in fact.type.lower()]
    if not (focal or use.focal) or use.output_activation not in ("", "sigmoid", "softmax", "log_softmax"):
        return None
    related = (Related(focal[0].place, "the focal loss"),) if focal else ()
    exclusive = use.output_activation.endswith("softmax") or any(EXCLUSIVE.search(fact.type) for fact in losses)
    if exclusive:
        return Evidence(
            ", and a focal loss is for classes that are far from balanced",
            "initialize it to the log class frequencies",
            related,
        )
    return Evidence(
        ", which makes a focal loss unstable at the start",
        "initialize it to -log((1 - p) / p), with the prior p that the focal loss assumes (-4.6 for 0.01)",
        related,
    )


def _counted(use: LayerUse, losses: list[LayerUse], facts: list[LayerUse]) -> Evidence | None:
    """Classes that are counted, or a prior's logit that is worked out, for a loss that does not rebalance them."""
    if not losses or not all(PLAIN.search(fact.type) for fact in losses):
        return None
    if any("rebuilds the inputs" in fact.config for fact in losses):
        return None
    for fact in facts:
        if fact.kind == "counts" and _of_its_classes(use, fact):
            how = "known" if fact.type == "stated" else "computed"
            related = (Related(fact.place, f"the class frequencies are {'stated' if how == 'known' else how} here"),)
            return Evidence(f" although the class frequencies are {how}", _of_counts(use, losses, fact), related)
        if fact.kind == "target mean" and (_is_binary(use, losses) or fact.config["compared"]):
            related = (Related(fact.place, "the fraction of a class is computed here"),)
            return Evidence(" although the fraction of positive targets is computed", _of_counts(use, losses, fact), related)
        if fact.kind == "logarithm" and 0 < fact.config["prior"] < 1:
            related = (Related(fact.place, "the prior is computed here"),)
            return Evidence(" although the logit of the prior is computed", f"initialize it to `{fact.name}`", related)
    return None


def _of_its_classes(use: LayerUse, fact: LayerUse) -> bool:
    """Are the classes that are counted those of the layer? Words are those of a vocabulary."""
    vocabulary = any(VOCABULARY.search(use.texts.get(name, "")) for name in SIZES)
    return vocabulary if fact.config.get("of") == "words" else not vocabulary


def _is_binary(use: LayerUse, losses: list[LayerUse]) -> bool:
    return use.output_activation == "sigmoid" or all(BINARY.search(fact.type) for fact in losses)


def _of_counts(use: LayerUse, losses: list[LayerUse], fact: LayerUse) -> str:
    """The value to write, in the names of the source."""
    name = fact.name
    if _is_binary(use, losses):
        pair = name.split(", ")
        if len(pair) == 2:  # in the order of the classes: 0, 1
            return f"initialize it to log({pair[1]} / {pair[0]})"
        return f"initialize it to log(p / (1 - p)), where p is the fraction of positive targets, from `{name}`"
    if name.isidentifier() and fact.type not in ("Counter", "stated"):
        return f"initialize it to log({name} / {name}.sum())"
    return f"initialize it to the log class frequencies, log(n / sum(n)) with the counts n from `{name}`"


def _averaged(use: LayerUse, losses: list[LayerUse], facts: list[LayerUse]) -> Evidence | None:
    """A regression, and the mean of the targets is worked out."""
    if not losses or not all(REGRESSION.search(fact.type) for fact in losses) or use.output_activation:
        return None
    for fact in facts:
        if fact.kind == "target mean" and fact.type == "mean" and not fact.config["compared"]:
            related = (Related(fact.place, "the mean is computed here"),)
            return Evidence(" although the mean of the targets is computed", f"initialize it to `{fact.name}`", related)
    return None


def _stated(use: LayerUse, losses: list[LayerUse], facts: list[LayerUse]) -> Evidence | None:
    """A constant of the program that says how rare the positives are, or what the targets' mean is."""
    for fact in facts:
        if fact.kind != "stated":
            continue
        name, value = fact.name, fact.config["value"]
        low, related = name.lower(), (Related(fact.place, "it is stated here"),)
        binary = bool(losses) and _is_binary(use, losses)
        if PRIOR.search(low) and 0 < value < 1 and value != 0.5 and binary:
            return _prior(name, value, related)
        if WEIGHT.search(low) and value > 1 and binary:
            why = f" although `{name}` says how rare the positive targets are, and the loss does not use it"
            return Evidence(
                why, f"initialize it to -log({name}) = {-math.log(value):.3g}, or weight the positives in the loss", related
            )
        if MEAN.search(low) and value and losses and all(REGRESSION.search(loss.type) for loss in losses):
            return Evidence(f" although `{name}` is known", f"initialize it to `{name}` = {value:g}", related)
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
