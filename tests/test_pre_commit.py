"""The hooks, run by pre-commit from a git repository at a tag."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from projects import CLEAN, DEAD, ROOT, git, write

pytest.importorskip("pre_commit", reason="pre-commit is not installed")
if not (ROOT / ".git").exists():
    pytest.skip("this is no checkout, so there is nothing that pre-commit could clone", allow_module_level=True)

SHIPPED = ("biaslint", "rules", "pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml")
LAYERS = "from torch import nn\n\n\nclass Norm(nn.{}):\n    pass\n"
USES = DEAD.replace("from torch import nn\n", "from torch import nn\nfrom layers import Norm\n").replace(
    "nn.BatchNorm2d", "Norm"
)


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This tree as a repository with a tag."""
    folder = tmp_path_factory.mktemp("tool")
    for name in SHIPPED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "release")
    git(folder, "tag", "v0.0.1")
    return folder


def hooks(project: Path, home: Path, hook: str, *arguments: str) -> tuple[int, str]:
    """`pre-commit run` in the project: its exit status and what it says."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "run", "--color=never", hook, *arguments],
        cwd=project,
        capture_output=True,
        text=True,
        env={**environ, "PRE_COMMIT_HOME": str(home)},
        timeout=600,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_hooks_lint_and_fix_changed_files_and_see_the_rest_of_the_project(tool: Path, tmp_path: Path) -> None:
    wanted = "\n".join(f"      - id: {name}" for name in ("biaslint", "biaslint-fix"))
    project = write(
        tmp_path / "project",
        {
            ".pre-commit-config.yaml": f"repos:\n  - repo: {tool.as_uri()}\n    rev: v0.0.1\n    hooks:\n{wanted}\n",
            "old.py": DEAD,
            "layers.py": LAYERS.format("BatchNorm2d"),
            "notes.txt": DEAD,
        },
    )
    home = tmp_path / "home"
    git(project, "init", "-q")
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "what was there before")

    write(project, {"new.py": CLEAN})
    git(project, "add", "new.py")
    status, said = hooks(project, home, "biaslint")
    assert (status, "Passed" in said) == (0, True), said

    # on changed files only, but with what they import: the norm is in a file that did not change
    write(project, {"new.py": USES})
    git(project, "add", "new.py")
    status, said = hooks(project, home, "biaslint")
    assert (status, "Failed" in said) == (1, True), said
    assert "new.py:5:5: BL101" in said
    assert "old.py" not in said
    assert "layers.py:" not in said

    status, said = hooks(project, home, "biaslint", "--all-files")
    assert (status, said.count("BL101 warning: `")) == (1, 2), said
    assert "notes.txt" not in said

    # BL101's fix is unsafe, so this hook reports it and changes nothing
    before = (project / "new.py").read_text()
    status, said = hooks(project, home, "biaslint-fix")
    assert (status, "new.py:5:5: BL101" in said) == (1, True), said
    assert (project / "new.py").read_text() == before
