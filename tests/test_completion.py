"""Shell completion, by a real bash."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from projects import ROOT, write

BASH = shutil.which("bash")
pytestmark = pytest.mark.skipif(BASH is None, reason="bash is not installed")


def completions(folder: Path, line: str) -> list[str]:
    """What bash offers for the last word of a line."""
    bin_ = folder / "bin"
    bin_.mkdir(exist_ok=True)
    (bin_ / "biaslint").write_text(f'#!/bin/sh\nexec {sys.executable} -m biaslint "$@"\n')
    (bin_ / "biaslint").chmod(0o755)
    words = line.split(" ")
    script = f"""
        eval "$(_BIASLINT_COMPLETE=bash_source biaslint)"
        COMP_WORDS=({" ".join(repr(word) for word in words)}); COMP_CWORD={len(words) - 1}
        _biaslint_completion biaslint
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    environ = {**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([BASH or "bash", "-c", script], cwd=folder, capture_output=True, text=True, env=environ, check=True)
    return done.stdout.split()


def test_the_first_word_goes_on_as_a_command_an_option_or_a_path(tmp_path: Path) -> None:
    write(tmp_path, {"examples.py": ""})
    assert "explain" in completions(tmp_path, "biaslint ex")
    assert "--format" in completions(tmp_path, "biaslint --fo")


def test_values_of_an_option_are_offered(tmp_path: Path) -> None:
    assert completions(tmp_path, "biaslint lint --format gi") == ["github", "gitlab"]
    assert completions(tmp_path, "biaslint src --fail-on ne") == ["never"]
