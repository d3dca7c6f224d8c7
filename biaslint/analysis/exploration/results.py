"""Results of executing entry points."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from biaslint.analysis.project.module import Module
from biaslint.theory.program import LayerUse, UnknownFact

if TYPE_CHECKING:
    from pathlib import Path

    from biaslint.analysis.project.module_index import Statement


Facts = tuple[list[LayerUse], dict[UnknownFact, None]]


@dataclass(slots=True)
class ExplorationResult:
    """The result of executing some entry points."""

    uses: list[LayerUse] = field(default_factory=list)
    unknowns: dict[UnknownFact, None] = field(default_factory=dict)
    packed: Callable[[], Facts] | None = None  # gives the layers and unknowns, where they are not unpacked yet
    functions: set[Hashable] = field(default_factory=set)  # identities of the functions that an execution called
    classes: set[Hashable] = field(default_factory=set)  # those of the classes that a finished execution instantiated
    built: set[Any] = field(default_factory=set)  # models already built with arguments of the same shape
    # `classes` of the roots before, where each root has a `ExplorationResult` of its own
    before: set[Hashable] = field(default_factory=set)
    build_queries: list[Any] = field(default_factory=list)  # what was asked of `built` and `classes`, and the answers
    tried: set[Any] = field(default_factory=set)  # choices that have been made the other way, for which biases
    try_queries: list[tuple[Any, bool]] = field(default_factory=list)  # what was asked of `tried`, and the answers
    runs: int = 0
    executions: list[tuple[str, int]] = field(default_factory=list)  # made by this analysis: the entry point, the steps
    # told of each execution before it is forgotten: the interpreter, what the root gave back, why it ended early, the layers
    observer: Callable[[Any, Any, str | None, list[LayerUse]], None] | None = None
    stopped: list[tuple[str, str]] = field(default_factory=list)  # roots whose execution ended early, and why
    left_out: set[tuple[str, int | None]] = field(default_factory=set)  # files and definitions that there was no time for

    def add(self, others: Iterable[ExplorationResult]) -> None:
        """Add the results of other executions, which are numbered on."""
        for other in others:
            uses, unknowns = other.facts()
            self.uses.extend(numbered_on(uses, self.runs))
            self.unknowns.update(unknowns)
            self.take(other)

    def take(self, other: ExplorationResult) -> None:
        """Add everything of another result but the layers and the unknowns."""
        self.runs += other.runs
        self.executions.extend(other.executions)
        self.classes |= other.classes
        self.functions |= other.functions
        self.stopped.extend(other.stopped)
        self.left_out |= other.left_out

    def facts(self) -> Facts:
        """The layers and the unknowns. Unpacking damaged ones raises one of `serialization.BAD`."""
        return (self.uses, self.unknowns) if self.packed is None else self.packed()


def numbered_on(uses: Iterable[LayerUse], runs: int) -> Iterator[LayerUse]:
    """The layers, with the numbers of their executions counted on from `runs`."""
    for use in uses:
        use.run += runs
        yield use


@dataclass(slots=True)
class AnalysisResult:
    """The results of all pieces of work, in order."""

    sum: ExplorationResult = field(default_factory=ExplorationResult)  # without the facts
    parts: list[tuple[int, Callable[[], Facts]]] = field(default_factory=list)  # with the number of executions before each
    left_out: list[tuple[Path, str]] = field(default_factory=list)  # the entry points that there was no time for
    doubtful: set[str] = field(default_factory=set)  # what they may use, by name

    def add(self, others: Iterable[ExplorationResult]) -> None:
        """Add the results of other pieces."""
        for other in others:
            self.parts.append((self.sum.runs, other.facts if other.packed is None else other.packed))
            self.sum.take(other)

    def facts(self) -> Facts:
        """All layers and unknowns. Raises what unpacking a part raises."""
        uses: list[LayerUse] = []
        unknowns: dict[UnknownFact, None] = {}
        for runs, facts in self.parts:
            more, unknown = facts()
            uses.extend(numbered_on(more, runs))
            unknowns.update(unknown)
        return uses, unknowns


@dataclass(eq=False, slots=True)
class Root:
    """An entry point: a top-level function or class of a module (`node`), or the whole file as a script (None)."""

    module: Module
    node: Statement | None

    @property
    def name(self) -> str:
        return self.node.name if self.node is not None else self.module.path.name
