"""The files that a public project needs are there and can be read."""

from __future__ import annotations

import pytest
from projects import ROOT

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")


def test_workflows_and_issue_forms_are_valid() -> None:
    files = sorted((ROOT / ".github").rglob("*.yml"))
    read = {file.name: yaml.safe_load(file.read_text(encoding="utf-8")) for file in files}
    assert {"ci.yml", "release.yml", "false-alarm.yml", "bug.yml"} <= set(read)
    assert any(step.get("run") == ".ci/run" for step in read["ci.yml"]["jobs"]["ci"]["steps"])
    assert read["release.yml"]["jobs"]["publish"]["permissions"] == {"id-token": "write"}
    for name in ("false-alarm.yml", "bug.yml"):
        assert all(part["attributes"]["label"] for part in read[name]["body"])
