"""The static answer and the measured one, held against each other."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

from biaslint.findings.finding import Finding, Mark
from biaslint.runtime.facts.measurement import (
    FAIL,
    NOT_APPLICABLE,
    PASS,
    Failure,
    Measurement,
    Verdict,
    layer_place,
    outer_frames,
)
from biaslint.runtime.facts.observed import LayerFacts, Observed
from biaslint.theory.program import BiasWrite, LayerUse, Place, Program

CONFIRMED, REFUTED, NOT_MEASURED = "confirmed", "refuted", "not measured"
_NO_LAYER = "the measured model creates no layer here"
_DEAD_BIAS_RULES = {"bias-before-norm", "bias-before-softmax"}
# Rule -> the measurement that speaks to it, and whether a pass refutes the finding.
_MEASURED = {
    "constant-bias-on-conv": ("initial-bias", True),
    "constant-bias-on-dense": ("initial-bias", True),
    "untrainable-bias": ("initial-bias", True),
    "wide-random-bias": ("initial-bias", True),
    "negative-bias-before-relu": ("initial-bias", True),
    "shared-weights-separate-biases": ("tied-weights", True),
    "forget-gate-bias": ("forget-gate", True),
    "wrong-forget-gate-slice": ("forget-gate", False),
    "unset-output-bias": ("initial-outputs", True),
    "wrong-prior-bias": ("initial-outputs", True),
    "inverted-weight-std": ("activation-scale", False),
}
# Failures of these measurements bear the finding out, whatever rule they are reported under.
_ANY_FAILURE = {"wrong-forget-gate-slice", "wrong-prior-bias", "inverted-weight-std"}
_WITHOUT_BIAS = {"output-layer-without-bias", "no-bias-anywhere"}


def _key(place: Place) -> tuple[str, int]:
    return os.path.realpath(place.path), place.line


def confirm(findings: Sequence[Finding], measured: Program, verdict: Verdict) -> list[Mark]:
    """For each finding, whether the measured model bears it out."""
    made_at: dict[tuple[str, int], list[LayerUse]] = {}
    for use in measured.uses:
        for place in dict.fromkeys(_key(place) for place in use.chain):
            made_at.setdefault(place, []).append(use)
    failed: set[Any] = {(one.rule, one.layer) for one in verdict.failures}
    failed |= {(one.rule, _key(one.place)) for one in verdict.failures if one.place is not None}
    return [_mark(finding, _made(finding, made_at), failed, verdict.measurements) for finding in findings]


def _made(finding: Finding, made_at: dict[tuple[str, int], list[LayerUse]]) -> list[LayerUse]:
    """The measured layers that a finding is about. One that stands where a value is set names its layer beside it."""
    places = [finding.place]
    if finding.name not in _DEAD_BIAS_RULES:
        places += [one.place for one in finding.related]
    return next((uses for place in places if (uses := made_at.get(_key(place), []))), [])


def _mark(finding: Finding, uses: list[LayerUse], failed: set[Any], measurements: Sequence[Measurement]) -> Mark:
    if finding.name in _DEAD_BIAS_RULES:
        return _dead(uses)
    if not uses:
        return Mark(NOT_MEASURED, _NO_LAYER)
    if finding.name in _WITHOUT_BIAS:
        present = [use for use in uses if use.bias.present]
        return Mark(REFUTED, f"{_names(present)} has a bias") if present else Mark(CONFIRMED, f"{_names(uses)} has no bias")
    name, refutes = _MEASURED.get(finding.name, ("", False))
    names = {use.name for use in uses}
    said = [one for one in measurements if one.name == name and (one.layer in names or not one.layer)]
    if not said:
        return Mark(NOT_MEASURED, "" if name else "no measurement covers this rule")
    bad = [one for one in said if one.status == FAIL]
    if bad and (finding.name in _ANY_FAILURE or any((finding.name, use.name) in failed for use in uses)):
        return Mark(CONFIRMED, _said(bad[0]))
    if (finding.name, _key(finding.place)) in failed:
        return Mark(CONFIRMED, _said((bad or said)[0]))
    judged = [one for one in said if one.status != NOT_APPLICABLE]
    return Mark(REFUTED, _said(judged[0])) if judged and refutes else Mark(NOT_MEASURED, _said(said[0]))


def _said(measurement: Measurement) -> str:
    layer = measurement.layer
    return measurement.message if not layer or f"`{layer}`" in measurement.message else f"`{layer}`: {measurement.message}"


def _dead(uses: list[LayerUse]) -> Mark:
    judged = [use for use in uses if use.bias.present and use.fate.kind in ("dead", "part", "alive")]
    if not judged:
        why = "its layers have no bias in the measured model" if uses and not any(use.bias.present for use in uses) else ""
        return Mark(NOT_MEASURED, why if uses else _NO_LAYER)
    dead = [use for use in judged if use.fate.kind != "alive"]
    if len(dead) == len(judged):
        return Mark(CONFIRMED, f"no output sees the bias of {_names(dead)}")
    live = [use for use in judged if use.fate.kind == "alive"]
    if dead:
        return Mark(CONFIRMED, f"for {len(dead)} of {len(judged)} layers; outputs see the bias of {_names(live)}")
    return Mark(REFUTED, f"outputs see the bias of {_names(live)}")


def _names(uses: Sequence[LayerUse]) -> str:
    return f"`{uses[0].name}`" + (f" and {len(uses) - 1} more" if len(uses) > 1 else "")


def static_use(layer: LayerFacts, program: Program) -> LayerUse | None:
    """The use in the analysed source that made a measured layer; None where there are several with different biases."""
    return _agreed(static_uses(layer, program))


def _agreed(uses: Sequence[LayerUse]) -> LayerUse | None:
    return uses[0] if uses and all(use.bias == uses[0].bias for use in uses) else None


def static_uses(layer: LayerFacts, program: Program) -> list[LayerUse]:
    """The uses that may have made a measured layer: same constructor call, and the calls that led there agree."""
    frames = [(os.path.realpath(frame[0]), frame[1]) for frame in outer_frames(layer.chain)]
    if not frames:
        return []
    agreeing: dict[int, list[LayerUse]] = {}
    for use in program.uses:
        chain = [_key(place) for place in use.chain or (use.place,)]
        alike = next(
            (at for at, (one, other) in enumerate(zip(chain, frames, strict=False)) if one != other),
            min(len(chain), len(frames)),
        )
        # The outermost place of a static chain is where the execution began: a class or function, not a call.
        if alike and alike >= len(chain) - 1:
            agreeing.setdefault(alike, []).append(use)
    return agreeing[max(agreeing)] if agreeing else []


def _fits(write: BiasWrite, layer: LayerFacts) -> bool | None:
    """Whether the measured values may come from this write; None where that cannot be told."""
    values = layer.bias_values
    if values is None or values.mean is None or values.spread is None or values.least is None or values.most is None:
        return None
    if write.how == "constant" and write.value is not None:
        slack = 1e-5 * max(abs(write.value), 1.0)
        return abs(values.least - write.value) <= slack and abs(values.most - write.value) <= slack
    if write.spread is None or values.count < 16:
        return None
    middle, noise = write.value or 0.0, 6 / math.sqrt(values.count)
    if write.how == "normal":
        return (
            abs(values.mean - middle) <= noise * write.spread + 1e-9
            and abs(values.spread - write.spread) <= noise * write.spread + 1e-9
        )
    if write.how == "uniform":
        return middle - write.spread * 1.001 <= values.least and values.most <= middle + write.spread * 1.001
    return None


def _ran(write: BiasWrite, observed: Observed) -> bool:
    """Whether the statement ran while the model was built; taken for granted where that was not watched."""
    lines = observed.executed.get(os.path.realpath(write.place.path))
    return lines is None or any(line in lines for line in range(write.place.line, write.place.end_line + 1))


def _of_same_way(uses: Sequence[LayerUse], program: Program, observed: Observed) -> Sequence[LayerUse]:
    """Those of executions that went the way of the measured model: what they write was written, and they write what was."""
    writes = [write for use in uses for write in use.bias.writes]
    if any(os.path.realpath(write.place.path) not in observed.executed for write in writes):
        return uses
    ran = {write.place for write in writes if _ran(write, observed)}
    written: dict[int, set[Place]] = {use.run: set() for use in uses}
    for use in program.uses:
        if use.run in written:
            written[use.run].update(write.place for write in use.bias.writes)
    return [use for use in uses if ran <= written[use.run] and all(write.place in ran for write in use.bias.writes)]


def against_source(observed: Observed, static: Program, verdict: Verdict) -> None:
    """Hold every measured bias against the last value that the source sets it to, and add what differs to the verdict."""
    for layer in observed.layers:
        use = _agreed(_of_same_way(static_uses(layer, static), static, observed))
        if use is None or not layer.bias_present or not use.bias.writes or layer.gates:
            continue
        last = use.bias.last
        whole = last is not None and use.bias.writes[-1] == last
        fits = _fits(last, layer) if last is not None and whole else None
        if last is None or fits is None or layer.bias_values is None or not _ran(last, observed):
            continue
        what = f"{last.value:.4g}" if last.how == "constant" and last.value is not None else f"a {last.how} draw"
        text = f"the source sets it to {what} (line {last.place.line}); it starts with mean {layer.bias_values.mean:.4g}, from {layer.bias_values.least:.4g} to {layer.bias_values.most:.4g}"
        place = layer_place(layer)
        verdict.measurements.append(
            Measurement(
                "bias-against-source",
                PASS if fits else FAIL,
                text,
                "bias-differs-from-source",
                layer.name,
                layer.bias_values.mean,
                last.value,
                place,
            )
        )
        if not fits:
            verdict.failures.append(
                Failure(
                    "bias-differs-from-source",
                    last.place,
                    f"`{layer.name}`: {text}",
                    layer=layer.name,
                    advice="check what overwrites it later",
                )
            )
