"""What the child may use: memory, processor time, network. Standard library only; called in the child before anything else."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_SIGKILL = 9


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


def limit_processor(seconds: float) -> None:
    """A backstop behind the parent's clock, and small files only: nothing this process writes grows without end."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        most = int(seconds * (os.cpu_count() or 1)) + 10
        resource.setrlimit(resource.RLIMIT_CPU, (most, most + 5))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 30, 2 << 30))


def die_with_parent() -> None:
    """On Linux: be killed when the parent ends, however it ends."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)


def leave_network() -> str:
    """On Linux: move to a network namespace of our own, which has no interfaces; says whether that was allowed."""
    if sys.platform != "linux":
        return "not isolated: only Linux can"
    try:
        unshare = ctypes.CDLL(None, use_errno=True).unshare
    except (OSError, AttributeError):
        return "not isolated: this system's C library cannot"
    if unshare(_CLONE_NEWNET) == 0:
        return "isolated"
    user, group = os.getuid(), os.getgid()
    if unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        return f"not isolated: {os.strerror(ctypes.get_errno())}"
    with contextlib.suppress(OSError):  # keep the user's name, so that files still look like theirs
        for file, line in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{file}", "w") as handle:
                handle.write(line)
    return "isolated"
