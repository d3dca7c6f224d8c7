"""The process that builds and measures the model. Run by `biaslint.runtime.process.parent`; talks to it through files in one folder.

`job.json` says what to do, `progress` gets one JSON line per step, `result.json` the measurements or the error.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import sys
import traceback
from pathlib import Path
from typing import Any

from biaslint.runtime.facts.observed import Observed, TargetFacts, to_json
from biaslint.runtime.process import limits
from biaslint.runtime.target.job import Job
from biaslint.runtime.target.targets import TargetError


def _explain(error: BaseException, stage: str) -> str:
    """An error in the user's code: where it happened, in their terms."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith((here, "<"))]
    users = [frame for frame in frames if "-packages" not in frame.filename] or frames
    where = f" at {users[-1].filename}:{users[-1].lineno}" if users else ""
    text = str(error).strip()
    return f"{stage} failed with {type(error).__name__}{': ' + text if text else ''}{where}"


def _seed(seed: int) -> None:
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(seed)
    elif "tensorflow" in sys.modules:
        sys.modules["tensorflow"].random.set_seed(seed)


def stated_targets(job: Job) -> TargetFacts | None:
    """What `--prior` and `--target-mean` say."""
    if job.prior:
        if len(job.prior) == 1:
            return TargetFacts("binary", list(job.prior), source="--prior")
        total = sum(job.prior)
        return TargetFacts("classes", [share / total for share in job.prior], source="--prior")
    if job.target_mean:
        return TargetFacts("values", means=list(job.target_mean), source="--target-mean")
    return None


def run(job: Job, say: Any) -> Observed:
    """Build, feed and measure. Raises TargetError where the user can do something about it."""
    from biaslint.runtime.process import tracing
    from biaslint.runtime.process.saved_models import is_saved, load_saved
    from biaslint.runtime.target.targets import build, is_model

    say("importing", 0.02)
    with tracing.tracing():
        try:
            if is_saved(job.target):
                model = load_saved(job)
            else:
                from biaslint.runtime.target.targets import load_object

                load_object(job.target)
                _seed(job.seed)
                say("building", 0.1)
                model = build(job.target, job.arguments)
        except TargetError:
            raise
        except MemoryError:
            raise
        except Exception as error:
            raise TargetError(_explain(error, f"building {job.target}")) from error
    framework = is_model(model)
    session = importlib.import_module(f"biaslint.runtime.{framework or 'tensorflow'}.session")
    _seed(job.seed)
    observed: Observed = session.observe(model, job, stated_targets(job), say)
    observed.target = job.target
    return observed


def answer(job: Job, say: Any, isolation: dict[str, str]) -> dict[str, Any]:
    """What the parent is told: the measurements, or what went wrong."""
    try:
        observed = run(job, say)
        observed.isolation = isolation
        return {"observed": to_json(observed)}
    except TargetError as error:
        return {"error": str(error)}
    except MemoryError:
        return {"error": f"out of memory (limit {job.memory} MB); raise it with --memory or lower --batch"}
    except Exception as error:
        text = str(error)
        if "alloc" in text.lower() and ("memory" in text.lower() or "DefaultCPUAllocator" in text):
            return {"error": f"out of memory (limit {job.memory} MB); raise it with --memory or lower --batch"}
        return {"error": _explain(error, "measuring"), "traceback": traceback.format_exc()[-4000:]}


def main(folder: str) -> int:
    """The child's whole life."""
    limits.die_with_parent()
    place = Path(folder)
    job = Job(**json.loads((place / "job.json").read_text(encoding="utf-8")))
    sys.path.insert(0, os.getcwd())
    isolation = {"network": "allowed" if job.network else limits.leave_network()}
    isolation["memory"] = limits.limit_memory(job.memory) if job.memory else "not limited"
    limits.limit_processor(job.timeout)

    def say(stage: str, share: float) -> None:
        with (place / "progress").open("a", encoding="utf-8") as handle:
            handle.write(json.dumps([stage, share]) + "\n")

    result = answer(job, say, isolation)
    temporary = place / "result.tmp"
    temporary.write_text(json.dumps(result), encoding="utf-8")
    os.replace(temporary, place / "result.json")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
