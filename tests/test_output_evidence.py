"""What the code itself says of the targets decides how grave an output layer's default bias is."""

from __future__ import annotations

from pathlib import Path

import pytest

from biaslint import engine
from biaslint.config import Config
from biaslint.findings.finding import Finding, Severity

HEAD = """
from collections import Counter
import numpy as np
import torch
from torch import nn
from torch.utils.data import WeightedRandomSampler
from torchvision.ops import sigmoid_focal_loss


"""
FIRST = HEAD.count("\n") + 2  # the line on which a body starts
MODEL = "nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))"
SINGLE = "nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1))"


def finding(body: str) -> Finding | None:
    text = HEAD + "def train(x, y):\n" + "".join(f"    {line}\n" for line in body.splitlines())
    result = engine.lint_text(text, Path("/project/train.py"), Config(root=Path("/project"), select=("BL401",)))
    assert result.errors == []
    return result.findings[0] if result.findings else None


@pytest.mark.parametrize(
    ("body", "severity"),
    [
        (f"model = {MODEL}\nreturn nn.functional.cross_entropy(model(x), y)", Severity.HINT),
        (f"counts = torch.bincount(y)\nmodel = {MODEL}\nreturn nn.functional.cross_entropy(model(x), y)", Severity.WARNING),
        (f"counts = np.bincount(y)\nmodel = {MODEL}\nreturn nn.functional.cross_entropy(model(x), y)", Severity.WARNING),
        (
            f"counts = torch.bincount(y)\nmodel = {MODEL}\nreturn nn.functional.cross_entropy(model(x), y, weight=1.0 / counts)",
            None,
        ),
        (
            (
                f"counts = torch.bincount(y)\nsampler = WeightedRandomSampler((1.0 / counts)[y], 100)\nmodel = {MODEL}\n"
                "return nn.functional.cross_entropy(model(x), y)"
            ),
            None,
        ),
        (
            (
                f"counts = torch.bincount(y)\nmodel = {MODEL}\nmodel[2].bias.data = torch.log(counts / counts.sum())\n"
                "return nn.functional.cross_entropy(model(x), y)"
            ),
            None,
        ),
        (f"model = {MODEL}\nreturn sigmoid_focal_loss(model(x), y)", Severity.WARNING),
        (f"counts = torch.bincount(y)\nmodel = {MODEL}\nreturn nn.functional.mse_loss(model(x), y)", Severity.HINT),
    ],
)
def test_evidence_makes_a_warning_and_a_loss_or_sampler_that_rebalances_makes_zero_right(
    body: str, severity: Severity | None
) -> None:
    found = finding(body)
    assert (found.severity if found else None) == severity


def test_the_value_to_write_is_worked_out_from_a_prior_that_is_known() -> None:
    text = """
from torch import nn


class Head(nn.Module):
    def __init__(self, prior_prob=0.01):
        super().__init__()
        self.scores = nn.Linear(64, 1)

    def forward(self, x):
        return self.scores(x).sigmoid()
"""
    result = engine.lint_text(text, Path("/project/head.py"), Config(root=Path("/project"), select=("BL401",)))
    (found,) = result.findings
    assert found.severity == Severity.WARNING
    assert "= -4.6" in found.advice


def test_a_forget_gate_is_graver_where_somebody_closed_it() -> None:
    text = """
from torch import nn


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.kept = nn.LSTM(8, 8)
        self.zeroed = nn.LSTM(8, 8)
        self.without = nn.LSTM(8, 8, bias=False)
        self.drawn = nn.LSTM(8, 8)
        for parameter in self.zeroed.parameters():
            nn.init.zeros_(parameter)
        for parameter in self.drawn.parameters():
            nn.init.uniform_(parameter, -0.1, 0.1)

    def forward(self, x):
        for layer in (self.kept, self.zeroed, self.without, self.drawn):
            x = layer(x)[0]
        return x
"""
    result = engine.lint_text(text, Path("/project/tagger.py"), Config(root=Path("/project"), select=("BL301",)))
    graded = {finding.layer: str(finding.severity) for finding in result.findings}
    assert graded == {"self.kept": "hint", "self.zeroed": "warning", "self.without": "warning", "self.drawn": "hint"}
    assert all("starts half open (0.5)" in finding.message for finding in result.findings)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (
            f"counts = np.bincount(y)\nmodel = {MODEL}\nreturn nn.functional.cross_entropy(model(x), y)",
            "log(counts / counts.sum())",
        ),
        (f"print(Counter(y))\nmodel = {MODEL}\nreturn nn.functional.cross_entropy(model(x), y)", "from `Counter(y)`"),
        (f"neg, pos = np.bincount(y)\nmodel = {SINGLE}\nreturn nn.BCEWithLogitsLoss()(model(x), y)", "log(pos / neg)"),
        (f"print(y.mean())\nmodel = {SINGLE}\nreturn nn.BCEWithLogitsLoss()(model(x), y)", "from `y.mean()`"),
        (f"mean = y.mean()\nmodel = {SINGLE}\nreturn nn.MSELoss()(model(x), y)", "initialize it to `mean`"),
    ],
)
def test_evidence_says_where_it_stands_and_which_value_to_write(body: str, value: str) -> None:
    found = finding(body)
    assert found is not None
    assert [related.place.line for related in found.related] == [FIRST]
    assert value in found.advice
