"""A process of its own for each repository. One that crashes, hangs or takes too much ends there, and costs that repository's row.

The processes are forked from a small server that has the analysis loaded (`forkserver`), which works from threads and within other
systems' workers, too. What they answer is JSON: nothing that comes from a repository is unpickled.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from types import ModuleType
from typing import Any

from biaslint.analysis.incremental.parallel import STACK
from biaslint.scan import rows, work
from biaslint.scan.limits import Limits
from biaslint.scan.unit import GivenUp, Unit
from biaslint.scan.work import Job

MOST_BYTES = 1 << 30  # of an answer
_STARTING = threading.Lock()
_RUNNING: set[int] = set()


def rows_of(unit: Unit, job: Job) -> list[rows.Row]:
    """All rows of a repository, whatever happens to it."""
    try:
        answer, used = answered(work.examine, (unit, job), job.limits)
        findings, facts = json.loads(answer)
    except GivenUp as error:
        findings, facts, used = [], rows.given_up(error.status, error.reason), error.used
    return rows.complete(unit, findings, facts | used)


def units_of(table: Unit, job: Job) -> Iterator[Unit]:
    """The repositories of a table. Raises GivenUp."""
    answer, _ = answered(work.index, (table, job), job.limits)
    return work.indexed(table, answer)


def answered(task: Callable[..., bytes], arguments: tuple[Any, ...], limits: Limits) -> tuple[bytes, rows.Row]:
    """What the task answers in a process of its own, and what that took. Raises GivenUp."""
    context: Any = multiprocessing.get_context("forkserver" if hasattr(os, "fork") else "spawn")
    if hasattr(os, "fork"):
        context.set_forkserver_preload([__name__])
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=serve, args=(sending, task, arguments, limits), daemon=True)
    whole = False
    with receiving:
        try:
            with without_main():
                process.start()
            _RUNNING.add(process.pid or 0)
            sending.close()
            if not receiving.poll(limits.wall):
                raise GivenUp("time", f"no answer in {limits.wall} s")
            status, reason, used = json.loads(receiving.recv_bytes(MOST_BYTES))
            answer = receiving.recv_bytes(MOST_BYTES) if status == "answer" else b""
            whole = True
        except (EOFError, OSError, ValueError):
            process.join(5)
            raise ended(process.exitcode, limits) from None
        finally:
            if not whole:
                end(process.pid)
            process.join()
            _RUNNING.discard(process.pid or 0)
    if status != "answer":
        failed = GivenUp(status, reason)
        failed.used = used
        raise failed
    return answer, used


@contextlib.contextmanager
def without_main() -> Iterator[None]:
    """Hide the program that this process runs: multiprocessing would load it again in each of its processes, which need nothing of it."""
    with _STARTING:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main


def ended(status: int | None, limits: Limits) -> GivenUp:
    """What the end of a process that gave no answer means."""
    if status in (-getattr(signal, "SIGXCPU", 0), -getattr(signal, "SIGALRM", 0)) and status:
        return GivenUp("time", f"more than {limits.seconds} s")
    if status is not None and status < 0:
        return GivenUp("crashed", f"signal {-status}")
    return GivenUp("crashed", f"exit status {status}")


def end(process: int | None) -> None:
    """End a process and what it has started."""
    if process is None:
        return
    for kill in (getattr(os, "killpg", os.kill), os.kill):
        with contextlib.suppress(OSError):
            kill(process, getattr(signal, "SIGKILL", signal.SIGTERM))


def end_all() -> None:
    """End the processes that are still running."""
    for process in tuple(_RUNNING):
        end(process)


# -- in the process ----------------------------------------------------------------------------------------------------------------


def serve(sending: Connection, task: Callable[..., bytes], arguments: tuple[Any, ...], limits: Limits) -> None:
    """Carry out the task within the limits, and answer."""
    reserve = bytearray(1 << 20)  # so that there is room for an answer when memory has run out
    confine(limits)
    threading.Thread(target=end_with_parent, daemon=True).start()
    answer = b""
    try:
        answer = task(*arguments)
        status, reason = "answer", ""
    except GivenUp as error:
        status, reason = error.status, error.reason
    except MemoryError:
        reserve.clear()
        status, reason = "memory", f"more than {limits.memory:,} MB"
    except BaseException as error:
        status, reason = "error", f"internal error: {type(error).__name__}: {error}"
    sending.send_bytes(json.dumps([status, reason, taken()]).encode())
    if status == "answer":
        sending.send_bytes(answer)
    sending.close()
    os._exit(0)


def confine(limits: Limits) -> None:
    """Bound memory, time and files that are written."""
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)
    die_with_parent()
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        # Deep stacks are reserved, not used; on Linux, what can be written to counts.
        kind = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
        most = (limits.memory << 20) + STACK
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (limits.seconds, limits.seconds + 5))
        resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_BYTES, MOST_BYTES))
        resource.setrlimit(kind, (most, most))
        signal.alarm(limits.wall + 10)


def end_with_parent() -> None:
    """Wait until the process that asked is gone, however it ended, and end with what was started here."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        end(os.getpid())


def die_with_parent() -> None:
    """On Linux: be killed when the server that this process was forked from ends."""
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)


def taken() -> rows.Row:
    """The processor time in seconds and the peak of memory in MB of this process, and of those it has started."""
    spent = time.process_time()
    try:
        import resource
    except ImportError:
        return {"seconds": round(spent, 2)}
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    spent += both[1].ru_utime + both[1].ru_stime
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return {"seconds": round(spent, 2), "memory": max(one.ru_maxrss for one in both) // unit}
