"""Make the tables of `gates_and_outputs.md` from what the linter said of libraries and applications.

    for project in *; do biaslint lint --no-cache --jobs 1 --exit-zero --format json $project > ../found/$project.json; done
    python benchmarks/gates_and_outputs.py FOUND benchmarks/gates_and_outputs.csv

FOUND is a folder with a JSON file for each project.
"""

from __future__ import annotations

import csv
import json
import statistics
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

RULES = ("BL301", "BL302", "BL401", "BL402", "BL403")
UNREADABLE = "BL001"
LIBRARIES = "libraries"


@dataclass(frozen=True)
class Project:
    """A project and the findings that the rules on by default have in it."""

    kind: str
    name: str
    version: str
    files: int
    found: Counter[str]

    @property
    def total(self) -> int:
        return sum(self.found.values()) - self.found[UNREADABLE]


def projects(found: Path, names: Path) -> Iterator[Project]:
    """The projects of the list that were linted and have files."""
    with names.open(newline="", encoding="utf-8") as lines:
        for stem, kind, name, version in csv.reader(lines):
            path = found / f"{stem}.json"
            if path.is_file():
                report = json.loads(path.read_text(encoding="utf-8"))
                if report["summary"]["files"]:
                    counts = Counter(finding["rule"] for finding in report["findings"])
                    yield Project(kind, name, version, report["summary"]["files"], counts)


def table(head: str, of: list[Project]) -> Iterator[str]:
    """A line for each project, and their sums."""
    yield f"| {head} | files | {' | '.join(RULES)} | all findings |"
    yield "|---" * (len(RULES) + 4) + "|"
    for one in sorted(of, key=lambda project: project.name.lower()):
        yield f"| {one.name} | {one.version} | {one.files} | {' | '.join(str(one.found[rule]) for rule in RULES)} | {one.total} |"
    sums = (sum(one.found[rule] for one in of) for rule in RULES)
    yield f"| **all** | | {sum(one.files for one in of)} | {' | '.join(map(str, sums))} | {sum(one.total for one in of)} |"


def kinds(of: list[Project]) -> Iterator[str]:
    """How many findings a project of each kind gets."""
    yield "| kind | projects | median | most |"
    yield "|---|---|---|---|"
    groups = {kind: [one.total for one in of if one.kind == kind] for kind in dict.fromkeys(one.kind for one in of)}
    groups["all applications"] = [one.total for one in of if one.kind != LIBRARIES]
    for kind, totals in groups.items():
        if totals:
            yield f"| {kind} | {len(totals)} | {statistics.median(totals):g} | {max(totals)} |"


def main(found: str, names: str) -> None:
    every = list(projects(Path(found), Path(names)))
    libraries = [one for one in every if one.kind == LIBRARIES]
    applications = [one for one in every if one.kind != LIBRARIES]
    for lines in (kinds(every), table("library | version", libraries), table("repository | commit", applications)):
        print("\n".join(lines), end="\n\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
