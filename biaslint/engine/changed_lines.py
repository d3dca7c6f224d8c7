"""Which lines differ from a git revision, asked of git itself."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from biaslint.findings.finding import Finding
from biaslint.theory.program import Place

_HUNK = re.compile(rb"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", re.MULTILINE)
# Nothing that a repository configures is run: no file monitor, no external diff, no text conversion.
_GIT = ("git", "-c", "core.fsmonitor=false", "--literal-pathspecs")
_DIFF = ("diff", "--no-ext-diff", "--no-textconv", "--no-color", "--no-renames")

Spans = list[tuple[int, int]]  # first and last lines


class GitError(Exception):
    """What git said when it could not answer."""


@dataclass(frozen=True, slots=True)
class Since:
    """A repository as it differs from one of its commits."""

    top: Path
    commit: str
    tracked: frozenset[bytes]
    changed: frozenset[bytes]

    def spans(self, file: Path) -> Spans | None:
        """The stretches of the file that differ from the commit; None for a file that git does not know."""
        folder = Path(os.path.realpath(file.parent))
        if not folder.is_relative_to(self.top):
            return None
        name = os.fsencode(folder.relative_to(self.top) / file.name)
        if name not in self.tracked:
            return None
        if name not in self.changed:
            return []
        diff = _git(self.top, *_DIFF, "--unified=0", self.commit, "--", os.fsdecode(name))
        hunks = [(int(start), int(count or 1)) for start, count in _HUNK.findall(diff)]
        return [(start, start + count - 1) for start, count in hunks if count]


def since(folder: Path, revision: str) -> Since:
    """The repository that holds the folder, and what changed since the revision. Raises GitError."""
    top = Path(os.path.realpath(os.fsdecode(_git(folder, "rev-parse", "--show-toplevel").rstrip(b"\n"))))
    try:
        commit = _git(top, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}").decode().strip()
    except GitError as error:
        raise GitError(f"{revision!r} is not a revision that git knows: {error}") from error
    tracked = _git(top, "ls-files", "-z").split(b"\0")
    changed = _git(top, *_DIFF, "--name-only", "-z", commit).split(b"\0")
    return Since(top, commit, frozenset(tracked), frozenset(changed))


def only_changed(findings: Sequence[Finding], since: Since) -> list[Finding]:
    """The findings on lines that were added or changed, or whose related lines were: a new norm makes an old bias useless.

    Everything in a new file counts as changed, and everything in a changed notebook.
    """
    places = {finding: [finding.place, *(related.place for related in finding.related)] for finding in findings}
    spans = {path: since.spans(Path(path)) for path in {place.path for those in places.values() for place in those}}
    return [finding for finding in findings if any(_touches(place, spans[place.path]) for place in places[finding])]


def _touches(place: Place, spans: Spans | None) -> bool:
    if spans is None:
        return True
    if place.cell is not None:  # lines of cells are not lines of the file
        return bool(spans)
    return any(start <= place.end_line and place.line <= end for start, end in spans)


def _git(folder: Path, *arguments: str) -> bytes:
    try:
        run = subprocess.run([*_GIT, *arguments], cwd=folder, capture_output=True, check=False)
    except OSError as error:
        raise GitError(f"git cannot be run: {error}") from error
    if run.returncode:
        raise GitError(run.stderr.decode(errors="replace").strip() or f"git {arguments[0]} failed")
    return run.stdout
