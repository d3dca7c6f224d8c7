"""The process that builds and measures the model, started by `biaslint.runtime.process.parent`.

The job comes by standard input. What was standard output carries reports to the parent, one JSON value a line: `[stage, share]` for
each step, at last an object with the measurements or the error. What the model's code prints goes to standard error.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import importlib
import json
import os
import random
import re
import shlex
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TypeVar

from biaslint.runtime.facts.observed import Observed, TargetFacts, to_json
from biaslint.runtime.keras import size
from biaslint.runtime.process import limits, tracing
from biaslint.runtime.process.executed_lines import executed_lines
from biaslint.runtime.process.isolation import isolate
from biaslint.runtime.process.saved_models import is_saved, load_saved
from biaslint.runtime.target.job import Job
from biaslint.runtime.target.targets import TRAINERS, TargetError, build, is_model, load_object, split
from biaslint.runtime.torch.within_memory import Built, built

_Asked = TypeVar("_Asked")
_AWAY = re.compile(
    r"internet connection|name resolution|network is unreachable|failed to resolve|connection refused", re.IGNORECASE
)


class LeftError(TargetError):
    """The code left the program; what it printed may say why."""


def explain(error: BaseException, stage: str) -> str:
    """An error in the user's code: where it happened, in their terms."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith((here, "<"))]
    users = [frame for frame in frames if "-packages" not in frame.filename] or frames
    where = f" at {users[-1].filename}:{users[-1].lineno}" if users else ""
    text = str(error).strip()
    return f"{stage} failed with {type(error).__name__}{': ' + text if text else ''}{where}"


def seed_all(seed: int) -> None:
    """Seed every source of chance that is loaded."""
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
        return TargetFacts("binary" if len(job.prior) == 1 else "classes", list(job.prior), source="--prior")
    if job.target_mean:
        return TargetFacts("values", means=list(job.target_mean), source="--target-mean")
    return None


def run(job: Job, say: Any) -> Observed:
    """Build, feed and measure. Raises TargetError where the user can do something about it."""
    say("importing", 0.02)
    lines: dict[str, set[int]] = {}
    notes: list[str] = []
    with contextlib.ExitStack() as bound:  # some make their variables when they are first called
        with tracing.tracing(notes), _building(job):
            made = None if is_saved(job.target) else load_object(job.target, notes=None if job.run_script else notes)
            seed_all(job.seed)
            say("building", 0.1)
            bound.enter_context(size.bounded(job, lambda: _built(job, made).model))
            with executed_lines() as lines:
                found = _built(job, made)
        model, job.untested = found.model, found.untested
        job.data = job.data or (job.target if job.target in TRAINERS else "")
        if job.steps and not job.data:
            raise TargetError("--steps trains on data: pass --data")
        framework = is_model(model)
        session = importlib.import_module(f"biaslint.runtime.{framework or 'tensorflow'}.session")
        seed_all(job.seed)
        observed: Observed = session.observe(model, job, stated_targets(job), say)
    if job.steps:
        _probe(framework, job, _rebuild(found, made), observed, say)
    observed.target, observed.twin = job.target, found.twin
    observed.notes = list(dict.fromkeys(notes + observed.notes))
    observed.executed = {path: sorted(found) for path, found in lines.items()}
    return observed


@contextlib.contextmanager
def _building(job: Job) -> Iterator[None]:
    """Errors of the user's code while the model is loaded or built are told as such."""
    try:
        yield
    except (TargetError, MemoryError):
        raise
    except SystemExit as error:
        raise LeftError(f"{job.target} exited while it was loaded or built (exit status {error.code})") from None
    except Exception as error:
        raise TargetError(explain(error, f"building {job.target}") + _network(error, job)) from error


def _network(error: BaseException | None, job: Job) -> str:
    """What to do about code that looks for something on the network, which this process has only if that is allowed."""
    while error is not None and not job.network:
        if isinstance(error, (ConnectionError, socket.gaierror)) or _AWAY.search(str(error)):
            return "; it looks for something on the network: build the model without downloaded weights, or allow it with --network"
        error = error.__cause__ or error.__context__
    return ""


