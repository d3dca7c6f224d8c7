"""Change impact: statements above a change, and names that it does not bind, keep their results.

The outline of a file lists its top-level statements: where each ends, the digest of the text down to there, and the names it binds.
A result that depends on the file down to some line stays valid if the new outline agrees down to that line and binds no new name
below it that the work, or a statement above, has looked up.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biaslint.analysis.interpreter import framework
from biaslint.analysis.project.project import Project

if TYPE_CHECKING:
    from biaslint.analysis.project.module import Module


PYTHON = frozenset(dir(builtins))
NEWLINE = re.compile(r"\r\n|\r|\n")  # as the parser counts lines


Row = tuple[int, str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Outline:
    """`traits` are what an execution asks of the file's text as a whole. Of each statement: its last line, the digest of the text down
    to there, and the names that it binds or enters something into."""

    traits: tuple[bool, ...]
    statements: tuple[Row, ...]


def of(module: Module) -> Outline | None:
    """The outline of a module; None where a change of any statement may affect all others."""
    bindings = module.bindings
    if module.stars or module.cells:
        return None
    names: dict[ast.stmt, set[str]] = {}
    for table in (bindings, module.registrations):
        for name, statements in table.items():
            for statement in statements:
                names.setdefault(statement, set()).add(name)
    lines = NEWLINE.split(module.text)
    rows = []
    text, done = hashlib.sha256(), 0
    for statement in module.tree.body:
        last = statement.end_lineno or 0
        text.update("\n".join(lines[done:last]).encode(errors="surrogatepass") + b"\n")
        done = last
        rows.append((last, text.hexdigest()[:16], frozenset(names.get(statement, ()))))
    return Outline(framework.module_traits(module), tuple(rows))


def read(path: Path) -> Outline | None:
    """The present outline of a file; None where it has none."""
    module = Project(path.parent).open(path)
    return None if module is None else of(module)


def encoded(outline: Outline) -> list[Any]:
    """An outline as plain data for JSON."""
    return [outline.traits, [[last, text, " ".join(sorted(names))] for last, text, names in outline.statements]]


def decoded(value: Any) -> Outline:
    """The inverse of `encoded`. Raises ValueError or TypeError on anything else."""
    traits, rows = value
    return Outline(tuple(traits), tuple((last, text, frozenset(names.split())) for last, text, names in rows))


class ChangeImpact:
    """The reach of a change, from the old outline of the file and its new one."""

    def __init__(self, old: Outline | None, new: Outline | None) -> None:
        # the last lines of what is as before -> the names that are bound below now and were not, or the other way round
        self._below: dict[int, frozenset[str] | None] = {}
        if old is not None and new is not None and old.traits == new.traits:
            self._compare(old.statements, new.statements)

    def _compare(self, old: tuple[Row, ...], new: tuple[Row, ...]) -> None:
        before, now = (Counter(name for _, _, names in rows for name in names) for rows in (old, new))
        changed = set(before) ^ set(now)
        above = set(PYTHON)
        self._below[0] = frozenset(changed) if changed.isdisjoint(above) else None
        for row, other in zip(old, new, strict=False):
            if row != other:
                break
            last, _, names = row
            above |= names
            for name in names:
                before[name] -= 1
                now[name] -= 1
                (changed.add if (before[name] > 0) != (now[name] > 0) else changed.discard)(name)
            self._below[last] = frozenset(changed) if changed.isdisjoint(above) else None

    def spares(self, last: int, absent: Collection[str]) -> bool:
        """Is a result still valid that depends on the file down to this line, and on the absence of these names?"""
        changed = self._below.get(last)
        return changed is not None and changed.isdisjoint(absent)
