"""The work on a Ray cluster (extra `scan-ray`). Sources, and the results' folder, must be where every node sees them under the same path."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from biaslint.scan import guard
from biaslint.scan.engines import AHEAD, Crew, NoEngine
from biaslint.scan.rows import Row
from biaslint.scan.unit import Unit
from biaslint.scan.work import Job

RETRIES = 5  # of a repository whose worker, or whose machine, is gone


def spread(units: Iterator[Unit], job: Job, crew: Crew) -> Iterator[list[Row]]:
    """The rows of each repository. A worker that ends is replaced, and what it was doing is done again."""
    try:
        import ray
    except ModuleNotFoundError as error:
        raise NoEngine("--engine ray needs the extra `scan-ray`: pip install 'biaslint[scan-ray]'") from error

    own = not ray.is_initialized()
    if own:
        connect(ray, crew)
    try:
        task = ray.remote(num_cpus=1, max_retries=RETRIES)(guard.rows_of)
        most = AHEAD * (crew.workers or int(ray.cluster_resources().get("CPU", 1)))
        shared, running = ray.put(job), []
        for unit in units:
            running.append(task.remote(unit, shared))
            if len(running) >= most:
                done, running = ray.wait(running)
                yield from ray.get(done)
        while running:
            done, running = ray.wait(running)
            yield from ray.get(done)
    finally:
        if own:
            ray.shutdown()


def connect(ray: Any, crew: Crew) -> None:
    """Join the cluster at the address, or start one on this machine. Raises NoEngine."""
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    options: dict[str, Any] = {"address": crew.address} if crew.address else {"num_cpus": crew.workers or None}
    try:
        ray.init(**options, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise NoEngine(f"Ray cannot be reached: {error}") from error
