"""What the tests of fixes share: places are marked in the source with ⟦ and ⟧."""

from __future__ import annotations

import re
from collections.abc import Callable

from biaslint.findings.finding import Change, DeleteStatement, Finding, Fix, InsertAfter, Safety, SetArgument, Severity
from biaslint.fix import apply, text_edits
from biaslint.theory.program import Place

Changes = Callable[[Place], Change]


def place_of(marked: str, start: int, end: int, path: str = "m.py", cell: int | None = None) -> Place:
    """The place of `text[start:end]`, where the markers have been taken out already."""

    def point(at: int) -> tuple[int, int]:
        lines = re.split(r"\r\n|\r|\n", marked[:at])
        return len(lines), len(lines[-1]) + 1

    return Place(path, *point(start), *point(end), cell)


def unmark(marked: str, path: str = "m.py", cell: int | None = None) -> tuple[str, list[Place]]:
    """The source without its marks, and the places marked, in the order in which they start."""
    text, open_, found = "", [], []
    for char in marked:
        if char == "⟦":
            open_.append(len(text))
        elif char == "⟧":
            found.append((open_.pop(), len(text)))
        else:
            text += char
    return text, [place_of(text, *span, path, cell) for span in sorted(found, key=lambda span: (span[0], -span[1]))]


def changed(marked: str, *changes: Changes, cell: bool = False) -> str:
    """The source after a fix whose changes concern, one each, the marked places (the last one stands for those that follow)."""
    text, places = unmark(marked, cell=1 if cell else None)
    pairs = zip(places + places[-1:] * (len(changes) - len(places)), changes, strict=True)
    fix = Fix(Safety.SAFE, "", tuple(change(place) for place, change in pairs))
    return apply(text, text_edits(fix, text))


def no_bias(place: Place) -> Change:
    return SetArgument(place, "bias", "False", 7)


def after(text: str) -> Changes:
    return lambda place: InsertAfter(place, text)


def finding(place: Place, *changes: Change, safety: Safety = Safety.SAFE, rule: str = "BL101") -> Finding:
    return Finding(rule, "a-rule", Severity.WARNING, place, "", fix=Fix(safety, "", changes or (no_bias(place),)))


__all__ = ["Changes", "DeleteStatement", "after", "changed", "finding", "no_bias", "place_of", "unmark"]
