"""Fixes for files: what they are now is read, what they become is shown or written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from biaslint.findings.finding import Finding
from biaslint.fix.changes import text_edits
from biaslint.fix.disk import check_writable, decode, reasons, write_all
from biaslint.fix.edits import CannotFix, TextEdit
from biaslint.fix.notebook_text import cell_text
from biaslint.fix.rounds import ROUNDS, Finish, Outcome, Relint, fix_all


@dataclass(slots=True)
class Written:
    """What `fix_files` did: the fixes' outcome, the old contents, and which files were or could not be written."""

    outcome: Outcome
    old: dict[str, bytes] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)  # path -> reason

    def diffs(self) -> Iterator[str]:
        """The difference of each changed file, in order of path."""
        for path, text in sorted(self.outcome.texts.items()):
            yield diff(path, decode(self.old[path]), text)


def fix_files(
    findings: Sequence[Finding],
    root: Path,
    *,
    unsafe: bool = False,
    relint: Relint | None = None,
    rounds: int = ROUNDS,
    dry_run: bool = False,
    finish: Finish | None = None,
) -> Written:
    """Carry out the fixes of the findings in the files they name (relative to `root`, or absolute).

    Safe fixes only, without `unsafe`; see `fix_all` for `relint` and `rounds`. With `dry_run`, nothing is written. Files that
    one fix changes together are written together: if one of them cannot be, the others stay or become what they were.
    """
    old: dict[str, bytes] = {}

    def text_of(path: str) -> str:
        if path not in old:
            with reasons(path):
                if not dry_run:
                    check_writable(root / path, root)
                old[path] = (root / path).read_bytes()
        return decode(old[path])

    result = Written(fix_all(findings, text_of, unsafe=unsafe, relint=relint, rounds=rounds, finish=finish), old)
    if dry_run:
        return result
    for group in _groups(result.outcome.texts, result.outcome.together):
        try:
            write_all({root / path: (old[path], result.outcome.texts[path]) for path in group}, root)
            result.written += group
        except CannotFix as error:
            result.failed |= dict.fromkeys(group, str(error))
    return result


def _groups(paths: Iterable[str], together: Iterable[frozenset[str]]) -> list[list[str]]:
    """The paths, those that belong together in one list."""
    groups = [{path} for path in sorted(paths)]
    for joined in together:
        touched = [group for group in groups if group & joined]
        if len(touched) > 1:
            groups = [group for group in groups if not group & joined] + [set().union(*touched)]
    return sorted(sorted(group) for group in groups)


def diff(path: str, old: str, new: str) -> str:
    """The change as a unified diff that `patch -p0` takes; empty where there is none."""
    import difflib

    # Split at newlines only: a form feed or a lone carriage return is part of its line for patch.
    lines = difflib.unified_diff(_newline_lines(old), _newline_lines(new), path, path)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _newline_lines(text: str) -> list[str]:
    lines = text.split("\n")
    return [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def edits_of(finding: Finding, texts: Mapping[Path, str] | None = None) -> list[TextEdit]:
    """The edits of a finding's fix; none where it has no fix or the fix cannot be written.

    `texts` holds unsaved text (for a notebook, its JSON) that stands for a file's content.
    """
    unsaved = texts or {}

    def text_of(path: str, cell: int | None) -> str:
        text = unsaved[Path(path)] if Path(path) in unsaved else saved_text(path)
        return text if cell is None else cell_text(text, cell)

    try:
        return text_edits(finding.fix, text_of) if finding.fix else []
    except CannotFix:
        return []


def saved_text(path: str) -> str:
    """A file's text as it is on disk. Raises CannotFix where it cannot be read."""
    with reasons(path):
        status = os.stat(path)
        return _saved_then(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4)
def _saved_then(path: str, modified: int, size: int) -> str:
    """A file's text; a report asks for it once per finding."""
    return decode(Path(path).read_bytes())
