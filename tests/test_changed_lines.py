"""`--diff-base`, against real git."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import CLEAN, DEAD, biaslint, git, write

CHANGED = DEAD.replace("(3, 8, 3)", "(3, 8, 5)")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One commit with a finding in it."""
    write(tmp_path, {"net.py": DEAD, "pkg/sub.py": CLEAN})
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "start")
    return tmp_path


def places(folder: Path, revision: str = "HEAD", *paths: str) -> list[str]:
    done = biaslint(folder, "-q", "--diff-base", revision, *paths)
    assert done.status in (0, 1), done.err
    return [line.split(" ")[0] for line in done.out.splitlines()]


def test_an_old_finding_is_left_out(repository: Path) -> None:
    assert places(repository) == []


def test_findings_on_new_lines_are_reported(repository: Path) -> None:
    write(repository, {"net.py": "# moved\n" + DEAD + DEAD.replace("net", "more"), "pkg/sub.py": CHANGED})
    assert places(repository) == ["net.py:12:5:", "pkg/sub.py:4:5:"]
    assert places(repository / "pkg") == ["sub.py:4:5:"]


def test_a_finding_over_several_lines_is_reported_if_one_of_them_changed(repository: Path) -> None:
    write(repository, {"net.py": DEAD.replace("nn.Conv2d(3, 8, 3)", "nn.Conv2d(\n        3, 8,\n        3)")})
    git(repository, "commit", "-q", "-a", "-m", "spread")
    write(repository, {"net.py": DEAD.replace("nn.Conv2d(3, 8, 3)", "nn.Conv2d(\n        3, 8,\n        5)")})
    assert places(repository) == ["net.py:4:5:"]


def test_a_norm_that_is_new_makes_the_finding_new(repository: Path) -> None:
    write(repository, {"net.py": DEAD.replace("BatchNorm2d(8)", "GroupNorm(2, 8)")})
    git(repository, "commit", "-q", "-a", "-m", "another norm")
    write(repository, {"net.py": DEAD})
    assert places(repository) == ["net.py:4:5:"]


def test_everything_in_a_new_file_is_reported(repository: Path) -> None:
    write(repository, {"new.py": DEAD, "[odd] n\u00e4me.py": DEAD})
    assert places(repository) == ["[odd]", "new.py:4:5:"]


def test_lines_count_since_any_revision(repository: Path) -> None:
    write(repository, {"pkg/sub.py": CHANGED})
    git(repository, "commit", "-q", "-a", "-m", "more")
    assert places(repository) == []
    assert places(repository, "HEAD~1") == ["pkg/sub.py:4:5:"]


@pytest.mark.parametrize("revision", ["nonsense", "--output=stolen", "HEAD~9"])
def test_a_revision_that_does_not_exist_is_said(repository: Path, revision: str) -> None:
    done = biaslint(repository, f"--diff-base={revision}")
    assert done.status == 2
    assert done.err.startswith("biaslint: ")
    assert revision in done.err
    assert not (repository / "stolen").exists()


def test_outside_of_a_repository_it_is_said(tmp_path: Path) -> None:
    write(tmp_path, {"net.py": DEAD})
    done = biaslint(tmp_path, "--diff-base", "HEAD", GIT_CEILING_DIRECTORIES=str(tmp_path.parent))
    assert done.status == 2
    assert "not a git repository" in done.err


def test_what_the_repository_configures_is_not_run(repository: Path) -> None:
    trap = f"touch {repository}/trapped"
    for key in ("core.fsmonitor", "diff.external", "diff.trap.textconv", "diff.trap.command"):
        git(repository, "config", key, trap)
    write(repository, {".gitattributes": "*.py diff=trap\n", "net.py": DEAD + DEAD.replace("net", "more")})
    assert places(repository) == ["net.py:11:5:"]
    assert not (repository / "trapped").exists()
