"""How far a change of a file reaches: what stands above it, and what the file binds, may be as before.

A file's outline says where each of its top-level statements ends, what the text down to there is, and which names the statement
binds. A piece of work that depends on a file down to some line is still good when another outline agrees down to that line, and binds
below it no name that is new there and that the work, or what stands above, has asked for.
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
    """A module's outline; None where a change of any part may bear on all others."""
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
    """The outline of a file as it is now; None where there is none."""
    module = Project(path.parent).open(path)
    return None if module is None else of(module)


def encoded(outline: Outline) -> list[Any]:
    """For JSON."""
    return [outline.traits, [[last, text, " ".join(sorted(names))] for last, text, names in outline.statements]]


def decoded(value: Any) -> Outline:
    """What `encoded` was given. Raises ValueError or TypeError on anything else."""
    traits, rows = value
    return Outline(tuple(traits), tuple((last, text, frozenset(names.split())) for last, text, names in rows))


class ChangeImpact:
    """How far a change of a file reaches, from its old outline and its new one."""

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
        """Is work still good that depends on the file down to this line, and on these names being absent?"""
        changed = self._below.get(last)
        return changed is not None and changed.isdisjoint(absent)
