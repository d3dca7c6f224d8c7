"""From what was measured to what passes and what fails."""

from __future__ import annotations

from dataclasses import replace

from biaslint.config.thresholds import Thresholds
from biaslint.runtime.facts.measurement import INCONCLUSIVE, NOT_APPLICABLE, Measurement, Verdict, outer_frames, place_of
from biaslint.runtime.facts.observed import Observed
from biaslint.runtime.verdict import layers, outputs, scale


def judge(observed: Observed, thresholds: Thresholds | None = None) -> Verdict:
    """Every measurement with its verdict, and a finding for each failure."""
    limits = thresholds or Thresholds()
    verdict = Verdict()
    outputs.initial_outputs(observed, limits, verdict)
    outputs.initial_loss(observed, limits, verdict)
    scale.scale(observed, limits, verdict)
    layers.dead_biases(observed, limits, verdict)
    layers.forget_gates(observed, limits, verdict)
    layers.initial_biases(observed, limits, verdict)
    layers.dead_units(observed, limits, verdict)
    layers.tied_weights(observed, limits, verdict)
    _incomplete(observed, verdict)
    _narrow(observed, verdict)
    return verdict


def _incomplete(observed: Observed, verdict: Verdict) -> None:
    """What was tried and failed is neither well nor a finding."""
    for name, why in observed.inconclusive.items():
        verdict.measurements = [one for one in verdict.measurements if one.name != name or one.status != NOT_APPLICABLE]
        verdict.measurements.append(Measurement(name, INCONCLUSIVE, f"could not be measured: {why}"))


_OWN_PLACES = {"bias-before-norm", "bias-before-softmax", "bias-differs-from-source", "scale-through-depth"}


def _narrow(observed: Observed, verdict: Verdict) -> None:
    """A helper that makes good layers too is not to blame: name the innermost call that only made layers with the same failure."""
    by_name = {layer.name: layer for layer in observed.layers}
    for index, one in enumerate(verdict.failures):
        layer = by_name.get(one.layer)
        if layer is None or one.rule in _OWN_PLACES:
            continue
        alike = {other.layer for other in verdict.failures if other.rule == one.rule}
        blameless = {
            tuple(frame[:3])
            for other in observed.layers
            if other.name not in alike and other.bias_present
            for frame in other.chain
        }
        frames = [frame for frame in outer_frames(layer.chain) if tuple(frame[:3]) not in blameless]
        if frames:
            verdict.failures[index] = replace(one, place=place_of(frames[0]))
