"""Work of our own that must end in time: done in a forked process, where the system has these."""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import time
from collections.abc import Callable
from typing import Any

_CHUNK = 1 << 16


class TookTooLong(Exception):
    """The work was not done in time."""


def bounded(work: Callable[[], Any], seconds: float) -> Any:
    """What `work` gives, which must be plain data. Raises TookTooLong, and what it raises."""
    if not hasattr(os, "fork"):
        return work()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _answer(work, writing)
    os.close(writing)
    try:
        answer = _read(reading, time.monotonic() + seconds)
    finally:
        os.close(reading)
        with contextlib.suppress(OSError):
            os.killpg(child, signal.SIGKILL)
        with contextlib.suppress(OSError):
            os.kill(child, signal.SIGKILL)
        with contextlib.suppress(OSError):
            os.waitpid(child, 0)
    failed, value = pickle.loads(answer) if answer else (True, RuntimeError("it exited without a result"))  # our own process'
    if failed:
        raise value
    return value


def _answer(work: Callable[[], Any], writing: int) -> None:
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)  # what it starts ends with it
    try:
        answer = pickle.dumps((False, work()))
    except BaseException as error:
        answer = pickle.dumps((True, RuntimeError(f"{type(error).__name__}: {error}")))
    with contextlib.suppress(OSError), os.fdopen(writing, "wb") as handle:
        handle.write(answer)
    os._exit(0)


def _read(reading: int, until: float) -> bytes:
    chunks: list[bytes] = []
    while True:
        left = until - time.monotonic()
        if left <= 0 or not select.select([reading], [], [], left)[0]:
            raise TookTooLong
        chunk = os.read(reading, _CHUNK)
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)
