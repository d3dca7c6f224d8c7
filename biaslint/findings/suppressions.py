"""Comments that suppress findings: `# biaslint: ignore[BL101] -- why`, `# biaslint: ignore-file`, `# noqa: BL101`.

At the end of a line, a comment holds for findings that start or end on that line; on a line of its own, for the statement below it
with its block. Only real comments count, not strings that look like one. A comment of ours that suppresses nothing or is malformed is
itself reported; a `noqa` without one of our codes is another tool's.
"""

from __future__ import annotations

import contextlib
import io
import re
import tokenize
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from biaslint.findings import rule_book
from biaslint.findings.finding import Finding, Fix, ReplaceComment, Safety
from biaslint.theory.program import Place

_OURS = re.compile(
    r"#\s*biaslint\s*(?P<colon>:|[-\s](?=\s*(?:ignore|disable|noqa|skip)\b))\s*(?P<word>[\w-]*)[ \t]*"
    r"(?:\[(?P<codes>[^\]#]*)\])?(?P<rest>[^#]*)",
    re.IGNORECASE,
)
_NOQA = re.compile(r"#\s*noqa\b(?:\s*:\s*(?P<codes>[A-Z]+\d+(?:[\s,]+[A-Z]+\d+)*))?(?P<rest>\s*:)?", re.IGNORECASE)
_HINT = re.compile(r"#\s*(?:biaslint\b|noqa)", re.IGNORECASE)
_REASON = re.compile(r"\s*(?:$|-|\u2013|\u2014)")  # what may follow a comment without brackets: nothing, or `-- why`
_WORD = re.compile(r"[A-Za-z][\w-]*")
_KINDS = ("ignore", "ignore-file")


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
    problem: str = ""  # why it is malformed, "" where it is not
    instead: str = ""  # the right spelling of a malformed one, where it is known
    text: str = ""  # the comment as written, without its reason
    tail: int = 0  # the column where its reason ends
    first: int = 0  # the lines that it holds for
    last: int = 0
    cell: int | None = None

    def silences(self, finding: Finding) -> bool:
        """Does it hold for this finding of its file?"""
        place = finding.place
        here = self.cell == place.cell and any(self.first <= line <= self.last for line in (place.line, place.end_line))
        if self.problem or not (here or self.whole_file):
            return False
        return not self.rules or any(finding.rule in codes for _, codes in self.rules)


def read(text: str) -> list[Suppression]:
    """The comments in a file's text that suppress something, in order."""
    if not _HINT.search(text):
        return []
    found = []
    for comment in _comments(text):
        for match in _OURS.finditer(comment.text):
            found.append(_ours(match, comment))
        noqa = _NOQA.search(comment.text)
        if noqa and not noqa["rest"]:
            words = list(dict.fromkeys(re.split(r"[\s,]+", noqa["codes"].upper()))) if noqa["codes"] else []
            rules = tuple((word, _codes(word)) for word in words if word in rule_book.by_code())
            if rules or not words:
                found.append(_made(comment, noqa.start(), noqa.end(), rules=rules, noqa=True, text=noqa[0]))
    return found


@dataclass(frozen=True, slots=True)
class _Comment:
    """A comment token: its place, and the lines that it holds for."""

    line: int
    column: int
    text: str
    alone: bool
    first: int
    last: int


def _made(comment: _Comment, start: int, end: int, **more: Any) -> Suppression:
    return Suppression(
        comment.line,
        comment.column + start,
        comment.column + end,
        alone=comment.alone,
        first=comment.first,
        last=comment.last,
        **{"tail": comment.column + end, **more},
    )


def _ours(match: re.Match[str], comment: _Comment) -> Suppression:
    words = [word for word in dict.fromkeys(map(str.strip, (match["codes"] or "").split(","))) if word]
    kind, rest = match["word"].lower(), match["rest"]
    end, problem, instead = match.start("rest"), "", ""
    if kind not in _KINDS or match["colon"] != ":" or (match["codes"] is None and not _REASON.match(rest)):
        listed = words or [word for word in _WORD.findall(rest) if _is_rule(word)]
        wanted = "ignore-file" if "file" in kind else "ignore"
        instead = f"biaslint: {wanted}" + (f"[{', '.join(dict.fromkeys(map(_spelled, listed)))}]" if listed else "")
        end = match.end() if match["codes"] is None else end
        problem = f"malformed suppression `{match[0][: end - match.start()].lstrip('# ').strip()}`; write `{instead}`"
        end -= len(match[0][: end - match.start()]) - len(match[0][: end - match.start()].rstrip())
        words = []
    elif match["codes"] is not None and not words:
        problem = "no rule is named between the brackets"
    try:
        rules = tuple((word, _codes(word)) for word in words)
    except rule_book.UnknownRule as error:
        problem, rules = str(error), ()
    tail = match.start() + len(match[0].rstrip())
    return _made(
        comment,
        match.start(),
        max(end, match.start() + 1),
        rules=rules,
        whole_file=kind == "ignore-file",
        problem=problem,
        instead=f"# {instead}" if instead else "",
        text=match[0][: end - match.start()].rstrip(),
        tail=comment.column + tail,
    )


