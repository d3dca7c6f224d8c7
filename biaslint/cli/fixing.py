"""`--fix` and `--diff`: fix, and lint what has become of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from biaslint import engine, fix
from biaslint.analysis.run import analyse
from biaslint.checks.support import keeping
from biaslint.findings.finding import Finding
from biaslint.fix.disk import decode, encode
from biaslint.fix.edits import CannotFix
from biaslint.fix.rounds import Relint
from biaslint.reporters import View

REMOVALS = ("BL101", "BL102", "BL104")  # whose fixes remove parameters
UNKEPT = "its class cannot be given a load hook for old checkpoints; use `biaslint migrate`"
Narrow = Callable[[engine.Result], None]  # takes away the findings that are not to be reported


@dataclass(slots=True)
class Mended:
    """What was done: what is left to report, the number of fixes, the differences, and the new text where it was one text."""

    result: engine.Result
    count: int = 0
    applied: list[Finding] = field(default_factory=list)
    diffs: list[str] = field(default_factory=list)
    text: str | None = None


def mend(view: View, only: Path | None, narrow: Narrow, unsafe: bool, dry: bool, keep: bool = False) -> Mended:
    """Carry out the fixes of what is in view. `only` is the path of a text that is not on disk; `dry` changes nothing.

    With `keep`, a bias is removed only where its class can be given a load hook for old checkpoints, and it is.
    """
    relint = _relint(view, narrow)
    if keep:
        mended = _mend_keeping(view, dry)
    elif only is not None:
        mended = _mend_text(view, view.result.texts.get(only, ""), only, relint, unsafe)
    else:
        mended = _mend_files(view, relint, unsafe, dry)
    if mended.count and not dry:
        narrow(mended.result)
    return mended


def _mend_files(view: View, relint: Relint, unsafe: bool, dry: bool) -> Mended:
    old = view.result
    written = fix.fix_files(old.findings, view.config.root, unsafe=unsafe, relint=relint, dry_run=dry)
    return _finished(view, written, [])


def _finished(view: View, written: fix.Written, notes: list[str]) -> Mended:
    """What there is to report once files are written."""
    old, outcome = view.result, written.outcome
    now = engine.lint_files(old.files, view.config) if written.written else old
    if now is not old:
        now.problems = old.problems + now.problems
    now.problems += [f"{path}: cannot be fixed: {reason}" for path, reason in sorted(written.failed.items())]
    now.notes += [*notes, *_refused(view, outcome)]
    diffs = [fix.diff(view.path(path), decode(written.old[path]), text) for path, text in sorted(outcome.texts.items())]
    applied = [finding for finding in outcome.applied if finding.place.path not in written.failed]
    return Mended(now, len(applied), applied, diffs)


def _mend_keeping(view: View, dry: bool) -> Mended:
    old = view.result
    texts = {str(path): text for path, text in old.texts.items()}
    paths = {finding.place.path for finding in old.findings if finding.fix is not None}
    texts |= {path: fix.saved_text(path) for path in paths - texts.keys()}
    program = analyse(old.files, view.config.root, layers=view.config.layers)
    known = keeping.folds(program, texts)
    kept, notes = [], []
    for finding in old.findings:
        if finding.fix is None or finding.rule not in REMOVALS or finding.place in known:
            kept.append(finding)
        else:
            notes.append(f"{view.path(finding.place.path)}:{finding.place.line}: {finding.rule} is not fixed: {UNKEPT}")

    def finish(path: str, text: str, applied: Sequence[Finding]) -> str:
        those = {known[one.place] for one in applied if one.rule in REMOVALS and one.place in known and one.place.path == path}
        return keeping.hooked(text, sorted(those))

    written = fix.fix_files(kept, view.config.root, unsafe=True, dry_run=dry, finish=finish)
    return _finished(view, written, notes)


def _mend_text(view: View, text: str, path: Path, relint: Relint, unsafe: bool) -> Mended:
    outcome = fix.fix_all(view.result.findings, lambda _: text, unsafe=unsafe, relint=relint)
    new = outcome.texts.get(str(path), text)
    now = engine.lint_text(new, path, view.config) if outcome.texts else view.result
    now.notes += _refused(view, outcome)
    diffs = [fix.diff(view.path(str(path)), text, new)] if new != text else []
    return Mended(now, len(outcome.applied), outcome.applied, diffs, new)


def encoded(mended: Mended, data: bytes) -> bytes:
    """What becomes of the standard input: byte for byte what was given if there is no fix, else the new text in its encoding."""
    if not mended.count or mended.text is None:
        return data
    try:
        return encode(mended.text, data)
    except CannotFix as error:
        mended.result.problems.append(f"standard input: cannot be fixed: {error}")
        return data


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


def add_ignores(view: View, reason: str) -> int:
    """Write a suppression comment for each finding; the number of findings that have one now."""
    result = view.result
    data: dict[str, bytes] = {}

    def text_of(path: str) -> str:
        try:
            data[path] = Path(path).read_bytes()
        except OSError as error:
            raise fix.CannotFix(error.strerror or str(error)) from error
        return decode(data[path])

    texts, refused = fix.add_ignores(result.findings, text_of, " ".join(reason.split()))
    result.notes += [
        f"{view.path(one.place.path)}:{one.place.line}: {one.rule} is not suppressed: {why}" for one, why in refused
    ]
    for path, text in sorted(texts.items()):
        try:
            fix.write(Path(path), data[path], text, view.config.root)
        except (OSError, fix.CannotFix) as error:
            result.problems.append(f"{path}: cannot be written: {error}")
            refused += [(one, "") for one in result.findings if one.place.path == path]
    return len(result.findings) - len({id(one) for one, _ in refused})
