"""What BL101 says of a layer whose bias an argument decides over."""

from __future__ import annotations

from pathlib import Path

import pytest

from biaslint import engine
from biaslint.config import Config

MODEL = """
from torch import nn


class Block(nn.Module):
    def __init__(self, bias=False):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, bias=bias)
        self.norm = nn.BatchNorm2d(8)

    def forward(self, x):
        return self.norm(self.conv(x)).relu()


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.one = Block(bias=True)
        self.two = Block(bias={other})

    def forward(self, x):
        return self.one(x) + self.two(x)
"""


@pytest.mark.parametrize(("other", "said"), [("False", True), ("True", False)])
def test_a_bias_that_not_every_use_has_is_said_to_depend_on_its_argument(other: str, said: bool, tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(MODEL.replace("{other}", other), encoding="utf-8")
    findings = engine.lint([path], Config(root=tmp_path, select=("BL101",))).findings
    assert [finding.place.line for finding in findings] == [8]
    assert ("(where `bias`)" in findings[0].message) is said
