"""Measuring in the test's own process, where a framework is loaded already: as the child does it, and its answer in JSON.

A process of its own costs each test the import of a framework. What the process is there for is tested in `test_runtime_isolation.py`.
"""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from biaslint.runtime.facts.observed import Observed
from biaslint.runtime.process import parent
from biaslint.runtime.process.child import answer
from biaslint.runtime.target.job import Job


def measured(job: Job, **_: Any) -> Observed:
    """What `parent.run` gives, without a process; the modules that the job imported are forgotten."""
    loaded, path = set(sys.modules), list(sys.path)
    sys.path.insert(0, os.getcwd())
    asked = Job(**json.loads(json.dumps(job.to_json())))
    try:
        with ThreadPoolExecutor(1) as thread:  # in its stack, the model's own calls are all there is
            told = thread.submit(
                answer, asked, lambda stage, share: None, {"network": "allowed", "memory": "not limited"}
            ).result()
        return parent.understood(json.dumps(told))
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - loaded:
            if os.path.dirname(getattr(sys.modules[name], "__file__", None) or "") == os.getcwd():
                del sys.modules[name]
