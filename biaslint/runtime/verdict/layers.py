"""Judging single layers: dead biases, forget gates, initial biases, dead units, tied weights."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from biaslint.config.thresholds import Thresholds
from biaslint.findings.finding import Related, Severity
from biaslint.runtime.facts.measurement import (
    FAIL,
    NOT_APPLICABLE,
    PASS,
    Failure,
    Measurement,
    Verdict,
    layer_place,
    outer_frames,
    place_of,
)
from biaslint.runtime.facts.observed import LayerFacts, Observed
from biaslint.theory.program import Place

_MANY = 16
_CHANCE = 2.8  # standard deviations
_UNTESTED = {"nobias": "has no bias", "unused": "no call of it was seen", "nograd": "no gradient reaches it"}
_LIVE = {"alive", "partial_bn", "partial_always"}


def is_dead(layer: LayerFacts) -> bool:
    """Dead in every channel, and not seen by a dropout either."""
    return layer.dead in ("dead_bn", "dead_always") and not layer.dropout_sees_it


def key_part(layer: LayerFacts) -> bool:
    """A fused projection of which softmax cancels the keys' part: a third of qkv, a half of kv, less where values are wider."""
    how = set(layer.cancelled_how)
    softmax_alone = "softmax" in how and not how & {"instance norm", "group norm"}
    return layer.dead == "partial_always" and softmax_alone and layer.dead_fraction >= 0.1  # a single query is less


def _call(frame: list[Any]) -> tuple[Any, ...]:
    return tuple(frame[:3])


def _report_place(layer: LayerFacts, live: set[tuple[Any, ...]]) -> Place | None:
    """The innermost call on the layer's chain through which no layer with a live bias was made."""
    return next((place_of(frame) for frame in outer_frames(layer.chain) if _call(frame) not in live), None)


def _canceller(layer: LayerFacts) -> str:
    how = " and ".join(layer.cancelled_how) or "what follows"
    names = [f"`{name}`" for name in layer.cancelled_by[:3]]
    more = f" and {len(layer.cancelled_by) - 3} more" if len(layer.cancelled_by) > 3 else ""
    return f"{how} in {', '.join(names)}{more}" if names else how


def _standing(layer: LayerFacts) -> tuple[str, str]:
    """Whether the layer passes for its bias, and why."""
    if layer.dead in _UNTESTED:
        return NOT_APPLICABLE, _UNTESTED[layer.dead]
    if is_dead(layer):
        when = "" if layer.dead == "dead_always" else ", in training mode"
        return FAIL, f"cancelled by {_canceller(layer)}{when}"
    if layer.dropout_sees_it and layer.dead.startswith("dead"):
        return PASS, f"cancelled by {_canceller(layer)} without dropout, alive with it"
    if key_part(layer):
        return FAIL, f"{layer.dead_fraction:.0%} of its channels, the keys, are cancelled by softmax"
    share = f" ({layer.dead_fraction:.0%} of its channels are not)" if layer.dead != "alive" else ""
    return PASS, f"alive{share}"


def dead_biases(observed: Observed, limits: Thresholds, verdict: Verdict) -> None:
    """Which biases no output can see."""
    live = {_call(frame) for layer in observed.layers if layer.dead in _LIVE or layer.dropout_sees_it for frame in layer.chain}
    groups: dict[tuple[str, Place | None], list[LayerFacts]] = {}
    for layer in observed.layers:
        if not layer.dead:
            continue
        rule = "bias-before-softmax" if layer.cancelled_how == ["softmax"] or key_part(layer) else "bias-before-norm"
        status, text = _standing(layer)
        where = layer_place(layer)
        place = where if key_part(layer) else _report_place(layer, live)
        if status == FAIL and place is None and layer.chain:
            status, text = PASS, f"{text}; the same line also creates layers whose bias is alive"
        details = {"status": layer.dead, "fraction": layer.dead_fraction}
        verdict.measurements.append(
            Measurement("dead-bias", status, text, rule, layer.name, layer.ratio, limits.dead_ratio, where, details)
        )
        if status == FAIL:
            groups.setdefault((rule, place), []).append(layer)
    by_name = {layer.name: layer for layer in observed.layers}
    verdict.failures += [_dead_together(rule, place, layers, by_name) for (rule, place), layers in groups.items()]


