"""The rows of the results, as plain dictionaries. One that is made twice of the same repository is the same but for `MEASURED`."""

from __future__ import annotations

from typing import Any

from biaslint.findings.finding import Finding
from biaslint.scan.unit import Unit

Row = dict[str, Any]
VERSION = 1
MEASURED = ("seconds", "memory")  # of a repository's row: what its analysis took on that machine, on that day
# The columns of a finding's row and of a repository's, with their types: text, integer, number, counts by name.
FINDING = {
    "source": "text", "repository": "text", "rule": "text", "name": "text", "severity": "text", "path": "text", "line": "integer",
    "column": "integer", "end_line": "integer", "end_column": "integer", "cell": "integer", "message": "text", "layer": "text", "when": "text",
    "framework": "text",
}  # fmt: skip
REPOSITORY = {
    "source": "text", "repository": "text", "kind": "text", "status": "text", "reason": "text", "digest": "text", "year": "integer",
    "files": "integer", "model_files": "integer", "bytes": "integer", "layers": "integer", "understood": "number", "findings": "integer",
    "suppressed": "integer", "stopped": "integer", "frameworks": "counts", "unknowns": "counts", "hidden_by": "counts", "skipped": "counts", "seconds": "number",
    "memory": "integer",
}  # fmt: skip


def of_finding(finding: Finding, path: str, framework: str | None) -> Row:
    """A finding's row, without the repository's name."""
    place = finding.place
    return {
        "rule": finding.rule,
        "name": finding.name,
        "severity": str(finding.severity),
        "path": path,
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line,
        "end_column": place.end_column,
        "cell": place.cell,
        "message": finding.message,
        "layer": finding.layer,
        "when": finding.when,
        "framework": framework,
    }


def given_up(status: str, reason: str) -> Row:
    """The row of a repository that was not analysed, without its name."""
    return {"status": status, "reason": reason}


def complete(unit: Unit, findings: list[Row], facts: Row) -> list[Row]:
    """All rows of a repository: its findings, and last the row that says that these are all."""
    name = {"source": unit.source, "repository": unit.repository}
    whole = {"kind": unit.kind} | facts
    rows = [dict(row="finding", **{key: (name | one).get(key) for key in FINDING}) for one in findings]
    return [*rows, dict(row="repository", **{key: (name | whole).get(key) for key in REPOSITORY})]
