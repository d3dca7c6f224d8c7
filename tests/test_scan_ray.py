"""A scan on a local Ray cluster, one of whose workers is killed."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from projects import DEAD
from scanning import lasting, repositories, scan, zipped

ray = pytest.importorskip("ray", reason="ray is not installed")
REPOSITORIES = 12


def workers() -> list[int]:
    """The processes of our cluster that work on a repository."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cmdline").read_bytes().startswith(b"ray::rows_of") and ours(int(entry.name)):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def ours(process: int) -> bool:
    while process > 1 and process != os.getpid():
        process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    return process == os.getpid()


def test_a_killed_worker_changes_nothing(tmp_path: Path) -> None:
    for number in range(REPOSITORIES):
        zipped(tmp_path / "in" / f"{number}.zip", {"net.py": DEAD + f"# {number}\n"})
    whole = scan(tmp_path, "in", "-j", "1")
    (tmp_path / "out.jsonl").unlink()
    killed: list[int] = []
    finished = threading.Event()

    def kill_one() -> None:
        while not killed and not finished.is_set():
            seen = workers()
            if len(seen) > 1:
                os.kill(seen[0], signal.SIGKILL)
                killed.append(seen[0])
            time.sleep(0.005)

    killer = threading.Thread(target=kill_one)
    killer.start()
    try:
        rows = scan(tmp_path, "in", "--engine", "ray", "-j", "2")
    finally:
        finished.set()
        killer.join()
    assert killed
    assert len(repositories(rows)) == REPOSITORIES
    assert lasting(rows) == lasting(whole)
