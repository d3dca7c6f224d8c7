"""Suppression comments for findings: at the end of their lines, in the comment that is there already if there is one."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

from biaslint.findings import rule_book, suppressions
from biaslint.findings.finding import Finding
from biaslint.fix.edits import LINE_END, CannotFix
from biaslint.fix.notebook_text import cell_text, replace_cells

_OURS = re.compile(r"#\s*biaslint\s*:\s*ignore\[(?P<codes>[^\]]*)\]")


def add_ignores(
    findings: Sequence[Finding], text_of: Callable[[str], str], reason: str = ""
) -> tuple[dict[str, str], list[tuple[Finding, str]]]:
    """The new texts of the files, by path, and the findings that no comment can suppress, each with the reason."""
    new: dict[str, str] = {}
    refused: list[tuple[Finding, str]] = []
    by_line: dict[tuple[str, int | None, int], list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.rule in (rule_book.UNREADABLE_FILE, rule_book.UNUSED_SUPPRESSION):
            refused.append((finding, "it cannot be suppressed"))
        else:
            by_line[finding.place.path, finding.place.cell, finding.place.line].append(finding)
    for (path, cell, _), those in sorted(by_line.items(), key=lambda item: (item[0][0], item[0][1] or 0, item[0][2])):
        try:
            whole = new.get(path) or text_of(path)
            text = whole if cell is None else cell_text(whole, cell)
            text = _with_comment(text, those, reason)
            new[path] = text if cell is None else replace_cells(whole, {cell: text})
        except CannotFix as error:
            refused += [(finding, str(error)) for finding in those]
    return new, refused


def _with_comment(text: str, findings: Sequence[Finding], reason: str) -> str:
    """The text with a comment for findings that start on one line; it has to suppress them all."""
    place = findings[0].place
    codes = sorted({finding.rule for finding in findings})
    starts = [0, *(match.end() for match in LINE_END.finditer(text))]
    for line in dict.fromkeys((place.line, place.end_line)):
        begin = starts[line - 1]
        ending = LINE_END.search(text, begin)
        stop = ending.start() if ending else len(text)
        new = text[:begin] + _line(text[begin:stop], codes, reason) + text[stop:]
        comments = [replace(comment, cell=place.cell) for comment in suppressions.read(new)]
        if all(any(comment.silences(finding) for comment in comments) for finding in findings):
            return new
    raise CannotFix("a comment cannot be added to its line")


def _line(line: str, codes: Sequence[str], reason: str) -> str:
    ours = _OURS.search(line)
    if ours:
        known = [word.strip() for word in ours["codes"].split(",") if word.strip()]
        listed = ", ".join(dict.fromkeys([*known, *codes]))
        return line[: ours.start("codes")] + listed + line[ours.end("codes") :]
    why = f" -- {reason}" if reason else ""
    return f"{line.rstrip()}  # biaslint: ignore[{', '.join(codes)}]{why}"
