"""The GitHub action and the GitLab job, run as their runners run them, and what they print."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from projects import CLEAN, DEAD, ROOT, git, write

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")


def action() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a `pip` that installs nothing and a `biaslint` that is this one."""
    folder = tmp_path_factory.mktemp("bin")
    for name, line in {"pip": "exit 0", "biaslint": f'exec {sys.executable} -m biaslint "$@"'}.items():
        (folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / name).chmod(0o755)
    return folder


def run_action(project: Path, environ: dict[str, str], **inputs: str) -> tuple[int, str, str]:
    """Run the step as GitHub does: its exit status, what it prints, and its output."""
    described = action()
    (step,) = described["runs"]["steps"]
    given = {name: entry.get("default", "") for name, entry in described["inputs"].items()} | inputs

    def value(text: str) -> str:
        text = re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda match: str(given[match[1]]), text)
        text = text.replace("${{ github.action_path }}", str(ROOT))
        return text.replace("${{ github.event.pull_request.base.sha }}", environ.get("BASE_SHA", ""))

    output = project / ".git" / "output"
    output.write_text("")
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=project,
        capture_output=True,
        text=True,
        env={**os.environ, **{key: value(text) for key, text in step["env"].items()}, "GITHUB_OUTPUT": str(output), **environ},
        check=False,
    )
    assert "${{" not in step["run"]  # what people pass must not become part of the script
    return done.returncode, done.stdout, output.read_text()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path / "project", {"net.py": DEAD, "ok.py": CLEAN})
    git(tmp_path / "project", "init", "-q")
    git(tmp_path / "project", "add", "-A")
    git(tmp_path / "project", "commit", "-q", "-m", "first")
    return tmp_path / "project"


def test_the_action_installs_itself_and_annotates_the_lines(project: Path, tmp_path: Path) -> None:
    environ = {"RUNNER_TEMP": str(tmp_path)}
    status, said, output = run_action(project, environ, args="--select BL101", sarif="out.sarif")
    assert (status, output) == (1, "status=1\n"), said
    (line,) = said.splitlines()
    assert line.startswith("::warning file=net.py,line=4,endLine=4,col=5,endColumn=22,title=BL101 bias-before-norm::")
    report = json.loads((project / "out.sarif").read_text())
    assert [one["ruleId"] for one in report["runs"][0]["results"]] == ["BL101"]
    assert (tmp_path / "biaslint/bin/biaslint").exists()

    # the same environment again: only what a pull request changed, and what a clean run says
    base = git(project, "rev-parse", "HEAD").strip()
    write(project, {"new.py": DEAD})
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "second")
    status, said, _ = run_action(project, {**environ, "BASE_SHA": base}, **{"changed-only": "true"})
    assert status == 1
    assert [re.match(r"::warning file=([\w.]+)", line)[1] for line in said.splitlines()] == ["new.py"]  # type: ignore[index]
    assert run_action(project, environ, paths="ok.py") == (0, "", "status=0\n")


def test_the_gitlab_job_writes_the_report_that_it_declares(project: Path, tools: Path) -> None:
    text = (ROOT / "docs/ci.md").read_text(encoding="utf-8")
    job = next(
        yaml.safe_load(block)["biaslint"] for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "gitlab-ci" in block
    )
    environ = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    script = "\n".join(job["script"])
    done = subprocess.run(["bash", "-e", "-c", script], cwd=project, capture_output=True, text=True, env=environ, check=False)
    assert done.returncode == 1
    assert "net.py:4:5: BL101" in done.stdout
    issues = json.loads((project / job["artifacts"]["reports"]["codequality"]).read_text())
    (issue,) = issues
    assert issue["location"] == {"path": "net.py", "lines": {"begin": 4, "end": 4}}
    assert set(issue) == {"description", "check_name", "fingerprint", "severity", "location"}
    assert job["artifacts"]["when"] == "always"


def test_the_workflow_shown_uses_inputs_that_the_action_has() -> None:
    text = (ROOT / "docs/ci.md").read_text(encoding="utf-8")
    shown = next(yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "runs-on" in block)
    (step,) = [step for step in shown["jobs"]["biaslint"]["steps"] if "biaslint" in step["uses"]]
    assert set(step["with"]) <= set(action()["inputs"])
    hooks = next(yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "hooks:" in block)
    offered = {hook["id"] for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))}
    assert {hook["id"] for repo in hooks["repos"] for hook in repo["hooks"]} <= offered
