"""What compiling the core gains. `python benchmarks/compiled.py PATH ...` writes ratios to `compiled.md`.

Installs the checkout twice, plain and compiled (see "Compiled wheels" in CONTRIBUTING.md), each into an environment of its own in the cache
folder; `--plain PYTHON --compiled PYTHON` takes environments that have them already. Then both lint every path, in turn, and the
quickest run of each counts. The findings must be the same, byte for byte.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "biaslint-compiled"
OPTIONS = ("--isolated", "--no-cache", "--exit-zero", "--jobs", "1", "--format", "json")
SAYS_WHICH = "from biaslint.analysis.interpreter import execution; print(execution.__file__)"


@dataclass
class Cost:
    """What one run took, and what it said."""

    cpu: float
    memory: int  # kB
    output: bytes


def installed(name: str, **switches: str) -> Path:
    """The interpreter of a fresh environment that has the checkout."""
    place = CACHE / name
    venv.create(place, with_pip=True, clear=True)
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    command = [str(python), "-m", "pip", "install", "-q", "--no-cache-dir", str(HERE.parent)]
    subprocess.run(command, check=True, env={**os.environ, **switches})
    return python


def is_compiled(python: Path) -> bool:
    said = subprocess.run([python, "-c", SAYS_WHICH], check=True, capture_output=True, text=True, cwd=tempfile.gettempdir())
    return not said.stdout.strip().endswith(".py")


def run(python: Path, paths: Sequence[Path]) -> Cost:
    """Lint the paths once, in one process, from a folder where no other biaslint can be imported."""
    with tempfile.TemporaryFile() as output:
        command = [str(python), "-m", "biaslint", *OPTIONS, *map(str, paths)]
        process = subprocess.Popen(command, stdout=output, cwd=tempfile.gettempdir())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}")
        output.seek(0)
        return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss, output.read())


def row(path: Path, plain: Path, compiled: Path, times: int) -> str:
    """The table's row for one path, or for what a `+` joins."""
    paths = [Path(one).resolve() for one in str(path).split("+")]
    pairs = [(run(plain, paths), run(compiled, paths)) for _ in range(times)]
    if len({one.output for pair in pairs for one in pair}) != 1:
        raise SystemExit(f"{path}: the findings differ")
    cpu = min(one.cpu for one, _ in pairs) / min(two.cpu for _, two in pairs)
    memory = min(two.memory for _, two in pairs) / min(one.memory for one, _ in pairs)
    named = ", ".join(one.name for one in paths)
    return f"| {named} | {cpu:.2f} | {memory:.2f} | same ({len(pairs[0][0].output):,} bytes) |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file or folder; A+B lints both in one run")
    parser.add_argument("--plain", type=Path, help="an interpreter that has the plain package")
    parser.add_argument("--compiled", type=Path, help="an interpreter that has the compiled package")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--output", type=Path, default=HERE / "compiled.md")
    options = parser.parse_args()
    plain = options.plain or installed("plain")
    compiled = options.compiled or installed("compiled", HATCH_BUILD_HOOKS_ENABLE="1")
    if is_compiled(plain) or not is_compiled(compiled):
        raise SystemExit("one environment has to hold the plain package, the other the compiled one")
    rows = [row(path, plain, compiled, options.times) for path in options.paths]
    level = os.environ.get("MYPYC_OPT_LEVEL", "3")
    options.output.write_text(
        "# Compiled core\n\n"
        f"Made by `python benchmarks/compiled.py` with `--times {options.times}`, Python {platform.python_version()} on {sys.platform}, "
        f"compiled with `-O{level}`: plain and compiled in turn, in one process each, without a cache. CPU time: how many times as long the plain package "
        "takes. Memory: of the compiled package, as a ratio to the plain one. Findings: the JSON reports of all runs.\n\n"
        "| linted | CPU time, plain / compiled | memory, compiled / plain | findings |\n|---|---|---|---|\n"
        + "\n".join(rows)
        + "\n"
    )
    print(options.output.read_text())


if __name__ == "__main__":
    main()
