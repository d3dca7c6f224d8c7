"""What is asked of a migration, and what came of it: plain data between the command and the process that does the work."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from biaslint.runtime.target.job import Job

FLOAT64_BOUND = 1e-10  # relative to the largest output
FLOAT32_BOUND = 1e-4
HALF_BOUND = 1e-2  # where the checkpoint holds 16-bit values
OWN_ERROR = 8  # a bound in the model's own precision is at least so many times the old model's own rounding error


@dataclass(slots=True)
class MigrationJob:
    """`job` builds and feeds the old model; the new one differs as said here."""

    job: Job
    old_file: str
    new_file: str = ""  # where to write; empty for a dry run
    new_target: str = ""  # the old one with `texts`, where empty
    new_arguments: list[str] = field(default_factory=list)  # beside the old model's
    texts: dict[str, str] = field(default_factory=dict)  # path -> text of the fixed source
    drop_optimiser: bool = False
    in_place: bool = False  # a sharded checkpoint: new shards have names of their own
    files_only: bool = False  # only say which files the model is made by

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

    @staticmethod
    def from_json(found: dict[str, Any]) -> MigrationJob:
        """What `to_json` gave."""
        return MigrationJob(**(found | {"job": Job.from_json(found["job"])}))


@dataclass(slots=True)
class Comparison:
    """Outputs of both models on the same inputs: the largest difference, relative to the largest output."""

    what: str  # "evaluation, float64"
    difference: float
    bound: float

    @property
    def holds(self) -> bool:
        """A difference that is not a number holds nothing."""
        return self.difference <= self.bound


@dataclass(slots=True)
class Migrated:
    """One set of parameters in the checkpoint."""

    name: str  # where it is: "state_dict", "state_dict_ema"; "" for the whole checkpoint
    dropped: dict[str, list[int]] = field(default_factory=dict)  # key -> shape
    adjusted: dict[str, float] = field(default_factory=dict)  # key -> the largest change
    comparisons: list[Comparison] = field(default_factory=list)


@dataclass(slots=True)
class Outcome:
    """All of what was done."""

    states: list[Migrated] = field(default_factory=list)
    optimisers: list[str] = field(default_factory=list)  # what was done with each optimizer state
    notes: list[str] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    batch: int = 0
    files: list[str] = field(default_factory=list)  # of the model's source
    written: list[str] = field(default_factory=list)
    isolation: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

    @staticmethod
    def from_json(found: dict[str, Any]) -> Outcome:
        """What `to_json` gave."""
        states = [
            Migrated(**(one | {"comparisons": [Comparison(**each) for each in one["comparisons"]]})) for one in found["states"]
        ]
        return Outcome(**(found | {"states": states}))
