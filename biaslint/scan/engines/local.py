"""The work on this machine: a thread for each worker, which waits for one process after the other."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from biaslint.analysis.incremental.parallel import available
from biaslint.scan import guard
from biaslint.scan.engines import AHEAD, Crew
from biaslint.scan.rows import Row
from biaslint.scan.unit import Unit
from biaslint.scan.work import Job


def spread(units: Iterator[Unit], job: Job, crew: Crew) -> Iterator[list[Row]]:
    """The rows of each repository."""
    workers = crew.workers or available()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="biaslint-scan")
    running: set[Future[list[Row]]] = set()
    try:
        for unit in units:
            running.add(pool.submit(guard.rows_of, unit, job))
            if len(running) >= AHEAD * workers:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (one.result() for one in done)
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (one.result() for one in done)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        guard.end_all()
