"""One line per finding below the name of its file, then the summary."""

from __future__ import annotations

from itertools import groupby

from biaslint.reporters import View
from biaslint.reporters.plain import plain
from biaslint.reporters.text import at_start, headline, summary


def render(view: View) -> str:
    """All findings, by file."""
    parts = []
    for path, group in groupby(view.result.findings, key=lambda finding: finding.place.path):
        lines = [f"{at_start(plain(view.path(path)))}:"]
        for finding in group:
            place = finding.place
            cell = f"cell {place.cell}:" if place.cell is not None else ""
            lines.append(f"  {headline(view, finding, f'{cell}{place.line}:{place.column}')}")
        parts.append("\n".join(lines) + "\n")
    parts += [] if view.quiet else [summary(view)]
    return "".join(part + "\n" for part in parts if part)
