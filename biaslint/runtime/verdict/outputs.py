"""Judging what the whole model puts out before training: its outputs and its loss."""

from __future__ import annotations

import math
from collections.abc import Sequence

from biaslint.config.thresholds import Thresholds
from biaslint.findings.finding import Severity
from biaslint.runtime.facts import priors
from biaslint.runtime.facts.measurement import FAIL, NOT_APPLICABLE, PASS, Failure, Measurement, Verdict, layer_place
from biaslint.runtime.facts.observed import LayerFacts, Observed, OutputFacts, TargetFacts

_LABELS_PER_CLASS = 5
_RULE = "unset-output-bias"


def output_layer(observed: Observed) -> LayerFacts | None:
    """The layer that the first output comes out of."""
    found = [layer for layer in observed.layers if layer.is_output]
    return found[0] if found else None


def listed(values: Sequence[float], most: int = 6) -> str:
    """Some numbers, for people."""
    shown = ", ".join(f"{value:.3g}" for value in values[:most])
    return f"{shown}, ... ({len(values)} in all)" if len(values) > most else shown


def _softmax(values: Sequence[float]) -> list[float]:
    top = max(values)
    powers = [math.exp(value - top) for value in values]
    return [power / sum(powers) for power in powers]


def _at_the_mean(output: OutputFacts, binary: bool) -> list[float]:
    """What is predicted where the scores have their mean: what their bias alone makes of them."""
    if output.form == "probabilities":
        return output.predicted
    if binary:
        return [1 / (1 + math.exp(-min(max(mean, -700), 700))) for mean in output.class_means]
    return _softmax(output.class_means)


def seen_prior(targets: TargetFacts, classes: int, weights: Sequence[float]) -> list[float]:
    """The prior as the loss sees it, with a share for each of the model's classes."""
    if targets.kind == "binary":
        prior = targets.prior * classes if len(targets.prior) == 1 else targets.prior
        return priors.weighted_positives(prior, weights)
    prior = (targets.prior + [0.0] * classes)[:classes]
    return priors.weighted(prior, weights)


def bias_code(observed: Observed, layer: LayerFacts | None, values: Sequence[float], prior: Sequence[float]) -> str:
    """Code that sets the output layer's bias."""
    name = layer.name if layer else ""
    path = "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in name.split(".")) if name else ".<output layer>"
    if observed.framework == "torch":
        if len(set(values)) == 1:
            return f"torch.nn.init.constant_(model{path}.bias, {values[0]:.4g})"
        literal = (
            f"torch.tensor([{', '.join(f'{value:.4g}' for value in values)}])"
            if len(values) <= 10
            else "torch.tensor(prior).log()"
        )
        return f"with torch.no_grad(): model{path}.bias.copy_({literal})"
    literal = f"[{', '.join(f'{value:.4g}' for value in values)}]" if len(values) <= 10 else "numpy.log(prior)"
    if observed.mode == "inference":
        return f"{literal}, in the code that was exported"
    if observed.framework == "tensorflow":
        return f"{name or '<output bias>'}.assign({literal})"
    return f"model.get_layer({name!r}).bias.assign({literal})"


def initial_outputs(observed: Observed, limits: Thresholds, verdict: Verdict) -> None:
    """The predicted distribution or mean against what is known of the targets."""
    if not observed.outputs:
        return _say(observed, verdict, NOT_APPLICABLE, "the model returned no numbers")
    output, targets = observed.outputs[0], observed.targets
    spread = (
        f"mean {output.values.mean:.4g}, standard deviation {output.values.spread:.4g}"
        if output.values.mean is not None
        else "not finite"
    )
    if targets is None or not targets.kind:
        unknown = "the targets are not known: pass --data, --prior or --target-mean"
        return _say(observed, verdict, NOT_APPLICABLE, f"{spread}; {unknown}")
    if targets.kind == "values":
        return _mean_against_targets(observed, output, targets, limits, verdict)
    missing = _why_incomparable(output, targets)
    if missing:
        return _say(observed, verdict, NOT_APPLICABLE, f"{spread}; {missing}")
    return _shares_against_targets(observed, output, targets, spread, limits, verdict)


def _say(
    observed: Observed,
    verdict: Verdict,
    status: str,
    message: str,
    value: float | None = None,
    threshold: float | None = None,
) -> None:
    """Add the measurement of the outputs."""
    layer = output_layer(observed)
    name = layer.name if layer else ""
    verdict.measurements.append(
        Measurement("initial-outputs", status, message, _RULE, name, value, threshold, layer_place(layer))
    )


def _why_incomparable(output: OutputFacts, targets: TargetFacts) -> str:
    """Why the output cannot be compared with the targets' shares; "" where it can."""
    if not output.predicted or (targets.kind == "classes" and len(targets.prior) > output.classes):
        return f"the output of shape {output.shape} has no scores for {len(targets.prior)} classes"
    if targets.kind == "classes" and targets.count and targets.count < _LABELS_PER_CLASS * output.classes:
        return f"{targets.count} labels are too few for {output.classes} classes: pass --prior"
    if targets.kind == "classes" and len(targets.prior) == 1 and output.classes > 1:
        return f"one frequency is not enough for {output.classes} classes: pass one for each"
    return ""