def _is_rule(word: str) -> bool:
    try:
        return bool(_codes(word))
    except rule_book.UnknownRule:
        return False


def _spelled(word: str) -> str:
    """A rule's word as the rule book spells it."""
    return word.upper() if re.fullmatch(r"[A-Za-z]+\d*", word) else word.lower()


def _codes(word: str) -> frozenset[str]:
    return frozenset(rule_book.select([word]))


def _comments(text: str) -> Iterator[_Comment]:
    """Every comment with the lines that it holds for; as far as the text can be tokenized."""
    tokens: list[tokenize.TokenInfo] = []
    with contextlib.suppress(tokenize.TokenError, SyntaxError):
        tokens.extend(tokenize.generate_tokens(io.StringIO(text).readline))
    depth = 0
    for number, token in enumerate(tokens):
        if token.type == tokenize.OP:
            depth += (token.string in "([{") - (token.string in ")]}")
        if token.type == tokenize.COMMENT:
            line, column = token.start
            alone = not token.line[:column].strip()
            first, last = _below(tokens, number + 1, depth > 0) if alone else (line, line)
            yield _Comment(line, column + 1, token.string, alone, first, last)


_LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT}


def _below(tokens: Sequence[tokenize.TokenInfo], at: int, inside: bool) -> tuple[int, int]:
    """The lines of the statement that begins after token `at`, with its block; within brackets, the next line."""
    while at < len(tokens) and tokens[at].type in _LAYOUT:
        at += 1
    if at == len(tokens) or tokens[at].type == tokenize.ENDMARKER:
        return 0, 0
    first = tokens[at].start[0]
    if inside:
        return first, first
    decorator = True
    while decorator:  # a decorator is part of the statement that it decorates
        decorator = tokens[at].string == "@"
        while at < len(tokens) and tokens[at].type != tokenize.NEWLINE:
            at += 1
        at += 1
    last = tokens[min(at, len(tokens)) - 1].end[0]
    depth = 0
    for token in tokens[at:]:
        depth += (token.type == tokenize.INDENT) - (token.type == tokenize.DEDENT)
        if token.type == tokenize.NEWLINE and depth > 0:
            last = token.end[0]
        elif depth <= 0 and token.type not in _LAYOUT:
            break
    return first, last


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
            fix = _fix(suppression, place, silenced, ran)
            idle.append(Finding(rule.code, rule.name, rule.severity, place, message, advice=_advice(suppression), fix=fix))
    return kept, idle


def _idle(suppression: Suppression, silenced: set[str], ran: Collection[str]) -> str:
    """What is wrong with a comment that silences too little; "" where nothing is, or where this run cannot know."""
    if not suppression.rules:
        # With some rules off, they may be what the comment is for; a bare `noqa` may be for any tool.
        defaults = {rule.code for rule in rule_book.rules() if rule.default and rule.made_by != "runtime"}
        return "" if silenced or suppression.noqa or not defaults <= set(ran) else "this comment suppresses nothing"
    idle = [word for word, codes in suppression.rules if codes <= set(ran) and not codes & silenced]
    if not idle:
        return ""
    if len(idle) == len(suppression.rules):
        return "this comment suppresses nothing"
    return f"{' and '.join(f'`{word}`' for word in idle)} suppresses nothing here"


def _advice(suppression: Suppression) -> str:
    if suppression.alone and not suppression.whole_file and not suppression.problem:
        return "on a line of its own, a comment applies to the statement below it; at the end of a line, to that line"
    return "" if suppression.problem else "delete it"


def _fix(suppression: Suppression, place: Place, silenced: set[str], ran: Collection[str]) -> Fix | None:
    """Spell a malformed comment right; take out of another what suppresses nothing, or all of it."""
    if suppression.instead:
        change = ReplaceComment(place, suppression.instead)
        return Fix(Safety.SAFE, f"write `{suppression.instead.lstrip('# ')}`", (change,))
    if suppression.problem:
        return None
    idle = [word for word, codes in suppression.rules if codes <= set(ran) and not codes & silenced]
    kept = suppression.text
    for word in idle:  # other tools' codes in a `noqa` stay
        kept = re.sub(rf"(?i)\s*\b{re.escape(word)}\b\s*,?|,\s*\b{re.escape(word)}\b", "", kept, count=1)
    if len(idle) < len(suppression.rules) or (suppression.noqa and re.search(r":\s*\w", kept)):
        kept = re.sub(r",?\s*(\])|,\s*$", r"\1", re.sub(r"\[\s+", "[", kept))
        return Fix(Safety.SAFE, f"remove {' and '.join(f'`{word}`' for word in idle)}", (ReplaceComment(place, kept),))
    whole = replace(place, end_column=suppression.tail)
    return Fix(Safety.SAFE, "remove the comment", (ReplaceComment(whole, ""),))
