"""`biaslint --fix` when the system fails it: every file is the old one or the new one, and what could not be done is said."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fixing import finding
from projects import DEAD, FIXED, ROOT, write

from biaslint.fix import fix_files
from biaslint.theory.program import Place

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the faults are Linux's")

LONG = DEAD + "# " + "x" * 20_000 + "\n"  # a file that is larger than the limit below
LONG_FIXED = FIXED + "# " + "x" * 20_000 + "\n"
PRELUDE = """
import os, resource, signal, sys
from biaslint.cli import main
import libcst, biaslint.fix.disk, biaslint.cli.fixing
{}
sys.argv = ["biaslint", "--fix", "--unsafe-fixes", "--isolated", "."]
main()
"""
FULL = "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000)); signal.signal(signal.SIGXFSZ, signal.SIG_IGN)"
KILLED = """
left = {}
def killing(name):
    original = getattr(os, name)
    def call(*args, **options):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*args, **options)
    setattr(os, name, call)
for name in ("open", "write", "fchmod", "fsync", "link", "replace", "close", "unlink"):
    killing(name)
"""


def run(folder: Path, prelude: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(  # -B: a full disk would leave half of a compiled module for every later test
        [sys.executable, "-B", "-c", PRELUDE.format(prelude)],
        cwd=folder,
        capture_output=True,
        text=True,
        env=environ,
        check=False,
    )


EXPECTED = ("pyproject.toml", "a.py", "b.py", "long.py", ".biaslint_cache")


def others(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if name not in EXPECTED)


def test_a_disk_that_takes_no_more_leaves_the_large_file_and_fixes_the_small_one(tmp_path: Path) -> None:
    folder = write(tmp_path, {"a.py": DEAD, "long.py": LONG})
    done = run(folder, FULL)
    assert done.returncode == 2
    assert "long.py: cannot be fixed: " in done.stderr
    assert "File too large" in done.stderr
    assert [(folder / name).read_text() for name in ("a.py", "long.py")] == [FIXED, LONG]
    assert others(folder) == []


@pytest.mark.parametrize("moments", [range(8), range(8, 40, 6)], ids=["early", "late"])
def test_killed_at_any_moment_each_file_is_the_old_or_the_new_one(tmp_path: Path, moments: range) -> None:
    ended = set()
    for moment in moments:
        folder = write(tmp_path / str(moment), {"a.py": DEAD, "b.py": DEAD})
        ended.add(run(folder, KILLED.format(moment)).returncode)
        assert {(folder / name).read_text() for name in ("a.py", "b.py")} <= {DEAD, FIXED}
        strays = others(folder)
        assert len(strays) <= 1
        assert all(name.startswith(".") and name.endswith(".tmp") for name in strays)
        assert run(folder, "").returncode == 0  # and the next run does the rest
        assert [(folder / name).read_text() for name in ("a.py", "b.py")] == [FIXED, FIXED]
    assert -signal.SIGKILL in ended


def place(path: Path) -> Place:
    return Place(str(path), 1, 5, 1, 9)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("what", ["the folder", "the file", "both"])
def test_without_the_right_to_write_nothing_changes(tmp_path: Path, what: str) -> None:
    """The work is done by a child that is nobody: root may write everything."""
    folder = tmp_path / "project"
    folder.mkdir()
    model = folder / "m.py"
    model.write_text("c = f(1)\n")
    for path in (*reversed([one for one in folder.parents if one != Path("/")]), folder):
        if not path.stat().st_mode & 0o005:
            path.chmod(path.stat().st_mode | 0o055)
    folder.chmod(0o555 if what in ("the folder", "both") else 0o777)
    model.chmod(0o444 if what in ("the file", "both") else 0o666)
    child = os.fork()
    if child == 0:
        status = 9
        try:
            os.setgid(65534)
            os.setuid(65534)
            result = fix_files([finding(place(model))], folder)
            status = 0 if (result.failed or result.outcome.refused) and not result.written else 1
        except BaseException:
            status = 2
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(ended) == 0
    assert model.read_text() == "c = f(1)\n"
    assert os.listdir(folder) == ["m.py"]


def test_a_file_that_changes_while_the_others_are_linted_is_left_alone(tmp_path: Path) -> None:
    """An editor saves one of the files between the analysis and the fix."""
    folder = write(tmp_path, {"a.py": DEAD, "b.py": DEAD})
    saved = DEAD.replace("ReLU", "GELU")
    done = run(
        folder,
        "import biaslint.fix.files as files\noriginal = files.write_all\n"
        f"def saving(*args):\n    open('a.py', 'w').write({saved!r})\n    return original(*args)\nfiles.write_all = saving",
    )
    assert done.returncode == 2
    assert "a.py: cannot be fixed: " in done.stderr
    assert "has changed since it was read" in done.stderr
    assert [(folder / name).read_text() for name in ("a.py", "b.py")] == [saved, FIXED]
    assert others(folder) == []
