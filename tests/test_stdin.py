"""A text on the standard input: read when it is named, left alone when it is excluded, given back as it came."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from projects import DEAD, FIXED, ROOT, Run, biaslint, write


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write(tmp_path, {"biaslint.toml": 'extend-exclude = ["legacy"]\n', "clean.py": "x = 1\n"})


def process_bytes(folder: Path, data: bytes, *arguments: str) -> bytes:
    command = [sys.executable, "-m", "biaslint", *arguments]
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, input=data, capture_output=True, env=environ, check=False).stdout


def test_a_name_for_the_standard_input_means_that_it_is_read(project: Path) -> None:
    result = biaslint(project, "-q", "--stdin-filename", "new.py", stdin=DEAD)
    assert result.out.startswith("new.py:4:5: BL101")
    both = biaslint(project, "--stdin-filename", "new.py", "clean.py", stdin=DEAD)
    assert (both.status, both.err) == (2, "biaslint: --stdin-filename cannot be combined with paths\n")


def test_an_excluded_name_is_left_alone_only_where_exclusions_are_forced(project: Path) -> None:
    arguments = ("-", "-q", "--stdin-filename", "legacy/net.py")
    assert biaslint(project, *arguments, stdin=DEAD).status == 1
    assert biaslint(project, *arguments, "--force-exclude", stdin=DEAD) == Run(0, "", "")
    assert biaslint(project, *arguments, "--force-exclude", "--fix", "--unsafe-fixes", stdin=DEAD).out == DEAD


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"# -*- coding: latin-1 -*-\n# caf\xe9\n" + DEAD.encode(), b"# -*- coding: latin-1 -*-\n# caf\xe9\n" + FIXED.encode()),
        (b"\xef\xbb\xbf" + DEAD.encode(), b"\xef\xbb\xbf" + FIXED.encode()),
        (DEAD.replace("\n", "\r\n").encode(), FIXED.replace("\n", "\r\n").encode()),
        (b"import torch\n# caf\xe9\n", b"import torch\n# caf\xe9\n"),  # not UTF-8: given back as it is
        (b"import torch\nx = (\n", b"import torch\nx = (\n"),
    ],
)
def test_a_fixed_text_keeps_its_encoding_and_one_that_cannot_be_fixed_is_given_back(
    tmp_path: Path, before: bytes, after: bytes
) -> None:
    assert process_bytes(tmp_path, before, "-", "--isolated", "--fix", "--unsafe-fixes") == after
