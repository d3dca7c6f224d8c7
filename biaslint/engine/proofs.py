"""A fix is offered only when it has been proved: on the edited text, everything but what it is for is as it was.

The edits are made in memory, and every entry point that reaches them is executed on both texts with the same choices. Python must
bind all arguments, the finding must be gone, no other one of severity warning or error may appear, and the flow of tensors must be
the same but for the bias in question. What fails is withheld; the finding keeps its advice.

Fixes of a file are tried together first, and one by one only where that fails.
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from biaslint.analysis.incremental.file_states import digest
from biaslint.config import Config
from biaslint.findings.finding import Finding, MoveStatement, RemoveArgument, ReplaceComment, SetArgument, Severity
from biaslint.theory.program import LayerUse, Place, Program

if TYPE_CHECKING:
    from biaslint.analysis.exploration.comparison import Intent
    from biaslint.analysis.exploration.replay import Entry, Run, Stage
    from biaslint.analysis.incremental.serialization import Store
    from biaslint.analysis.project.dependencies import Dependencies

Check = Callable[[Program], list[Finding]]  # what the enabled rules find
SWITCHES = {"bias", "use_bias", "bias_axes"}
OF_BIASES = "BL2"  # the rules about what biases start with: their fixes leave weights alone
PROOF = "proof:"  # before the names under which verdicts are kept
HOLDS = b"holds"


def proved(
    findings: Sequence[Finding],
    uses: Sequence[LayerUse],
    config: Config,
    texts: Mapping[Path, str],
    files: Sequence[Path],
    check: Check,
    store: Store | None = None,
) -> list[Finding]:
    """The findings, without the fixes that fail. Verdicts are kept in the `store` with what they depend on."""
    offered = [finding for finding in findings if _changes_code(finding)]
    if not offered:
        return list(findings)
    from biaslint.analysis.exploration.replay import Stage
    from biaslint.analysis.incremental.parallel import with_deep_stack

    court = Court(Stage(config.root, texts, config.layers, files), uses, texts, check)
    rules = [sorted(chosen.enabled()) for chosen in config.all()]
    names = {id(one): PROOF + digest(repr((rules, one)).encode()) for one in offered}
    for one in offered if store is not None else ():
        known = store.recall(names[id(one)]) if store is not None else None
        if known is not None:
            court.verdicts[id(one)] = known[0]
    fresh = [one for one in offered if id(one) not in court.verdicts]
    if fresh:
        with_deep_stack(lambda: court.judge(fresh))
    for one in fresh if store is not None else ():
        if store is not None and id(one) in court.needed:
            store.keep(names[id(one)], court.verdicts[id(one)], court.needed[id(one)])
    return [one if not _changes_code(one) or court.verdicts[id(one)] == HOLDS else replace(one, fix=None) for one in findings]


def _changes_code(finding: Finding) -> bool:
    """Has it a fix that changes more than comments?"""
    return finding.fix is not None and any(not isinstance(change, ReplaceComment) for change in finding.fix.changes)


class Court:
    """Tries the fixes of one analysis."""

    def __init__(self, stage: Stage, uses: Sequence[LayerUse], texts: Mapping[Path, str], check: Check) -> None:
        self.stage = stage
        self.texts = texts
        self.check = check
        self.verdicts: dict[int, bytes] = {}  # by the identity of a finding: HOLDS, or why its fix is withheld
        self.needed: dict[int, Dependencies] = {}  # what that depends on
        self.touched = spans_of_entries(uses)
        self.steady: dict[Entry, bool] = {}  # entry points whose executions, made again, were the same

    def judge(self, findings: Sequence[Finding]) -> None:
        """Reach a verdict on each fix. Those in one file, and those that the same entry points lead to, are tried together."""
        groups: list[tuple[set[Entry], set[str], list[Finding]]] = []
        for finding in findings:
            entries, files, those = self.entries(finding), {finding.place.path}, [finding]
            apart = []
            for group in groups:
                if entries & group[0] or files & group[1]:
                    entries |= group[0]
                    files |= group[1]
                    those = [*group[2], *those]
                else:
                    apart.append(group)
            groups = [*apart, (entries, files, those)]
        for _, _, those in groups:
            self.divide(those)

    def divide(self, findings: list[Finding]) -> None:
        """Try the fixes together; where that fails, apart: those that no failing entry point reaches, and each half of the others."""
        why, failing = self.tried(findings)
        if why is not None and len(findings) > 1 and (unsteady := set(filter(self.unsteady, failing))):
            for finding in findings:
                if unsteady & self.entries(finding):
                    self.verdicts[id(finding)] = b"an execution that reaches it does not go the same way twice"
            left = [one for one in findings if id(one) not in self.verdicts]
            if left:
                self.divide(left)
            return
        if why is not None and len(findings) > 1:
            suspects = [one for one in findings if failing & self.entries(one)]
            clear = [one for one in findings if not failing & self.entries(one)]
            for part in (clear, *halves(suspects)) if suspects and clear else halves(findings):
                if part:
                    self.divide(part)
            return
        entries = tuple(sorted(set().union(*map(self.entries, findings))))
        for finding in findings:
            self.verdicts[id(finding)] = HOLDS if why is None else why.encode()
            if entries:
                self.needed[id(finding)] = self.stage.before(entries)[1]

    def unsteady(self, entry: Entry) -> bool:
        """Is an execution of the entry point unlike itself, although nothing is edited? Then it shows nothing about a fix."""
        from biaslint.analysis.exploration import comparison

        known = self.steady.get(entry)
        if known is None:
            try:
                pairs = self.stage.replay((entry,), {})[entry]
                known = comparison.difference(pairs, comparison.Intent()) is None
            except LookupError:
                known = True
            self.steady[entry] = known
        return not known

    def tried(self, findings: Sequence[Finding]) -> tuple[str | None, set[Entry]]:
        """Why the fixes, made together, do not hold, None where they do; and the entry points that show it."""
        from biaslint import fix
        from biaslint.analysis.exploration import comparison

        outcome = fix.fix_all(findings, self.text_of, unsafe=True)
        entries = tuple(sorted(set().union(*map(self.entries, findings))))
        if len(outcome.applied) < len(findings):
            return outcome.refused[0][1] if outcome.refused else "it cannot be written", set(entries)
        if not entries:
            return "no execution reaches it", set()
        try:
            replayed = self.stage.replay(entries, {Path(path): text for path, text in outcome.texts.items()})
        except LookupError as error:
            return f"{error} no longer exists", set(entries)
        intent = intent_of(findings)
        found = {entry: why for entry, pairs in replayed.items() if (why := comparison.difference(pairs, intent))}
        if found:
            return next(iter(found.values())), set(found)
        every = [pair for pairs in replayed.values() for pair in pairs]
        if all(before.shown.ended is not None for before, _ in every):
            return "no execution completes", set(entries)
        return self.told(findings, every), set(entries)

    def text_of(self, path: str) -> str:
        """A file's text as it is."""
        from biaslint import fix

        return self.texts[Path(path)] if Path(path) in self.texts else fix.saved_text(path)

    def entries(self, finding: Finding) -> set[Entry]:
        """The entry points that reach what a fix changes."""
        found: set[Entry] = set()
        for change in finding.fix.changes if finding.fix is not None else ():
            place = change.place
            for entry, spans in self.touched.get((place.path, place.cell), {}).items():
                index = bisect_right(spans, (place.end_line, sys.maxsize))
                if index and spans[index - 1][1] >= place.line:
                    found.add(entry)
        return found

    def told(self, findings: Sequence[Finding], pairs: Sequence[tuple[Run, Run]]) -> str | None:
        """Is there a finding left or a new one?"""
        before, after = (Counter(map(subject, self.check(numbered(runs)))) for runs in zip(*pairs, strict=True))
        for key, count in Counter(map(subject, findings)).items():
            if before[key] < count:
                return "the finding does not reappear"
            if after[key] > before[key] - count:
                return "the finding is still there"
        for key, count in after.items():
            if count > before[key] and key[1] >= Severity.WARNING:
                return f"{key[0]} appears"
        return None


