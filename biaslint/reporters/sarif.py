"""SARIF 2.1.0, for code scanning services and IDEs.

Choices worth knowing: columns count code points; paths are relative to %SRCROOT%, the repository's top; only the rules
that were found are described; a file's replacement appears once per fix with all of its edits; in a notebook lines are those of the
file, and the message names the cell.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from biaslint import __version__
from biaslint.findings import rule_book
from biaslint.findings.finding import Finding, Severity
from biaslint.fix import TextEdit
from biaslint.reporters import View
from biaslint.theory.program import Place

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.HINT: "note"}
_PROBLEMS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.HINT: "recommendation"}


def render(view: View) -> str:
    """One run with all findings."""
    codes = sorted({finding.rule for finding in view.result.findings})
    rules = [_rule(rule_book.find(code)) for code in codes]
    notes = [{"level": "error", "message": {"text": text}} for text in (*view.result.problems, *view.result.errors)]
    run = {
        "tool": {"driver": {"name": "biaslint", "version": __version__, "informationUri": rule_book.HOME, "rules": rules}},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"%SRCROOT%": {"uri": view.repository.as_uri().rstrip("/") + "/"}},
        "invocations": [{"executionSuccessful": not notes, "toolExecutionNotifications": notes}],
        "results": [
            _result(view, finding, codes.index(finding.rule), fingerprint)
            for finding, fingerprint in zip(view.result.findings, view.fingerprints, strict=True)
        ],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(rule: rule_book.Rule) -> dict[str, Any]:
    text = rule_book.page(rule).prose
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.summary},
        "help": {"text": text, "markdown": text},
        "helpUri": rule.url,
        "defaultConfiguration": {"level": _LEVELS[rule.severity], "enabled": rule.default},
        "properties": {
            "tags": [rule.category, *rule.frameworks],
            "precision": "high",
            "problem.severity": _PROBLEMS[rule.severity],
        },
    }


def _result(view: View, finding: Finding, index: int, fingerprint: str) -> dict[str, Any]:
    place = finding.place
    cell = f"cell {place.cell}, line {place.line}: " if place.cell is not None else ""
    message = cell + finding.message
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {
            "text": message
            + (f"\n{finding.advice}" if finding.advice else "")
            + (f"\nmeasured: {finding.measured}" if finding.measured else "")
        },
        "locations": [{"physicalLocation": _location(view, finding.place)}],
        "partialFingerprints": {"biaslint/v1": fingerprint},
    }
    if finding.related:
        result["relatedLocations"] = [
            {"id": number, "physicalLocation": _location(view, related.place), "message": {"text": related.message}}
            for number, related in enumerate(finding.related, 1)
        ]
    edits = [edit for edit in view.edits(finding) if edit.cell is None]
    if finding.fix and edits:
        result["fixes"] = [{"description": {"text": finding.fix.message}, "artifactChanges": _changes(view, edits)}]
        result["properties"] = {"fixSafety": str(finding.fix.safety)}
    if finding.measured:
        result["properties"] = result.get("properties", {}) | {"measured": finding.measured.verdict}
    return result


def _changes(view: View, edits: list[TextEdit]) -> list[dict[str, Any]]:
    paths = list(dict.fromkeys(edit.path for edit in edits))
    return [
        {
            "artifactLocation": _artifact(view, path),
            "replacements": [
                {"deletedRegion": _region(edit), "insertedContent": {"text": edit.text}} for edit in edits if edit.path == path
            ],
        }
        for path in paths
    ]


def _location(view: View, place: Place) -> dict[str, Any]:
    return {"artifactLocation": _artifact(view, place.path), "region": _span(view, place)}


def _span(view: View, place: Place) -> dict[str, int]:
    if place.cell is None:
        return _region(place)
    line, end = view.file_lines(place)  # columns within a cell are none of the file's
    return {"startLine": line, "endLine": end}


def _region(place: Place | TextEdit) -> dict[str, int]:
    return {
        "startLine": place.line,
        "startColumn": place.column,
        "endLine": place.end_line,
        "endColumn": place.end_column,
    }


def _artifact(view: View, path: str) -> dict[str, str]:
    shown = view.repository_path(path)
    if Path(shown).is_absolute():
        return {"uri": Path(shown).as_uri()}
    return {"uri": quote(os.fsencode(shown)), "uriBaseId": "%SRCROOT%"}
