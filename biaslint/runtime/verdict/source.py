"""The source that made a measured model, analysed: only what the model was built from, and only as long as there is time."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from biaslint.runtime.facts.measurement import outer_frames
from biaslint.runtime.facts.observed import Observed
from biaslint.runtime.verdict.confirm import static_use

_MOST_ENTRIES = 4
_ENOUGH = 0.5  # of the layers, found again in what was analysed


def source_files(observed: Observed) -> list[Path]:
    """The files that made the model's layers."""
    paths = {frame[0] for layer in observed.layers for frame in layer.chain}
    return sorted(path for path in map(Path, paths) if path.is_file())


def analysed(observed: Observed) -> Any:
    """The program of the entry point that explains most of the measured layers; None where there is nothing to analyse."""
    from biaslint import config
    from biaslint.analysis.run import analyse
    from biaslint.analysis.session import AnalysisSession

    files = source_files(observed)
    if not files:
        return None
    root = config.project_root(config.common_folder(files))
    best, explained = None, -1
    for path, name in entry_points(observed):
        program = analyse([path], root, session=AnalysisSession(jobs=1), only=(path, name))
        found = sum(static_use(layer, program) is not None for layer in observed.layers)
        if found > explained:
            best, explained = program, found
        if found >= _ENOUGH * len(observed.layers):
            break
    return best


def entry_points(observed: Observed) -> Iterator[tuple[Path, str]]:
    """The definitions that led to the model's layers, the outermost ones first."""
    found: dict[tuple[str, str], int] = {}
    trees: dict[str, list[tuple[int, int, str]]] = {}
    for layer in observed.layers:
        for depth, frame in enumerate(reversed(outer_frames(layer.chain))):
            if frame[0] not in trees:
                trees[frame[0]] = definitions(Path(frame[0]))
            name = next((name for start, end, name in trees[frame[0]] if start <= frame[1] <= end), "")
            if name:
                found.setdefault((frame[0], name), depth)
    ordered = sorted(found, key=lambda one: found[one])
    yield from ((Path(path), name) for path, name in ordered[:_MOST_ENTRIES])


def definitions(path: Path) -> list[tuple[int, int, str]]:
    """First line, last line and name of each definition at a file's top level."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, ValueError, SyntaxError):
        return []
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [(node.lineno, node.end_lineno or node.lineno, node.name) for node in tree.body if isinstance(node, kinds)]
