"""Notebooks are read as one program, and what is wrong in them is said with the cell."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from biaslint import engine
from biaslint.config import Config
from biaslint.source import notebook

MODEL = "import torch\nfrom torch import nn\nbody = nn.Sequential(\n    nn.Conv2d(3, 8, 3),\n    nn.BatchNorm2d(8),\n    nn.ReLU(),\n)\n"


def written(*cells: tuple[str, str], **metadata: object) -> str:
    return json.dumps(
        {
            "cells": [{"cell_type": kind, "metadata": {}, "source": text.splitlines(keepends=True)} for kind, text in cells],
            "metadata": metadata,
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )


def linted(tmp_path: Path, text: str) -> engine.Result:
    path = tmp_path / "work.ipynb"
    path.write_text(text, encoding="utf-8")
    return engine.lint([path], Config(root=tmp_path))


@pytest.mark.parametrize(
    ("cell", "wanted"),
    [
        ("!pip install torch\nx = 1", "pass\nx = 1"),
        ("%matplotlib inline\nx = 1", "pass\nx = 1"),
        ("if x:\n    !ls\ny = 2", "if x:\n    pass\ny = 2"),
        ("files = !ls *.py\nx = 1", "files = None\nx = 1"),
        ("n = %timeit -o f()\nx = 1", "n = None\nx = 1"),
        ("nn.Conv2d?\nx = 1", "pass\nx = 1"),
        ("?print\nx = 1", "pass\nx = 1"),
        ("!ls \\\n  -l\nx = 1", "pass\n\nx = 1"),
        ("%%bash\nls -l\nx = 1", "\n\n"),
        ("%%time\nx = 1", "\nx = 1"),
        ("x = (7\n% 2)", "x = (7\n% 2)"),
        ("# what?\nx = 1", "# what?\nx = 1"),
    ],
)
def test_what_is_not_python_is_taken_out_and_every_line_stays_in_its_place(cell: str, wanted: str) -> None:
    program, cells = notebook.program(written(("code", cell)))
    assert program == wanted + "\n"
    assert cells == tuple((1, line) for line in range(1, wanted.count("\n") + 2))
    ast.parse(program)


def test_lines_know_their_cell_counted_over_all_cells() -> None:
    program, cells = notebook.program(
        written(("markdown", "# title"), ("code", "a = 1\nb = 2"), ("raw", "x"), ("code", "c = 3"))
    )
    assert (program, cells) == ("a = 1\nb = 2\nc = 3\n", ((2, 1), (2, 2), (4, 1)))


def test_a_notebook_in_another_language_is_left_alone() -> None:
    text = written(("code", "x <- nn.Conv2d"), kernelspec={"language": "R", "name": "ir"})
    assert notebook.program(text) == ("", ())


def test_a_finding_names_its_cell_and_the_line_within_it(tmp_path: Path) -> None:
    result = linted(tmp_path, written(("markdown", "torch"), ("code", "!pip install torch"), ("code", MODEL)))
    assert [(one.rule, one.place.cell, one.place.line, one.place.column) for one in result.findings] == [("BL101", 3, 4, 5)]
    assert result.findings[0].related[0].place.cell == 3


def test_a_comment_in_a_cell_silences_its_line(tmp_path: Path) -> None:
    silenced = MODEL.replace("3, 8, 3),", "3, 8, 3),  # biaslint: ignore[BL101]")
    result = linted(tmp_path, written(("code", "import os"), ("code", silenced)))
    assert (result.findings, result.statistics.suppressed) == ([], 1)


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ('{"cells": [\n  {"cell_type": "code", torch', "the notebook is damaged", 2),
        ('{"metadata": "torch"}', "it has no list of cells", 1),
        ('["torch"]', "it has no list of cells", 1),
        ('{"cells": [1], "torch": 1}', "cell 1 is no object", 1),
        ('{"cells": [{"cell_type": "code", "source": [1]}], "torch": 1}', "the source of cell 1 is no text", 1),
        ('{"worksheets": [], "torch": 1}', "format 3 or older", 1),
    ],
)
def test_a_damaged_notebook_gets_a_clear_message(tmp_path: Path, text: str, message: str, line: int) -> None:
    (finding,) = linted(tmp_path, text).findings
    assert (finding.rule, finding.place.line) == ("BL001", line)
    assert message in finding.message


def test_broken_python_is_reported_in_its_cell(tmp_path: Path) -> None:
    (finding,) = linted(tmp_path, written(("code", "import torch\n"), ("code", "x = 1\ny = = 2\n"))).findings
    assert (finding.rule, finding.place.cell, finding.place.line) == ("BL001", 2, 2)


def test_a_percent_script_is_a_plain_file(tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.write_text("# %% [markdown]\n# text\n# %%\n" + MODEL, encoding="utf-8")
    (finding,) = engine.lint([path], Config(root=tmp_path)).findings
    assert (finding.rule, finding.place.cell, finding.place.line) == ("BL101", None, 7)
