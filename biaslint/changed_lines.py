"""Which lines differ from a git revision, asked of git itself."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from biaslint.finding import Finding

_HUNK = re.compile(rb"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", re.MULTILINE)
# Nothing that a repository configures is run: no file monitor, no external diff, no text conversion.
_GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false")
_SAFE = ("--no-ext-diff", "--no-textconv", "--no-color", "--no-renames")


class GitError(Exception):
    """What git said when it could not answer."""


def only_changed(findings: Sequence[Finding], revision: str) -> list[Finding]:
    """The findings on lines that were added or changed since the revision. All findings of a new file or a notebook count."""
    changed = {path: lines_since(Path(path), revision) for path in {finding.place.path for finding in findings}}
    return [finding for finding in findings if _touches(finding, changed[finding.place.path])]


def _touches(finding: Finding, spans: Iterable[tuple[int, int]] | None) -> bool:
    if spans is None:
        return True
    if finding.place.cell is not None:  # lines of cells are not lines of the file
        return any(True for _ in spans)
    return any(start <= finding.place.end_line and finding.place.line <= end for start, end in spans)


def lines_since(file: Path, revision: str) -> list[tuple[int, int]] | None:
    """The first and last lines of the file's stretches that differ from the revision; None for a file git does not know."""
    commit = _git(file.parent, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}").decode().strip()
    if not _git(file.parent, "ls-files", "--", file.name):
        return None
    diff = _git(file.parent, "diff", *_SAFE, "--unified=0", commit, "--", file.name)
    spans = []
    for start, count in _HUNK.findall(diff):
        number = int(count) if count else 1
        if number:
            spans.append((int(start), int(start) + number - 1))
    return spans


def _git(folder: Path, *arguments: str) -> bytes:
    try:
        run = subprocess.run([*_GIT, "--literal-pathspecs", *arguments], cwd=folder, capture_output=True, check=False)
    except OSError as error:
        raise GitError(f"git cannot be run: {error}") from error
    if run.returncode:
        raise GitError(run.stderr.decode(errors="replace").strip() or f"git {arguments[0]} failed")
    return run.stdout
