"""Pylint's parseable lines, which many editors and services read."""

from __future__ import annotations

from biaslint.reporters import View
from biaslint.reporters.plain import plain
from biaslint.reporters.text import at_start


def render(view: View) -> str:
    """One line per finding."""
    out = []
    for finding in view.result.findings:
        line, _ = view.file_lines(finding.place)
        path = at_start(plain(view.path(finding.place.path)))
        out.append(f"{path}:{line}: [{finding.rule}({finding.name}), {finding.severity}] {plain(finding.message)}\n")
    return "".join(out)
