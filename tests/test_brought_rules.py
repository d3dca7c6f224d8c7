"""A package that brings a rule of its own: its page and check behave as the built-in ones do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from projects import ROOT, write

PAGE = """+++
code = "XY101"
summary = "A layer is wider than anybody needs."
severity = "warning"
default = true
fix = "none"
frameworks = ["torch"]
category = "taste"
sources = []
+++

# wide-layer (XY101)

Too wide.

## Why it matters

It does not.
"""
CHECK = """
from biaslint.checks import Report


def check(program):
    for site in program.sites("linear"):
        if site.first.config["out_features"] > 100:
            yield Report(site.place, f"`{site.first.name}` is wide", layer=site.first.name)
"""
MODEL = """
from torch import nn

wide = nn.Sequential(nn.Linear(3, 1000), nn.ReLU())
narrow = nn.Sequential(nn.Linear(3, 10), nn.ReLU())
silenced = nn.Sequential(nn.Linear(3, 1000), nn.ReLU())  # biaslint: ignore[XY101]
"""


def project(tmp_path: Path, page: str = PAGE, value: str = "tasteful.rules") -> Path:
    return write(
        tmp_path,
        {
            "site/tasteful/__init__.py": "",
            "site/tasteful/rules/__init__.py": "",
            "site/tasteful/rules/wide-layer.md": page,
            "site/tasteful/rules/wide_layer.py": CHECK,
            "site/tasteful-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tasteful\nVersion: 1.0\n",
            "site/tasteful-1.0.dist-info/entry_points.txt": f"[biaslint.rules]\ntasteful = {value}\n",
            "net.py": MODEL,
        },
    )


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder / "site"), str(ROOT)])}
    command = [sys.executable, "-m", "biaslint", *arguments]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)


def test_a_brought_rule_is_listed_explained_selected_and_silenced(tmp_path: Path) -> None:
    folder = project(tmp_path)
    assert "XY101" in run(folder, "rules").stdout
    assert "wide-layer (XY101)" in run(folder, "explain", "wide-layer").stdout
    done = run(folder, "net.py", "--format", "json")
    found = [(one["rule"], one["line"]) for one in json.loads(done.stdout)["findings"] if one["rule"] == "XY101"]
    assert found == [("XY101", 4)]
    assert done.returncode == 1
    assert run(folder, "net.py", "--ignore", "XY").returncode == 0


@pytest.mark.parametrize(
    ("page", "value", "message"),
    [
        (PAGE.replace('"XY101"', '"BL101"'), "tasteful.rules", "BL is taken"),
        (PAGE.replace("default = true\n", ""), "tasteful.rules", "missing key 'default'"),
        (PAGE, "tasteful.nothing", "does not name a package"),
    ],
)
def test_a_package_that_brings_its_rules_wrongly_is_named(tmp_path: Path, page: str, value: str, message: str) -> None:
    done = run(project(tmp_path, page, value), "net.py")
    assert done.returncode == 2
    assert message in done.stderr
