"""A bias is dropped only where no other statement counts on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from biaslint import engine
from biaslint.config import Config

MODEL = """\
from torch import nn


class Net(nn.Module):
    def __init__(self, norm_layer=nn.BatchNorm2d):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.norm = norm_layer(8)
        HERE

    def forward(self, x):
        return self.norm(self.conv(x)).relu()
"""
SET = {
    "nothing": ("pass", True),
    "without asking": ("nn.init.zeros_(self.conv.bias)", False),
    "its data": ("self.conv.bias.data.fill_(1.0)", False),
    "in a loop": ("for m in [self.conv]:\n            nn.init.zeros_(m.bias)", False),
    "in a loop that asks": (
        "for m in [self.conv]:\n            if m.bias is not None:\n                nn.init.zeros_(m.bias)",
        True,
    ),
    "by names": (
        "for name, p in self.named_parameters():\n            if 'bias' in name:\n                p.data.zero_()",
        True,
    ),
    "another one's": ("nn.init.ones_(self.norm.bias)", True),
}


@pytest.mark.parametrize(("statement", "has"), SET.values(), ids=SET)
def test_a_bias_that_a_statement_sets_without_asking_is_left_to_a_person(statement: str, has: bool) -> None:
    text = MODEL.replace("HERE", statement)
    (finding,) = engine.lint_text(text, Path("/project/net.py"), Config(root=Path("/project"), select=("BL101",))).findings
    assert finding.place.line == 7
    assert (finding.fix is not None) == has


@pytest.mark.parametrize(
    ("parameter", "before", "written"),
    [
        ("norm_layer=nn.BatchNorm2d", "from torch import nn", "norm_layer is not nn.BatchNorm2d"),
        ("*, norm_layer=nn.BatchNorm2d", "from torch import nn", "norm_layer is not nn.BatchNorm2d"),
        ("norm_layer=Norm", "from torch import nn\nfrom torch.nn import BatchNorm2d as Norm", "norm_layer is not Norm"),
        ("layers, norm_layer=layers.BatchNorm2d", "from torch import nn\nfrom torch import nn as layers", None),
        (
            "norm_layer=Norm",
            "from torch import nn\nfrom functools import partial\nNorm = partial(nn.BatchNorm2d, eps=0.1)",
            None,
        ),
    ],
    ids=["by position", "by keyword", "under another name", "where the name is another's", "where it is no class"],
)
def test_a_class_is_written_as_the_default_of_the_parameter_is(parameter: str, before: str, written: str | None) -> None:
    text = MODEL.replace("norm_layer=nn.BatchNorm2d", parameter).replace("from torch import nn", before).replace("HERE", "pass")
    (finding,) = engine.lint_text(text, Path("/project/net.py"), Config(root=Path("/project"), select=("BL101",))).findings
    assert (finding.fix.changes[0].text if finding.fix is not None else None) == written
