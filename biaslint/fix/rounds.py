"""Many fixes at once: those that are in each other's way wait for the next round."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from biaslint.findings.finding import Finding, Safety
from biaslint.fix.changes import text_edits
from biaslint.fix.edits import CannotFix, TextEdit, apply, clash
from biaslint.fix.notebook_text import cell_text, replace_cells
from biaslint.fix.source import parse

ROUNDS = 10
Finish = Callable[[str, str, Sequence[Finding]], str]  # path, new text, applied findings -> the text to write
Relint = Callable[[Mapping[str, str]], Sequence[Finding]]  # new texts by path -> the findings there are now


@dataclass(slots=True)
class Outcome:
    """What became of the findings' fixes. `texts` are the new texts of the files that changed, by path."""

    texts: dict[str, str] = field(default_factory=dict)
    applied: list[Finding] = field(default_factory=list)
    refused: list[tuple[Finding, str]] = field(default_factory=list)  # with the reason
    together: list[frozenset[str]] = field(default_factory=list)  # files that one fix changed at once


@dataclass(slots=True)
class _Accepted:
    finding: Finding
    edits: list[TextEdit]

    @property
    def paths(self) -> frozenset[str]:
        return frozenset(edit.path for edit in self.edits)


def fix_text(text: str, findings: Sequence[Finding], *, unsafe: bool = False) -> str:
    """The text of one file after the fixes of its findings, as far as they go together in one round."""
    outcome = fix_all(findings, lambda path: text, unsafe=unsafe)
    return next(iter(outcome.texts.values()), text)


def fix_all(
    findings: Sequence[Finding],
    text_of: Callable[[str], str],
    *,
    unsafe: bool = False,
    relint: Relint | None = None,
    rounds: int = ROUNDS,
    finish: Finish | None = None,
) -> Outcome:
    """Carry out the safe fixes, with `unsafe` the others too, on texts; nothing is written to disk.

    `text_of` gives a file's text (a notebook's: its JSON), or raises CannotFix. `relint` finds out what is left to be said
    after a round (`finish` makes the last change to each changed text), until no fix applies any more or `rounds` are over. The same findings give the same texts in any order.
    """
    outcome = Outcome()

    def current(path: str) -> str:
        return outcome.texts[path] if path in outcome.texts else text_of(path)

    for number in range(rounds):
        accepted, outcome.refused = _accept(findings, current, unsafe)
        texts = _combined(accepted, outcome.refused, current)
        if not texts:
            break
        outcome.texts |= texts
        outcome.applied += [fix.finding for fix in accepted]
        outcome.together += [fix.paths for fix in accepted if len(fix.paths) > 1]
        if relint is None:
            break
        findings = relint(outcome.texts)
        if number == rounds - 1:
            outcome.refused = [(finding, f"stopped after {rounds} rounds") for finding in _fixable(findings, unsafe)]
    if finish is not None:
        outcome.texts = {path: finish(path, text, outcome.applied) for path, text in outcome.texts.items()}
    outcome.texts = {path: text for path, text in outcome.texts.items() if text != text_of(path)}
    return outcome


def _fixable(findings: Sequence[Finding], unsafe: bool) -> list[Finding]:
    chosen = [finding for finding in findings if finding.fix and (unsafe or finding.fix.safety is Safety.SAFE)]
    return sorted(chosen, key=lambda finding: (finding.place.path, finding.place.cell or 0, finding.place, finding.rule))


def _accept(
    findings: Sequence[Finding], current: Callable[[str], str], unsafe: bool
) -> tuple[list[_Accepted], list[tuple[Finding, str]]]:
    """The fixes that can be made together, first come first served, and why the others cannot."""
    accepted: list[_Accepted] = []
    refused: list[tuple[Finding, str]] = []
    taken: dict[tuple[str, int | None], list[TextEdit]] = defaultdict(list)

    def text_of(path: str, cell: int | None) -> str:
        return current(path) if cell is None else cell_text(current(path), cell)

    for finding in _fixable(findings, unsafe):
        assert finding.fix is not None
        try:
            edits = text_edits(finding.fix, text_of)
        except CannotFix as error:
            refused.append((finding, str(error)))
            continue
        if not edits:
            refused.append((finding, "the source already contains the fix"))
        elif any(_in_the_way(edit, taken[edit.path, edit.cell]) for edit in edits):
            refused.append((finding, "it conflicts with another fix"))
        else:
            accepted.append(_Accepted(finding, edits))
            for edit in edits:
                if edit not in _near(edit, taken[edit.path, edit.cell]):
                    insort(taken[edit.path, edit.cell], edit, key=_start)
    return accepted, refused


def _start(edit: TextEdit) -> tuple[int, int]:
    return edit.start


def _near(edit: TextEdit, taken: list[TextEdit]) -> list[TextEdit]:
    """Those of the taken edits (which do not overlap, in order) that may touch this one."""
    first = bisect_left(taken, edit.start, key=_start)
    return taken[max(first - 1, 0) : bisect_right(taken, edit.end, key=_start)]


def _in_the_way(edit: TextEdit, taken: list[TextEdit]) -> bool:
    return any(clash(edit, other) for other in _near(edit, taken))


def _combined(accepted: list[_Accepted], refused: list[tuple[Finding, str]], current: Callable[[str], str]) -> dict[str, str]:
    """The new texts; a fix without which they would parse is moved from `accepted` to `refused`."""
    texts: dict[str, str] = {}
    pending = sorted({path for fix in accepted for path in fix.paths})
    while pending:
        path = pending.pop()
        those = [fix for fix in accepted if path in fix.paths]
        texts.pop(path, None)
        if not those:
            continue
        try:
            texts[path] = _applied(current(path), path, those)
        except CannotFix as error:
            dropped = those[len(those) // 2 :]
            reason = f"the result would not parse: {error}" if len(those) == 1 else "it conflicts with another fix"
            refused += [(fix.finding, reason) for fix in dropped]
            accepted[:] = [fix for fix in accepted if fix not in dropped]
            pending += sorted({path for fix in dropped for path in fix.paths})
    return texts


def _applied(text: str, path: str, fixes: Sequence[_Accepted]) -> str:
    """The text of one file after the fixes. Raises CannotFix where it would not parse."""
    edits: dict[int | None, dict[TextEdit, None]] = defaultdict(dict)  # an edit that two fixes share is made once
    for fix in fixes:
        for edit in fix.edits:
            if edit.path == path:
                edits[edit.cell][edit] = None
    cells: dict[int, str] = {}
    for cell, those in edits.items():
        new = apply(text if cell is None else cell_text(text, cell), list(those))
        parse(new, cell is not None)
        if cell is None:
            return new
        cells[cell] = new
    return replace_cells(text, cells)
