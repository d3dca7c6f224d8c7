"""What BL301 says of statements that concern several layers, and how grave it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from biaslint import engine
from biaslint.config import Config
from biaslint.findings.finding import Severity

MODEL = """
from torch import nn


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.LSTM(8, 16)
        self.second = nn.LSTM(16, 16)
        for name, param in self.named_parameters():
            if "bias" in name:
                param.data.zero_()

    def forward(self, x):
        return self.second(self.first(x)[0])[0]
"""


def test_a_statement_that_closes_two_gates_is_reported_once_and_points_at_both_layers(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(MODEL, encoding="utf-8")
    findings = engine.lint([path], Config(root=tmp_path, select=("BL301",))).findings
    assert [finding.place.line for finding in findings] == [12]
    assert [related.place.line for related in findings[0].related] == [8, 9]


CELL = """
import torch
from torch import nn


class Cell(nn.Module):
    def __init__(self, n, h, forget_bias={default}):
        super().__init__()
        self.forget_bias = forget_bias
        self.gates = nn.Linear(n + h, 4 * h)

    def forward(self, x, h, c):
        i, f, g, o = self.gates(torch.cat((x, h), 1)).chunk(4, 1)
        c = c * torch.sigmoid(f{added}) + torch.sigmoid(i) * torch.tanh(g)
        return torch.tanh(c) * torch.sigmoid(o), c
"""


@pytest.mark.parametrize(
    ("default", "added", "severity"),
    [
        ("0.0", " + self.forget_bias", Severity.WARNING),
        ("False", " + self.forget_bias", Severity.WARNING),
        ("1.0", " + self.forget_bias", None),
        ("0.0", "", Severity.HINT),
    ],
)
def test_a_setting_that_switches_the_raise_off_is_graver_than_a_default_that_is_kept(
    tmp_path: Path, default: str, added: str, severity: Severity | None
) -> None:
    path = tmp_path / "cell.py"
    path.write_text(CELL.format(default=default, added=added), encoding="utf-8")
    findings = engine.lint([path], Config(root=tmp_path, select=("BL301",))).findings
    assert [finding.severity for finding in findings] == ([severity] if severity else [])
