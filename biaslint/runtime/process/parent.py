"""Running the child and outliving it: time, output and memory are bounded, and whatever happens to it becomes one clear error."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, TypeVar

from biaslint.runtime.facts.observed import Observed, from_json
from biaslint.runtime.target.job import Job

MOST_OUTPUT = 16 << 20
MOST_RESULT = 256 << 20
_TAIL = 4000
MARK = "BIASLINT_MEASURED"
_KEPT = {
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "TEMP",
    "TMP",
    "PYTHONPATH",
    "PYTHONHOME",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "SYSTEMROOT",
    "KERAS_BACKEND",
    "TF_USE_LEGACY_KERAS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
}
_SET = {
    "CUDA_VISIBLE_DEVICES": "",
    "HF_HUB_OFFLINE": "1",
    "KMP_BLOCKTIME": "0",
    "MPLBACKEND": "Agg",
    "OMP_WAIT_POLICY": "PASSIVE",  # threads that wait do not keep a busy machine from its work
    "PYTHONHASHSEED": "0",
    "PYTHONIOENCODING": "utf-8",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TORCH_COMPILE_DISABLE": "1",  # calls inside compiled code cannot be watched, and compiling takes minutes
}

Progress = Callable[[str, float], None]
_Read = TypeVar("_Read")


class VerifyError(Exception):
    """The model could not be measured."""


def environment(extra: tuple[str, ...] = (), source: Mapping[str, str] | None = None) -> dict[str, str]:
    """The child's environment: what a Python program needs, what was asked for by name, and nothing else of ours."""
    source = os.environ if source is None else source
    kept = {name: value for name, value in source.items() if name in _KEPT or name.startswith("LC_") or name in extra}
    return {**kept, **{name: value for name, value in _SET.items() if name not in extra}}


