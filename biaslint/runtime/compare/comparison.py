"""Two measurements of a model, as it is and changed, side by side; and what a short training says of the difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from biaslint.runtime.facts.measurement import Verdict
from biaslint.runtime.facts.observed import Observed

BEFORE, AFTER = "as it is", "changed"
_LAST = 0.1  # of the steps, which the end is the mean of


@dataclass(frozen=True, slots=True)
class Comparison:
    """The model as it is and with `changes`, each with its verdict."""

    changes: list[dict[str, Any]]
    before: Observed
    after: Observed
    verdict_before: Verdict
    verdict_after: Verdict


@dataclass(frozen=True, slots=True)
class Band:
    """A loss, step by step: the mean over the seeds, and the least and the largest."""

    mean: list[float]
    low: list[float]
    high: list[float]


def rows(one: Comparison) -> list[tuple[str, str, str, str]]:
    """What was measured of both: its name, both values, and what they are to be held against."""
    best = one.before.loss.best if one.before.loss else None
    found = [
        ("initial loss", *_both(one, _loss), f"best constant output: {best:.4g}" if best is not None else ""),
        ("outputs from the prior", *_both(one, lambda observed, verdict: _value(verdict, "initial-outputs")), _unit(one)),
        ("dead ReLU units", *_shares(one), ""),
        ("output scale through depth", *_both(one, lambda _, verdict: _value(verdict, "activation-scale")), "ratio"),
        ("gradient scale through depth", *_both(one, lambda _, verdict: _value(verdict, "gradient-scale")), "ratio"),
        ("forget gates", *_both(one, _gates), "mean"),
        ("failures", str(len(one.verdict_before.failures)), str(len(one.verdict_after.failures)), ""),
    ]
    return [row for row in found if row[1] or row[2]]


def _both(one: Comparison, read: Any) -> tuple[str, str]:
    values = read(one.before, one.verdict_before), read(one.after, one.verdict_after)
    shown = ["" if value is None else f"{value:.4g}" for value in values]
    return shown[0], shown[1]


def _loss(observed: Observed, _: Verdict) -> float | None:
    return observed.loss.value if observed.loss else None


def _value(verdict: Verdict, name: str) -> float | None:
    return next((one.value for one in verdict.measurements if one.name == name), None)


def _unit(one: Comparison) -> str:
    known = one.before.targets
    return "" if known is None else "distance from the mean" if known.kind == "values" else "nats"


def _gates(observed: Observed, _: Verdict) -> float | None:
    gates = [gate.value for layer in observed.layers for gate in layer.gates]
    return sum(gates) / len(gates) if gates else None


def _shares(one: Comparison) -> tuple[str, str]:
    shown = []
    for observed in (one.before, one.after):
        units = sum(part.units for part in observed.units)
        shown.append(f"{sum(part.dead for part in observed.units)} of {units}" if units else "")
    return shown[0], shown[1]


def band(curves: Sequence[Sequence[float]]) -> Band:
    """Several trainings as one band; as long as the shortest of them."""
    steps = list(zip(*curves, strict=False))
    return Band([sum(step) / len(step) for step in steps], [min(step) for step in steps], [max(step) for step in steps])


def ends(curves: Sequence[Sequence[float]]) -> list[float]:
    """For each seed, the mean loss of the last steps."""
    found = []
    for curve in curves:
        last = curve[-max(1, math.ceil(_LAST * len(curve))) :]
        found.append(sum(last) / len(last) if last else math.nan)
    return found


def effect(one: Comparison) -> str:
    """What the short training shows, in a sentence; "" where there was none."""
    if not one.before.curves or not one.after.curves:
        return ""
    pairs = list(zip(ends(one.before.curves), ends(one.after.curves), strict=False))
    gains = [before - after for before, after in pairs]
    if not all(map(math.isfinite, gains)):
        return "a training did not stay finite"
    mean, spread = sum(gains) / len(gains), f"from {min(gains):.3g} to {max(gains):.3g} over {len(gains)} seeds"
    steps = len(one.before.curves[0])
    if len(gains) < 2 or min(gains) <= 0 <= max(gains):
        end = f"after {steps} steps no difference is left that the seeds do not make as well ({mean:.3g}, {spread})"
    else:
        end = f"after {steps} steps the changed start is {'ahead' if mean > 0 else 'behind'} by {abs(mean):.3g} ({spread})"
    return f"{_head_start(one)}{end}"


def _head_start(one: Comparison) -> str:
    """How many steps the model as it is needs to come to where the changed one begins."""
    before, after = band(one.before.curves).mean, band(one.after.curves).mean
    if not before or not after or before[0] <= after[0]:
        return ""
    needed = next((step for step, loss in enumerate(before) if loss <= after[0]), None)
    said = f"takes {needed} step{'s' if needed != 1 else ''}" if needed is not None else f"does not come in {len(before)} steps"
    return f"the model as it is {said} to where the changed one begins; "


def as_json(one: Comparison) -> dict[str, Any]:
    """Plain data."""
    return {
        "changes": one.changes,
        "rows": [dict(zip(("name", "before", "after", "note"), row, strict=True)) for row in rows(one)],
        "trained_with": one.before.trained_with,
        "curves": {BEFORE: one.before.curves, AFTER: one.after.curves},
        "effect": effect(one),
        "notes": one.after.notes,
    }
