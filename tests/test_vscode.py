"""The extension for VS Code: it builds, and its own tests pass under Node."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from projects import ROOT

NPM = shutil.which("npm")
pytestmark = pytest.mark.skipif(NPM is None, reason="npm is not installed")


def npm(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "BIASLINT_PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [NPM or "npm", *arguments], cwd=folder, capture_output=True, text=True, env=environ, timeout=300, check=False
    )


def test_the_extension_has_what_a_marketplace_shows() -> None:
    folder = ROOT / "editors/vscode"
    package = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    assert "private" not in package
    assert {"license", "icon", "homepage", "bugs", "repository", "displayName", "description"} <= package.keys()
    assert (folder / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert (folder / "README.md").read_text(encoding="utf-8").startswith("# biaslint for Visual Studio Code")
    assert struct.unpack(">8s8xII", (folder / package["icon"]).read_bytes()[:24]) == (b"\x89PNG\r\n\x1a\n", 128, 128)
    descriptions = [one["description"] for one in package["contributes"]["configuration"]["properties"].values()]
    assert all(re.fullmatch(r"[A-Z].{,90}\.", one) for one in descriptions)


def test_the_extension_builds_and_its_tests_pass(tmp_path: Path) -> None:
    pytest.importorskip("pygls", reason="pygls is not installed")
    folder = tmp_path / "editors/vscode"
    shutil.copytree(ROOT / "editors/vscode", folder, ignore=shutil.ignore_patterns("node_modules", "out", "dist"))
    (tmp_path / "biaslint/lsp").mkdir(parents=True)
    shutil.copy(ROOT / "biaslint/lsp/settings.py", tmp_path / "biaslint/lsp")
    installed = npm(folder, "ci", "--no-audit", "--no-fund")
    assert installed.returncode == 0, installed.stderr
    tested = npm(folder, "test")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert re.search(r"^# pass 7$", tested.stdout, re.MULTILINE), tested.stdout
    built = npm(folder, "run", "build")
    assert built.returncode == 0, built.stderr
    bundle = (folder / "dist/extension.js").read_text(encoding="utf-8")
    builtin = set(json.loads(subprocess.check_output(["node", "-p", "JSON.stringify(require('module').builtinModules)"])))
    needed = {name.removeprefix("node:") for name in re.findall(r"""\brequire\(["']([^"']+)["']\)""", bundle)}
    assert needed - builtin == {"vscode"}
