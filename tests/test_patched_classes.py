"""What a program puts in the place of a framework's methods is what the layers do that have them from there."""

from __future__ import annotations

from pathlib import Path

import pytest

from biaslint import engine
from biaslint.config import Config

MODEL = """
import torch
from torch import nn
import torch.nn.functional as F

{patch}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.norm = {norm}

    def forward(self, x):
        return self.norm(self.conv(x)).relu()
"""
TWICE = "lambda self, x: x * 2"


def found(patch: str, norm: str, tmp_path: Path) -> list[str]:
    text = MODEL.format(patch=patch, norm=norm)
    return [one.rule for one in engine.lint_text(text, tmp_path / "net.py", Config(tmp_path, select=("BL101",))).findings]


@pytest.mark.parametrize(
    ("patched", "norm"),
    [
        ("nn.BatchNorm2d.forward", "nn.BatchNorm2d(8)"),
        ("nn.BatchNorm2d.forward", "nn.LazyBatchNorm2d()"),
        ("nn.modules.batchnorm._BatchNorm.forward", "nn.BatchNorm2d(8)"),
        ("nn.modules.batchnorm.BatchNorm2d.forward", "nn.BatchNorm2d(8)"),
        ("torch.nn.modules.instancenorm._InstanceNorm.forward", "nn.InstanceNorm2d(8)"),
    ],
)
def test_a_forward_pass_that_is_replaced_is_that_of_the_layers_that_inherit_it(patched: str, norm: str, tmp_path: Path) -> None:
    assert found(f"{patched} = {TWICE}", norm, tmp_path) == []
    assert found("", norm, tmp_path) == ["BL101"]


@pytest.mark.parametrize(
    ("patched", "norm"),
    [
        ("nn.BatchNorm1d.forward", "nn.BatchNorm2d(8)"),
        ("nn.InstanceNorm2d.forward", "nn.BatchNorm2d(8)"),
        ("nn.modules.batchnorm._BatchNorm.forward", "nn.SyncBatchNorm(8)"),
        ("nn.LazyBatchNorm2d.forward", "nn.BatchNorm2d(8)"),
        ("nn.modules.batchnorm.BatchNorm2d", "nn.BatchNorm2d(8)"),
    ],
)
def test_a_forward_pass_that_is_replaced_elsewhere_changes_nothing(patched: str, norm: str, tmp_path: Path) -> None:
    assert found(f"{patched} = {TWICE}", norm, tmp_path) == ["BL101"]
