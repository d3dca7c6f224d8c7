"""Counting the rows of a scan. The counts do not depend on the order of the rows, nor on how they are spread over files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

from biaslint.findings import rule_book
from biaslint.scan import results
from biaslint.scan.rows import Row

ANALYSED = ("ok", "partial")
HOUSEKEEPING = (rule_book.UNREADABLE_FILE, rule_book.UNUSED_SUPPRESSION)  # rules that say nothing about models
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Share:
    """A share of `whole` repositories, with the interval that Wilson's score gives for it."""

    count: int
    whole: int

    @property
    def value(self) -> float:
        return self.count / self.whole if self.whole else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The bounds of the interval; of no repositories at all, everything."""
        if not self.whole:
            return 0.0, 1.0
        z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
        scale = 1 + z * z / self.whole
        middle = (self.value + z * z / (2 * self.whole)) / scale
        reach = z * ((self.value * (1 - self.value) + z * z / (4 * self.whole)) / self.whole) ** 0.5 / scale
        low, high = middle - reach, middle + reach
        return low if self.count else 0.0, high if self.count < self.whole else 1.0


@dataclass(slots=True)
class Repository:
    """One repository with model code, of those with the same files the first by name."""

    key: tuple[str, str]
    year: int | None
    layers: int
    understood: float
    frameworks: frozenset[str]
    found: dict[tuple[str, str], int]  # the findings by rule and framework
    unknowns: dict[str, int]
    hidden_by: dict[str, int]


@dataclass(slots=True)
class Census:
    """The counts. `repositories` are those in which layers were found: every share is one of them, or of a part of them."""

    statuses: Counter[str] = field(default_factory=Counter)
    given_up: list[tuple[str, str, str]] = field(default_factory=list)  # the repository, its status, and why
    copies: int = 0
    files: int = 0
    size: int = 0
    seconds: float = 0.0
    memory: int = 0
    findings: int = 0
    repositories: list[Repository] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)  # those that the scan ran, with the most common first

    @property
    def understood(self) -> float | None:
        """The share of layers with a bias whose readers are all known."""
        layers = sum(one.layers for one in self.repositories)
        return sum(one.layers * one.understood for one in self.repositories) / layers if layers else None

    def share(self, rule: str = "", framework: str = "", year: int | None = None) -> Share:
        """How many repositories have a finding of the rule (of any): of all, of those with a framework, of those of a year."""
        wanted = {rule} if rule else set(self.rules)
        whole = [one for one in self.repositories if _is_in(one, framework, year)]
        return Share(sum(any(code in wanted and framework in ("", of) for code, of in one.found) for one in whole), len(whole))

    def count(self, rule: str) -> int:
        """How many findings of the rule there are."""
        return sum(count for one in self.repositories for pair, count in one.found.items() if pair[0] == rule)

    @property
    def frameworks(self) -> list[tuple[str, int]]:
        """The frameworks, and in how many repositories layers of theirs were found."""
        return _ordered(Counter(name for one in self.repositories for name in one.frameworks))

    @property
    def years(self) -> list[tuple[int, int]]:
        """The years of the last commits, and how many repositories have them."""
        return sorted(Counter(one.year for one in self.repositories if one.year is not None).items())

    def unknowns(self, most: int) -> list[tuple[str, int, int]]:
        """What the analysis did not understand most often: what, in how many repositories, at how many places."""
        return _most_frequent([one.unknowns for one in self.repositories], most)

    def hidden_by(self, most: int) -> list[tuple[str, int, int]]:
        """What hides readers of layers most often: what, in how many repositories, for how many layers."""
        return _most_frequent([one.hidden_by for one in self.repositories], most)


def _is_in(one: Repository, framework: str, year: int | None) -> bool:
    return (not framework or framework in one.frameworks) and (year is None or one.year == year)


def _most_frequent(counts: Sequence[dict[str, int]], most: int) -> list[tuple[str, int, int]]:
    """What most repositories have: what, how many have it, and how often in all."""
    where, times = Counter[str](), Counter[str]()
    for one in counts:
        where.update(one.keys())
        times.update(one)
    return [(what, where[what], times[what]) for what in sorted(where, key=lambda one: (-where[one], -times[one], one))[:most]]


def _ordered(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def census(outputs: Sequence[str], count_copies: bool = False) -> Census:
    """The counts of some results. Raises NotTheSame where a file holds none."""
    return counted((row for output in outputs for row in results.read(output)), count_copies)


def counted(rows: Iterable[Row], count_copies: bool = False) -> Census:
    """The counts of some rows. The findings of a repository stand before its own row."""
    made = Census()
    waiting: dict[tuple[str, str], dict[tuple[str, str], int]] = {}
    known: dict[Any, Repository] = {}
    rules: set[str] = set()
    for row in rows:
        if row["row"] == "scan":
            rules.update(row["rules"])
            continue
        key = (row["source"], row["repository"])
        if row["row"] == "finding":
            found = waiting.setdefault(key, {})
            pair = (row["rule"], row["framework"] or "")
            found[pair] = found.get(pair, 0) + 1
        else:
            _add(made, row, waiting.pop(key, {}), known, count_copies)
    made.repositories = sorted((one for one in known.values() if one.frameworks), key=lambda one: one.key)
    made.findings = sum(count for one in made.repositories for pair, count in one.found.items() if pair[0] not in HOUSEKEEPING)
    made.given_up.sort()
    made.rules = sorted(rules - set(HOUSEKEEPING), key=lambda rule: (-made.share(rule).count, rule))
    return made


def _add(made: Census, row: Row, found: dict[tuple[str, str], int], known: dict[Any, Repository], count_copies: bool) -> None:
    """Count a repository's row."""
    key = (row["source"], row["repository"])
    made.statuses[row["status"]] += 1
    made.seconds += row["seconds"] or 0.0
    made.memory = max(made.memory, row["memory"] or 0)
    made.files += row["files"] or 0
    made.size += row["bytes"] or 0
    if row["status"] != "ok":
        made.given_up.append((_name(key), row["status"], row["reason"]))
    if row["status"] not in ANALYSED:
        return
    one = Repository(
        key=key,
        year=row["year"],
        layers=row["layers"],
        understood=row["understood"] or 0.0,
        frameworks=frozenset(row["frameworks"]),
        found=found,
        unknowns=row["unknowns"],
        hidden_by=row["hidden_by"],
    )
    same = key if count_copies else row["digest"]
    other = known.get(same)
    made.copies += other is not None
    if other is None or one.key < other.key:
        known[same] = one


def _name(key: tuple[str, str]) -> str:
    return "/".join(filter(None, key))
