"""`--fix` and `--diff`: fix, and lint what has become of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from biaslint import engine, fix
from biaslint.findings.finding import Finding
from biaslint.fix.disk import decode
from biaslint.fix.rounds import Relint
from biaslint.reporters import View

Narrow = Callable[[engine.Result], None]  # takes away the findings that are not to be reported


@dataclass(slots=True)
class Mended:
    """What was done: what is left to report, the number of fixes, the differences, and the new text where it was one text."""

    result: engine.Result
    count: int = 0
    diffs: list[str] = field(default_factory=list)
    text: str | None = None


def mend(view: View, only: Path | None, narrow: Narrow, unsafe: bool, dry: bool) -> Mended:
    """Carry out the fixes of what is in view. `only` is the path of a text that is not on disk; `dry` changes nothing."""
    relint = _relint(view, narrow)
    if only is not None:
        mended = _mend_text(view, view.result.texts.get(only, ""), only, relint, unsafe)
    else:
        mended = _mend_files(view, relint, unsafe, dry)
    if mended.count and not dry:
        narrow(mended.result)
    return mended


def _mend_files(view: View, relint: Relint, unsafe: bool, dry: bool) -> Mended:
    old = view.result
    written = fix.fix_files(old.findings, view.config.root, unsafe=unsafe, relint=relint, dry_run=dry)
    outcome = written.outcome
    now = engine.lint_files(old.files, view.config) if written.written else old
    if now is not old:
        now.problems = old.problems + now.problems
    now.problems += [f"{path}: cannot be fixed: {reason}" for path, reason in sorted(written.failed.items())]
    now.notes += _refused(view, outcome)
    diffs = [fix.diff(view.path(path), decode(written.old[path]), text) for path, text in sorted(outcome.texts.items())]
    return Mended(now, sum(finding.place.path not in written.failed for finding in outcome.applied), diffs)


def _mend_text(view: View, text: str, path: Path, relint: Relint, unsafe: bool) -> Mended:
    outcome = fix.fix_all(view.result.findings, lambda _: text, unsafe=unsafe, relint=relint)
    new = outcome.texts.get(str(path), text)
    now = engine.lint_text(new, path, view.config) if outcome.texts else view.result
    now.notes += _refused(view, outcome)
    diffs = [fix.diff(view.path(str(path)), text, new)] if new != text else []
    return Mended(now, len(outcome.applied), diffs, new)


def _relint(view: View, narrow: Narrow) -> Relint:
    def relint(texts: Mapping[str, str]) -> Sequence[Finding]:
        unsaved = {**view.result.texts, **{Path(path): text for path, text in texts.items()}}
        again = engine.lint_files(view.result.files, view.config, unsaved)
        narrow(again)
        return again.findings

    return relint


def _refused(view: View, outcome: fix.Outcome) -> list[str]:
    return [
        f"{view.path(finding.place.path)}:{finding.place.line}: {finding.rule} is not fixed: {reason}"
        for finding, reason in outcome.refused
    ]
