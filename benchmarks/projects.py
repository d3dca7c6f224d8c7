"""BL101 on public projects in which a person has marked the places: how many are found, how many are missed, what else is reported.

    python benchmarks/projects.py FOLDER [--unseen [SAMPLE]] [--only NAME ...]

FOLDER holds the repositories as OWNER+NAME, each at the commit of its file in `projects/`. A place is a list of lines, one of which has
to be reported: a definition that an author may edit, or the calls that lead to it. `path#3` is the third cell of a notebook. The table
goes to the standard output; what is missed and what is reported elsewhere go to the standard error.

With `--unseen` they are those of `projects/unseen/`, with `--unseen unseen2` those of the second sample, in which the places were marked
before anything was linted. Their files also have what the first run said of them: what it missed, what it reported at no mark and was
right, and what was wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

MARKS = Path(__file__).with_suffix("")
COMMAND = [sys.executable, "-m", "biaslint", "lint", "--isolated", "--no-cache", "--jobs", "1", "--select", "BL101"]

Line = tuple[str, int]


def reported(folder: Path, result: Path | None) -> set[Line] | None:
    """The lines that are reported; from a JSON report where there is one. None where the run did not end with a report."""
    if result is not None:
        text = result.read_text(encoding="utf-8") if result.exists() else ""
    else:
        text = subprocess.run([*COMMAND, "--format", "json", str(folder)], capture_output=True, text=True, check=False).stdout
    try:
        findings = json.loads(text)["findings"]
    except (ValueError, LookupError):
        return None
    return {line_of(finding, folder) for finding in findings if finding["rule"] == "BL101"}


def line_of(finding: dict[str, Any], folder: Path) -> Line:
    """A finding's line, with the path below the project's folder."""
    path = finding["path"]
    for start in (str(folder), folder.name):
        if path.startswith(start + os.sep):
            path = path[len(start) + 1 :]
    return (f"{path}#{finding['cell']}" if finding.get("cell") else path, finding["line"])


HEAD = "| repository | commit | places | found | missed | reported elsewhere |\n|---|---|---|---|---|---|"
UNSEEN = (
    "| repository | commit | places | found at first | found | right elsewhere | wrong at first | wrong |\n" + "|---" * 8 + "|"
)


def row_of(stem: str, marks: dict[str, Any], lines: set[Line], unseen: bool) -> list[int]:
    """The figures of one project. What is missed and what is reported elsewhere is said on the standard error."""
    places = [{(path, line) for path, line in place} for place in marks["places"]]
    missed = [place for place in places if not place & lines]
    right = {(path, line) for path, line in marks.get("right_elsewhere", ())}
    elsewhere = sorted(lines - set().union(*places) - right)
    for place in missed:
        print(f"{stem}: missed {min(place)}", file=sys.stderr)
    for path, line in elsewhere:
        print(f"{stem}: reported {path}:{line}", file=sys.stderr)
    found = len(places) - len(missed)
    if not unseen:
        return [len(places), found, len(missed), len(elsewhere)]
    at_first = len(places) - len(marks.get("missed_at_first", ()))
    return [len(places), at_first, found, len(right & lines), len(marks.get("wrong_at_first", ())), len(elsewhere)]


def main() -> None:
    """Lint the projects and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", default=None, help="the projects to lint, as OWNER+NAME")
    parser.add_argument("--unseen", nargs="?", const="unseen", choices=("unseen", "unseen2"), help="a sample of other projects")
    parser.add_argument("--reports", type=Path, help="a folder with JSON reports of earlier runs, OWNER+NAME.json")
    options = parser.parse_args()
    total: list[int] = []
    print(HEAD if options.unseen is None else UNSEEN)
    for file in sorted((MARKS / (options.unseen or "")).glob("*.json"), key=lambda path: path.name.lower()):
        if options.only is not None and file.stem not in options.only:
            continue
        marks = json.loads(file.read_text(encoding="utf-8"))
        lines = reported(options.folder / file.stem, options.reports / file.name if options.reports else None)
        if lines is None:
            print(f"{file.stem}: no report", file=sys.stderr)
            continue
        row = row_of(file.stem, marks, lines, options.unseen is not None)
        total = [one + more for one, more in zip(total or [0] * len(row), row, strict=True)]
        print(f"| {marks['repository']} | {marks['commit'][:7]} | {' | '.join(map(str, row))} |")
    print(f"| together | | {' | '.join(map(str, total))} |")


if __name__ == "__main__":
    main()
