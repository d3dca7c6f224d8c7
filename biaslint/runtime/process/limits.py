"""What the child may use: memory, processor time, file sizes. Standard library only; called in the child before anything else."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1
_SIGKILL = 9
MOST_BYTES = 2 << 30  # of one file that it writes


def limit_memory(megabytes: int) -> str:
    """Bound what the process may allocate; says how."""
    try:
        import resource
    except ImportError:
        return "not limited: this system has no resource limits"
    # Frameworks reserve far more address space than they use; on Linux, count what can be written to instead.
    kind, name = (resource.RLIMIT_DATA, "data") if sys.platform == "linux" else (resource.RLIMIT_AS, "address space")
    try:
        resource.setrlimit(kind, (megabytes << 20, megabytes << 20))
    except (ValueError, OSError) as error:
        return f"not limited: {error}"
    return f"{megabytes} MB ({name})"


def limit_processor(seconds: float, most_bytes: int = MOST_BYTES) -> None:
    """A backstop behind the parent's clock, and small files only: nothing this process writes grows without end."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        most = int(seconds * (os.cpu_count() or 1)) + 10
        resource.setrlimit(resource.RLIMIT_CPU, (most, most + 5))
        no_core_dump()
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))


def die_with_parent() -> None:
    """On Linux: be killed when the parent ends, however it ends."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)


def no_core_dump() -> None:
    """A crash leaves no file behind."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