def _dead_together(rule: str, place: Place | None, layers: list[LayerFacts], by_name: dict[str, LayerFacts]) -> Failure:
    """One failure for all layers with a dead bias that one place makes."""
    first = layers[0]
    more = f" (and {len(layers) - 1} more made here)" if len(layers) > 1 else ""
    part = f"the keys' part of the bias of `{first.name}`" if key_part(first) else f"the bias of `{first.name}`"
    cost = sum(round(layer.channels * (layer.dead_fraction or 1)) for layer in layers)
    related = tuple(
        Related(found, f"`{name}` is made here")
        for name in first.cancelled_by[:1]
        if name in by_name and (found := layer_place(by_name[name])) is not None and found != place
    )
    return Failure(
        rule,
        place,
        f"{part}{more} has no effect: {_canceller(first)} cancels it (its gradients cancel to {first.ratio or 0:.0e} of their size)",
        layer=first.name,
        advice=f"remove the bias; saves {cost} parameter{'s' if cost != 1 else ''}" if not key_part(first) else "",
        related=related,
        layers=tuple(layer.name for layer in layers),
    )


def forget_gates(observed: Observed, limits: Thresholds, verdict: Verdict) -> None:
    """Where each forget gate starts."""
    for layer in observed.layers:
        low = []
        for gate in layer.gates:
            where = f"`{layer.name}`" + (f" ({gate.name})" if gate.name else "")
            text = f"forget gate of {where} starts at {gate.value:.3f} (bias {gate.bias:.3g})"
            failed = gate.bias < limits.forget_bias
            verdict.measurements.append(
                Measurement(
                    "forget-gate",
                    FAIL if failed else PASS,
                    text,
                    "forget-gate-bias",
                    layer.name,
                    gate.bias,
                    limits.forget_bias,
                    layer_place(layer),
                    {"gate": gate.name, "value": gate.value},
                )
            )
            low += [gate] if failed else []
        if low:
            value = sum(gate.value for gate in low) / len(low)
            kept = layer.bias_present and any(gate.least != gate.most for gate in low)
            why = (
                "it keeps the framework's default"
                if kept
                else "all its biases are equal"
                if layer.bias_present
                else "it has no bias"
            )
            count = f" in {len(low)} of {len(layer.gates)} layers and directions" if len(layer.gates) > 1 else ""
            verdict.failures.append(
                Failure(
                    "forget-gate-bias",
                    layer_place(layer),
                    f"the forget gate of `{layer.name}` starts at {value:.2f}{count}: {why}, so the cell state fades by that factor at every step",
                    layer=layer.name,
                    advice="set the forget gate's part of the bias to 1 (or 2)",
                    severity=Severity.HINT if kept else Severity.WARNING,
                )
            )


def initial_biases(observed: Observed, limits: Thresholds, verdict: Verdict) -> None:
    """What every bias starts at, and whether it can learn."""
    for layer in observed.layers:
        values = layer.bias_values
        if not layer.bias_present or values is None or values.mean is None or values.spread is None:
            text = "no bias" if not layer.bias_present else "bias values are not finite"
            verdict.measurements.append(
                Measurement(
                    "initial-bias",
                    NOT_APPLICABLE if not layer.bias_present else FAIL,
                    text,
                    "scale-through-depth" if layer.bias_present else "",
                    layer.name,
                    place=layer_place(layer),
                )
            )
            if layer.bias_present:
                message = f"`{layer.name}`: its bias starts at values that are not finite"
                verdict.failures.append(Failure("scale-through-depth", layer_place(layer), message, layer=layer.name))
            continue
        trained = {None: "", True: ", in the optimizer", False: ", not in the optimizer"}[layer.bias_optimised]
        text = f"mean {values.mean:.4g}, standard deviation {values.spread:.4g}, from {values.least:.4g} to {values.most:.4g}"
        text += (", trainable" if layer.bias_trainable else ", frozen") + trained
        wrong = list(_wrong(layer, values.mean, values.spread, values.most, limits))
        details: dict[str, Any] = {
            "mean": values.mean,
            "spread": values.spread,
            "least": values.least,
            "most": values.most,
            "trainable": layer.bias_trainable,
        }
        details["optimised"], details["framework_default"] = layer.bias_optimised, layer.bias_default
        verdict.measurements.append(
            Measurement(
                "initial-bias",
                FAIL if wrong else PASS,
                text,
                wrong[0][0] if wrong else "",
                layer.name,
                values.mean,
                None,
                layer_place(layer),
                details,
            )
        )
        for rule, message, advice in wrong:
            verdict.failures.append(
                Failure(rule, layer_place(layer), f"`{layer.name}`: {message}", layer=layer.name, advice=advice)
            )


