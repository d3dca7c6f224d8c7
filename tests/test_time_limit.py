"""A time limit ends a run early; what is then reported is true of the whole project, and what is missing is said."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from textwrap import dedent

import pytest
from projects import biaslint, write

from biaslint import engine
from biaslint.config import Config

FILES = {
    "blocks.py": """\
        from torch import nn


        class Block(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = nn.Conv2d(3, 8, 3)

            def forward(self, x):
                return self.conv(x)
    """,
    "cancelled.py": """\
        from torch import nn
        from blocks import Block


        def cancelled():
            return nn.Sequential(Block(), nn.BatchNorm2d(8))
    """,
    "seen.py": """\
        from torch import nn
        from blocks import Block


        def seen():
            return nn.Sequential(Block(), nn.ReLU())
    """,
    "alone.py": """\
        from torch import nn


        def alone():
            return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))
    """,
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write(tmp_path, {name: dedent(text) for name, text in FILES.items()})


def limited(project: Path, seconds: float, monkeypatch: pytest.MonkeyPatch) -> engine.Result:
    """A run in which each look at the clock takes a second."""
    ticks = itertools.count()
    monkeypatch.setattr(time, "monotonic", lambda: float(next(ticks)))
    return engine.lint([project], Config(root=project, select=("BL101",)), jobs=1, seconds=seconds)


def test_a_limit_that_is_not_reached_changes_nothing(project: Path) -> None:
    result = engine.lint([project], Config(root=project, select=("BL101",)), seconds=600)
    assert [(Path(one.place.path).name, one.fix is None) for one in result.findings] == [
        ("alone.py", False),
        ("cancelled.py", True),
    ]
    assert (result.errors, result.problems) == ([], [])


def test_whenever_the_time_is_over_nothing_untrue_is_reported(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = [[], ["alone.py"], ["cancelled.py"], ["alone.py", "cancelled.py"]]  # the block itself is seen by another file
    found: list[list[str]] = []
    for seconds in range(8):
        result = limited(project, seconds, monkeypatch)
        found.append([Path(one.place.path).name for one in result.findings])
        if result.errors:
            assert result.errors[0].startswith("time limit reached before `")
            assert not any(one.fix for one in result.findings)
    assert all(one in known for one in found)
    assert (found[0], found[-1], result.errors) == ([], known[-1], [])


def test_the_exit_status_says_that_something_was_left_out(project: Path) -> None:
    done = biaslint(project, ".", "--no-cache", "--select", "BL101", "--time-limit", "0")
    assert done.status == 2
    assert done.err.startswith(
        "biaslint: time limit reached before `alone` (alone.py), `Block` (blocks.py), `cancelled` (cancelled.py) and 1 more"
    )


def test_the_next_run_executes_what_was_left_out(project: Path) -> None:
    first = biaslint(project, ".", "--select", "BL101", "--time-limit", "0")
    second = biaslint(project, ".", "--select", "BL101")
    assert (first.status, second.status) == (2, 1)
    assert "alone.py:5" in second.out
