"""Executing in parallel: groups of roots are spread over processes; what comes back does not depend on how many there are."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Sequence
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


def spread(project: Any, groups: Sequence[Group], jobs: int, work: Callable[[Any, Group], Result]) -> list[Result]:
    """`work(project, group)` for every group, in order. With several jobs on Linux, in processes forked from this one."""
    progress.expect(len(groups))
    if jobs < 2 or len(groups) < 8 or not sys.platform.startswith("linux"):
        return [done(work(project, group)) for group in groups]
    _task.update(project=project, groups=groups, work=work)
    gc.freeze()
    try:
        with multiprocessing.get_context("fork").Pool(jobs) as pool:
            results = []
            for result, looked in pool.imap(one, range(len(groups))):
                results.append(done(result))
                project.looked += looked
            return results
    finally:
        _task.clear()
        gc.unfreeze()


def done(result: Result) -> Result:
    """Tell that a group is done."""
    progress.step()
    return result


def one(index: int) -> Any:
    """One group, in a process of its own, and where it looked for files."""
    project = _task["project"]
    project.looked = []
    return with_deep_stack(lambda: _task["work"](project, _task["groups"][index])), project.looked
