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


@pytest.mark.parametrize(
    "blank",
    [
        "history = # YOUR CODE HERE",
        "Epoch 1/10\n100/100 [====] - loss: 0.31",
        "model.fit(x, y",
        "for x in data:\n# TODO",
        "print 'done'",
    ],
)
def test_a_cell_that_is_not_python_is_a_hint_and_the_others_are_linted(tmp_path: Path, blank: str) -> None:
    result = linted(tmp_path, written(("code", "import os"), ("code", blank), ("code", MODEL), ("code", "x = 1")))
    assert [(one.rule, one.place.cell, one.severity.name) for one in result.findings] == [
        ("BL001", 2, "HINT"),
        ("BL101", 3, "WARNING"),
    ]


def test_a_cell_that_is_indented_as_a_whole_is_read_and_its_columns_stay(tmp_path: Path) -> None:
    indented = "".join(f"  {line}" for line in MODEL.splitlines(keepends=True))
    result = linted(tmp_path, written(("code", indented), ("code", "    y = 1\n    z = 2")))
    assert [(one.rule, one.place.cell, one.place.line, one.place.column) for one in result.findings] == [("BL101", 1, 4, 7)]


def test_a_question_in_a_comment_asks_for_no_help() -> None:
    cell = "f(1,\n  2, # which colours?\n  3)\ns = 'why?'\nnn.Conv2d?\n!ls"
    program, _ = notebook.program(written(("code", cell)))
    assert program == "f(1,\n  2, # which colours?\n  3)\ns = 'why?'\npass\npass\n"


def test_cells_of_python_2_are_said_once(tmp_path: Path) -> None:
    result = linted(tmp_path, written(("code", "import torch\nprint 'a'"), ("code", "print 'b'"), ("code", "print 'c'")))
    (one,) = result.findings
    assert (one.rule, one.severity.name, one.place.cell) == ("BL001", "HINT", 1)
    assert "Python 2" in one.message


NET = """class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(3, {width}, 3)
        self.b = nn.BatchNorm2d({width})

    def forward(self, x):
        return self.b(self.c(x)).relu()
"""


def test_of_a_definition_that_cells_repeat_the_last_is_reported(tmp_path: Path) -> None:
    cells = ["from torch import nn", NET.format(width=8), "net = Net()", NET.format(width=8)]
    result = linted(tmp_path, written(*(("code", cell) for cell in cells)))
    assert [(one.rule, one.place.cell) for one in result.findings] == [("BL101", 4)]


def test_equal_lines_of_one_definition_are_each_reported(tmp_path: Path) -> None:
    body = "net = nn.Sequential(\n{layers})\n".format(layers=2 * "    nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU(),\n")
    cells = ["from torch import nn", body, "print(net)", body]
    result = linted(tmp_path, written(*(("code", cell) for cell in cells)))
    assert [(one.rule, one.place.cell, one.place.line) for one in result.findings] == [("BL101", 4, 2), ("BL101", 4, 3)]


def test_definitions_of_other_names_are_each_reported(tmp_path: Path) -> None:
    model = "net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))"
    cells = [
        "from torch import nn",
        NET.format(width=8),
        NET.format(width=8).replace("Net(", "Other("),
        model,
        f"other_{model}",
    ]
    result = linted(tmp_path, written(*(("code", cell) for cell in cells)))
    assert [(one.rule, one.place.cell) for one in result.findings] == [("BL101", cell) for cell in (2, 3, 4, 5)]
