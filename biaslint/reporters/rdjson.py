"""Reviewdog's diagnostic format, with fixes as suggestions."""

from __future__ import annotations

import json
from typing import Any

from biaslint.findings import rule_book
from biaslint.findings.finding import Finding, Severity
from biaslint.fix import TextEdit
from biaslint.reporters import View
from biaslint.theory.program import Place

_LEVELS = {Severity.ERROR: "ERROR", Severity.WARNING: "WARNING", Severity.HINT: "INFO"}


def render(view: View) -> str:
    """All findings."""
    report = {
        "source": {"name": "biaslint", "url": rule_book.HOME},
        "severity": "WARNING",
        "diagnostics": [_diagnostic(view, finding) for finding in view.result.findings],
    }
    return json.dumps(report, indent=2) + "\n"


def _diagnostic(view: View, finding: Finding) -> dict[str, Any]:
    diagnostic: dict[str, Any] = {
        "message": finding.message,
        "location": {"path": view.repository_path(finding.place.path), "range": _range(view, finding.place)},
        "severity": _LEVELS[finding.severity],
        "code": {"value": finding.rule, "url": rule_book.find(finding.rule).url},
    }
    edits = [] if finding.place.cell is not None else view.edits(finding)
    if edits and all(edit.path == finding.place.path for edit in edits):
        diagnostic["suggestions"] = [{"range": _range(view, edit), "text": edit.text} for edit in edits]
    return diagnostic


def _range(view: View, place: Place | TextEdit) -> dict[str, Any]:
    if isinstance(place, Place) and place.cell is not None:  # columns within a cell are none of the file's
        line, end = view.file_lines(place)
        return {"start": {"line": line}, "end": {"line": end}}
    return {
        "start": {"line": place.line, "column": place.column},
        "end": {"line": place.end_line, "column": place.end_column},
    }
