"""What an assistant can ask for. Each tool runs the command line in a process of its own, with options before `--` only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

MOST = 600  # seconds


def lint(paths: list[str], select: list[str] | None = None) -> dict[str, Any]:
    """Lint Python files, notebooks and folders of PyTorch, Keras, TensorFlow and Flax code for questionable bias set-ups.

    Returns the findings (rule, severity, place, message, advice, fix) and a summary. `select` limits the rules (codes or names).
    """
    options = [f"--select={','.join(select)}"] if select else []
    done = _run(["lint", "--format=json", *options, "--", *paths])
    return _report(done)


def explain(rule: str) -> str:
    """Explain a rule, given by code (BL101) or name (bias-before-norm): what, why, examples, and what to write instead."""
    done = _run(["explain", "--raw", "--", rule])
    return done.stdout or done.stderr


def preview_fixes(paths: list[str], unsafe: bool = False) -> str:
    """Show as a diff what the fixes would change; no file is changed.

    Safe fixes keep checkpoints and outputs as they are. With `unsafe`, the others are shown too.
    """
    done = _run(["lint", "--diff", *["--unsafe-fixes"] * unsafe, "--", *paths])
    return done.stdout + done.stderr


def verify(target: str, inputs: list[str], arguments: list[str] | None = None) -> dict[str, Any]:
    """Build a model and measure its initial outputs and biases. This executes the model's code in a separate, limited process.

    `target` is file.py:Model or package.module:build_model; `inputs` are shapes without the batch axis, such as "3x224x224".
    """
    options = [f"--input={shape}" for shape in inputs] + [f"--arg={value}" for value in arguments or []]
    return _report(_run(["verify", "--format=json", *options, "--", target]))


TOOLS = (lint, explain, preview_fixes, verify)


def _run(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "biaslint", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"},
        timeout=MOST,
        check=False,
    )


def _report(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The JSON report, with the exit status and what was said beside it."""
    try:
        report = json.loads(done.stdout)
    except ValueError:
        report = {}
    found: dict[str, Any] = report if isinstance(report, dict) else {}
    return found | {"exit_status": done.returncode} | ({"messages": done.stderr.strip()} if done.stderr.strip() else {})
