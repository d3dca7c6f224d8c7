"""One line per finding, then the summary."""

from __future__ import annotations

from biaslint.reporters import View
from biaslint.reporters.text import one_line, summary


def render(view: View) -> str:
    """All findings."""
    parts = [one_line(view, finding) for finding in view.result.findings]
    parts += [] if view.quiet else [summary(view)]
    return "".join(part + "\n" for part in parts if part)
