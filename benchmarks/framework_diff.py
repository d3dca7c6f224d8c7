"""How much of the code outside its folders a framework needed. Rerun with `python benchmarks/framework_diff.py`.

Counted are the lines that commits whose messages name the framework have added or taken away, by where they stand. The result is
written to `framework_diff.md`.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMES = ("flax", "linen", "nnx")
OWN = {
    "biaslint/analysis/frameworks/flax/": "its folder in the analysis",
    "biaslint/runtime/flax/": "its folder in the runtime",
}
OTHER, ELSEWHERE = "other code", "rules, tests, fixtures, documentation and benchmarks"


def git(*arguments: str) -> list[str]:
    done = subprocess.run(["git", *arguments], cwd=HERE.parent, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def place(path: str) -> str:
    for folder, name in OWN.items():
        if path.startswith(folder):
            return name
    return OTHER if path.startswith("biaslint/") else ELSEWHERE


def changed(commits: list[str]) -> tuple[Counter[str], Counter[str]]:
    """Lines by where they stand, and those outside the folders by file."""
    places: Counter[str] = Counter()
    files: Counter[str] = Counter()
    for commit in commits:
        for line in git("show", "--numstat", "--no-renames", "--format=", commit):
            added, gone, path = line.split("\t")
            count = int(added) + int(gone) if added != "-" else 0
            places[place(path)] += count
            if place(path) == OTHER:
                files[path] += count
    return places, files


def main() -> None:
    commits = git("log", "--format=%h", "-i", *(f"--grep={name}" for name in NAMES), "HEAD", "--")
    places, files = changed(commits)
    lines = [
        "# The size of a framework",
        "",
        "`python benchmarks/framework_diff.py` counts the lines that commits whose messages name Flax, linen or nnx have added or taken away.",
        "",
        f"{len(commits)} commits:",
        "",
        "| where | lines |",
        "|---|---:|",
        *(f"| {name} | {count} |" for name, count in places.most_common()),
        "",
        "Of the other code:",
        "",
        "| file | lines |",
        "|---|---:|",
        *(f"| `{path}` | {count} |" for path, count in files.most_common()),
    ]
    (HERE / "framework_diff.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
