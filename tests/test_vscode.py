"""The extension for VS Code: it builds, and its own tests pass under Node."""

from __future__ import annotations

import os
import re
import shutil
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


def test_the_extension_builds_and_its_tests_pass(tmp_path: Path) -> None:
    pytest.importorskip("pygls", reason="pygls is not installed")
    folder = tmp_path / "editors/vscode"
    shutil.copytree(ROOT / "editors/vscode", folder, ignore=shutil.ignore_patterns("node_modules", "out"))
    (tmp_path / "biaslint/lsp").mkdir(parents=True)
    shutil.copy(ROOT / "biaslint/lsp/settings.py", tmp_path / "biaslint/lsp")
    installed = npm(folder, "ci", "--no-audit", "--no-fund")
    assert installed.returncode == 0, installed.stderr
    tested = npm(folder, "test")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert re.search(r"^# pass 7$", tested.stdout, re.MULTILINE), tested.stdout
    assert (folder / "out/src/extension.js").is_file()
