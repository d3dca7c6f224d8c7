"""What a piece of example code says about itself: a reported line ends in `# BL101` or `# BL101, BL201`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from biaslint.findings.finding import Finding

_EXPECTED = re.compile(r"#\s*(BL\d{3}(?:\s*,\s*BL\d{3})*)\s*$")

Reports = list[tuple[int | None, int, str]]  # cell, line, rule; sorted, with repetitions


def expected(text: str, cell: int | None = None) -> Reports:
    """What the lines of the text say should be reported."""
    found: Reports = []
    for number, line in enumerate(text.splitlines(), 1):
        match = _EXPECTED.search(line)
        if match:
            found += [(cell, number, code.strip()) for code in match[1].split(",")]
    return sorted(found, key=str)


def without_expectations(text: str) -> str:
    """The text without the comments that say what is reported."""
    return "".join(_EXPECTED.sub("", line).rstrip() + "\n" for line in text.splitlines())


def reported(findings: Iterable[Finding]) -> Reports:
    """What was reported."""
    return sorted(((finding.place.cell, finding.place.line, finding.rule) for finding in findings), key=str)


def explain(text: str, findings: Iterable[Finding]) -> str:
    """The text with its line numbers, and what was reported: for a failing test."""
    lines = [f"{number:4} {line}" for number, line in enumerate(text.splitlines(), 1)]
    return "\n".join([*lines, *(f"reported: {one.place.line}:{one.place.column} {one.rule} {one.message}" for one in findings)])
