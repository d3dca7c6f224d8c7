"""The benchmark of the language server runs, and its result is the one that the repository shows."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from projects import ROOT

pytest.importorskip("pygls", reason="pygls is not installed")
sys.path.insert(0, str(ROOT / "benchmarks"))
import editor_latency


def test_a_short_run_measures_every_save_and_finds_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("")
    lines, opened, times, found = editor_latency.measure(tmp_path, 200, saves=5)
    assert lines >= 200
    assert found > 0
    assert len(times) == 5
    assert max(times) < 5_000 > opened


def test_the_median_and_the_percentile_are_of_all_times() -> None:
    times = [float(number) for number in range(50, 0, -1)]
    assert editor_latency.percentile(times, 0.95) == 48.0
    assert editor_latency.percentile([3.0], 0.95) == 3.0


def test_the_result_in_the_repository_has_every_size_and_reaches_the_goal() -> None:
    text = editor_latency.RESULT.read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\d,]+) \| \d+ \| \d+ ms \| ([\d.]+) ms \|", text, re.MULTILINE)
    assert len(rows) == len(editor_latency.SIZES)
    medians = {int(lines.replace(",", "")) // 100 * 100: float(median) for lines, median in rows}
    assert medians[1_000] <= editor_latency.GOAL
