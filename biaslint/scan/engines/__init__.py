"""How the work is spread: `spread(units, job, workers)` gives the rows of each repository, in the order in which they are made."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from biaslint.scan.rows import Row
from biaslint.scan.unit import Unit
from biaslint.scan.work import Job

ENGINES = {"local": "local", "ray": "on_ray"}  # what the command line calls it -> the module
AHEAD = 2  # pieces of work for each worker that are handed out before their results are there


class NoEngine(Exception):
    """An engine that is not there. The message says what to install, or what is missing."""


@dataclass(frozen=True, slots=True)
class Crew:
    """Who does the work: how many workers (0: as many as there are cores), and the `address` of a cluster, "" for one of this machine."""

    workers: int = 0
    address: str = ""


Engine = Callable[[Iterator[Unit], Job, Crew], Iterator[list[Row]]]


def engine(name: str) -> Engine:
    """The engine of that name."""
    spread: Engine = importlib.import_module(f"{__name__}.{ENGINES[name]}").spread
    return spread
