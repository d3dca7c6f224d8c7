"""Loops of training and generators of data cost little, however often they go round."""

from __future__ import annotations

from pathlib import Path

import pytest

from biaslint import engine
from biaslint.config import Config

MODEL = """
import torch
from torch import nn

net = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))
optimizer = torch.optim.Adam(net.parameters())
losses = []
"""
ROUND = """
    loss = net(torch.randn(8, 4)).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
"""
LOOPS = {
    "for": "for frame in range(4_000):" + ROUND + "print(losses[-1], sum(losses[3000:]))\n",
    "while": "frame = 0\nwhile frame < 4_000:" + ROUND + "    frame += 1\n",
    "nested": "for epoch in range(100):\n  for batch in range(100):" + ROUND,
    "endless": "while True:" + ROUND,
    "with layers": "for frame in range(4_000):\n    shrink = nn.MaxPool1d(2)\n    head = nn.Linear(2, 2)" + ROUND,
}


@pytest.mark.parametrize("loop", LOOPS)
def test_a_loop_of_training_goes_round_twice(loop: str, tmp_path: Path) -> None:
    result = engine.lint_text(MODEL + LOOPS[loop], tmp_path / "train.py", Config(tmp_path, select=("BL101",)))
    assert [(finding.place.line, finding.rule) for finding in result.findings] == [(5, "BL101")]
    assert not [fact for fact in result.unknowns if "stopped here" in fact.what]
    assert max(steps for _, steps in result.executions) < 1_000


def test_a_loop_that_gathers_data_until_there_is_enough_is_left(tmp_path: Path) -> None:
    """Which samples fit is not known, so it does not end by itself."""
    gathering = "while taken != 3:\n" + "".join(f"    row_{number} = [randint(0, 9)] * 3\n" for number in range(40))
    program = (
        MODEL + "taken = 0\n" + gathering + "    if row_0[0] + 1 == row_1[0]:\n        taken += 1\nnet(torch.randn(8, 4))\n"
    )
    result = engine.lint_text(
        "from random import randint\n" + program, tmp_path / "train.py", Config(tmp_path, select=("BL101",))
    )
    assert [(finding.place.line, finding.rule) for finding in result.findings] == [(6, "BL101")]
    assert max(steps for _, steps in result.executions) < 10_000


def test_data_that_nobody_takes_is_not_made(tmp_path: Path) -> None:
    program = (
        MODEL
        + "def batches():\n    while True:\n        for i in range(4000):\n            pairs.append(i)\n        yield pairs\n"
    )
    program += "batches()\nnet(torch.randn(8, 4))\n"
    result = engine.lint_text(program, tmp_path / "train.py", Config(tmp_path, select=("BL101",)))
    assert [(finding.place.line, finding.rule) for finding in result.findings] == [(5, "BL101")]
