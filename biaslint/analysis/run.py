"""`analyse`: from source files to the facts that checks read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biaslint.analysis.incremental import eviction, parallel, schedule, serialization
from biaslint.analysis.project.project import Project
from biaslint.analysis.session import AnalysisSession
from biaslint.theory.program import Place, Program, UnknownFact

if TYPE_CHECKING:
    from biaslint.analysis.exploration.references import Summary
    from biaslint.analysis.exploration.results import AnalysisResult


class Damaged(Exception):
    """The store returned something that was not put there."""


def analyse(
    files: Sequence[Path],
    root: Path,
    texts: Mapping[Path, str] | None = None,
    layers: Mapping[str, Mapping[str, Any]] | None = None,
    session: AnalysisSession | None = None,
    known: Callable[[Program], bool] | None = None,
    only: tuple[Path, str] | None = None,
) -> Program:
    """Analyse files: the layers that they build. Nothing is imported or run.

    `files` are linted; other files below `root` are opened where an import leads there. `texts` holds unsaved text that stands for a
    file's content. `layers` describes the project's own wrappers (`[tool.biaslint.layers]`). `known` is asked before the layers are put
    together, with a program of which all but those is there; where it is true, they are left out. With `only`, a file and the name of
    a definition in it, nothing but that is executed. Raises `Damaged` if the store gives something that was not put there.
    """
    session = session or AnalysisSession()
    resolved: Callable[[Path], Path] = Path if session.sealed else Path.resolve
    project = Project(resolved(root), {resolved(path): text for path, text in (texts or {}).items()}, session.sealed)
    project.layers = layers or {}
    analysis = Analysis(project, {resolved(path): str(path) for path in files}, session, only)
    return parallel.with_deep_stack(lambda: analysis.program(known))


@dataclass(frozen=True, slots=True)
class Analysis:
    """An analysis of files, by their resolved paths with the paths that they were given by."""

    project: Project
    shown: Mapping[Path, str]
    session: AnalysisSession
    only: tuple[Path, str] | None

    def program(self, known: Callable[[Program], bool] | None) -> Program:
        """The layers that the files build."""
        self.begin()
        reached, summaries = self.execute()
        program = Program(stopped=reached.sum.stopped, executions=reached.sum.executions)
        large = []
        for shown, summary in zip(self.shown.values(), summaries, strict=True):
            if summary.state != "unreadable":
                program.parsed.add(shown)
            if summary.state == "vast":
                what = "analysis stopped here: the file is too large to be a model"
                large.append(UnknownFact(Place(shown, 1, 1, 1, 2), what))
        self.end()
        if known is not None and known(program):
            return program
        try:
            uses, unknowns = reached.facts()
        except serialization.BAD as error:
            raise Damaged from error
        asked = set(self.shown.values())
        program.left_out = [(self.shown.get(path, str(path)), name) for path, name in reached.left_out]
        program.uses = [
            use
            for use in uses
            if any(place.path in asked for place in use.chain) and use.owner.partition(".")[0] not in reached.doubtful
        ]
        program.unknowns = large + [fact for fact in unknowns if fact.place.path in asked]
        return program

    def begin(self) -> None:
        self.project.limits, self.project.shown = self.session.limits, dict(self.shown)
        self.project.deadline = self.session.deadline
        if self.session.memory is not None:
            self.project.memory = self.session.memory
            self.session.memory.begin(self.project)

    def execute(self) -> tuple[AnalysisResult, list[Summary]]:
        """Execute all entry points of the files, in several processes where there is much source."""
        session, limits = self.session, self.session.limits
        many = session.memory is None and sum(map(self.project.size, self.shown)) > limits.serial_source
        setting = repr(({path: shown for path, shown in self.shown.items() if str(path) != shown}, limits))
        with parallel.worker_pool(
            self.project, (session.jobs or parallel.available()) if many else 1, serialization.serialize
        ) as spread:
            spread_new = serialization.run_or_recall(spread, session.store, setting)
            only = self.only and (self.only[0].resolve(), self.only[1])
            return schedule.run_in_rounds(spread_new, list(self.shown), only)

    def end(self) -> None:
        if self.session.memory is not None:
            self.session.memory.end(self.project)
        else:
            eviction.evict(self.project)
