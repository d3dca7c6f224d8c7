"""Fixes that would change more than they say, or break the program: they are withheld, and those of their twins are offered."""

from __future__ import annotations

from pathlib import Path

import pytest

from biaslint import engine
from biaslint.config import Config

HEAD = """import torch
from torch import nn


class Net(nn.Module):
    def __init__(self{more}):
        super().__init__()
"""
CONVS = "self.c = nn.Conv2d(3, 8, 3)\nself.d = nn.Conv2d(8, 8, 3)\nself.h = nn.Linear(8, 4)\n"
PASS = "return self.h(self.d(self.c(x).relu()).relu().mean((2, 3)))"
NORM = "self.c = nn.Conv2d(3, 8, 3)\nself.n = nn.BatchNorm2d(8)\n"
NORM_PASS = "return self.n(self.c(x)).relu()"


def fixes(rule: str, init: str, forward: str, more: str = "") -> list[bool]:
    """For each finding, whether a fix is offered."""
    body = "".join(f"        {line}\n" for line in init.splitlines())
    text = f"{HEAD.format(more=more)}{body}\n    def forward(self, x):\n        {forward}\n"
    result = engine.lint_text(text, Path("/nowhere/model.py"), Config(Path("/nowhere"), select=(rule,)))
    assert not result.errors
    return [finding.fix is not None for finding in result.findings]


@pytest.mark.parametrize(
    ("init", "offered"),
    [
        ("for t in (self.c.bias, self.d.weight):\n    nn.init.constant_(t, 1.0)", False),
        ("for t in (self.c.bias, self.d.bias):\n    nn.init.constant_(t, 1.0)", True),
        ("nn.init.constant_(self.c.bias, 1.0)", True),
    ],
)
def test_a_statement_that_sets_a_weight_as_well_is_left_alone(init: str, offered: bool) -> None:
    assert fixes("BL201", CONVS + init, PASS) == [offered]


def test_a_constant_that_a_caller_gives_is_not_replaced_where_it_is_used() -> None:
    assert fixes("BL201", CONVS + "nn.init.constant_(self.c.bias, b0)", PASS, ", b0=1.0") == [False]


@pytest.mark.parametrize(
    ("init", "offered"),
    [
        ("self.bias[2:4] = 1.0", False),
        ("self.bias.fill_(0.5)", False),
        ("print(self.bias.shape)", True),
    ],
)
def test_a_tensor_that_is_written_in_place_is_made_no_parameter(init: str, offered: bool) -> None:
    head = "self.w = nn.Parameter(torch.randn(6, 8) * 0.1)\nself.bias = torch.zeros(8)\n"
    assert fixes("BL205", head + init, "return (x @ self.w + self.bias).relu()") == [offered]


@pytest.mark.parametrize(
    ("init", "offered"),
    [
        ("list(self.c.parameters())[1].data.zero_()", False),
        ("list(self.c.parameters())[0].data.zero_()", True),
        ("it = self.c.parameters()\nnext(it)\nnext(it).data.zero_()", False),
        ("it = self.c.parameters()\nnext(it).data.zero_()", True),
        (
            "s = nn.Conv2d(3, 8, 3)\nfor a, b in zip(self.c.parameters(), s.parameters(), strict=True):\n    a.data.copy_(b)",
            False,
        ),
        ("s = nn.Conv2d(3, 8, 3)\nfor a, b in zip(self.c.parameters(), s.parameters()):\n    a.data.copy_(b)", True),
    ],
)
def test_a_bias_that_is_reached_by_its_number_is_not_removed(init: str, offered: bool) -> None:
    assert fixes("BL101", NORM + init, NORM_PASS) == [offered]


def test_what_a_graph_decides_by_is_no_argument_of_a_layer(tmp_path: Path) -> None:
    """A tensor that tf.cond takes has no truth while the graph is made."""
    norm = "lambda: tf.layers.batch_normalization(h, training=True)"
    head = "import tensorflow as tf\n\n\ndef net(x, use_bn):\n    h = tf.layers.conv2d(x, 8, 3)\n"
    by_graph = f"{head}    return tf.nn.relu(tf.cond(use_bn, {norm}, lambda: tf.tanh(h)))\n"
    by_python = f"{head}    return tf.nn.relu(({norm})() if use_bn else tf.tanh(h))\n"
    offered = []
    for text in (by_graph, by_python):
        result = engine.lint_text(text, tmp_path / "net.py", Config(tmp_path, select=("BL101",)))
        (finding,) = result.findings
        assert finding.when == "use_bn"
        offered.append(finding.fix is not None)
    assert offered == [False, True]
