"""The report for programs: one JSON object. Lines and columns count from 1; `version` changes when the meaning of a key does."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from biaslint.findings import rule_book
from biaslint.findings.finding import Finding, Severity
from biaslint.reporters import View
from biaslint.theory.program import Place

VERSION = 1


def render(view: View) -> str:
    """The findings, and a summary."""
    report: dict[str, Any] = {
        "version": VERSION,
        "findings": [entry(view, finding) for finding in view.result.findings],
        "summary": summary(view),
    }
    if view.show_unknown:
        report["stopped"] = [{"what": what, "why": why} for what, why in view.result.stopped]
        report["silenced"] = [
            place(view, one.place)
            | {"layer": one.layer, "norm": one.norm, "message": one.why, "use": _short(view, one.use) if one.use else None}
            for one in view.result.silenced
        ]
        report["unknowns"] = [place(view, fact.place) | {"message": fact.what} for fact in view.result.unknowns]
    return json.dumps(report, indent=2) + "\n"


def entry(view: View, finding: Finding) -> dict[str, Any]:
    """One finding."""
    fix = finding.fix and {
        "safety": str(finding.fix.safety),
        "message": finding.fix.message,
        "edits": [
            place(view, Place(edit.path, edit.line, edit.column, edit.end_line, edit.end_column, edit.cell))
            | {"text": edit.text}
            for edit in view.edits(finding)
        ],
    }
    mark = finding.measured
    measured = {} if mark is None else {"measured": {"verdict": mark.verdict, "message": mark.text}}
    return {
        "rule": finding.rule,
        "name": finding.name,
        "severity": str(finding.severity),
        "url": rule_book.find(finding.rule).url,
        **place(view, finding.place),
        "message": finding.message,
        "layer": finding.layer,
        "related": [_short(view, related.place) | {"message": related.message} for related in finding.related],
        "when": finding.when,
        "advice": finding.advice,
        "fix": fix,
    } | measured


def place(view: View, place: Place) -> dict[str, Any]:
    """Where something is; `cell` only in a notebook."""
    ends = {"end_line": place.end_line, "end_column": place.end_column}
    return _short(view, place) | ends


def _short(view: View, place: Place) -> dict[str, Any]:
    cell = {} if place.cell is None else {"cell": place.cell}
    return {"path": view.path(place.path)} | cell | {"line": place.line, "column": place.column}


def summary(view: View) -> dict[str, Any]:
    """The numbers of a run."""
    numbers = view.result.statistics
    by_severity = Counter(finding.severity for finding in view.result.findings)
    by_rule = Counter(finding.rule for finding in view.result.findings)
    return {
        "findings": len(view.result.findings),
        **{f"{severity}s": by_severity[severity] for severity in sorted(Severity, reverse=True)},
        "rules": dict(sorted(by_rule.items())),
        "fixed": view.fixed,
        "suppressed": numbers.suppressed,
        "files": numbers.files,
        "files_without_model_code": numbers.skipped,
        "layers_with_bias": numbers.layers,
        "layers_with_known_readers": numbers.known,
        "unknowns": len(view.result.unknowns) + len(view.result.stopped),
        "problems": [*view.result.problems, *view.result.errors],
    }
