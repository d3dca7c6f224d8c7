"""A finding that holds under a setting only says which one, in the words of the code."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent, indent

import pytest

from biaslint import engine
from biaslint.config import Config


def conditions(tmp_path: Path, parameters: str, body: str, forward: str) -> list[str | None]:
    """The conditions of what is reported of a model with one convolution, `self.conv`."""
    source = (
        "from torch import nn\n\n\nclass Model(nn.Module):\n"
        f"    def __init__(self, {parameters}):\n        super().__init__()\n        self.conv = nn.Conv2d(3, 8, 3)\n"
        + indent(dedent(body).strip(), " " * 8)
        + "\n\n    def forward(self, x):\n        x = self.conv(x)\n"
        + indent(dedent(forward).strip(), " " * 8)
        + "\n"
    )
    path = tmp_path / "model.py"
    path.write_text(source, encoding="utf-8")
    result = engine.lint([path], Config(root=tmp_path, select=("BL101",)))
    assert (result.errors, result.problems) == ([], [])
    return [finding.when for finding in result.findings]


FORWARD = "return self.norm(x).relu()"


@pytest.mark.parametrize(
    ("parameters", "body", "when"),
    [
        ("use_bn", "self.norm = nn.BatchNorm2d(8) if use_bn else nn.Identity()", "use_bn"),
        ("plain", "self.norm = nn.Identity() if plain else nn.BatchNorm2d(8)", "not plain"),
        ("norm", "self.norm = nn.Identity() if norm is None else nn.BatchNorm2d(8)", "norm is not None"),
        ("norm", "self.norm = nn.BatchNorm2d(8) if norm is not None else nn.Identity()", "norm is not None"),
        ("norm", "self.norm = nn.BatchNorm2d(8) if norm == 'batch' else nn.Identity()", "norm == 'batch'"),
    ],
)
def test_the_setting_that_brings_the_norm_is_the_condition(tmp_path: Path, parameters: str, body: str, when: str) -> None:
    assert conditions(tmp_path, parameters, body, FORWARD) == [when]


def test_two_settings_that_both_matter_are_one_condition(tmp_path: Path) -> None:
    body = "self.norm = nn.BatchNorm2d(8) if use_bn else nn.Identity()\nself.act = nn.ReLU() if act_first else nn.Identity()"
    assert conditions(tmp_path, "use_bn, act_first", body, "return self.norm(self.act(x)).relu()") == [
        "use_bn and not act_first"
    ]


def test_a_setting_counts_that_was_first_taken_the_other_way(tmp_path: Path) -> None:
    """The bias is dead only where both are false, so the first execution does not find it."""
    body = "self.norm = nn.Identity() if plain else nn.BatchNorm2d(8)\nself.act = nn.ReLU() if act_first else nn.Identity()\nself.more = more"
    forward = "x = self.act(x)\nif self.more:\n    x = x.mean((2, 3), keepdim=True)\nreturn self.norm(x).relu()"
    assert conditions(tmp_path, "plain, act_first, more, other", body, forward) == ["not plain and not act_first"]


def test_the_bias_that_is_proposed_is_there_where_one_of_them_fails(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(
        "from torch import nn\n\n\nclass Model(nn.Module):\n    def __init__(self, use_bn, act_first):\n        super().__init__()\n"
        "        self.conv = nn.Conv2d(3, 8, 3)\n        self.act = nn.ReLU() if act_first else nn.Identity()\n"
        "        self.norm = nn.BatchNorm2d(8) if use_bn else nn.Identity()\n\n    def forward(self, x):\n"
        "        return self.norm(self.act(self.conv(x))).relu()\n",
        encoding="utf-8",
    )
    found = engine.lint([path], Config(root=tmp_path, select=("BL101",))).findings
    assert len(found) == 1
    assert found[0].fix is not None
    assert "bias=not use_bn or act_first" in found[0].fix.message


def test_a_setting_read_in_the_forward_pass_is_a_condition(tmp_path: Path) -> None:
    body = "self.use_bn = use_bn\nself.norm = nn.BatchNorm2d(8)"
    found = conditions(tmp_path, "use_bn", body, "if self.use_bn:\n    x = self.norm(x)\nreturn x.relu()")
    assert len(found) == 1
    assert found[0] in ("use_bn", "self.use_bn")


def test_a_setting_that_changes_nothing_is_no_condition(tmp_path: Path) -> None:
    body = "self.norm = nn.BatchNorm2d(8)\nself.act = nn.ReLU() if act else nn.SiLU()"
    assert conditions(tmp_path, "act", body, "return self.act(self.norm(x))") == [None]


def test_run_time_data_is_no_condition_and_the_bias_must_be_dead_both_ways(tmp_path: Path) -> None:
    body = "self.norm = nn.BatchNorm2d(8)"
    assert conditions(tmp_path, "unused", body, "if x.sum() > 0:\n    x = self.norm(x)\nreturn x.relu()") == []


def test_a_norm_that_cancels_under_no_setting_gives_no_finding(tmp_path: Path) -> None:
    body = "self.norm = nn.GroupNorm(2, 8) if grouped else nn.Identity()"
    assert conditions(tmp_path, "grouped", body, FORWARD) == []


CHECKED = """
from torch import nn


class Model(nn.Module):
    def __init__(self, norm=None, width=None):
        super().__init__()
        {check}
        if width is None:
            raise ValueError("width")
        self.linear = nn.Linear(3, width)
        self.norm = nn.BatchNorm1d(width) if norm == "batch" else nn.LayerNorm(width)

    def forward(self, x):
        return self.norm(self.linear(x)).relu()
"""


@pytest.mark.parametrize(
    ("check", "when"),
    [
        ("if norm not in ('batch', 'layer'): raise ValueError(norm)", ["norm == 'batch'"]),
        ("if norm is None: raise ValueError(norm)", ["norm == 'batch'"]),
        ("if not norm: raise ValueError(norm)", ["norm == 'batch'"]),
        ("assert width is None or width > 0", []),
    ],
)
def test_a_default_that_the_constructor_refuses_is_open(tmp_path: Path, check: str, when: list[str]) -> None:
    path = tmp_path / "model.py"
    path.write_text(CHECKED.format(check=check), encoding="utf-8")
    result = engine.lint([path], Config(root=tmp_path, select=("BL101",)))
    assert (result.errors, result.problems) == ([], [])
    assert [finding.when for finding in result.findings] == when
