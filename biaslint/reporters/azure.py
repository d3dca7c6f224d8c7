"""Logging commands of Azure Pipelines."""

from __future__ import annotations

from biaslint.findings.finding import Severity
from biaslint.reporters import View
from biaslint.reporters.plain import plain


def render(view: View) -> str:
    """One command per finding."""
    out = []
    for finding in view.result.findings:
        line, _ = view.file_lines(finding.place)
        column = f"columnnumber={finding.place.column};" if finding.place.cell is None else ""
        kind = "error" if finding.severity is Severity.ERROR else "warning"
        path = _property(view.repository_path(finding.place.path))
        out.append(
            f"##vso[task.logissue type={kind};sourcepath={path};linenumber={line};{column}code={finding.rule};]"
            f"{plain(finding.message).replace('%', '%AZP25')}\n"
        )
    return "".join(out)


def _property(text: str) -> str:
    return plain(text).replace("%", "%AZP25").replace(";", "%3B").replace("]", "%5D")
