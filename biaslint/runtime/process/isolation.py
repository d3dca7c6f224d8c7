"""Namespaces of its own for the process that measures: no network, and no process that outlives it. Standard library only.

On Linux the calling process forks twice. The first child is the init of a new process namespace: when it ends, the kernel ends
every process that is left in there, whatever group or session it has made for itself. The second child is the only one to return.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from typing import Any

from biaslint.runtime.process.limits import die_with_parent, no_core_dump

_CLONE_NEWNS = 0x00020000
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWPID = 0x20000000
_CLONE_NEWNET = 0x40000000
_MS_REC_PRIVATE = 0x4000 | (1 << 18)
_STATUS = 4  # bytes of a wait status


def isolate(*, network: bool) -> dict[str, str]:
    """Leave the network (unless it is wanted) and the other processes; says of each whether the system allowed it."""
    found = {"network": "allowed" if network else "", "processes": ""}
    if sys.platform != "linux":
        return {name: said or "not isolated: only Linux can" for name, said in found.items()}
    library = _library()
    if library is None:
        return {name: said or "not isolated: this system's C library cannot" for name, said in found.items()}
    outside = 0 if network else _CLONE_NEWNET
    if _unshare(library, outside | _CLONE_NEWPID | _CLONE_NEWNS):
        found["processes"] = "isolated"
        _become_grandchild(library)
    elif outside and _unshare(library, outside):
        pass
    else:
        refused = f"not isolated: {os.strerror(ctypes.get_errno())}"
        return {name: said or refused for name, said in found.items()}
    return {
        name: said or ("isolated" if name == "network" else "not isolated: the system refuses it")
        for name, said in found.items()
    }


def _library() -> Any:
    try:
        library = ctypes.CDLL(None, use_errno=True)
        return library if library.unshare and library.mount else None
    except (OSError, AttributeError):
        return None


def _unshare(library: Any, flags: int) -> bool:
    """Move to new namespaces; where only a new user may do so, as one who still has the user's name."""
    if library.unshare(flags) == 0:
        return True
    user, group = os.getuid(), os.getgid()
    if library.unshare(flags | _CLONE_NEWUSER) != 0:
        return False
    with contextlib.suppress(OSError):
        for file, line in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{file}", "w") as handle:
                handle.write(line)
    return True


def _become_grandchild(library: Any) -> None:
    """Go on as the second process of the new namespace; the caller and its first child wait for it, and end as it ends."""
    reading, writing = os.pipe()
    first = os.fork()
    if first:
        os.close(writing)
        _end_as(_status_from(reading, first))
    os.close(reading)
    die_with_parent()
    _own_proc(library)
    second = os.fork()
    if second:
        ended = 0
        while ended != second:
            ended, status = os.wait()
        os.write(writing, status.to_bytes(_STATUS, "little"))
        os._exit(0)
    os.close(writing)
    die_with_parent()


def _own_proc(library: Any) -> None:
    """Let /proc show the new namespace, where the system allows it: numbers of processes mean the same everywhere then."""
    library.mount(None, b"/", None, _MS_REC_PRIVATE, None)
    library.mount(b"proc", b"/proc", b"proc", 0, None)


def _status_from(pipe: int, child: int) -> int:
    for descriptor in (0, 1, 2):  # what is read from outside ends when the measuring process does
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
    told = os.read(pipe, _STATUS)
    _, status = os.waitpid(child, 0)
    return int.from_bytes(told, "little") if len(told) == _STATUS else status


def _end_as(status: int) -> None:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        no_core_dump()
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 1)
