"""A scan: sources -> repositories -> an engine -> results."""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace

from biaslint import __version__
from biaslint.findings import rule_book
from biaslint.scan import engines, guard, results, rows, sources
from biaslint.scan.engines import Crew
from biaslint.scan.unit import GivenUp, Unit
from biaslint.scan.work import Job


@dataclass(frozen=True, slots=True)
class Scan:
    """What to scan, where the rows go, and who does the work."""

    sources: Sequence[str]
    output: str
    job: Job
    resume: bool = False
    shard: tuple[int, int] = (1, 1)
    columns: tuple[str, str, str] = ("", "", "")
    engine: str = "local"
    crew: Crew = field(default_factory=Crew)


@dataclass(slots=True)
class Tale:
    """What a scan did."""

    before: int = 0  # repositories whose rows were there already
    statuses: Counter[str] = field(default_factory=Counter)
    findings: int = 0
    seconds: float = 0.0

    @property
    def repositories(self) -> int:
        return self.statuses.total()


def scan(asked: Scan, progress: Callable[[Tale], None] = lambda tale: None) -> Tale:
    """Scan, and write the rows. Raises NoSource, NoEngine or NotTheSame."""
    for source in asked.sources:
        next(sources.units(source), None)  # a misspelt one is said before the work begins
    start = time.monotonic()
    written = results.opened(asked.output, header(asked), asked.resume)
    shared = f"{asked.output.rstrip('/')}.shared"
    job = replace(asked.job, shared=os.path.abspath(shared))
    tale = Tale(before=len(written.done))
    try:
        failed: list[list[rows.Row]] = []
        for made in engines.engine(asked.engine)(todo(asked, job, written.done, failed), job, asked.crew):
            for one in (made, *failed):
                written.add(one)
                tale.statuses[one[-1]["status"]] += 1
                tale.findings += len(one) - 1
            failed.clear()
            tale.seconds = time.monotonic() - start
            progress(tale)
        for one in failed:
            written.add(one)
            tale.statuses[one[-1]["status"]] += 1
    finally:
        written.close()
    shutil.rmtree(shared, ignore_errors=True)
    tale.seconds = time.monotonic() - start
    return tale


def header(asked: Scan) -> dict[str, object]:
    """What two runs must have in common to write to the same results."""
    config = asked.job.config
    return {
        "row": "scan",
        "version": rows.VERSION,
        "biaslint": __version__,
        "sources": list(asked.sources),
        "shard": list(asked.shard),
        "rules": sorted(one.code for one in rule_book.rules() if one.code in config.enabled() and one.made_by != "runtime"),
        "excluded": sorted((*config.exclude, *config.extend_exclude)),
        "settings": {name: getattr(config, name) for name in ("severity", "per_file_ignores", "layers")},
        "limits": asdict(asked.job.limits),
    }


def todo(asked: Scan, job: Job, done: set[tuple[str, str]], failed: list[list[rows.Row]]) -> Iterator[Unit]:
    """The repositories whose rows are not there yet. Of a table that cannot be read, a row goes to `failed`."""

    def opened(table: Unit) -> Iterator[Unit]:
        try:
            yield from guard.units_of(table, job)
        except GivenUp as error:
            if table.key not in done and sources.belongs(table, asked.shard):
                failed.append(rows.complete(table, [], rows.given_up(error.status, error.reason)))

    for unit in sources.all_units(asked.sources, asked.columns, opened, asked.shard):
        if unit.key not in done:
            yield unit