def _built(job: Job, made: Any) -> Built:
    """The model that the target names, loaded or built by what was `made` of it, as far as the memory has room for it."""

    def feed(model: Any) -> tuple[list[Any], dict[str, Any]]:
        from biaslint.runtime.torch import session

        positional, named, *_ = session.feed(model, job)
        return positional, named

    if made is None:
        return built(lambda: load_saved(job), job, feed)
    return built(lambda: build(job.target, job.arguments, made), job, feed)


def _rebuild(found: Built, made: Any) -> Callable[[], Any]:
    """What makes the model anew; a copy of one that is there already."""
    if not found.twin and made is not None and is_model(made):
        kept = copy.deepcopy(found.model)
        return lambda: copy.deepcopy(kept)
    return found.build


def _probe(framework: str, job: Job, rebuild: Callable[[], Any], observed: Observed, say: Any) -> None:
    """A short training; what goes wrong in it takes nothing away from the measurements."""
    if framework not in ("torch", "keras"):
        observed.notes.append("no short training was made: it is for PyTorch and Keras models")
        return
    try:
        importlib.import_module(f"biaslint.runtime.{framework}.probe").probe(rebuild, job, observed, say)
    except Exception as error:
        observed.curves = []
        said = str(error) if isinstance(error, TargetError) else explain(error, "it")
        observed.notes.append(f"no short training was made: {said}")


def answer(job: Job, say: Any, isolation: dict[str, str]) -> dict[str, Any]:
    """What the parent is told: the measurements, or what went wrong."""

    def measured() -> dict[str, Any]:
        observed = run(job, say)
        observed.isolation = isolation
        return {"observed": to_json(observed)}

    return told(measured, job, "measuring")


def told(work: Callable[[], dict[str, Any]], job: Job, stage: str) -> dict[str, Any]:
    """What the work gives, or what went wrong with it."""
    try:
        return work()
    except TargetError as error:
        return {"error": str(error), "left": isinstance(error, LeftError)}
    except MemoryError:
        return {"error": f"out of memory (limit {job.memory} MB); raise it with --memory or lower --batch"}
    except Exception as error:
        text = str(error)
        if "alloc" in text.lower() and ("memory" in text.lower() or "DefaultCPUAllocator" in text):
            return {"error": f"out of memory (limit {job.memory} MB); raise it with --memory or lower --batch"}
        return {"error": explain(error, stage), "traceback": traceback.format_exc()[-4000:]}


class Reports:
    """The line to the parent, kept apart from what the model's code prints."""

    def __init__(self) -> None:
        sys.stdout.flush()
        self._line = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)

    def say(self, stage: str, share: float) -> None:
        """One more step is reached."""
        self._write([stage, share])

    def result(self, found: dict[str, Any]) -> None:
        """The end of the story."""
        self._write(found)

    def _write(self, value: Any) -> None:
        self._line.write(json.dumps(value) + "\n")
        self._line.flush()


def hide_command_line(job: Job) -> None:
    """The model's code sees the command line of a script, with the arguments that were given for it and no others."""
    script = split(job.target)[0]
    sys.argv[:] = [script, *shlex.split(job.script_args)]
    if hasattr(sys, "orig_argv"):
        sys.orig_argv[:] = [sys.executable, *sys.argv]
    argparse.ArgumentParser.error = _wanted  # type: ignore[method-assign,assignment]


def _wanted(parser: argparse.ArgumentParser, message: str) -> NoReturn:
    usage = " ".join(parser.format_usage().split())
    raise TargetError(f"the file parses its command line when it is loaded: {message} ({usage}); pass it with --script-args")


def main() -> int:
    """The child's whole life."""
    return serve(Job.from_json, lambda job: job, answer)


def serve(
    read: Callable[[dict[str, Any]], _Asked],
    job_of: Callable[[_Asked], Job],
    work: Callable[[_Asked, Any, dict[str, str]], dict[str, Any]],
    most_bytes: int = limits.MOST_BYTES,
) -> int:
    """Answer what is asked on the standard input. Nothing of the current folder is imported before the process is isolated."""
    limits.die_with_parent()
    reports = Reports()
    asked = read(json.loads(sys.stdin.buffer.read()))
    job = job_of(asked)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    isolation = isolate(network=job.network)
    isolation["memory"] = limits.limit_memory(job.memory) if job.memory else "not limited"
    limits.limit_processor(job.timeout, most_bytes)
    hide_command_line(job)
    sys.path.insert(0, os.getcwd())
    reports.result(work(asked, reports.say, isolation))
    return 0
