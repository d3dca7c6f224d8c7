"""The progress bar: on a terminal, for what takes long, and gone at the end."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

from projects import DEAD, ROOT, write

from biaslint import config, engine
from biaslint.analysis.incremental import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_is_drawn_while_models_are_executed_and_wiped_at_the_end(tmp_path: Path) -> None:
    write(tmp_path, {f"net{number}.py": DEAD for number in range(4)})
    terminal = Terminal()
    with progress.shown(terminal, after=0, every=0):
        found = engine.lint([tmp_path], config.Config(tmp_path)).findings
    assert len(found) == 4
    drawn = terminal.getvalue()
    assert "4 of 4 executions" in drawn
    assert drawn.endswith("\r\x1b[K")


def test_a_short_run_draws_nothing() -> None:
    terminal = Terminal()
    with progress.shown(terminal):
        progress.expect(1)
        progress.step()
    assert terminal.getvalue() == ""


def test_nothing_is_drawn_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    with progress.shown(stream, after=0, every=0):
        progress.expect(1)
        progress.step()
    assert stream.getvalue() == ""


def test_on_a_real_terminal_a_long_run_shows_how_far_it_is(tmp_path: Path) -> None:
    program = "from biaslint.analysis.incremental import progress; progress.shown.__wrapped__.__defaults__ = (0.0, 0.0); from biaslint.cli import main; main()"
    write(tmp_path, {"net.py": DEAD})
    ours, theirs = pty.openpty()
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"}
    command = [sys.executable, "-c", program, "--exit-zero", "-q", "net.py", "--no-cache"]
    if (
        "--no-cache"
        not in subprocess.run(
            [sys.executable, "-m", "biaslint", "lint", "--help"], capture_output=True, text=True, env=environ, check=True
        ).stdout
    ):
        command.remove("--no-cache")
    done = subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=theirs, env=environ, check=False)
    os.close(theirs)
    said = os.read(ours, 10_000).decode()
    os.close(ours)
    assert done.returncode == 0, said
    assert "1 of 1 executions" in said
    assert b"executions" not in done.stdout
