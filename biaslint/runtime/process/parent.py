"""Running the child and outliving it: time, output and memory are bounded, and whatever happens to it becomes one clear error."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from biaslint.runtime.facts.observed import Observed, from_json
from biaslint.runtime.target.job import Job

MOST_OUTPUT = 16 << 20
MOST_RESULT = 256 << 20
_TAIL = 4000
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
    "MPLBACKEND": "Agg",
    "PYTHONHASHSEED": "0",
    "PYTHONIOENCODING": "utf-8",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TORCH_COMPILE_DISABLE": "1",  # calls inside compiled code cannot be watched, and compiling takes minutes
}

Progress = Callable[[str, float], None]


class VerifyError(Exception):
    """The model could not be measured."""


def environment(extra: tuple[str, ...] = (), source: Mapping[str, str] | None = None) -> dict[str, str]:
    """The child's environment: what a Python program needs, what was asked for by name, and nothing else of ours."""
    source = os.environ if source is None else source
    kept = {name: value for name, value in source.items() if name in _KEPT or name.startswith("LC_") or name in extra}
    return {**kept, **{name: value for name, value in _SET.items() if name not in extra}}


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


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(OSError):
        process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(10)


def _resident(pid: int) -> int:
    """Megabytes of memory in use, 0 where the system does not say."""
    try:
        with open(f"/proc/{pid}/statm") as handle:
            return int(handle.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20
    except (OSError, ValueError, IndexError):
        return 0


def _ending(code: int, memory: int) -> str:
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        hint = {
            "SIGSEGV": "it crashed in native code",
            "SIGABRT": "it crashed in native code or ran out of memory",
            "SIGKILL": "the system killed it, most likely for the memory it took; lower --batch or --memory",
            "SIGXCPU": "it used up its processor time; raise --timeout",
        }.get(name, "it was killed")
        return f"the model's process ended with {name}: {hint}" + (
            f" (memory limit {memory} MB)" if name == "SIGABRT" and memory else ""
        )
    return f"the model's process ended by itself with exit status {code} before it was measured (does the code call exit?)"


def _wait(process: subprocess.Popen[bytes], folder: Path, job: Job, output: _Output, progress: Progress) -> str:
    """Watch the child until it ends or goes too far; the reason it was killed, or ""."""
    begun, read = time.monotonic(), 0
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
        if job.memory and _resident(process.pid) > job.memory:
            return f"the model took more than {job.memory} MB of memory; raise --memory or lower --batch"
        with contextlib.suppress(OSError, ValueError, TypeError):
            lines = (folder / "progress").read_text(encoding="utf-8").splitlines()
            for line in lines[read:]:
                stage, share = json.loads(line)
                progress(str(stage), float(share))
            read = len(lines)


def run(
    job: Job, *, python: str = sys.executable, passed: tuple[str, ...] = (), progress: Progress = lambda stage, share: None
) -> Observed:
    """Measure a model in a process of its own. Raises VerifyError with everything that goes wrong there."""
    with tempfile.TemporaryDirectory(prefix="biaslint-") as name:
        folder = Path(name)
        (folder / "job.json").write_text(json.dumps(job.to_json()), encoding="utf-8")
        package = Path(__file__).resolve().parents[2]
        with contextlib.suppress(OSError):
            (folder / "lib").mkdir()
            (folder / "lib" / "biaslint").symlink_to(package, target_is_directory=True)
        library = folder / "lib" if (folder / "lib" / "biaslint").exists() else package.parent
        start = "import sys; sys.path.insert(0, sys.argv[2]); from biaslint.runtime.process.child import main; sys.path.remove(sys.argv[2]); sys.exit(main(sys.argv[1]))"
        try:
            process = subprocess.Popen(
                [python, "-c", start, str(folder), str(library)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environment(passed),
                start_new_session=True,
            )
        except OSError as error:
            raise VerifyError(f"{python} could not be started: {error.strerror}") from None
        output = _Output()
        assert process.stdout is not None
        reader = threading.Thread(target=output.read, args=(process.stdout,), daemon=True)
        reader.start()
        try:
            stopped = _wait(process, folder, job, output, progress)
        finally:
            _kill(process)
        reader.join(1)
        if stopped:
            raise VerifyError(stopped)
        result = folder / "result.json"
        if not result.is_file():
            said = output.text()
            raise VerifyError(_ending(process.returncode, job.memory) + (f"\nIts last words:\n{said}" if said else ""))
        if result.stat().st_size > MOST_RESULT:
            raise VerifyError("the measurements are too large to read; is this one model?")
        return understood(result.read_text(encoding="utf-8"))


def understood(text: str) -> Observed:
    """The child's answer: the measurements, or its error raised."""
    try:
        found = json.loads(text)
        if "error" not in found:
            return from_json(found["observed"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        found = {"error": "the measurements are damaged; the model's code must have written over them"}
    raise VerifyError(str(found["error"]))
