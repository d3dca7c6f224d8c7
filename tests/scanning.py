"""Scans in tests: what is scanned, the rows that come out, and tasks that misbehave in a process of their own."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import tarfile
import time
import zipfile
from pathlib import Path
from typing import Any

from projects import DEAD, FIXED, biaslint

from biaslint.scan.rows import MEASURED

Row = dict[str, Any]
PROJECT = {
    "net.py": DEAD,
    "package/__init__.py": "",
    "package/layers.py": "from torch import nn\n\n\ndef block(n):\n    return nn.Sequential(nn.Conv2d(n, 8, 3), nn.BatchNorm2d(8))\n",
    "package/clean.py": FIXED,
    "train.py": "from package.layers import block\n\nmodel = block(3)\n",
    "notes.py": "print('no model')\n",
}


def scan(folder: Path, *arguments: str, status: int = 0) -> list[Row]:
    """The rows of a scan to `out.jsonl` in the folder; of a scan that fails, none."""
    run = biaslint(folder, "scan", *arguments, "--output", "out.jsonl", "--quiet")
    assert run.status == status, run.err
    return rows_in(folder / "out.jsonl") if not status else []


def rows_in(file: Path) -> list[Row]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def repositories(rows: list[Row]) -> dict[str, Row]:
    return {row["repository"]: row for row in rows if row["row"] == "repository"}


def found(rows: list[Row]) -> set[tuple[str, str, int]]:
    return {(row["rule"], row["path"], row["line"]) for row in rows if row["row"] == "finding"}


def lasting(rows: list[Row]) -> list[str]:
    """The rows without what differs from run to run, in an order of their own."""
    kept = [{key: value for key, value in row.items() if key not in MEASURED} for row in rows]
    return sorted(json.dumps(row, sort_keys=True) for row in kept)


def lay(folder: Path, files: dict[str, str] = PROJECT) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def zipped(file: Path, files: dict[str, str | bytes]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return file


def tarred(file: Path, files: dict[str, str | bytes], more: tuple[tarfile.TarInfo, ...] = ()) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "w:gz") as archive:
        for entry in more:
            archive.addfile(entry)
        for name, text in files.items():
            data = text if isinstance(text, bytes) else text.encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return file


def git(folder: Path, *arguments: str) -> None:
    when = {"GIT_AUTHOR_DATE": "2021-05-05T12:00:00Z", "GIT_COMMITTER_DATE": "2021-05-05T12:00:00Z"}
    names = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
    environ = {**os.environ, **when, "GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(["git", *names, *arguments], cwd=folder, check=True, capture_output=True, env=environ)


def bare(folder: Path, checkout: Path) -> Path:
    """A bare repository at `folder` with what lies in the checkout, which becomes a repository, too."""
    git(checkout, "init", "-q")
    git(checkout, "add", "-A")
    git(checkout, "commit", "-q", "-m", "all")
    git(checkout, "clone", "-q", "--bare", ".", str(folder))
    shutil.rmtree(checkout / ".git")
    return folder


# -- tasks that misbehave ----------------------------------------------------------------------------------------------------------


def wait_for_ever() -> bytes:
    time.sleep(10_000)
    return b""


def compute_for_ever() -> bytes:
    while True:
        pass


def take_all_memory() -> bytes:
    held = []
    while True:
        held.append(bytearray(1 << 24))


def crash() -> bytes:
    os.kill(os.getpid(), signal.SIGSEGV)
    return b""


def leave() -> bytes:
    os._exit(7)


def fail() -> bytes:
    raise LookupError("nothing there")


def leave_a_child_behind(file: str) -> bytes:
    child = subprocess.Popen(["sleep", "1000"])
    Path(file).write_text(str(child.pid))
    time.sleep(10_000)
    return b""


def work() -> bytes:
    return b"done"
