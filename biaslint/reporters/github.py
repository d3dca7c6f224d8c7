"""Workflow commands, which GitHub Actions shows as annotations on the lines of a pull request."""

from __future__ import annotations

import re

from biaslint.findings.finding import Severity
from biaslint.reporters import View
from biaslint.reporters.plain import plain

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.HINT: "notice"}


def render(view: View) -> str:
    """One command per finding."""
    out = []
    for finding in view.result.findings:
        place = finding.place
        line, end = view.file_lines(place)
        properties = {"file": view.repository_path(place.path), "line": str(line), "endLine": str(end)}
        if place.cell is None and line == end:  # columns count only within one line, and in a file, not in a cell
            properties |= {"col": str(place.column), "endColumn": str(place.end_column - 1)}
        properties["title"] = f"{finding.rule} {finding.name}"
        said = [finding.message]
        if place.cell is not None:
            said[0] = f"cell {place.cell}, line {place.line}: {said[0]}"
        said += [f"{view.path(one.place.path)}:{one.place.line}: {one.message}" for one in finding.related]
        said += [finding.advice] * bool(finding.advice)
        said += [f"measured: {finding.measured}"] * bool(finding.measured)
        fields = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
        out.append(f"::{_LEVELS[finding.severity]} {fields}::{_data(chr(10).join(said))}\n")
    return "".join(out)


def _data(text: str) -> str:
    text = "".join(
        part if part in ("\r", "\n") else plain(part) for part in re.split("([\r\n])", text)
    )  # logs are read in terminals
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
