"""The verdict on a measured model as a linter's result: findings of the rules that are on, less what comments silence."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biaslint.config.thresholds import Thresholds
from biaslint.findings.finding import Finding
from biaslint.runtime.facts.measurement import FAIL, NOT_REPORTED, Failure, Verdict
from biaslint.runtime.facts.observed import Observed
from biaslint.runtime.process.bounded import TookTooLong, bounded
from biaslint.runtime.verdict.confirm import against_source
from biaslint.runtime.verdict.judge import judge
from biaslint.runtime.verdict.source import analysed, source_files
from biaslint.theory.program import Place

if TYPE_CHECKING:
    from biaslint.config import Config
    from biaslint.engine import Result

# A failure of the one rule is no news where one of the other says what to do.
_EXPLAINED_BY = {"initial-loss": "unset-output-bias"}


def judged_result(observed: Observed, limits: Thresholds | None = None, chosen: Config | None = None) -> tuple[Verdict, Result]:
    """What the measurements alone say."""
    from biaslint.engine import Result, Statistics

    verdict, files = judge(observed, limits), source_files(observed)
    result = Result(statistics=Statistics(files=len(files)), files=files)
    result.findings = _findings(verdict, observed, chosen)
    return verdict, result


def compare_with_source(
    observed: Observed, verdict: Verdict, result: Result, chosen: Config | None, *, static: Any = None, seconds: float
) -> None:
    """Add what differs from the source. `static` is the analysed source; it is analysed for so many seconds if not given."""
    try:
        program = static if static is not None else bounded(lambda: analysed(observed), seconds)
        if program is not None:
            against_source(observed, program, verdict)
            result.findings = _findings(verdict, observed, chosen)
    except TookTooLong:
        observed.notes.append(
            f"the source was not compared with the measured biases: that takes longer than {seconds:.0f} seconds"
        )
    except Exception as error:
        result.errors.append(f"the source could not be analyzed for the comparison: {error}")


def _findings(verdict: Verdict, observed: Observed, chosen: Config | None) -> list[Finding]:
    """Findings of the rules that are on, less what a comment in the source silences; what gives none is not reported as failed."""
    from biaslint import config
    from biaslint.findings import rule_book, suppressions
    from biaslint.source import file as source_file

    chosen = chosen or config.discover([Path(os.path.abspath("."))])
    enabled = chosen.enabled()
    nowhere = Place(os.path.abspath(observed.target.rpartition(":")[0] or observed.target), 1, 1, 1, 2)
    found: dict[str, list[tuple[Finding, Failure]]] = {}
    for one in verdict.failures:
        try:
            rule = rule_book.find(one.rule)
        except rule_book.UnknownRule:
            continue
        place = one.place or nowhere
        if rule.code in enabled - chosen.ignored_in(place.path):
            severity = one.severity or rule.severity
            made = Finding(rule.code, rule.name, severity, place, one.message, one.layer, one.related, advice=one.advice)
            found.setdefault(place.path, []).append((made, one))
    kept: list[Finding] = []
    reported: list[Failure] = []
    for path, made_of in found.items():
        try:
            comments = suppressions.read(source_file.read(Path(path)).text)
        except source_file.Unreadable:
            comments = []
        left = suppressions.apply([made for made, _ in made_of], comments, enabled - {rule_book.UNUSED_SUPPRESSION}, path)[0]
        kept += left
        reported += [one for made, one in made_of if made in left]
    _excuse(verdict, reported)
    return sorted(kept, key=lambda one: (one.place.path, one.place.line, one.place.column, one.rule, one.layer))


def _excuse(verdict: Verdict, reported: list[Failure]) -> None:
    """A measurement of a rule that is off, or that a comment silences, does not fail: each that fails has a finding."""
    rules = {one.rule for one in reported}
    covered = {(one.rule, layer) for one in reported for layer in (one.layer, *one.layers)}
    for index, one in enumerate(verdict.measurements):
        if one.status != FAIL or (one.rule, one.layer) in covered or (not one.layer and one.rule in rules):
            continue
        if _EXPLAINED_BY.get(one.rule) in rules:
            continue
        message = f"{one.message} (not reported: {one.rule} is off or silenced)"
        verdict.measurements[index] = replace(one, status=NOT_REPORTED, message=message)
