"""Findings as the editor shows them."""

from __future__ import annotations

from lsprotocol import types

from biaslint.findings import rule_book
from biaslint.findings.finding import Finding, Severity
from biaslint.lsp.documents import Documents
from biaslint.reporters import plain

SOURCE = "biaslint"

# Editors hide their own "hint" in all but a few dots, and a hint of ours is meant to be seen.
SEVERITIES = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.HINT: types.DiagnosticSeverity.Information,
}


def diagnostic(documents: Documents, finding: Finding, related: bool) -> types.Diagnostic:
    """One finding; `related`: does the editor know related information?"""
    uri = documents.uri_of(finding.place.path, finding.place.cell)
    message = "\n".join(plain(text) for text in (finding.message, finding.advice) if text)
    others = [
        types.DiagnosticRelatedInformation(
            types.Location(other, documents.range_of(one.place, documents.lines_of(other))), plain(one.message)
        )
        for one in finding.related
        for other in [documents.uri_of(one.place.path, one.place.cell)]
    ]
    return types.Diagnostic(
        range=documents.range_of(finding.place, documents.lines_of(uri)),
        message=message,
        severity=SEVERITIES[finding.severity],
        code=finding.rule,
        code_description=types.CodeDescription(rule_book.find(finding.rule).url),
        source=SOURCE,
        related_information=others if related and others else None,
        data={"name": finding.name, "fix": finding.fix is not None},
    )
