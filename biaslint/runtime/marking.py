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
_MEASURED = "measured:"  # how a model's line begins if it was
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

    First those that nothing else builds; what something else builds is measured by itself where that was not measured, or where a
    finding in it is still open. A function is called where a class that it returns cannot be built without it.
    """
    work = _Measuring(findings, models(files), asked, progress)
    for one in work.candidates:
        if not one.owners and (work.is_open(one) or not work.is_reached(one)):
            work.measure(one)
    for one in work.candidates:
        if one.target not in work.said and (work.is_open(one) or not work.is_reached(one)):
            work.measure(one)
    left = [one.name for one in work.candidates if one.target not in work.said]
    return work.found, _lines(work.said, left)


class _Measuring:
    """A project's models, and what was found so far."""

    def __init__(
        self, findings: Sequence[Finding], candidates: Sequence[Candidate], asked: Request, progress: Progress
    ) -> None:
        self.findings, self.candidates, self.asked, self.progress = findings, candidates, asked, progress
        self.found = [Mark(NOT_MEASURED, "no measured model makes a layer here") for _ in findings]
        self.said: dict[str, str] = {}  # of each model that was tried

    def measure(self, one: Candidate) -> None:
        """Measure one model, and keep what it says."""
        own = replace(self.asked, job=replace(self.asked.job, target=one.target))
        self.said[one.target] = one.why_not() or _add(
            self.findings, self.found, own, lambda stage, share: self.progress(f"{one.name}: {stage}", share)
        )

    def is_open(self, one: Candidate) -> bool:
        """Whether a finding in it, or in a class that it returns, was not measured."""
        parts = [one, *(part for part in self.candidates if part.name in one.builds)]
        pairs = list(zip(self.findings, self.found, strict=True))
        return any(_open_in(part, finding, mark) for part in parts for finding, mark in pairs)

    def is_reached(self, one: Candidate) -> bool:
        """Whether what builds it was measured, or what else builds all that it builds."""
        measured = [part for part in self.candidates if self.said.get(part.target, "").startswith(_MEASURED)]
        built = {name for part in measured for name in (part.name, *part.builds) if name}
        return any(part.name in one.owners for part in measured) or (bool(one.builds) and built.issuperset(one.builds))


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
    return f"{_MEASURED} " + (", ".join(f"{rule} ({count})" for rule, count in failed.items()) or "nothing fails")


def _lines(said: dict[str, str], left: Sequence[str]) -> list[str]:
    measured = [f"{target}: {text}" for target, text in said.items() if text.startswith(_MEASURED)]
    others = [f"{target}: not measured: {text}" for target, text in said.items() if not text.startswith(_MEASURED)]
    lines = [*measured, *others[:_MOST_NAMED]]
    lines += [f"{len(others) - _MOST_NAMED} more models were not measured"] if len(others) > _MOST_NAMED else []
    lines += [f"measured as parts of others: {', '.join(left)}"] if left else []
    return [f"{len(measured)} of {len(said)} models were measured", *lines]
