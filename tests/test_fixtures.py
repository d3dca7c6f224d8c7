"""Every file in fixtures/ is linted, and the whole set of reported lines compared with what the lines say.

A reported line ends in `# BL101`. The rules are those that are on by default; a line `# select: BL101, BL102` at the top of a file
chooses others. A folder below `fixtures/FRAMEWORK/` is linted as a whole, so that its files can import each other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from expectations import Reports, expected, explain, reported

from biaslint import engine
from biaslint.config import Config
from biaslint.findings.finding import Finding

FOLDER = Path(__file__).parent.parent / "fixtures"
FILES = sorted(path for path in FOLDER.rglob("*") if path.suffix in (".py", ".ipynb"))
_SELECT = re.compile(r"^\s*#\s*select:\s*(.+)$", re.MULTILINE)


def shown(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix()


def texts(path: Path) -> Iterator[tuple[int | None, str]]:
    """The file's text, or that of each code cell of a notebook with the cell's number."""
    if path.suffix != ".ipynb":
        yield None, path.read_text(encoding="utf-8")
        return
    for number, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"], 1):
        if cell["cell_type"] == "code":
            yield number, "".join(cell["source"])


def selected(path: Path) -> tuple[str, ...] | None:
    for _, text in texts(path):
        match = _SELECT.search(text)
        if match:
            return tuple(word.strip() for word in match[1].split(","))
    return None


@cache
def lint(root: Path, select: tuple[str, ...] | None) -> list[Finding]:
    """The findings of a file, or of all files of a fixture that is a project of its own."""
    config = Config(root=root if root.is_dir() else root.parent, select=select)
    result = engine.lint([root], config)
    assert (result.errors, result.problems) == ([], [])
    return result.findings


def unit(path: Path) -> Path:
    """What is linted together with the file: the outermost folder below `fixtures/FRAMEWORK/` that holds it, or it alone."""
    parts = path.relative_to(FOLDER).parts
    return path if len(parts) <= 2 else FOLDER.joinpath(*parts[:2])


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_a_fixture_is_reported_on_the_lines_that_say_so_and_on_no_others(path: Path) -> None:
    findings = [finding for finding in lint(unit(path), selected(path)) if finding.place.path == str(path)]
    wanted: Reports = sorted((one for cell, text in texts(path) for one in expected(text, cell)), key=str)
    assert reported(findings) == wanted, explain("".join(text for _, text in texts(path)), findings)


def test_there_are_fixtures() -> None:
    assert len(FILES) >= 2, f"no fixtures in {FOLDER}"
