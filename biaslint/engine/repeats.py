"""What is said once: cells that repeat a definition, and copies of a file that a training run has left in its log folder."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

from biaslint.findings.finding import Finding
from biaslint.source import file as source_file

LOG = re.compile(r"logs?|runs?|outputs?|results?|checkpoints?|experiments?|wandb|backups?|snapshots?", re.IGNORECASE)


def said_once(findings: Sequence[Finding], texts: Mapping[Path, str]) -> list[Finding]:
    """The findings without those that another one repeats."""
    copies = copies_in_logs({one.place.path for one in findings}, texts)
    kept = [one for one in findings if one.place.path not in copies]
    return without_repeated_cells(kept, texts)


def copies_in_logs(paths: set[str], texts: Mapping[Path, str]) -> set[str]:
    """The files below a log folder that are copies of another file with findings; of several such, all but the first."""
    named: dict[str, list[str]] = {}
    for path in sorted(paths):
        named.setdefault(PurePath(path).name, []).append(path)
    copies: set[str] = set()
    for group in named.values():
        if len(group) < 2 or not any(map(in_log, group)):
            continue
        originals: dict[str, str] = {}
        for path in sorted(group, key=lambda one: (in_log(one), one)):
            text = content(path, texts)
            if text is not None and text in originals and in_log(path):
                copies.add(path)
            elif text is not None:
                originals.setdefault(text, path)
    return copies


def in_log(path: str) -> bool:
    """Does a file stand below a folder for what runs leave?"""
    return any(LOG.fullmatch(part) for part in PurePath(path).parts[:-1])


def content(path: str, texts: Mapping[Path, str]) -> str | None:
    """The text of a file; None where it cannot be read."""
    try:
        return source_file.read(Path(path), texts.get(Path(path))).text
    except source_file.Unreadable:
        return None


def without_repeated_cells(findings: Sequence[Finding], texts: Mapping[Path, str]) -> list[Finding]:
    """In a notebook, of the same finding in the same definition in several cells only the last."""
    owners: dict[str, dict[tuple[int, int], tuple[str, str]]] = {}
    seen: dict[tuple[object, ...], int] = {}
    kept: list[Finding] = []
    for one in reversed(findings):
        if one.place.cell is not None:
            if one.place.path not in owners:
                owners[one.place.path] = definitions(one.place.path, texts)
            source = owners[one.place.path]
            name, line = source.get((one.place.cell, one.place.line), ("", ""))
            key = (one.place.path, one.rule, one.message, name, line)
            if name and seen.setdefault(key, one.place.cell) != one.place.cell:
                continue
        kept.append(one)
    return kept[::-1]


def definitions(path: str, texts: Mapping[Path, str]) -> dict[tuple[int, int], tuple[str, str]]:
    """For each line of a notebook, by cell and line: what the statement that it stands in defines, and the line itself."""
    try:
        source = source_file.read(Path(path), texts.get(Path(path)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source.text)
    except (source_file.Unreadable, SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    lines = source.text.splitlines()
    found: dict[tuple[int, int], tuple[str, str]] = {}
    for statement in tree.body:
        name = defined(statement)
        for number in range(statement.lineno, (statement.end_lineno or statement.lineno) + 1):
            cell, line = source.locate(number)
            if name and cell is not None and number <= len(lines):
                found[cell, line] = (name, lines[number - 1].strip())
    return found


def defined(statement: ast.stmt) -> str:
    """The name of the class, function or variable that a statement defines."""
    if isinstance(statement, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        return statement.name
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id
    return ""
