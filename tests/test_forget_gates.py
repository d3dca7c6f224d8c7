"""What BL301 says where one statement concerns several layers."""

from __future__ import annotations

from pathlib import Path

from biaslint import engine
from biaslint.config import Config

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
