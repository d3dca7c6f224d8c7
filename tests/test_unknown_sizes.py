"""What is not known of a model's sizes does not hide its layers."""

from __future__ import annotations

from pathlib import Path

import pytest

from biaslint import engine
from biaslint.config import Config

MODEL = """from collections.abc import Sequence
from torch import nn


class Model(nn.Module):
    def __init__(self, dims: int, widths: Sequence[int]):
        super().__init__()
        if len(widths) < 2:
            raise ValueError("too few")
        self.layers = nn.ModuleList()
        for inputs, outputs in zip(widths[:-1], widths[1:]):
            self.layers.append(nn.Sequential({conv}(inputs, outputs, 3), {norm}(outputs), nn.ReLU()))

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x
"""


@pytest.mark.parametrize(
    ("conv", "norm", "count"),
    [
        ("(nn.Conv1d, nn.Conv2d, nn.Conv3d)[dims - 1]", "(nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)[dims - 1]", 1),
        ("{{2: nn.Conv2d, 3: nn.Conv3d}}[dims]", "{{2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}}[dims]", 1),
        ("(nn.Conv1d, nn.Conv2d, nn.Conv3d)[dims - 1]", "(nn.BatchNorm2d, nn.Dropout2d)[dims]", 0),
    ],
)
def test_classes_for_every_number_of_axes_count_as_the_one_for_images(tmp_path: Path, conv: str, norm: str, count: int) -> None:
    path = tmp_path / "model.py"
    path.write_text(MODEL.format(conv=conv.format(), norm=norm.format()), encoding="utf-8")
    result = engine.lint([path], Config(root=tmp_path, select=("BL101",)))
    assert (result.errors, result.problems) == ([], [])
    assert len(result.findings) == count
