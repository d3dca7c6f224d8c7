"""`biaslint migrate` in the test's own process: the command as it is, but for the process that it starts."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from click.testing import CliRunner, Result

from biaslint.runtime.migrate import command
from biaslint.runtime.migrate.child import answer
from biaslint.runtime.migrate.job import MigrationJob


def answer_here(module: str, asked: Mapping[str, Any], job: Any, **_: Any) -> tuple[str, str]:
    """What the process would answer; the modules that it imported are forgotten."""
    loaded, path = set(sys.modules), list(sys.path)
    sys.path.insert(0, os.getcwd())
    try:
        with ThreadPoolExecutor(1) as thread:
            read = MigrationJob.from_json(json.loads(json.dumps(asked)))
            return json.dumps(thread.submit(answer, read, lambda stage, share: None, {}).result()), ""
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - loaded:
            if os.path.realpath(getattr(sys.modules[name], "__file__", None) or "").startswith(os.getcwd()):
                del sys.modules[name]


def migrate(monkeypatch: pytest.MonkeyPatch, *words: str) -> Result:
    """The command's result, its messages among the output."""
    monkeypatch.setattr(command, "answer_of", answer_here)
    return CliRunner().invoke(command.migrate, list(words), catch_exceptions=False)
