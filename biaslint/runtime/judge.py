"""From what was measured to what passes and what fails."""

from __future__ import annotations

from biaslint.runtime import judge_layers, judge_outputs
from biaslint.runtime.measurement import Verdict
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
    return verdict
