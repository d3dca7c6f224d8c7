"""How long application projects take. `python benchmarks/application_speed.py FOLDER ...` writes `application_speed.md`.

Each FOLDER is one project, named OWNER+NAME. `biaslint --isolated --no-cache --jobs 1` lints it cold, then flake8 its Python files (`--flake8 PYTHON` is an
interpreter that has it, without biaslint's plugin). CPU times of the processes are compared, since other work on the machine changes them least: how many times
as long as flake8 biaslint takes, and the seconds for 100 kB of source (Python, and the code cells of notebooks), which the goals are
stated in.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

OUTPUT = Path(__file__).with_suffix(".md")
LINT = [sys.executable, "-m", "biaslint", "lint", "--isolated", "--no-cache", "--jobs", "1", "--exit-zero"]
FLAKE8 = ["-m", "flake8", "--isolated", "--exit-zero", "--jobs", "1", "-q"]
SLOW, LONG = 3.0, 30.0  # goals: CPU seconds for 100 kB, and in all


@dataclass
class Row:
    """A project: bytes of source, CPU seconds of biaslint and of flake8."""

    name: str
    size: int
    ours: float
    flake8: float

    @property
    def rate(self) -> float:
        """CPU seconds for 100 kB; projects smaller than that count as 100 kB, since Python has to start."""
        return self.ours / max(self.size / 100_000, 1)


def sources(folder: Path) -> Iterator[str]:
    """The code of a project: its Python files and the code cells of its notebooks."""
    for path in folder.rglob("*.py"):
        if path.is_file():
            yield path.read_text(encoding="utf-8", errors="replace")
    for path in folder.rglob("*.ipynb"):
        try:
            cells = json.loads(path.read_text(encoding="utf-8", errors="replace"))["cells"]
            yield from ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        except (ValueError, LookupError, TypeError):
            continue


def cpu(command: Sequence[str], folder: Path) -> float:
    """The CPU seconds of a command on a folder; an error where it fails."""
    process = subprocess.Popen([*command, str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 2):  # 2: some files could not be read
        raise SystemExit(f"{' '.join(command)} {folder} ended with status {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def table(rows: Sequence[Row]) -> str:
    """The page."""
    rates, times = [row.rate for row in rows], [row.ours for row in rows]
    slow = sum(rate > SLOW for rate in rates)
    made = (
        f"Made by `python benchmarks/application_speed.py FOLDER ...` on {len(rows)} public repositories, "
        f"Python {platform.python_version()}, {os.cpu_count()} cores, one process each, nothing cached."
    )
    lines = [
        "# Speed on application projects",
        "",
        made,
        "",
        "| | measured | goal |",
        "|---|---:|---:|",
        f"| CPU time for a project, median | {statistics.median(times):.1f} s | 1 s |",
        f"| the longest | {max(times):.0f} s | {LONG:.0f} s |",
        f"| projects above {SLOW:.0f} s for 100 kB of source | {slow} | 0 |",
        f"| compared with flake8 (CPU time, median of the ratios) | {statistics.median(row.ours / row.flake8 for row in rows):.1f} | |",
        "",
        "| project | source, kB | biaslint / flake8 | CPU s for 100 kB |",
        "|---|---:|---:|---:|",
        *(
            f"| {row.name.replace('+', '/')} | {row.size / 1000:.0f} | {row.ours / row.flake8:.1f} | {row.rate:.2f} |"
            for row in sorted(rows, key=lambda row: -row.rate)
        ),
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--flake8", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    rows = []
    for folder in options.folders:
        size = sum(map(len, sources(folder)))
        rows.append(Row(folder.name, size, cpu(LINT, folder), cpu([options.flake8, *FLAKE8], folder)))
        print(f"{folder.name}: {rows[-1].rate:.2f} s for 100 kB", file=sys.stderr)
    options.output.write_text(table(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
