"""The worked example of the page on the architecture is what the program does."""

from __future__ import annotations

import re
from pathlib import Path

from projects import ROOT

from biaslint import engine
from biaslint.analysis.exploration import paths, results
from biaslint.analysis.interpreter.execution import Execution
from biaslint.analysis.project.project import Project
from biaslint.config import Config

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
SOURCE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0]


def listed(page: str) -> list[list[str]]:
    """The lists of tensors on the page: indented lines that begin with a number."""
    blocks = re.findall(r"(?:^ {8}\d.*\n)+", page, re.MULTILINE)
    return [[line.strip() for line in block.splitlines()] for block in blocks]


def nodes(execution: Execution) -> list[str]:
    return [
        f"{node.id} {node.op} {node.name}" + "".join(f" of {source.id}" for source in node.inputs)
        for node in execution.flow.nodes
    ]


def test_the_tensors_of_the_example_are_those_that_the_program_makes(tmp_path: Path) -> None:
    made: list[list[str]] = []
    path = tmp_path / "net.py"
    path.write_text(SOURCE)
    project = Project(tmp_path)
    module = project.open(path)
    assert module is not None
    found = results.ExplorationResult(observer=lambda execution, *rest: made.append(nodes(execution)))
    paths.explore_paths(project, results.Root(module, module.definitions[0]), found, 100_000)
    assert made == listed(PAGE)


def test_the_example_has_the_finding_that_the_page_says(tmp_path: Path) -> None:
    result = engine.lint_text(SOURCE, tmp_path / "net.py", Config(tmp_path, select=("BL101",)))
    assert [(finding.place.line, finding.when) for finding in result.findings] == [(7, "norm")]
    assert "dead when `norm`" in PAGE


def test_every_folder_that_the_page_names_is_there() -> None:
    folders = re.findall(r"^\| (`[a-z/.`, ]+`) \|", PAGE, re.MULTILINE)
    names = [name for row in folders for name in re.findall(r"`([a-z/.]+)`", row)]
    assert len(names) > 15
    package = ROOT / "biaslint"
    assert [name for name in names if not (package / name).exists() and not (package / "analysis" / name).exists()] == []