def _shares_against_targets(
    observed: Observed, output: OutputFacts, targets: TargetFacts, spread: str, limits: Thresholds, verdict: Verdict
) -> None:
    weights = observed.loss.class_weights if observed.loss else []
    prior = seen_prior(targets, output.classes, weights)
    binary = targets.kind == "binary"
    between = priors.binary_divergence if binary else priors.divergence
    apart = between(prior, output.predicted)
    chance = (1 if binary else output.classes - 1) / (2 * targets.count) if targets.count else 0.0
    limit = limits.prior_divergence + chance
    as_seen = " weighted by the loss" if weights else ""
    assumed = f"; assumed: {targets.assumed}" if targets.assumed else ""
    text = f"{spread}; predicted {listed(output.predicted)}, prior{as_seen} {listed(prior)} (from {targets.source}{assumed}): {apart:.3g} nats apart"
    # Where scattered scores alone take the mean prediction away from the prior, no bias brings it back.
    failed = apart > limit and between(prior, _at_the_mean(output, binary)) > limit
    text += "" if failed or apart <= limit else ", because of the spread of the scores, not the bias"
    _say(observed, verdict, FAIL if failed else PASS, text, apart, limit)
    if failed:
        layer = output_layer(observed)
        values = [priors.logit(share) for share in prior] if binary else priors.class_bias(prior)
        verdict.failures.append(
            Failure(
                _RULE,
                layer_place(layer),
                f"the untrained model predicts {listed(output.predicted)} where the class frequencies{as_seen} are {listed(prior)} "
                f"({apart:.2g} nats apart, from {targets.source}{assumed}); its output bias ignores the prior",
                layer=layer.name if layer else "",
                advice=f"start from the prior: {bias_code(observed, layer, values, prior)}",
                start=tuple(values),
                severity=Severity.WARNING,
            )
        )


def _mean_against_targets(
    observed: Observed, output: OutputFacts, targets: TargetFacts, limits: Thresholds, verdict: Verdict
) -> None:
    means = output.class_means or ([output.values.mean] if output.values.mean is not None else [])
    wanted = targets.means * len(means) if len(targets.means) == 1 else targets.means
    if not means or len(wanted) != len(means):
        text = f"the output of shape {output.shape} does not fit {len(targets.means)} target means"
        return _say(observed, verdict, NOT_APPLICABLE, text)
    spreads = targets.spreads or [max(abs(mean), 1e-12) for mean in wanted]
    offset = max(
        abs(mean - want) / max(spread, 1e-12) for mean, want, spread in zip(means, wanted, spreads * len(wanted), strict=False)
    )
    unit = "standard deviations" if targets.spreads else "times the mean"
    failed = offset > limits.mean_offset
    text = f"predicted mean {listed(means)}, target mean {listed(wanted)}: {offset:.3g} {unit} apart"
    _say(observed, verdict, FAIL if failed else PASS, text, offset, limits.mean_offset)
    if failed:
        layer = output_layer(observed)
        verdict.failures.append(
            Failure(
                _RULE,
                layer_place(layer),
                f"the untrained model outputs {listed(means)} on average where the mean of the targets is {listed(wanted)} ({offset:.2g} {unit} away)",
                layer=layer.name if layer else "",
                advice=f"start at the mean: {bias_code(observed, layer, wanted, [])}",
                start=tuple(wanted),
                severity=Severity.WARNING,
            )
        )
    return None


def initial_loss(observed: Observed, limits: Thresholds, verdict: Verdict) -> None:
    """The loss against that of the best constant output."""
    loss, targets, name, rule = observed.loss, observed.targets, "initial-loss", "initial-loss"
    if loss is None or loss.value is None or loss.best is None or targets is None:
        hint = f"; it should be about {loss.best:.4g}" if loss and loss.best is not None else ""
        verdict.measurements.append(
            Measurement(name, NOT_APPLICABLE, f"no labels to measure a loss with: pass --data{hint}", rule)
        )
        return
    best: float = loss.best
    balanced = ""
    classes = observed.outputs[0].classes if observed.outputs else 0
    if targets.kind == "classes" and classes > 1 and targets.count and targets.count < _LABELS_PER_CLASS * classes:
        best, balanced = math.log(classes), f" = ln {classes}, for balanced classes"
    if not math.isfinite(loss.value):
        excess = math.inf
    else:
        excess = (loss.value - best) / max(abs(best), 1e-3)
    failed = excess > limits.loss_excess
    layer = output_layer(observed)
    text = f"{loss.name} is {loss.value:.4g}, the best constant output gives {best:.4g}{balanced}"
    verdict.measurements.append(
        Measurement(
            name,
            FAIL if failed else PASS,
            text,
            rule,
            layer.name if layer else "",
            excess if math.isfinite(excess) else None,
            limits.loss_excess,
            layer_place(layer),
        )
    )
    # Where the prior is to blame, that finding says what to do.
    if failed and not any(one.rule == _RULE for one in verdict.failures):
        verdict.failures.append(
            Failure(
                rule,
                layer_place(layer),
                f"the loss starts at {loss.value:.4g}, while a constant output gives {best:.4g}{balanced}",
                layer=layer.name if layer else "",
                advice="check the scale of the last layer's weights and the outputs' spread; training has to undo them first",
            )
        )
