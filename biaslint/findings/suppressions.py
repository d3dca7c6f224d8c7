"""Comments that say "not here": `# biaslint: ignore[BL101] -- why`, `# biaslint: ignore-file`, `# noqa: BL101`.

A comment at the end of a line holds for findings that start or end on that line. Only real comments count, not strings that look
like one. A comment of ours that silences nothing is itself reported; a `noqa` without one of our codes is somebody else's.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from biaslint.findings import rule_book
from biaslint.findings.finding import Finding
from biaslint.theory.program import Place

_OURS = re.compile(r"#\s*biaslint\s*:\s*(?P<word>[\w-]*)[ \t]*(?:\[(?P<codes>[^\]]*)\])?", re.IGNORECASE)
_NOQA = re.compile(r"#\s*noqa\b(?:\s*:\s*(?P<codes>[A-Z]+\d+(?:[\s,]+[A-Z]+\d+)*))?(?P<rest>\s*:)?", re.IGNORECASE)
_HINT = re.compile(r"#\s*(?:biaslint\s*:|noqa)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Suppression:
    """One comment. `rules` maps each word in it to the codes it means; empty for every rule."""

    line: int
    column: int
    end_column: int
    rules: tuple[tuple[str, frozenset[str]], ...] = ()
    whole_file: bool = False
    noqa: bool = False
    alone: bool = False  # on a line of its own
    problem: str = ""  # why it is not understood, "" where it is
    cell: int | None = None

    def silences(self, finding: Finding) -> bool:
        """Does it hold for this finding of its file?"""
        place = finding.place
        here = self.cell == place.cell and self.line in (place.line, place.end_line)
        if self.problem or not (here or self.whole_file):
            return False
        return not self.rules or any(finding.rule in codes for _, codes in self.rules)


def read(text: str) -> list[Suppression]:
    """The comments in a file's text that silence something, in order."""
    if not _HINT.search(text):
        return []
    found = []
    for line, column, comment, alone in _comments(text):
        for match in _OURS.finditer(comment):
            found.append(_ours(match, line, column, alone))
        noqa = _NOQA.search(comment)
        if noqa and not noqa["rest"]:
            words = list(dict.fromkeys(re.split(r"[\s,]+", noqa["codes"].upper()))) if noqa["codes"] else []
            rules = tuple((word, _codes(word)) for word in words if word in rule_book.by_code())
            if rules or not words:
                found.append(Suppression(line, column + noqa.start(), column + noqa.end(), rules, noqa=True, alone=alone))
    return found


def _ours(match: re.Match[str], line: int, column: int, alone: bool) -> Suppression:
    words = [word for word in dict.fromkeys(map(str.strip, (match["codes"] or "").split(","))) if word]
    kind = match["word"].lower()
    problem = ""
    if kind not in ("ignore", "ignore-file"):
        problem = f"`{match[0].lstrip('# ').strip()}` is not understood; write `biaslint: ignore` or `biaslint: ignore-file`"
    elif match["codes"] is not None and not words:
        problem = "no rule stands between the brackets"
    try:
        rules = tuple((word, _codes(word)) for word in words)
    except rule_book.UnknownRule as error:
        problem, rules = str(error), ()
    return Suppression(
        line, column + match.start(), column + match.end(), rules, kind == "ignore-file", alone=alone, problem=problem
    )


def _codes(word: str) -> frozenset[str]:
    return frozenset(rule_book.select([word]))


def _comments(text: str) -> Iterator[tuple[int, int, str, bool]]:
    """Line, column (from 1), text, and whether it stands alone, of every comment; as far as the text can be tokenized."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                line, column = token.start
                yield line, column + 1, token.string, not token.line[:column].strip()
    except (tokenize.TokenError, SyntaxError):
        return


def apply(
    findings: Sequence[Finding], suppressions: Sequence[Suppression], ran: Collection[str], path: str
) -> tuple[list[Finding], list[Finding]]:
    """What is left of one file's findings, and a finding for each comment that silences nothing. `ran` are the rules that ran."""
    kept = [finding for finding in findings if not any(suppression.silences(finding) for suppression in suppressions)]
    if rule_book.UNUSED_SUPPRESSION not in ran:
        return kept, []
    rule = rule_book.find(rule_book.UNUSED_SUPPRESSION)
    idle = []
    for suppression in suppressions:
        silenced = {finding.rule for finding in findings if suppression.silences(finding)}
        message = suppression.problem or _idle(suppression, silenced, ran)
        if message:
            place = Place(
                path, suppression.line, suppression.column, suppression.line, suppression.end_column, suppression.cell
            )
            idle.append(Finding(rule.code, rule.name, rule.severity, place, message, advice=_advice(suppression)))
    return kept, idle


def _idle(suppression: Suppression, silenced: set[str], ran: Collection[str]) -> str:
    """What is wrong with a comment that silences too little; "" where nothing is, or where this run cannot know."""
    if not suppression.rules:
        # With some rules off, they may be what the comment is for; a bare `noqa` may be for any tool.
        defaults = {rule.code for rule in rule_book.rules() if rule.default and rule.made_by != "runtime"}
        return "" if silenced or suppression.noqa or not defaults <= set(ran) else "this comment silences nothing"
    idle = [word for word, codes in suppression.rules if codes <= set(ran) and not codes & silenced]
    if not idle:
        return ""
    if len(idle) == len(suppression.rules):
        return "this comment silences nothing"
    return f"{' and '.join(f'`{word}`' for word in idle)} silences nothing here"


def _advice(suppression: Suppression) -> str:
    if suppression.alone and not suppression.whole_file and not suppression.problem:
        return "a comment holds for its own line; put it at the end of the line that the finding is on"
    return "" if suppression.problem else "delete it"
