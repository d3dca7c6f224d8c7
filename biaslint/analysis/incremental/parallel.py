"""Parallel execution: groups of entry points are mapped over processes. Results do not depend on their number."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.pool import Pool
from typing import TYPE_CHECKING, Any, TypeVar

from biaslint.analysis.incremental import progress
from biaslint.analysis.project.dependencies import Dependencies

if TYPE_CHECKING:
    from biaslint.analysis.project.project import Project


STACK = 512 * 1024 * 1024
DEPTH = 20_000
# pointers: with these, the interpreter's frames get 16 MB of address space at once, half of it for those of the work
ROOM = 1 << 20

Result = TypeVar("Result")
Work = Callable[[Any, Any], Any]
Team = Callable[[Work, Sequence[Any]], Iterator[tuple[Any, Dependencies]]]  # the results, each with what it depends on

_task: dict[str, Any] = {}  # what the processes work on; they are forked, so they have it already


def with_deep_stack(work: Callable[[], Result]) -> Result:
    """Call `work` in a thread with a large stack: models nest deeply, and so does the interpreter."""
    if sys.platform == "emscripten":  # a browser: Python has no threads there
        return work()
    outcome: list[Result] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(with_room(work))
        except BaseException as error:
            failure.append(error)

    limit, size = sys.getrecursionlimit(), threading.stack_size(STACK)
    sys.setrecursionlimit(DEPTH)
    # who interrupts the program does not wait for the thread; and it must not find the limit lowered under its feet
    thread = threading.Thread(target=run, name="biaslint", daemon=True)
    try:
        thread.start()
    finally:
        threading.stack_size(size)
    thread.join()
    sys.setrecursionlimit(limit)
    if failure:
        raise failure[0]
    return outcome[0]


def with_room(work: Callable[[], Result]) -> Result:
    """Do it with all its frames in one piece of memory.

    CPython keeps frames in pieces of 16 KB, each taken from the system and given back at once: deep recursion that swings about the
    end of a piece would spend a sixth of its time on that. A frame that claims a large stack gets a piece of its size.
    """
    return work()


with_room.__code__ = with_room.__code__.replace(co_stacksize=ROOM)


def available() -> int:
    """The number of processes that can work at once."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


@contextmanager
def worker_pool(project: Project, jobs: int, pack: Callable[[Any], Any]) -> Iterator[Team]:
    """A pool, as a function: `spread(work, groups)` gives `work(project, group)` for each group, in order.

    Each result comes with what it depends on. With several jobs on Linux, processes forked from this one share the groups, as soon
    as there is more than one; they send what `pack` makes of a result. Each has the project to itself and keeps what it has read of
    it until the `with` statement ends. `work` and `pack` are modules' functions.
    """
    pools: list[Pool] = []

    def spread(work: Work, groups: Sequence[Any]) -> Iterator[tuple[Any, Dependencies]]:
        progress.expect(len(groups))
        if not pools and len(groups) > 1 and jobs > 1 and sys.platform.startswith("linux"):
            _task["project"] = project
            gc.freeze()
            pools.append(multiprocessing.get_context("fork").Pool(jobs, _leave_interrupts_to_the_parent))
        made: Iterable[tuple[Any, Dependencies]]
        if pools:
            made = pools[0].imap(_one, [(work, group, pack) for group in groups])
        else:
            made = (_piece(project, work, group) for group in groups)
        for pair in made:
            yield pair
            progress.step()

    try:
        yield spread
    finally:
        for pool in pools:
            pool.terminate()
            _task.clear()
            gc.unfreeze()


def _piece(project: Project, work: Work, group: Any) -> tuple[Any, Dependencies]:
    """The result of a piece of work, and its dependencies."""
    project.tracker.begin()
    with collecting_seldom():
        result = work(project, group)
    return result, project.needed()


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """Collect cycles, if seldom, whatever the caller does: most of what is made lives until its execution ends."""
    was_on, thresholds = gc.isenabled(), gc.get_threshold()
    gc.set_threshold(200_000, 20, 100)
    gc.enable()
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        if not was_on:
            gc.disable()


def _leave_interrupts_to_the_parent() -> None:
    """A terminal sends them to every process; the parent ends the others, and says so once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _one(task: tuple[Work, Any, Callable[[Any], Any]]) -> tuple[Any, Dependencies]:
    """A piece of work in a process of its own."""
    work, group, pack = task
    result, needed = with_deep_stack(lambda: _piece(_task["project"], work, group))
    packed = pack(result)
    if not isinstance(packed, bytes):
        pickle.loads(pickle.dumps(packed))  # the parent would wait for ever for what it cannot read; here it is an error
    return packed, needed
