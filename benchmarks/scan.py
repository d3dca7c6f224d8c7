"""A scan of packages: how fast it is, how it scales, and what it survives.

    python benchmarks/scan.py fetch FOLDER             downloads the packages of scan_packages.txt
    python benchmarks/scan.py compare FOLDER           scans a sample with each engine and number of workers, and prints a table
    python benchmarks/scan.py figures RESULTS          throughput and memory of the results of a scan

`compare` kills one of the workers of the second Ray run, and checks that all runs give the same rows.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from biaslint.scan.rows import MEASURED

LIST = Path(__file__).with_name("scan_packages.txt")
SAMPLE = 40
MOST_BYTES = 20_000_000  # of one download
RUNS = (("local", 1), ("local", 2), ("ray", 1), ("ray", 2))
PURE = ("--platform", "any", "--python-version", "3.11", "--implementation", "py", "--abi", "none")


def fetch(folder: Path) -> None:
    """Download what the list names: wheels for any platform, or source distributions."""
    folder.mkdir(parents=True, exist_ok=True)
    for line in LIST.read_text().splitlines():
        requirement, _, kind = line.partition(" ")
        if not requirement or line.startswith("#"):
            continue
        options = ["--no-binary=:all:", "--no-build-isolation"] if kind == "sdist" else ["--only-binary=:all:", *PURE]
        with tempfile.TemporaryDirectory() as own:
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", own, *options, requirement]
            if subprocess.run(command, capture_output=True, check=False).returncode:
                print(f"not to be had here: {requirement}", file=sys.stderr)
            for file in Path(own).iterdir():
                if file.stat().st_size < MOST_BYTES:
                    (folder / file.name).write_bytes(file.read_bytes())


def sample(folder: Path, count: int) -> list[Path]:
    """Some of the packages, the same in every run."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return random.Random(29).sample(files, min(count, len(files)))


def run(folder: Path, engine: str, workers: int, kill: bool) -> tuple[dict[str, Any], list[str]]:
    """One scan: its figures, and its rows without what is measured."""
    output = folder.parent / f"{engine}{workers}.jsonl"
    command = [sys.executable, "-m", "biaslint", "scan", folder.name, "-o", output.name, "--engine", engine, "-j", str(workers)]
    start = time.monotonic()
    running = subprocess.Popen([*command, "-q", "--max-seconds", "120"], cwd=folder.parent)
    killed = threading.Event()
    if kill:
        threading.Thread(target=kill_worker, args=(running.pid, killed), daemon=True).start()
    if running.wait():
        raise SystemExit(f"{engine} with {workers}: exit status {running.returncode}")
    wall = time.monotonic() - start
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    whole = [row for row in rows if row["row"] == "repository"]
    lasting = sorted(json.dumps({key: value for key, value in row.items() if key not in MEASURED}) for row in rows)
    figures = {
        "engine": engine,
        "workers": workers,
        "repositories": len(whole),
        "wall": wall,
        "cpu": sum(row["seconds"] or 0 for row in whole),
        "memory": max(row["memory"] or 0 for row in whole),
        "megabytes": sum(row["bytes"] or 0 for row in whole) / 1e6,
        "killed": int(killed.is_set()),
    }
    return figures, lasting


def kill_worker(program: int, killed: threading.Event) -> None:
    """Kill a Ray worker of the program while it works on a repository, some seconds after the first one works."""
    while not (seen := [one for one in map(int, filter(str.isdigit, os.listdir("/proc"))) if works_for(one, program)]):
        time.sleep(0.05)
    time.sleep(5)
    while not (seen := [one for one in map(int, filter(str.isdigit, os.listdir("/proc"))) if works_for(one, program)]):
        time.sleep(0.05)
    os.kill(seen[0], signal.SIGKILL)
    killed.set()


def works_for(process: int, program: int) -> bool:
    """Is it a worker with a repository, started by the program?"""
    try:
        if not Path(f"/proc/{process}/cmdline").read_bytes().startswith(b"ray::rows_of"):
            return False
        while process > 1 and process != program:
            process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return False
    return process == program


def table(all_figures: Sequence[dict[str, Any]]) -> str:
    lines = [
        "| engine | workers | repositories | wall, s | CPU, s | MB per CPU second | peak, MB | workers killed |",
        "|---|" + "---:|" * 7,
    ]
    for one in all_figures:
        lines.append(
            f"| {one['engine']} | {one['workers']} | {one['repositories']} | {one['wall']:.0f} | {one['cpu']:.0f}"
            f" | {one['megabytes'] / one['cpu']:.3f} | {one['memory']:,} | {one['killed']} |"
        )
    return "\n".join(lines)


def compare(folder: Path, count: int) -> None:
    with tempfile.TemporaryDirectory() as own:
        chosen = Path(own) / "sample"
        chosen.mkdir()
        for file in sample(folder, count):
            shutil.copyfile(file, chosen / file.name)
        made = [run(chosen, engine, workers, kill=(engine, workers) == ("ray", 2)) for engine, workers in RUNS]
    print(table([figures for figures, _ in made]))
    print(f"All runs give the same rows: {all(rows == made[0][1] for _, rows in made)}.")


def figures(results: Path) -> str:
    """Throughput for each second of processor time, and memory, of a scan."""
    rows = [row for row in map(json.loads, results.read_text().splitlines()) if row["row"] == "repository"]
    done = [row for row in rows if row["status"] in ("ok", "partial")]
    spent, size = sum(row["seconds"] for row in done), sum(row["bytes"] for row in done) / 1e6
    models = [row for row in done if row["model_files"]]
    slowest = sorted(done, key=lambda row: -row["seconds"])[:5]
    lines = [
        f"{len(rows)} repositories, {len(done)} of them analysed, {len(models)} of these with model code: {sum(row['files'] for row in done):,} files, {size:.1f} MB.",
        f"{spent:.0f} s of processor time: {len(done) / spent:.2f} repositories and {size / spent:.3f} MB per second and core.",
        f"Median repository: {statistics.median(row['seconds'] for row in done):.2f} s, {statistics.median(row['memory'] for row in done):.0f} MB; peak {max(row['memory'] for row in done):,} MB.",
        "Slowest: " + ", ".join(f"{row['repository'].split('-')[0]} {row['seconds']:.0f} s" for row in slowest) + ".",
        *(f"Not analysed: {row['repository']}: {row['status']}, {row['reason']}" for row in rows if row not in done),
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["fetch", "compare", "figures"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sample", type=int, default=SAMPLE)
    options = parser.parse_args()
    if options.what == "fetch":
        fetch(options.folder)
    elif options.what == "figures":
        print(figures(options.folder))
    else:
        compare(options.folder, options.sample)


if __name__ == "__main__":
    main()