class _Reports:
    """What the child says of its work: the steps, and the result."""

    def __init__(self) -> None:
        self.steps: deque[tuple[str, float]] = deque(maxlen=64)
        self.result = ""
        self.too_large = False

    def read(self, stream: IO[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError):
            while line := stream.readline(MOST_RESULT):
                if not line.endswith(b"\n"):
                    self.too_large = len(line) >= MOST_RESULT
                    return
                self._take(line.decode("utf-8", "replace"))

    def _take(self, line: str) -> None:
        if not line.startswith("["):
            self.result = line
            return
        with contextlib.suppress(ValueError, TypeError, RecursionError):
            stage, share = json.loads(line)
            self.steps.append((str(stage), float(share)))


class _Output:
    """The end of what the child prints; counts all of it."""

    def __init__(self) -> None:
        self.total = 0
        self.tail = b""

    def read(self, stream: IO[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError):
            while chunk := stream.read1(65536):  # type: ignore[attr-defined]
                self.total += len(chunk)
                self.tail = (self.tail + chunk)[-_TAIL:]

    def text(self) -> str:
        lines = self.tail.decode("utf-8", "replace").strip().splitlines()
        return "\n".join("".join(letter for letter in line if letter.isprintable() or letter == "\t") for line in lines[-8:])


def _kill(process: subprocess.Popen[bytes], mark: str) -> None:
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(OSError):
        process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10)
    kill_left(mark)


def kill_left(mark: str) -> None:
    """End what the process has left behind, wherever it went: each has the mark in its environment. On Linux only."""
    wanted = f"{MARK}={mark}".encode()
    for _ in range(3):  # what starts another meanwhile is met the next time
        left = [pid for pid in _processes() if wanted in _read(f"/proc/{pid}/environ").split(b"\0")]
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if not left:
            return


def _processes() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
    except OSError:
        return []


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as handle:
            return handle.read()
    except OSError:
        return b""


def _resident(pid: int) -> int:
    """Megabytes of memory in use by a process and all that it has started, 0 where the system does not say."""
    total, pending = 0, [pid]
    while pending:
        one = pending.pop()
        pages = _read(f"/proc/{one}/statm").split()
        total += int(pages[1]) if len(pages) > 1 else 0
        pending += [int(child) for child in _read(f"/proc/{one}/task/{one}/children").split()]
    return total * os.sysconf("SC_PAGE_SIZE") >> 20 if total else 0


def _ending(code: int, memory: int) -> str:
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        hint = {
            "SIGSEGV": "it crashed in native code",
            "SIGABRT": "it crashed in native code or ran out of memory",
            "SIGKILL": "the system killed it, most likely for using too much memory; lower --batch or --memory",
            "SIGXCPU": "it used up its processor time; raise --timeout",
        }.get(name, "it was killed")
        return f"the model's process ended with {name}: {hint}" + (
            f" (memory limit {memory} MB)" if name == "SIGABRT" and memory else ""
        )
    return f"the model's process exited with status {code} before it was measured (does the code call exit?)"


def _wait(process: subprocess.Popen[bytes], job: Job, output: _Output, reports: _Reports, progress: Progress) -> str:
    """Watch the child until it ends or goes too far; the reason it was killed, or ""."""
    begun = time.monotonic()
    while True:
        try:
            process.wait(0.05)
            return ""
        except subprocess.TimeoutExpired:
            pass
        if time.monotonic() - begun > job.timeout:
            return f"the model took longer than {job.timeout:g} seconds; raise --timeout"
        if output.total > MOST_OUTPUT:
            return f"the model printed more than {MOST_OUTPUT >> 20} MB; it was stopped"
        if reports.too_large:
            return "the measurements are too large to read; is this one model?"
        if job.memory and _resident(process.pid) > job.memory:
            return f"the model took more than {job.memory} MB of memory; raise --memory or lower --batch"
        while reports.steps:
            progress(*reports.steps.popleft())


# Imports this package and nothing else of this installation; the current folder comes later, when the process is isolated.
_START = """
import os, sys
sys.path[:] = [one for one in sys.path if os.path.abspath(one) != os.getcwd()]
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location("biaslint", os.path.join(sys.argv[1], "__init__.py"), submodule_search_locations=[sys.argv[1]])
sys.modules["biaslint"] = module_from_spec(spec)
spec.loader.exec_module(sys.modules["biaslint"])
from importlib import import_module
sys.exit(import_module(sys.argv[2]).main())
"""
_CHILD = "biaslint.runtime.process.child"


def run(
    job: Job, *, python: str = sys.executable, passed: tuple[str, ...] = (), progress: Progress = lambda stage, share: None
) -> Observed:
    """Measure a model in a process of its own. Raises VerifyError with everything that goes wrong there."""
    return understood(*answer_of(_CHILD, job.to_json(), job, python=python, passed=passed, progress=progress))


def answer_of(
    module: str, asked: Mapping[str, Any], job: Job, *, python: str, passed: tuple[str, ...], progress: Progress
) -> tuple[str, str]:
    """The answer of `module`'s `main` in a process of its own, in the bounds that the job sets, and what the code printed last."""
    mark = secrets.token_hex(16)
    try:
        process = subprocess.Popen(
            [python, "-c", _START, str(Path(__file__).resolve().parents[2]), module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(passed) | {MARK: mark},
            start_new_session=True,
        )
    except OSError as error:
        raise VerifyError(f"{python} could not be started: {error.strerror}") from None
    output, reports = _Output(), _Reports()
    assert process.stdin is not None
    readers = [
        threading.Thread(target=one.read, args=(stream,), daemon=True)
        for one, stream in ((output, process.stderr), (reports, process.stdout))
    ]
    for reader in readers:
        reader.start()
    try:
        with contextlib.suppress(OSError):
            process.stdin.write(json.dumps(asked).encode())
            process.stdin.close()
        stopped = _wait(process, job, output, reports, progress)
    finally:
        _kill(process, mark)
    for reader in readers:
        reader.join(1)
    if stopped:
        raise VerifyError(stopped)
    said = f"\nLast output:\n{text}" if (text := output.text()) else ""
    if not reports.result:
        raise VerifyError(_ending(process.returncode, job.memory) + said)
    return reports.result, said


def understood(text: str, said: str = "") -> Observed:
    """The child's measurements, or its error raised."""
    return read_answer(text, said, lambda found: from_json(found["observed"]))


def read_answer(text: str, said: str, read: Callable[[dict[str, Any]], _Read]) -> _Read:
    """The child's answer as `read` takes it, or its error raised; with what the code said where it left the program."""
    try:
        found = json.loads(text)
        if "error" not in found:
            return read(found)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        found = {"error": "the measurements are damaged; the model's code may have overwritten them"}
    raise VerifyError(str(found["error"]) + (said if found.get("left") else ""))
