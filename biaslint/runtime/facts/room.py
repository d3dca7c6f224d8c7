"""Whether the memory limit has room for measuring a model, and what is said where it has none."""

from __future__ import annotations

import contextlib
import os

_BASE = 500  # megabytes of Python and its libraries, where the system does not say


def used() -> int:
    """Megabytes that are in use already."""
    with contextlib.suppress(OSError, ValueError, IndexError), open("/proc/self/statm") as handle:
        return int(handle.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20
    return _BASE


def option(megabytes: int) -> str:
    """The option that allows so much."""
    return f"--memory {rounded(megabytes)}"


def wanted(parameters: int, megabytes: int) -> str:
    """What measuring a model takes."""
    return f"the model has {parameters:,} parameters, and measuring it takes about {rounded(megabytes):,} MB"


def refusal(parameters: int, megabytes: int, limit: int) -> str:
    """Why a model is not measured, and what to do."""
    return (
        f"{wanted(parameters, megabytes)}; the limit is {limit:,} MB. Raise it with {option(megabytes)} (0: none), "
        "or name a smaller model: fewer or narrower layers"
    )


def rounded(megabytes: int) -> int:
    """Up to hundreds."""
    return -(-megabytes // 100) * 100
