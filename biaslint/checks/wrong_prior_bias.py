"""BL403: an output bias is meant as a prior and written wrongly."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator

from biaslint.checks import Report
from biaslint.checks.support.common import ELSEWHERE, VALUE_OF, by_write, set_argument, the_layer, to_zero
from biaslint.checks.support.spelling import negated
from biaslint.findings.finding import Fix, Safety, SetArgument
from biaslint.theory.program import BiasWrite, LayerUse, Program

KINDS = ("conv", "linear")
PROBABILITY = re.compile(r"(^|[_.])(prior|prob|probability|pi)(_\w+)?$", re.IGNORECASE)
LOGITS = ("", "sigmoid")
SOFTMAX = ("softmax", "log_softmax")
Fault = tuple[str, str] | None  # what is wrong with a write, and what to do about it


def check(program: Program) -> Iterator[Report]:
    """Report logits of impossible priors, and output biases with the wrong sign, scale or meaning."""
    yield from _impossible(program)
    for fault in (_flipped(program), _probability, _cancelled):
        for use, write in by_write(program, fault, KINDS):
            message, advice = fault(use, write) or ("", "")
            fix = None if fault is _probability else to_zero(use, write) if fault is _cancelled else _negated(use, write)
            yield Report(write.place, message, layer=use.name, related=the_layer(use, write.place), fix=fix, advice=advice)


def _negated(use: LayerUse, write: BiasWrite) -> Fix | None:
    """The same value with the other sign."""
    if write.by in VALUE_OF and write.text and write.call is not None:
        keyword, position = VALUE_OF[write.by]
        text = negated(write.text)
        return Fix(Safety.UNSAFE, f"`{text}` {ELSEWHERE}", (SetArgument(write.call, keyword, text, position),))
    given = re.fullmatch(r"([\w.]*[Cc]onstant\w*)\((.+)\)", use.texts.get("bias_initializer", ""))
    if use.framework == "keras" and write.place == use.place and given and "," not in given[2] and "**" not in use.texts:
        text = f"{given[1]}({negated(given[2])})"
        return Fix(Safety.UNSAFE, f"`bias_initializer={text}` {ELSEWHERE}", (set_argument(use, "bias_initializer", text),))
    return None


def _impossible(program: Program) -> Iterator[Report]:
    for site in program.sites("logarithm"):
        fact = site.first
        if all(not 0 < use.config["prior"] < 1 for use in site.uses):
            yield Report(
                fact.place,
                f"`{fact.name}` takes the logarithm of {fact.config['argument']:.3g}: "
                f"a prior of {fact.config['prior']:g} is not between 0 and 1",
                advice="pass the prior as a probability, such as 0.01",
            )


def _flipped(program: Program) -> Callable[[LayerUse, BiasWrite], Fault]:
    """A prior below one half has a negative logit."""
    priors: dict[int, list[LayerUse]] = {}
    for use in program.uses:
        if use.kind == "logarithm" and 0 < use.config["prior"] < 0.5:
            priors.setdefault(use.run, []).append(use)

    def fault(use: LayerUse, write: BiasWrite) -> Fault:
        if (
            write.how != "constant"
            or not write.value
            or write.value < 0
            or not use.is_output
            or use.output_activation not in LOGITS
        ):
            return None
        for fact in priors.get(use.run, []):
            prior = fact.config["prior"]
            right = math.log(prior / (1 - prior))
            if math.isclose(write.value, -right, rel_tol=1e-6):
                message = f"the bias of `{use.name}` starts at {write.value:.3g}: that predicts {1 - prior:g}, but the prior is {prior:g}"
                return (message, f"the sign is wrong: log(p / (1 - p)) is {right:.3g}")
        return None

    return fault


def _probability(use: LayerUse, write: BiasWrite) -> Fault:
    """A probability where the logit belongs."""
    if write.how != "constant" or not write.value or not 0 < write.value < 1:
        return None
    if not use.is_output or use.output_activation != "sigmoid" or not PROBABILITY.search(write.text):
        return None
    right = math.log(write.value / (1 - write.value))
    start = 1 / (1 + math.exp(-write.value))
    message = f"the bias of `{use.name}` is set to the probability {write.value:g}: sigmoid maps it to {start:.2g}"
    return (message, f"write its logit, log(p / (1 - p)) = {right:.3g}")


def _cancelled(use: LayerUse, write: BiasWrite) -> Fault:
    """Softmax takes away what is added to all classes alike."""
    if write.how != "constant" or not write.value or not use.is_output or use.output_activation not in SOFTMAX:
        return None
    if use.mixed or use.config.get("out_features", use.config.get("out_channels")) == 1:
        return None
    message = f"every class of `{use.name}` starts with the same bias, {write.value:.3g}, which softmax cancels"
    return (message, "set each class to its log frequency, or leave the bias at zero")
