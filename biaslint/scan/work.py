"""The work on one repository: read, lint, count. It happens in a process of its own (`biaslint.scan.guard`)."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from biaslint import engine
from biaslint.analysis import machine, run as analysis  # here, so that it is loaded before the processes are made  # noqa: F401
from biaslint.config import Config
from biaslint.findings import rule_book
from biaslint.scan import rows
from biaslint.scan.limits import Limits
from biaslint.scan.reading import archives, folders, git, tables
from biaslint.scan.reading.tally import Tally, selection
from biaslint.scan.unit import Unit
from biaslint.theory.program import LayerUse

ROOT = Path(os.path.abspath(os.sep), "repository")  # where a repository seems to lie, whatever it is read from
MOST_UNKNOWNS = 200  # of one repository, the most frequent ones
NUMBERS = re.compile(r"\d+")
FRAMEWORKS = frozenset(one.name for one in machine.FRAMEWORKS)

rule_book.rules()  # they are read once, for all processes to come


@dataclass(frozen=True, slots=True)
class Job:
    """What is the same for all repositories of a scan. `shared` is a folder for the results of contents that occur again."""

    config: Config = field(default_factory=lambda: Config(ROOT))
    limits: Limits = field(default_factory=Limits)
    shared: str = ""


def examine(unit: Unit, job: Job) -> bytes:
    """The findings and facts of a repository, as JSON. Raises GivenUp."""
    tally = Tally(job.limits, selection(job.config))
    contents = without_common_top(dict(files(unit, tally)))
    digest = digest_of(contents)
    found = recalled(job, digest)
    if found is None:
        found = analysed(contents, job.config)
        if found[1]["status"] == "ok":
            keep(job, digest, found)
    findings, facts = found
    about = {"digest": digest, "year": year(unit), "files": tally.files, "bytes": tally.bytes, "skipped": dict(tally.skipped)}
    return json.dumps([findings, facts | about]).encode()


def index(table: Unit, job: Job) -> bytes:
    """The repositories of a table, as JSON. Raises GivenUp."""
    found = tables.units(table, job.limits)
    return json.dumps([found[0].columns if found else (), [(unit.repository, unit.rows) for unit in found]]).encode()


def indexed(table: Unit, answer: bytes) -> Iterator[Unit]:
    """The repositories that `index` has found."""
    columns, found = json.loads(answer)
    for name, places in found:
        yield Unit(table.source, name, table.kind, table.location, tuple(map(tuple, places)), tuple(columns))


def files(unit: Unit, tally: Tally) -> Iterator[tuple[str, bytes]]:
    """The names and contents of a repository's files. Raises GivenUp."""
    if unit.kind in tables.ENDINGS.values():
        return tables.files(unit, tally)
    return {"folder": folders.files, "git": git.files, "archive": archives.files}[unit.kind](unit.location, tally)


def without_common_top(contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """The contents below the folder that holds them all, as archives of a project have one; not where it is a package."""
    tops = {name.partition("/")[0] for name in contents}
    (top,) = tops if len(tops) == 1 else ("",)
    if top in contents or f"{top}/__init__.py" in contents or not top:
        return dict(sorted(contents.items()))
    return {name.partition("/")[2]: data for name, data in sorted(contents.items())}


def digest_of(contents: Mapping[str, bytes]) -> str:
    """What is the same for repositories with the same files, wherever they come from."""
    whole = hashlib.sha256()
    for name, data in sorted(contents.items()):
        whole.update(f"{name}\0{hashlib.sha256(data).hexdigest()}\n".encode())
    return whole.hexdigest()


def year(unit: Unit) -> int | None:
    """The year of the last commit, where there is git."""
    if unit.kind == "git":
        return git.commit_year(unit.location)
    own = os.path.join(unit.location, ".git")
    is_checkout = unit.kind == "folder" and not os.path.islink(own) and git.is_bare(Path(own))
    return git.commit_year(own) if is_checkout else None


def analysed(contents: Mapping[str, bytes], config: Config) -> tuple[list[rows.Row], rows.Row]:
    """The rows of the findings, and the facts. What is found depends on nothing but the names and contents."""
    result = engine.lint_sealed({ROOT / name: data for name, data in contents.items()}, config)
    if any("MemoryError" in one for one in result.errors):
        raise MemoryError
    made = {use.place: use.framework for use in result.uses if use.framework in FRAMEWORKS}
    by_file = {place.path: framework for place, framework in made.items()}
    found = [
        rows.of_finding(one, shown(one.place.path), made.get(one.place) or by_file.get(one.place.path))
        for one in result.findings
    ]
    numbers = result.statistics
    unknowns = Counter(NUMBERS.sub("N", fact.what) for fact in result.unknowns)
    hidden = {(use.place, hider(use)) for use in result.uses if use.bias.present and use.framework in FRAMEWORKS}
    hidden_by = Counter(what for _, what in hidden if what)
    return found, {
        "status": "partial" if result.errors else "ok",
        "reason": "; ".join(one.replace(str(ROOT) + os.sep, "") for one in result.errors),
        "model_files": numbers.files - numbers.skipped,
        "layers": numbers.layers,
        "understood": round(numbers.known / numbers.layers, 4) if numbers.layers else None,
        "findings": len(found),
        "suppressed": numbers.suppressed,
        "stopped": len(result.stopped),
        "frameworks": dict(sorted(Counter(made.values()).items())),
        "unknowns": most_frequent(unknowns),
        "hidden_by": most_frequent(hidden_by),
    }


def hider(use: LayerUse) -> str:
    """What keeps the analysis from knowing who reads a layer: the reader that it does not know; "" where it knows all."""
    if use.fate.kind != "unknown" and not use.fate.guarded:
        return ""
    return NUMBERS.sub("N", use.fate.detail) or "a reader without a name"


def most_frequent(counts: Counter[str]) -> dict[str, int]:
    """The most frequent of them, in order."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST_UNKNOWNS])


def shown(path: str) -> str:
    """A path as the rows have it."""
    return Path(path).relative_to(ROOT).as_posix()


# -- contents that occur again -----------------------------------------------------------------------------------------------------


def place_of(job: Job, digest: str) -> str:
    """The file for what is found in files with this digest."""
    return os.path.join(job.shared, digest[:2], digest)


def recalled(job: Job, digest: str) -> tuple[list[rows.Row], rows.Row] | None:
    """What has been found in the same files before, in this scan."""
    if not job.shared:
        return None
    try:
        with open(place_of(job, digest), encoding="utf-8") as file:
            findings, facts = json.load(file)
    except (OSError, ValueError):
        return None
    return findings, facts


def keep(job: Job, digest: str, found: Any) -> None:
    """Keep it for repositories with the same files. Where two processes do so at once, either will do: they are equal."""
    if not job.shared:
        return
    with suppress(OSError):
        place = place_of(job, digest)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        handle, name = tempfile.mkstemp(dir=os.path.dirname(place))
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(found, file)
        os.replace(name, place)
