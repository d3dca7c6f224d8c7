"""The baseline: old findings are known again after edits elsewhere, new ones are not, and stale entries are told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from projects import CLEAN, DEAD, biaslint, write


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, {"net.py": DEAD, "other.py": CLEAN})
    done = biaslint(tmp_path, "--write-baseline")
    assert (done.status, done.out) == (0, "")
    assert done.err == f"biaslint: 1 finding written to {tmp_path}/biaslint-baseline.json\n"
    return tmp_path


def test_what_is_in_the_baseline_does_not_fail_a_run(project: Path) -> None:
    done = biaslint(project)
    assert (done.status, done.out) == (0, "All checks passed (2 files).\n")
    assert "1 finding is in the baseline" in done.err


def test_an_entry_survives_moved_and_reformatted_lines(project: Path) -> None:
    write(project, {"net.py": "# a comment\n\n" + DEAD.replace("    nn.Conv2d(3, 8", "        nn.Conv2d(3,  8")})
    assert biaslint(project).status == 0


def test_one_more_of_the_same_kind_is_new(project: Path) -> None:
    write(project, {"net.py": DEAD + DEAD.replace("net", "more")})
    done = biaslint(project)
    assert done.status == 1
    assert done.out.count("BL101") == 1
    assert "net.py:11:5: BL101" in done.out


def test_the_same_finding_in_another_file_is_new(project: Path) -> None:
    write(project, {"other.py": DEAD})
    assert "other.py:4:5: BL101" in biaslint(project).out


def test_stale_entries_are_told(project: Path) -> None:
    write(project, {"net.py": CLEAN})
    done = biaslint(project)
    assert done.status == 0
    assert "stale in the baseline: net.py: BL101" in done.err
    assert "stale" not in biaslint(project, "other.py").err
    (project / "net.py").unlink()
    assert "stale in the baseline: net.py: BL101" in biaslint(project, "other.py").err


def test_writing_it_again_for_some_files_keeps_the_entries_of_the_others(project: Path) -> None:
    write(project, {"other.py": DEAD})
    biaslint(project, "--write-baseline", "other.py")
    entries = json.loads((project / "biaslint-baseline.json").read_text())["entries"]
    assert [(entry["path"], entry["rule"], entry["count"]) for entry in entries] == [
        ("net.py", "BL101", 1),
        ("other.py", "BL101", 1),
    ]


def test_it_can_lie_elsewhere(project: Path) -> None:
    (project / "biaslint-baseline.json").rename(project / "old.json")
    assert biaslint(project).status == 1
    assert biaslint(project, "--baseline", "old.json").status == 0
    write(project, {"biaslint.toml": 'baseline = "old.json"\n'})
    assert biaslint(project).status == 0


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": 2}', '{"version": 1, "entries": [{}]}', "\xff"])
def test_a_damaged_baseline_is_an_error_and_not_an_empty_one(project: Path, content: str) -> None:
    write(project, {"biaslint-baseline.json": content.encode("latin-1")})
    done = biaslint(project)
    assert (done.status, done.out) == (2, "")
    assert f"{project}/biaslint-baseline.json: " in done.err


def test_a_baseline_that_is_not_there_is_an_error(project: Path) -> None:
    done = biaslint(project, "--baseline", "no.json")
    assert done.status == 2
    assert "no.json: cannot be read: No such file or directory" in done.err


def test_a_baseline_that_cannot_be_written_is_not_said_to_be(tmp_path: Path) -> None:
    write(tmp_path, {"net.py": DEAD})
    done = biaslint(tmp_path, "--write-baseline", "--baseline", "nowhere/baseline.json", "net.py")
    assert (done.status, done.err) == (2, "biaslint: nowhere/baseline.json: cannot be written: No such file or directory\n")
