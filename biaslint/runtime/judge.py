"""From what was measured to what passes and what fails."""

from __future__ import annotations

from dataclasses import replace

from biaslint.runtime import judge_layers, judge_outputs
from biaslint.runtime.measurement import Verdict, outer_frames, place_of
from biaslint.runtime.observed import Observed
from biaslint.runtime.thresholds import Thresholds


def judge(observed: Observed, thresholds: Thresholds | None = None) -> Verdict:
    """Every measurement with its verdict, and a finding for each failure."""
    limits = thresholds or Thresholds()
    verdict = Verdict()
    judge_outputs.initial_outputs(observed, limits, verdict)
    judge_outputs.initial_loss(observed, limits, verdict)
    judge_outputs.scale(observed, limits, verdict)
    judge_layers.dead_biases(observed, limits, verdict)
    judge_layers.forget_gates(observed, limits, verdict)
    judge_layers.initial_biases(observed, limits, verdict)
    judge_layers.dead_units(observed, limits, verdict)
    judge_layers.tied_weights(observed, limits, verdict)
    _narrow(observed, verdict)
    return verdict


_OWN_PLACES = {"bias-before-norm", "bias-before-softmax", "bias-differs-from-source", "scale-through-depth"}


def _narrow(observed: Observed, verdict: Verdict) -> None:
    """A helper that makes good layers too is not to blame: name the innermost call that only made layers with the same failure."""
    layers = {layer.name: layer for layer in observed.layers}
    for index, one in enumerate(verdict.failures):
        layer = layers.get(one.layer)
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
