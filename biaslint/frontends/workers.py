"""Executing in parallel: groups of roots are spread over processes; what comes back does not depend on how many there are."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing.pool import Pool
from typing import Any, TypeVar

from biaslint import progress

STACK = 512 * 1024 * 1024
DEPTH = 20_000

Group = TypeVar("Group")
Result = TypeVar("Result")

_task: dict[str, Any] = {}  # what the processes work on; they are forked, so they have it already


def with_deep_stack(work: Callable[[], Result]) -> Result:
    """Do it in a thread with a stack of its own: models nest deeply, and so does the interpreter."""
    outcome: list[Result] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(work())
        except BaseException as error:
            failure.append(error)

    thresholds = gc.get_threshold()
    gc.set_threshold(200_000, 20, 100)  # most of what is made lives until its execution ends
    limit, size = sys.getrecursionlimit(), threading.stack_size(STACK)
    sys.setrecursionlimit(DEPTH)
    try:
        thread = threading.Thread(target=run, name="biaslint")
        thread.start()
        thread.join()
    finally:
        sys.setrecursionlimit(limit)
        threading.stack_size(size)
        gc.set_threshold(*thresholds)
    if failure:
        raise failure[0]
    return outcome[0]


def available() -> int:
    """How many processes can work at once."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


@contextmanager
def team(project: Any, jobs: int) -> Iterator[Callable[..., list[Any]]]:
    """Give a function that does a piece of work for every group, in order: `spread(work, groups)` is `work(project, group)` of each.

    With several jobs on Linux, processes forked from this one share the groups. Each has the project to itself and keeps what
    it has read of it until the `with` statement ends. `work` is a module's function. A third argument, if there is one, is called
    with each result that another process sends, and returns it.
    """
    if jobs < 2 or not sys.platform.startswith("linux"):
        yield lambda work, groups, received=None: _alone(project, work, groups)
        return
    _task["project"] = project
    gc.freeze()
    try:
        with multiprocessing.get_context("fork").Pool(jobs) as pool:
            yield partial(_shared, project, pool)
    finally:
        _task.clear()
        gc.unfreeze()


def _alone(project: Any, work: Callable[[Any, Group], Result], groups: Sequence[Group]) -> list[Result]:
    progress.expect(len(groups))
    return [_done(work(project, group)) for group in groups]


def _shared(
    project: Any,
    pool: Pool,
    work: Callable[[Any, Group], Result],
    groups: Sequence[Group],
    received: Callable[[Result], Result] = lambda result: result,
) -> list[Result]:
    progress.expect(len(groups))
    results = []
    for result, looked in pool.imap(_one, [(work, group) for group in groups]):
        results.append(_done(received(result)))
        project.looked += looked
    return results


def _done(result: Result) -> Result:
    """Tell that a group is done."""
    progress.step()
    return result


def _one(task: tuple[Callable[[Any, Any], Any], Any]) -> Any:
    """One group, in a process of its own, and where it looked for files."""
    work, group = task
    project = _task["project"]
    project.looked = []
    return with_deep_stack(lambda: work(project, group)), project.looked
