"""Marks on static findings: what a measured model says of each, or what all models of a project say that can be built."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from biaslint.findings.finding import Finding, Mark
from biaslint.runtime.facts.measurement import Verdict
from biaslint.runtime.options import Request
from biaslint.runtime.target.project_models import Candidate, models
from biaslint.runtime.verdict.confirm import CONFIRMED, NOT_MEASURED, REFUTED, confirm
from biaslint.runtime.verdict.judge import judge
from biaslint.runtime.verdict.program import program

_WEIGHT = {CONFIRMED: 2, REFUTED: 1, NOT_MEASURED: 0}
_MOST_NAMED = 20  # models that are not measured, named one by one
Progress = Callable[[str, float], None]


def marks(findings: Sequence[Finding], asked: Request, *, progress: Progress = lambda stage, share: None) -> list[Mark]:
    """For each static finding, what the measured model says of it (`biaslint PATH --verify TARGET`). Raises VerifyError."""
    return _measured(findings, asked, progress)[0]


def _measured(findings: Sequence[Finding], asked: Request, progress: Progress) -> tuple[list[Mark], Verdict]:
    from biaslint.runtime.process.parent import run

    observed = run(asked.job, python=asked.python, passed=asked.passed, progress=progress)
    verdict = judge(observed, asked.thresholds)
    return confirm(findings, program(observed), verdict), verdict


def marks_of_all(
    findings: Sequence[Finding], files: Sequence[Path], asked: Request, *, progress: Progress = lambda stage, share: None
) -> tuple[list[Mark], list[str]]:
    """What all models say that can be built, one after the other, and a line for each: its result, or why there is none.

    First those that no other model builds; a part of one is measured by itself where a finding in it is still open.
    """
    candidates = models(files)
    found = [Mark(NOT_MEASURED, "no measured model makes a layer here") for _ in findings]
    said: dict[str, str] = {}

    def measure(one: Candidate) -> None:
        own = replace(asked, job=replace(asked.job, target=one.target))
        said[one.target] = one.why_not() or _add(
            findings, found, own, lambda stage, share: progress(f"{one.name}: {stage}", share)
        )

    for one in candidates:
        if not one.owners:
            measure(one)
    for one in candidates:
        if one.target not in said and any(_open_in(one, finding, mark) for finding, mark in zip(findings, found, strict=True)):
            measure(one)
    left = [one.name for one in candidates if one.target not in said]
    return found, _lines(said, left)


def _open_in(one: Candidate, finding: Finding, mark: Mark) -> bool:
    return mark.verdict == NOT_MEASURED and finding.place.path == one.path and one.first <= finding.place.line <= one.last


def _add(findings: Sequence[Finding], found: list[Mark], asked: Request, progress: Progress) -> str:
    """Measure one model and keep what it says where that weighs more; what is said of the model, beginning with "measured" if it was."""
    from biaslint.runtime.process.parent import VerifyError

    try:
        fresh, verdict = _measured(findings, asked, progress)
    except VerifyError as error:
        return str(error).splitlines()[0]
    for index, (old, new) in enumerate(zip(found, fresh, strict=True)):
        if _WEIGHT[new.verdict] > _WEIGHT[old.verdict]:
            found[index] = new
    failed = Counter(one.rule for one in verdict.failures)
    return "measured: " + (", ".join(f"{rule} ({count})" for rule, count in failed.items()) or "nothing fails")


def _lines(said: dict[str, str], left: Sequence[str]) -> list[str]:
    measured = [f"{target}: {text}" for target, text in said.items() if text.startswith("measured: ")]
    others = [f"{target}: not measured: {text}" for target, text in said.items() if not text.startswith("measured: ")]
    lines = [*measured, *others[:_MOST_NAMED]]
    lines += [f"{len(others) - _MOST_NAMED} more models were not measured"] if len(others) > _MOST_NAMED else []
    lines += [f"measured as parts of others: {', '.join(left)}"] if left else []
    return [f"{len(measured)} of {len(said)} models were measured", *lines]