def _wrong(
    layer: LayerFacts, mean: float, spread: float, most: float | None, limits: Thresholds
) -> Iterable[tuple[str, str, str]]:
    constant = spread <= 1e-7 * max(abs(mean), 1.0)
    hidden = not layer.is_output and layer.order is not None
    if layer.kind == "conv" and constant and hidden and mean > limits.conv_constant * (1 + 1e-6):
        yield "constant-bias-on-conv", f"every bias of this convolution starts at {mean:.4g}", "start it at zero"
    elif layer.kind == "linear" and constant and hidden and mean >= limits.dense_constant:
        yield "constant-bias-on-dense", f"every bias of this hidden layer starts at {mean:.4g}", "start it at zero"
    if layer.kind in ("conv", "linear") and spread >= limits.bias_spread and hidden:
        yield (
            "wide-random-bias",
            f"its biases start with a standard deviation of {spread:.3g}",
            "initialize them to zero, or use a small standard deviation",
        )
    if (
        layer.kind in ("conv", "linear")
        and most is not None
        and most <= -limits.negative_bias
        and (constant or _count(layer) >= _MANY)  # a few that were drawn at random may all be negative by chance
        and "relu" in layer.readers
        and not is_dead(layer)
    ):
        yield (
            "negative-bias-before-relu",
            f"all its biases are negative (at most {most:.3g}) and a ReLU reads it: units start dead",
            "start it at zero",
        )
    if layer.bias_trainable is False and layer.weight_trainable:
        yield "untrainable-bias", "its weight is trained, but its bias is frozen", "train the bias, or remove it"
    elif layer.bias_optimised is False and layer.weight_optimised:
        yield "untrainable-bias", "its weight is in the optimizer, but its bias is not", "pass the bias to the optimizer too"


def _count(layer: LayerFacts) -> int:
    return layer.bias_values.count if layer.bias_values else 0


def _most_dead(units: int, limit: float) -> float:
    """The share of so many units that may be dead.

    Deep in an untrained network all examples look alike, so that a unit is dead or not as a coin falls. A limit above one half
    leaves room for that: few units fall on one side by chance.
    """
    return max(limit, 0.5 + _CHANCE * 0.5 / math.sqrt(units)) if units and limit > 0.5 else limit


def dead_units(observed: Observed, limits: Thresholds, verdict: Verdict) -> None:
    """The share of ReLU units that are zero for the whole batch."""
    layers = {layer.name: layer for layer in observed.layers}
    for units in observed.units:
        share = units.dead / max(units.units, 1)
        layer = layers.get(units.layer)
        text = f"{units.dead} of {units.units} units {f'after `{units.layer}`' if units.layer else f'of `{units.name}`'} are zero for the whole batch"
        if observed.batch < 4:
            verdict.measurements.append(
                Measurement(
                    "dead-units",
                    NOT_APPLICABLE,
                    f"{text}; a batch of {observed.batch} is too small to tell",
                    "dead-relu-units",
                    units.layer,
                    share,
                )
            )
            continue
        most = _most_dead(units.units, limits.dead_units)
        failed = share > most and units.units > 1
        place = layer_place(layer)
        verdict.measurements.append(
            Measurement("dead-units", FAIL if failed else PASS, text, "dead-relu-units", units.layer, share, most, place)
        )
        if failed:
            verdict.failures.append(
                Failure(
                    "dead-relu-units",
                    place,
                    f"{text} ({share:.0%}): they output zero and do not learn",
                    layer=units.layer,
                    advice="check the biases and the scale of the inputs",
                )
            )


def tied_weights(observed: Observed, limits: Thresholds, verdict: Verdict) -> None:
    """Layers that share a weight and have biases of their own."""
    layers = {layer.name: layer for layer in observed.layers}
    for layer in observed.layers:
        other = None if layer.weight_of is None else layers.get(layer.weight_of)
        if other is None:
            continue
        failed = layer.bias_present and other.bias_present and layer.bias_of is None
        text = f"`{layer.name}` shares the weight of `{other.name}`" + (", and has its own bias" if failed else "")
        verdict.measurements.append(
            Measurement(
                "tied-weights",
                FAIL if failed else PASS,
                text,
                "shared-weights-separate-biases",
                layer.name,
                place=layer_place(layer),
            )
        )
        if failed:
            verdict.failures.append(
                Failure(
                    "shared-weights-separate-biases",
                    layer_place(layer),
                    text,
                    layer=layer.name,
                    advice="share the bias as well",
                )
            )
