"""A project's own wrappers, as `[tool.biaslint.layers]` describes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from biaslint import config, engine
from biaslint.config import Config

MODEL = """
import torch
from torch import nn
from mylib import ConvBN, ConvAct


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = ConvBN(3, 8, 3)
        self.b = ConvBN(8, 8, 3, bias=False)
        self.c = ConvAct(8, 8, 3)
        self.d = nn.BatchNorm2d(8)

    def forward(self, x):
        return self.d(self.c(self.b(self.a(x)))).relu()
"""
LAYERS: dict[str, dict[str, Any]] = {
    "mylib.ConvBN": {"like": "torch.nn.Conv2d", "norm": "after"},
    "mylib.ConvAct": {"like": "torch.nn.Conv2d"},
}


def lines(layers: dict[str, dict[str, Any]], text: str = MODEL) -> list[int]:
    result = engine.lint_text(text, Path("/project/net.py"), Config(root=Path("/project"), select=("BL101",), layers=layers))
    assert result.errors == []
    return [finding.place.line for finding in result.findings]


def test_a_wrapper_with_a_norm_is_judged_like_the_two_layers_it_stands_for() -> None:
    assert lines(LAYERS) == [10, 12]


def test_a_wrapper_that_nobody_describes_is_left_alone() -> None:
    assert lines({}) == []


def test_an_activation_in_the_wrapper_keeps_the_bias_alive() -> None:
    assert lines({**LAYERS, "mylib.ConvAct": {"like": "torch.nn.Conv2d", "activation": "ReLU"}}) == [10]


def test_a_wrapper_that_makes_no_bias_has_none() -> None:
    assert lines({**LAYERS, "mylib.ConvBN": {"like": "torch.nn.Conv2d", "norm": "after", "bias": False}}) == [12]


def test_a_class_of_the_project_can_be_described_as_well() -> None:
    text = MODEL.replace("from mylib import ConvBN, ConvAct", "class ConvBN:\n    pass\n\n\nfrom mylib import ConvAct")
    assert lines({"net.ConvBN": LAYERS["mylib.ConvBN"]}, text) == [14]


def load(tmp_path: Path, text: str) -> Config:
    file = tmp_path / "biaslint.toml"
    file.write_text(text)
    return config.load(file)


def test_the_description_is_read_from_the_configuration(tmp_path: Path) -> None:
    read = load(tmp_path, '[layers]\n"mylib.ConvBN" = { like = "torch.nn.Conv2d", norm = "after" }\n')
    assert read.layers == {"mylib.ConvBN": LAYERS["mylib.ConvBN"]}


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ("{ norm = 'after' }", "needs `like`"),
        ("{ like = 'torch.nn.Conv2d', norms = 'after' }", "did you mean 'norm'"),
        ("{ like = 'torch.nn.Conv2d', norm = 'behind' }", '"after" or "before"'),
        ("{ like = 'torch.nn.Conv2d', bias = 1 }", "needs a bool"),
    ],
)
def test_a_wrong_description_is_named(tmp_path: Path, told: str, message: str) -> None:
    with pytest.raises(config.ConfigError, match=message):
        load(tmp_path, f'[layers]\n"mylib.ConvBN" = {told}\n')
