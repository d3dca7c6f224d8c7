"""The schedule: entry points first, then the model classes that none of them used.

An entry point (`Root`) is something that nothing else in the linted files refers to: a function such as `resnet50()`, a model class,
a script. Executing it executes everything that it calls. Model classes that no entry point reached are then executed alone.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biaslint.analysis.exploration import paths, references
from biaslint.analysis.exploration.results import AnalysisResult, ExplorationResult
from biaslint.analysis.incremental import change_impact, eviction

if TYPE_CHECKING:
    from biaslint.analysis.exploration.references import Definition, ReferenceGraph, Summary
    from biaslint.analysis.exploration.results import Root
    from biaslint.analysis.project.project import Project


Reference = tuple[Path, int | None]  # a definition, as `references.find` takes it
Spread = Callable[..., list[Any]]  # maps a piece of work over groups: see `parallel.worker_pool`


def run_in_rounds(
    spread: Spread, files: Sequence[Path], only: tuple[Path, str] | None = None
) -> tuple[AnalysisResult, list[Summary]]:
    """Execute all entry points of the files in rounds. Executions of one round are independent of each other.

    With `only`, a file and a definition's name, execute that definition and nothing else.
    """
    summaries = spread(summarise, files)
    contents = references.link(summaries)
    if only is not None:
        reached = AnalysisResult()
        chosen = [one for one in contents.definitions if (one.path, one.name) == only]
        reached.add(spread(execute_all, by_file(chosen)))
        return reached, summaries
    waiting: list[Definition] = []
    entries: list[Definition] = []
    for one in contents.definitions:
        if one.model and one in contents.referred:
            waiting.append(one)
        elif references.worth_running(one, contents) and one not in contents.referred:
            entries.append(one)
    reached = AnalysisResult()
    reached.add(spread(execute_all, by_file(entries)))
    for chosen in rounds(waiting, contents, reached.sum.classes):
        reached.add(spread(execute_all, [[(one.path, one.index)] for one in chosen if one not in contents.parts]))
        reached.add(spread(execute_parts, [[(one.path, one.index)] for one in chosen if one in contents.parts]))
    # where functions and plain classes build the models, those that nothing has called
    plain = [one for one in contents.definitions if one.kind == "class" and one.layers and not one.model]
    for chosen in rounds([one for one in plain if one.path in contents.functional], contents, reached.sum.classes):
        reached.add(spread(execute_all, by_file(chosen)))
    lone = [one for one in contents.definitions if one.kind == "function" and one.layers and one.path in contents.functional]
    for chosen in rounds(lone, contents, reached.sum.functions):
        reached.add(spread(execute_uncalled, by_file(chosen)))
    note_left_out(reached, contents)
    return reached, summaries


def note_left_out(reached: AnalysisResult, contents: ReferenceGraph) -> None:
    """Name the entry points that there was no time for, and all that they may use: how it fares there is not known."""
    left = reached.sum.left_out
    todo = [one for one in contents.definitions if (str(one.path), one.index) in left]
    reached.left_out = [(one.path, one.name) for one in todo]
    named: dict[str, list[Definition]] = {}
    for one in contents.definitions if left else ():
        named.setdefault(one.name, []).append(one)
    while todo:
        one = todo.pop()
        fresh = {one.name, *contents.refers.get(one, ())} - reached.doubtful
        reached.doubtful |= fresh
        todo += [other for name in fresh for other in named.get(name, ())]


def by_file(definitions: Iterable[Definition]) -> list[list[Reference]]:
    """Group definitions by file: those of one file often build the same models."""
    groups: dict[Path, list[Reference]] = {}
    for one in definitions:
        groups.setdefault(one.path, []).append((one.path, one.index))
    return list(groups.values())


def rounds(waiting: Iterable[Definition], contents: ReferenceGraph, done: set[Hashable]) -> Iterator[list[Definition]]:
    """Rounds of definitions that are not `done`: those that the fewest others refer to come first."""
    waiting = [one for one in waiting if one.identity not in done]
    while waiting:
        mentions = dict.fromkeys((one.name for one in waiting), 0)
        for one in waiting:
            for name in contents.refers[one]:
                if name in mentions and name != one.name:
                    mentions[name] += 1
        fewest = min(mentions.values())
        chosen = [one for one in waiting if mentions[one.name] == fewest]
        yield chosen
        waiting = [one for one in waiting if mentions[one.name] != fewest and one.identity not in done]


def summarise(project: Project, path: Path) -> Summary:
    """The summary of a file: its definitions."""
    summary = references.summarise(project, path)
    module = project.modules.get(path)
    if module is not None:
        made = change_impact.of(module)
        summary.outline = change_impact.encoded(made) if made is not None else None
    eviction.evict_if_large(project)
    return summary


def execute_all(project: Project, group: Sequence[Reference], steps: int | None = None) -> ExplorationResult:
    """Execute some entry points in order."""
    reached = ExplorationResult()
    for path, index in group:
        if project.late():
            reached.left_out.add((str(path), index))
            continue
        root = references.find(project, path, index)
        if root is not None and (root.node is None or project.identity(root.module, root.node) not in reached.functions):
            execute(project, root, reached, steps)
        eviction.evict_if_large(project)
    take_definitions(project, reached)
    return replace(
        reached, built=set(), before=set(), build_queries=[], tried=set(), try_queries=[]
    )  # what only these roots bear on


def execute_parts(project: Project, group: Sequence[Reference]) -> ExplorationResult:
    """Execute models that are parts of others and that no execution of those reached."""
    reached = execute_all(project, group)
    return replace(reached, uses=[replace(use, part=True) for use in reached.uses])


def execute_uncalled(project: Project, group: Sequence[Reference]) -> ExplorationResult:
    """Execute functions that nothing calls."""
    return execute_all(project, group, project.limits.uncalled_steps)


def execute(project: Project, root: Root, reached: ExplorationResult, steps: int | None = None) -> None:
    """Execute an entry point, or recall its result from memory."""
    memory = project.memory
    if memory is None:
        paths.explore_paths(project, root, reached, steps)
        return
    steps = project.limits.steps if steps is None else steps
    found = memory.recall(root, steps, reached)
    if found is None:
        found = ExplorationResult(built=reached.built, before=reached.classes, tried=reached.tried)
        project.tracker.settle()
        project.tracker.unknowns.clear()
        project.tracker.used.clear()
        paths.explore_paths(project, root, found, steps)
        take_definitions(project, found)
        memory.store(root, steps, found)
    reached.add([found])


def take_definitions(project: Project, reached: ExplorationResult) -> None:
    """Add the unknown facts and the uses of the definitions that the work has executed."""
    tracker = project.tracker
    tracker.settle()
    reached.unknowns.update(dict.fromkeys(sorted(tracker.unknowns, key=lambda fact: (fact.place, fact.what))))
    reached.classes.update(one.identity for one in tracker.used if one.kind == "class")
    reached.functions.update(one.identity for one in tracker.used if one.kind == "function")
