"""What the engine wants to know of every file, model code or not: may it build models, and which comments silence findings?"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biaslint.analysis.project.dependencies import Dependencies
from biaslint.findings import suppressions
from biaslint.findings.suppressions import Suppression
from biaslint.source import file as source_file, imports

if TYPE_CHECKING:
    from biaslint.analysis.incremental.store import ResultStore

NN = re.compile(r"(?<!\w)nn\.")  # not a connection, `conn.`
PLAIN = [one.name for one in fields(Suppression) if one.name != "rules"]


@dataclass(frozen=True, slots=True)
class Glance:
    """One file; of one that builds no models, the comments do not matter. `unreadable` is why it cannot be read: the message, the line and the column."""

    mentions: bool = False
    comments: tuple[Suppression, ...] = ()
    unreadable: tuple[str, int, int] | None = None
    bad_cells: tuple[tuple[int, int, int, str], ...] = ()  # of a notebook: cell, line, column, and why
    imports: tuple[str, ...] = ()  # of a file that names no framework: the parts of the names that it imports


def at(path: Path, texts: Mapping[Path, str], pieces: ResultStore | None = None) -> Glance:
    """Look at a file, or at the unsaved text that stands for it; what `pieces` have of it is not looked at again."""
    if pieces is None or path in texts:
        return _fresh(path, texts.get(path))
    name = f"glance {path}"
    known = pieces.recall(name)
    if known is not None:
        try:
            return _decoded(json.loads(known[0]))
        except (LookupError, TypeError, ValueError, AttributeError):
            pass  # a damaged entry is none
    found = _fresh(path, None)
    pieces.keep(name, json.dumps(_encoded(found)).encode(), Dependencies({str(path): os.path.isfile(path)}))
    return found


def _fresh(path: Path, text: str | None) -> Glance:
    try:
        source = source_file.read(path, text)
    except source_file.Unreadable as error:
        return Glance(unreadable=(str(error), error.line, error.column))
    if not mentions_framework(source.text + source.left_out):
        return Glance(imports=tuple(sorted(imports.imported_names(source.text))))
    comments = suppressions.read(source.text)
    if source.cells:
        comments = [_in_cell(source, comment) for comment in comments]
    return Glance(True, tuple(comments), bad_cells=source.bad_cells)


def _in_cell(source: source_file.Source, comment: Suppression) -> Suppression:
    """A comment of a notebook's program with its places in the cell. What stands in the next cell is not below it."""
    cell, line = source.locate(comment.line)
    first, last = (source.locate(one) if one else (None, 0) for one in (comment.first, comment.last))
    lines = (first[1], last[1]) if first[0] == last[0] == cell else (0, 0)
    return replace(comment, cell=cell, line=line, first=lines[0], last=lines[1])


def mentions_framework(text: str) -> bool:
    """May the text build models? It names a package of a framework, or a module `nn` that another file of the project imports."""
    from biaslint.analysis.machine import IMPORT_NAMES

    return any(name in text for name in IMPORT_NAMES) or ("nn." in text and NN.search(text) is not None)


def callers(looked: Mapping[Path, Glance]) -> list[Path]:
    """The files that name no framework but import one that may build models, also through others: scripts, and factories in packages."""
    found: list[Path] = []
    known = {imports.module_name(path) for path, one in looked.items() if one.mentions}
    waiting = {path: one for path, one in looked.items() if not one.mentions}
    grown = True
    while grown:
        more = [path for path, one in waiting.items() if not known.isdisjoint(one.imports)]
        grown = bool(more)
        for path in more:
            del waiting[path]
            known.add(imports.module_name(path))
        found += more
    return found


def _encoded(one: Glance) -> list[Any]:
    comments = [
        [getattr(comment, name) for name in PLAIN] + [[word, sorted(codes)] for word, codes in comment.rules]
        for comment in one.comments
    ]
    return [one.mentions, comments, one.unreadable, one.bad_cells, one.imports]


def _decoded(value: Any) -> Glance:
    mentions, comments, unreadable, bad_cells, imports = value
    made = [
        Suppression(
            **dict(zip(PLAIN, parts, strict=False)),
            rules=tuple((word, frozenset(codes)) for word, codes in parts[len(PLAIN) :]),
        )
        for parts in comments
    ]
    return Glance(
        mentions,
        tuple(made),
        tuple(unreadable) if unreadable else None,
        tuple((cell, line, column, why) for cell, line, column, why in bad_cells),
        tuple(imports),
    )