def halves(findings: list[Finding]) -> tuple[list[Finding], list[Finding]]:
    """The first half of some findings, and the second."""
    return findings[: len(findings) // 2], findings[len(findings) // 2 :]


def spans_of_entries(uses: Iterable[LayerUse]) -> dict[tuple[str, int | None], dict[Entry, list[tuple[int, int]]]]:
    """By file and cell: the lines that each entry point makes layers on, as spans that do not overlap, in order."""
    found: dict[tuple[str, int | None], dict[Entry, set[tuple[int, int]]]] = {}
    for use in uses:
        for place in places_of(use):
            entries = found.setdefault((place.path, place.cell), {})
            entries.setdefault((use.root_path, use.root), set()).add((place.line, place.end_line))
    return {file: {entry: merged(spans) for entry, spans in entries.items()} for file, entries in found.items()}


def merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans of lines, those that overlap as one, in order."""
    result: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if result and first <= result[-1][1]:
            result[-1] = (result[-1][0], max(last, result[-1][1]))
        else:
            result.append((first, last))
    return result


def subject(finding: Finding) -> tuple[str, Severity, str, str]:
    """What a finding is about, wherever it stands in its file."""
    return finding.rule, finding.severity, finding.place.path, finding.layer


def numbered(runs: Iterable[Run]) -> Program:
    """The layers of some executions, as checks see them."""
    program = Program()
    for number, run in enumerate(runs, 1):
        program.uses += [replace(use, run=number) for use in run.uses]
    return program


def places_of(use: LayerUse) -> set[Place]:
    """The places that have to do with a layer: the calls that led to it, and what writes to its parameters."""
    places = {*use.chain, use.place}
    for write in (*use.bias.writes, *use.weight_writes, use.bias.default, use.tied):
        if write is not None:
            places.add(write.place)
            places.update({write.call} if write.call is not None else ())
    places.update({use.statement} if use.statement is not None else ())
    return {place for place in places if place.path}


def intent_of(findings: Iterable[Finding]) -> Intent:
    """What the fixes are for."""
    from biaslint.analysis.exploration.comparison import Intent

    switched: set[tuple[str, int, int, int | None]] = set()
    free: set[str] = set()
    starts, moved, weights = False, True, False
    for finding in findings:
        for change in finding.fix.changes if finding.fix is not None else ():
            if isinstance(change, SetArgument) and change.keyword in SWITCHES:
                switched.add((change.place.path, change.place.line, change.place.column, change.place.cell))
            else:
                starts = True
                weights = weights or not finding.rule.startswith(OF_BIASES)
                moved = moved and isinstance(change, MoveStatement)
                free.update({change.keyword} if isinstance(change, SetArgument | RemoveArgument) else ())
    return Intent(frozenset(switched), frozenset(free), starts, starts and moved, weights)
