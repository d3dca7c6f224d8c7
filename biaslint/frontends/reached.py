"""What executing entry points has led to."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any

from biaslint.graph import LayerUse, UnknownFact


@dataclass(slots=True)
class Reached:
    """What executing roots has led to."""

    uses: list[LayerUse] = field(default_factory=list)
    unknowns: dict[UnknownFact, None] = field(default_factory=dict)
    functions: set[Hashable] = field(default_factory=set)  # identities of the functions that an execution called
    classes: set[Hashable] = field(default_factory=set)  # those of the classes that a finished execution instantiated
    seen: set[Any] = field(default_factory=set)  # models already built with arguments of the same shape
    # `classes` of the roots before, where each root has a `Reached` of its own
    before: set[Hashable] = field(default_factory=set)
    asked: list[Any] = field(default_factory=list)  # what was asked of `seen` and `classes`, and the answers
    flipped: set[Any] = field(default_factory=set)  # choices that have been made the other way, for which biases
    flips: list[tuple[Any, bool]] = field(default_factory=list)  # what was asked of `flipped`, and the answers
    runs: int = 0
    stopped: list[tuple[str, str]] = field(default_factory=list)  # roots whose execution ended early, and why

    def add(self, others: Iterable[Reached]) -> None:
        """Take in what other executions found; executions are numbered on."""
        for other in others:
            for use in other.uses:
                use.run += self.runs
            self.runs += other.runs
            self.uses.extend(other.uses)
            self.unknowns.update(other.unknowns)
            self.classes |= other.classes
            self.functions |= other.functions
            self.stopped.extend(other.stopped)
