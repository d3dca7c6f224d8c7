"""The plugin, run by flake8 itself."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest
from projects import CLEAN, DEAD, ROOT, write

pytest.importorskip("flake8", reason="flake8 is not installed")
if not any(entry.value.startswith("biaslint.") for entry in importlib.metadata.entry_points(group="flake8.extension")):
    pytest.skip("biaslint is not installed in this environment, so flake8 cannot find it", allow_module_level=True)


def flake8(folder: Path, *arguments: str, stdin: str | None = None) -> tuple[int, list[str]]:
    command = [sys.executable, "-m", "flake8", "--isolated", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, input=stdin, check=False)
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout.splitlines()


def test_flake8_lists_the_plugin() -> None:
    done = subprocess.run([sys.executable, "-m", "flake8", "--version"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "biaslint" in done.stdout


def test_flake8_reports_findings_with_their_places(tmp_path: Path) -> None:
    write(tmp_path, {"dead.py": DEAD, "clean.py": CLEAN})
    status, lines = flake8(tmp_path, "dead.py", "clean.py")
    assert status == 1
    assert [line.split(" ")[:2] for line in lines] == [["dead.py:4:5:", "BL101"]]
    assert lines[0].endswith("[bias-before-norm]")


def test_flake8_selects_and_ignores_by_code(tmp_path: Path) -> None:
    write(tmp_path, {"dead.py": DEAD})
    assert flake8(tmp_path, "--ignore=BL1", "dead.py") == (0, [])
    assert flake8(tmp_path, "--select=E", "dead.py") == (0, [])
    assert flake8(tmp_path, "--select=BL", "dead.py")[0] == 1


def test_comments_and_the_projects_configuration_hold_under_flake8(tmp_path: Path) -> None:
    noqa = DEAD.replace("3),", "3),  # noqa: BL101")
    ours = DEAD.replace("3),", "3),  # biaslint: ignore[BL101]")
    write(tmp_path, {"noqa.py": noqa, "ours.py": ours, "sub/dead.py": DEAD, "sub/biaslint.toml": 'ignore = ["BL101"]\n'})
    assert flake8(tmp_path, "noqa.py", "ours.py", "sub/dead.py") == (0, [])


def test_hints_are_no_business_of_flake8_unless_they_fail_a_run(tmp_path: Path) -> None:
    write(tmp_path, {"lstm.py": "from torch import nn\n\nnet = nn.Sequential(nn.LSTM(8, 16))\n"})
    assert flake8(tmp_path, "lstm.py") == (0, [])
    write(tmp_path, {"biaslint.toml": 'fail-on = "hint"\n'})
    status, lines = flake8(tmp_path, "lstm.py")
    assert (status, lines[0].split(" ")[1]) == (1, "BL301")


def test_flake8_lints_the_standard_input_as_an_editor_pipes_it(tmp_path: Path) -> None:
    write(tmp_path, {})
    status, lines = flake8(tmp_path, "--stdin-display-name", "net.py", "-", stdin=DEAD)
    assert (status, lines[0].split(" ")[:2]) == (1, ["net.py:4:5:", "BL101"])
