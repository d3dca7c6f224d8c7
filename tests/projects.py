"""Small projects on disk, and the command line run on them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from biaslint.cli import group

ROOT = Path(__file__).parent.parent

# A convolution whose bias a batch norm cancels: one BL101, on line 4.
DEAD = """from torch import nn

net = nn.Sequential(
    nn.Conv2d(3, 8, 3),
    nn.BatchNorm2d(8),
    nn.ReLU(),
)
"""
FIXED = DEAD.replace("(3, 8, 3)", "(3, 8, 3, bias=False)")
CLEAN = DEAD.replace("nn.BatchNorm2d(8),\n    nn.ReLU(),", "nn.ReLU(),\n    nn.BatchNorm2d(8),")


def heed_interrupts() -> None:
    """A shell's job in the background is started with interrupts ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    """Write files below a folder that is a project of its own."""
    for name, content in {"pyproject.toml": "", **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


@dataclass(frozen=True)
class Run:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str


def biaslint(folder: Path, *arguments: str, stdin: str | bytes | None = None, **environ: str) -> Run:
    """The command line in a folder. An exception that it lets through is let through."""
    here = os.getcwd()
    os.chdir(folder)
    try:
        result = CliRunner(env={"NO_COLOR": None, **environ}).invoke(group, arguments, input=stdin)
    finally:
        os.chdir(here)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Run(result.exit_code, result.stdout, result.stderr)


def process(folder: Path, *arguments: str, **environ: str) -> Run:
    """The command line in a folder, in a process of its own."""
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environ}
    command = [sys.executable, "-m", "biaslint", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, env=environ, check=False)
    encoding = environ.get("PYTHONIOENCODING", "utf-8")
    return Run(done.returncode, done.stdout.decode(encoding), done.stderr.decode(encoding))


def begun(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """The command line in a process and group of its own, which has just begun: however long Python takes to start under load."""
    program = "import sys; from biaslint.__main__ import main; print(flush=True); main()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True, preexec_fn=heed_interrupts,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    return process


def git(folder: Path, *arguments: str) -> str:
    """Run git as somebody."""
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout
