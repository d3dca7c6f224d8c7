"""What small runs cost: the version, one file of 500 lines as pre-commit lints it, and a folder without model code.

    python benchmarks/small_runs.py [FILE ...]

writes small_runs.md beside it. Times are CPU time of the whole process, the least of some runs: on a busy machine the others are longer. The
folder is Python's own library without its tests, copied; its rate is for what comes after the walk through the folders.
Further files are measured one by one like the 500 lines.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from editor_latency import model

from biaslint import __version__, engine
from biaslint.config import Config, discovery

RESULT = Path(__file__).with_suffix(".md")
ROOT = Path(__file__).resolve().parent.parent
VERSION, FILE, RATE = 0.1, 0.4, 100.0  # the goals: seconds, seconds, MB/s
TRIES = 10


def seconds(arguments: list[str], folder: Path, goal: float, tries: int = TRIES) -> float:
    """The least CPU time of some runs of the command line; once one reaches the goal, three are enough."""
    command = [sys.executable, "-m", "biaslint", *arguments]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)  # after the first run, modules are there compiled, as where it is installed
    times: list[float] = []
    while len(times) < 3 or (min(times) >= goal and len(times) < tries):
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 1):
            raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}")
        times.append(usage.ru_utime + usage.ru_stime)
    return min(times)


def one_file(folder: Path, text: str, tries: int = TRIES) -> float:
    """The command that a pre-commit hook runs when one file was changed."""
    (folder / "pyproject.toml").write_text("")
    (folder / "model.py").write_text(text)
    return seconds(["--no-cache", "model.py"], folder, FILE, tries)


def rate(folder: Path, tries: int = TRIES) -> tuple[float, float]:
    """MB of Python below a folder, and MB in a second of CPU time after the walk."""
    config, best = Config(folder), float("inf")
    size = sum(path.stat().st_size for path in discovery.files([folder], config).files) / 1e6
    for _ in range(tries):
        begin = time.process_time()
        discovery.files([folder], config)
        walked = time.process_time()
        engine.lint([folder], config, jobs=1)
        best = min(best, (time.process_time() - walked) - (walked - begin))
    return size, size / best


def library(target: Path) -> Path:
    """Python's own library, without tests and what was installed."""
    left = shutil.ignore_patterns("test", "tests", "idle_test", "site-packages", "__pycache__", "*.so", "*.a")
    shutil.copytree(sysconfig.get_path("stdlib"), target, ignore=left, symlinks=True)
    return target


def main() -> int:
    """Measure, and write the table; 1 where a goal is missed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [("`biaslint --version`", seconds(["--version"], folder, VERSION), VERSION)]
        text = model(500)
        rows.append((f"a model file of {text.count(chr(10))} lines", one_file(folder, text), FILE))
        for file in map(Path, sys.argv[1:]):
            spent = seconds(["--no-cache", "--isolated", str(file.resolve())], folder, FILE)
            rows.append((f"{'/'.join(file.parts[-3:])}, {file.read_text().count(chr(10))} lines", spent, FILE))
        size, reached = rate(library(folder / "library"))
    lines = [
        "# Small runs",
        "",
        "    python benchmarks/small_runs.py",
        "",
        f"biaslint {__version__}, Python {platform.python_version()}, {os.cpu_count()} cores: CPU time of the whole process, the least of up to {TRIES} runs.",
        "",
        "| run | measured | goal |",
        "|---|---:|---:|",
        *(f"| {what} | {spent:.3f} s | {goal} s |" for what, spent, goal in rows),
        f"| a folder without model code ({size:.0f} MB of Python's library), after the walk | {reached:.0f} MB/s | {RATE:.0f} MB/s |",
    ]
    RESULT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines[6:]))
    return 1 if reached < RATE or any(spent >= goal for _, spent, goal in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
