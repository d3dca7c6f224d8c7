"""BL603 beside what fixtures hold: a comment is no code, and yet tells that somebody knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from biaslint import engine
from biaslint.config import Config

NET = """
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 8)
        {call}

    def _init_parameters(self):
        nn.init.xavier_uniform_(self.fc.weight)

    def forward(self, x):
        return self.fc(x)
"""


@pytest.mark.parametrize(("call", "rules"), [("# self._init_parameters()", []), ("# ready", ["BL603"])])
def test_an_initialization_that_a_comment_has_switched_off_is_left_alone(call: str, rules: list[str]) -> None:
    found = engine.lint_text(NET.format(call=call), Path("net.py"), Config(Path.cwd(), select=("BL603",))).findings
    assert [one.rule for one in found] == rules
