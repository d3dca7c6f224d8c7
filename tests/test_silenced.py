"""A layer in front of a norm that is not judged is listed on request, with the use that keeps its bias alive or unknown."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest

from biaslint import engine, reporters
from biaslint.config import Config

HEAD = """import torch
from torch import nn
from elsewhere import helper, rebuild_norms

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.norm = nn.BatchNorm2d(8)
"""
LAYER, BODY = 8, 12  # the lines of the layer and of the first statement of the forward pass


def model(forward: str, init: str = "pass") -> str:
    return f"{HEAD}        {init}\n    def forward(self, x):\n{textwrap.indent(forward, ' ' * 8)}\n"


def lint(text: str, tmp_path: Path) -> engine.Result:
    return engine.lint_text(text, tmp_path / "net.py", Config(tmp_path, select=("BL101",)))


SILENCED = {
    "another reader": ("y = self.conv(x)\nreturn self.norm(y).relu(), y.tanh()", "tanh sees its bias", BODY + 1),
    "the output": ("y = self.conv(x)\nreturn self.norm(y).relu(), y", "the model's output sees its bias", BODY),
    "unknown code": ("y = helper(self.conv(x))\nreturn self.norm(y).relu()", "elsewhere.helper sees its bias", BODY),
    "an item assignment": ("y = self.conv(x)\ny[:, 0] = 0\nreturn self.norm(y).relu()", "an item assignment sees its bias", BODY + 1),
    "the mode": ("self.norm.eval()\nreturn self.norm(self.conv(x)).relu()", "the norm is in inference mode", BODY + 1),
    "the bias is read": ("return self.norm(self.conv(x)).relu() * self.conv.bias.sum()", "its bias is read by other code", BODY),
    "the mean is read": (
        "return self.norm(self.conv(x)).relu() + self.norm.running_mean.sum()", "the norm's running mean is read", BODY,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SILENCED)
def test_the_use_that_silences_a_layer_is_named_with_its_place(name: str, tmp_path: Path) -> None:
    forward, why, line = SILENCED[name]
    result = lint(model(forward), tmp_path)
    assert result.findings == []
    assert [(one.place.line, one.layer, one.norm, one.why) for one in result.silenced] == [
        (LAYER, "self.conv", "self.norm", why)
    ]
    assert result.silenced[0].use is not None
    assert result.silenced[0].use.line == line


def test_code_that_may_have_changed_a_layer_is_named(tmp_path: Path) -> None:
    result = lint(model("return self.norm(self.conv(x)).relu()", "rebuild_norms(self.conv)"), tmp_path)
    assert [(one.why, one.use and one.use.line) for one in result.silenced] == [
        ("the layer is handed to code that is not known", LAYER + 2)
    ]


@pytest.mark.parametrize(
    "forward",
    [
        "return self.norm(self.conv(x)).relu()",
        "return self.norm(self.conv(x).relu())",
        "return self.norm(nn.functional.dropout(self.conv(x)))",
        "return self.conv(x).relu()",
        "return self.norm(x), self.conv(x)",
    ],
)
def test_what_is_judged_or_usual_is_not_listed(forward: str, tmp_path: Path) -> None:
    assert lint(model(forward), tmp_path).silenced == []


def test_reports_list_it(tmp_path: Path) -> None:
    result = lint(model(SILENCED["another reader"][0]), tmp_path)
    view = reporters.View(result, Config(tmp_path), tmp_path, show_unknown=True)
    line = "net.py:8:21: not judged: `self.conv` in front of `self.norm`: tanh sees its bias (net.py:13:37)"
    assert line in reporters.render("text", view).splitlines()
    assert json.loads(reporters.render("json", view))["silenced"] == [
        {
            "path": "net.py",
            "line": 8,
            "column": 21,
            "end_line": 8,
            "end_column": 39,
            "layer": "self.conv",
            "norm": "self.norm",
            "message": "tanh sees its bias",
            "use": {"path": "net.py", "line": 13, "column": 37},
        }
    ]


def test_it_is_never_said_that_all_was_understood_where_no_model_was_executed(tmp_path: Path) -> None:
    view = reporters.View(lint(HEAD, tmp_path), Config(tmp_path), tmp_path, show_unknown=True)
    assert "Everything was understood" not in reporters.render("text", view)
    assert "No model was executed" in reporters.render("text", view)
    view = reporters.View(lint(model("return self.conv(x)"), tmp_path), Config(tmp_path), tmp_path, show_unknown=True)
    assert "Everything was understood" in reporters.render("text", view)
