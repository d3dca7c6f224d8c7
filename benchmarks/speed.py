"""How fast biaslint is, next to other linters on the same sources. Rerun with `python benchmarks/speed.py`.

Installs every tool from PyPI into an environment of its own and unpacks the libraries' wheels (both in the cache folder), then runs
each tool on each library, one after the other, and writes wall time, CPU time and the largest process's memory to `speed.md`, each as a
ratio to biaslint's cold run. A tool that takes longer than `--timeout` is stopped; its ratios are then lower bounds.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import time
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "biaslint-speed"
LIBRARIES = {"torchvision": "torchvision==0.28.0", "timm": "timm==1.0.31", "transformers": "transformers==5.23.0"}
BIN = "Scripts" if os.name == "nt" else "bin"
# Tool -> what to install, and the command; FOLDER is what is linted.
TOOLS: dict[str, tuple[list[str], list[str]]] = {
    "biaslint": ([str(HERE.parent)], ["biaslint", "--no-cache", "--exit-zero", "FOLDER"]),
    "biaslint, nothing changed": ([str(HERE.parent)], ["biaslint", "--cache-dir", "KEPT", "--exit-zero", "FOLDER"]),
    "biaslint, a line more below": ([str(HERE.parent)], ["biaslint", "--cache-dir", "KEPT", "--exit-zero", "FOLDER"]),
    "biaslint, a line more above": ([str(HERE.parent)], ["biaslint", "--cache-dir", "KEPT", "--exit-zero", "FOLDER"]),
    "ruff check --no-cache": (["ruff"], ["ruff", "check", "--no-cache", "--isolated", "--exit-zero", "-q", "FOLDER"]),
    "flake8": (["flake8"], ["flake8", "--isolated", "--exit-zero", "-q", "FOLDER"]),
    "pylint": (["pylint"], ["pylint", "--exit-zero", "--score=n", "FOLDER"]),
    "TorchFix": (["torchfix", "flake8"], ["torchfix", "--select", "ALL", "FOLDER"]),
}


@dataclass
class Cost:
    """What one run took."""

    wall: float
    cpu: float
    memory: int  # kB, of the largest process
    stopped: bool = False


@cache
def prepare(*wanted: str) -> Path:
    """The folder of the commands of these packages, freshly installed where they are a folder."""
    place = CACHE / "tools" / Path(wanted[0]).name
    if not (place / BIN).exists() or wanted[0].startswith(os.sep):
        venv.create(place, with_pip=True, clear=True)
        subprocess.run([place / BIN / "python", "-m", "pip", "install", "-q", *wanted], check=True)
    return place / BIN


def sources(library: str) -> Path:
    """The library's unpacked package."""
    place = CACHE / "sources" / library
    if not place.exists():
        wheels = CACHE / "wheels"
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", str(wheels)]
        subprocess.run([*pip, LIBRARIES[library]], check=True)
        name = library.replace("-", "_")
        with zipfile.ZipFile(next(wheels.glob(f"{name}-*.whl"))) as wheel:
            wheel.extractall(place)
    return place / library


def run(command: list[str], timeout: float) -> Cost:
    """Run a command to its end, or to the time limit."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    stopped = False
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        if time.perf_counter() - start > timeout and not stopped:
            os.killpg(process.pid, 9)
            stopped = True
        time.sleep(0.005)
    wall = time.perf_counter() - start
    if not stopped and os.waitstatus_to_exitcode(status) not in (0, 1):
        raise SystemExit(f"{' '.join(command)} ended with status {os.waitstatus_to_exitcode(status)}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, stopped)


@contextmanager
def edited(folder: Path, tool: str) -> Iterator[None]:
    """The largest file with a comment more, as its first line or its last, if the tool's name says so."""
    path = max(folder.rglob("*.py"), key=lambda one: one.stat().st_size)
    old = path.read_bytes()
    new = b"# edited\n" + old if tool.endswith("above") else old + b"# edited\n" if tool.endswith("below") else old
    if new == old:
        yield
        return
    time.sleep(2.5)  # so that time stamps are not those of the run before
    path.write_bytes(new)
    try:
        time.sleep(2.5)
        yield
    finally:
        path.write_bytes(old)


def measure(tool: str, folder: Path, timeout: float, times: int) -> Cost:
    """The quickest of some runs; whatever must come first is done before."""
    commands = prepare(*TOOLS[tool][0])
    kept = CACHE / "kept"
    words = [str(folder) if word == "FOLDER" else str(kept) if word == "KEPT" else word for word in TOOLS[tool][1]]
    command = [str(commands / words[0]), *words[1:]]
    best: Cost | None = None
    for _ in range(times):
        if "KEPT" in TOOLS[tool][1]:
            run(command, timeout)
        with edited(folder, tool):
            cost = run(command, timeout)
        best = cost if best is None or cost.wall < best.wall else best
        if cost.stopped or cost.wall > 30:
            break
    assert best is not None
    return best


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--library", action="append", choices=list(LIBRARIES), help="only these (repeatable)")
    parser.add_argument("--tool", action="append", choices=list(TOOLS), help="only these besides biaslint (repeatable)")
    parser.add_argument("--timeout", type=float, default=1800, help="seconds for one run")
    parser.add_argument("--times", type=int, default=3, help="runs of each, of which the quickest counts")
    parser.add_argument("--output", type=Path, default=HERE / "speed.md")
    options = parser.parse_args()
    shutil.rmtree(CACHE / "kept", ignore_errors=True)
    lines = [
        "# Speed",
        "",
        (
            f"Made by `{shlex.join(['python', 'benchmarks/speed.py', *sys.argv[1:]])}` on {os.cpu_count()} cores, Python {sys.version.split()[0]}: "
            "each tool alone on the unpacked wheel, the quickest of the runs, all as ratios to biaslint's cold run on the same library. "
            '"at least" is said of a tool that was stopped at the time limit. Memory is that of the largest process.'
        ),
        "",
        "| library | tool | wall time | CPU time | memory |",
        "|---|---|---|---|---|",
    ]
    tools = [tool for tool in TOOLS if tool == "biaslint" or tool in (options.tool or TOOLS)]
    for library in options.library or LIBRARIES:
        folder = sources(library)
        costs = {}
        for tool in tools:
            costs[tool] = cost = measure(tool, folder, options.timeout, options.times)
            print(f"{library}: {tool}: {cost.wall:.2f} s, CPU {cost.cpu:.2f} s, {cost.memory // 1024} MB", file=sys.stderr)
        base = costs["biaslint"]
        for tool, cost in costs.items():
            least = "at least " * cost.stopped
            lines.append(
                f"| {library} | {tool} | {least}{cost.wall / base.wall:.3g} | {least}{cost.cpu / base.cpu:.3g} "
                f"| {cost.memory / base.memory:.2g} ({cost.memory // 1024} MB) |"
            )
    options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
