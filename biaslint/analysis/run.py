"""`analyse`: from source files to the facts that checks read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biaslint.analysis.incremental import eviction, parallel, schedule, serialization
from biaslint.analysis.project.project import Project
from biaslint.theory.program import Place, Program, UnknownFact

if TYPE_CHECKING:
    from biaslint.analysis.incremental.editor_memory import EditorMemory
    from biaslint.analysis.incremental.serialization import Store


class Damaged(Exception):
    """What a store gave is nothing that was put there."""


MANY = 400_000  # characters of source from which on it pays to start processes


def analyse(
    files: Sequence[Path],
    root: Path,
    texts: Mapping[Path, str] | None = None,
    jobs: int = 0,
    layers: Mapping[str, Mapping[str, Any]] | None = None,
    memory: EditorMemory | None = None,
    store: Store | None = None,
    known: Callable[[Program], bool] | None = None,
    only: tuple[Path, str] | None = None,
) -> Program:
    """What the given files build.

    `files` are the files that were asked for; other files below `root` are opened where an import leads there. `texts` holds
    unsaved text that stands for a file's content. `jobs` is the number of processes, 0 for as many as there are cores. `layers` describes
    the project's own wrappers (`[tool.biaslint.layers]`). Nothing is imported or executed.

    `memory` keeps what the next analysis of the same project with the same `layers` can use; there is one process then. A `store`
    keeps the same for other processes, whenever they run; whoever gives one sees to it that `layers` has not changed. `known` is
    asked before the facts of the pieces are put together, with a program of which all but those is there; they stay away if it is
    true. With `only`, a file and the name of a definition in it, nothing but that is executed. Raises `Damaged` if what is in the store is nothing that was put there.
    """
    project = Project(root.resolve(), {path.resolve(): text for path, text in (texts or {}).items()})
    project.layers = layers or {}

    def work() -> Program:
        program = Program()
        if memory is not None:
            project.memory = memory
            memory.begin(project)
        resolved = {path.resolve(): str(path) for path in files}
        project.shown = resolved
        many = sum(map(project.size, resolved)) > MANY
        links = repr({path: shown for path, shown in resolved.items() if str(path) != shown})
        with parallel.worker_pool(
            project, (jobs or parallel.available()) if many and memory is None else 1, serialization.serialize
        ) as spread:
            spread_new = serialization.run_or_recall(spread, store, links)
            reached, summaries = schedule.run_in_rounds(spread_new, list(resolved), only and (only[0].resolve(), only[1]))
        large = []
        for shown, summary in zip(resolved.values(), summaries, strict=True):
            if summary.state != "unreadable":
                program.parsed.add(shown)
            if summary.state == "vast":
                what = "analysis stopped here: the file is too large to be a model"
                large.append(UnknownFact(Place(shown, 1, 1, 1, 2), what))
        if memory is not None:
            memory.end(project)
        else:
            eviction.evict(project)
        program.stopped = reached.sum.stopped
        if known is not None and known(program):
            return program
        try:
            uses, unknowns = reached.facts()
        except serialization.BAD as error:
            raise Damaged from error
        asked = set(resolved.values())
        program.uses = [use for use in uses if any(place.path in asked for place in use.chain)]
        program.unknowns = large + [fact for fact in unknowns if fact.place.path in asked]
        return program

    return parallel.with_deep_stack(work)
