"""The files that a public project needs are there and can be read."""

from __future__ import annotations

import re
from typing import Any

import pytest
from projects import ROOT

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / ".github" / name).read_text(encoding="utf-8"))


def test_the_full_check_runs_on_every_push() -> None:
    assert any(step.get("run") == ".ci/run" for step in read("workflows/ci.yml")["jobs"]["ci"]["steps"])


def test_every_python_that_the_package_declares_is_tested() -> None:
    package = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    declared = set(re.findall(r"Python :: (3\.\d+)", package))
    jobs = read("workflows/ci.yml")["jobs"]
    tested = set(jobs["versions"]["strategy"]["matrix"]["python"])
    tested |= {step["with"]["python-version"] for step in jobs["ci"]["steps"] if "python-version" in step.get("with", {})}
    assert declared == tested
    assert f'requires-python = ">={min(declared, key=lambda one: int(one[2:]))}"' in package


def test_only_the_jobs_that_publish_may_write() -> None:
    for name, wanted in {
        "release.yml": {"id-token": "write"},
        "docs.yml": {"pages": "write", "id-token": "write"},
    }.items():
        workflow = read(f"workflows/{name}")
        assert workflow["permissions"] == {"contents": "read"}
        assert {job: given["permissions"] for job, given in workflow["jobs"].items() if "permissions" in given} == {
            "publish": wanted
        }


def test_the_site_that_is_published_is_the_one_that_is_built() -> None:
    steps = read("workflows/docs.yml")["jobs"]["build"]["steps"]
    (build,) = [step["run"].split() for step in steps if "_build.py" in step.get("run", "")]
    assert build[:2] == ["python", "docs/_build.py"]
    assert [step["with"]["path"] for step in steps if "upload-pages" in step.get("uses", "")] == [build[2]]
    url = yaml.safe_load((ROOT / "docs/_site.yml").read_text(encoding="utf-8").replace("{rules}", ""))["site_url"]
    assert f'Documentation = "{url}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_issue_forms_say_what_each_field_is_for() -> None:
    for name in ("false-alarm.yml", "bug.yml"):
        assert all(part["attributes"]["label"] for part in read(f"ISSUE_TEMPLATE/{name}")["body"])


def test_every_promise_of_daily_use_names_a_test_that_exists() -> None:
    rows = re.findall(
        r"^\| (?!promise|---)(.+) \| (.+) \|$", (ROOT / "tests/daily_use.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(rows) > 40
    for promise, named in rows:
        for one in re.findall(r"`([^`]+)`", named):
            path, _, test = one.partition("::")
            file = ROOT / "tests" / path if test else ROOT / path
            assert file.is_file(), f"{promise}: {one}"
            assert f"def {test}(" in file.read_text(encoding="utf-8") if test else True, f"{promise}: {one}"
