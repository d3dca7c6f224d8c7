"""GitLab's Code Quality report: a list of issues with a fingerprint each."""

from __future__ import annotations

import json

from biaslint.findings.finding import Severity
from biaslint.reporters import View

_LEVELS = {Severity.ERROR: "critical", Severity.WARNING: "minor", Severity.HINT: "info"}


def render(view: View) -> str:
    """All findings."""
    issues = [
        {
            "description": finding.message + (f" (measured: {finding.measured})" if finding.measured else ""),
            "check_name": f"{finding.rule} {finding.name}",
            "fingerprint": fingerprint,
            "severity": _LEVELS[finding.severity],
            "location": {
                "path": view.repository_path(finding.place.path),
                "lines": dict(zip(("begin", "end"), view.file_lines(finding.place), strict=True)),
            },
        }
        for finding, fingerprint in zip(view.result.findings, view.fingerprints, strict=True)
    ]
    return json.dumps(issues, indent=2) + "\n"
