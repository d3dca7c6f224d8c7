"""A commit that is killed at each of its calls to the system in turn: what is left must be the old checkpoint or the new one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from biaslint.runtime.migrate import placing

CALLS = ("link", "replace", "rename", "fsync", "unlink", "open")


def killed_at_each_call(
    prepare: Callable[[], None], old: Path, new: Path | None, fill: Callable[[Path], None], check: Callable[[bool], None]
) -> int:
    """How many calls a commit makes. `prepare` makes the old checkpoint afresh, `fill` writes what waits; `check` looks at what is
    left, and is told whether the commit came to its end."""
    number, ended = -1, False
    while not ended:
        number += 1
        prepare()
        child = os.fork()
        if not child:
            _commit(number, old, new, fill)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        check(ended)
    return number


def _commit(number: int, old: Path, new: Path | None, fill: Callable[[Path], None]) -> None:
    """Commit, and be killed at the given call to the system."""
    left = [number]

    def counted(original: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            if not left[0]:
                os._exit(9)
            left[0] -= 1
            return original(*args, **kwargs)

        return call

    try:
        with placing.place(old, new, in_place=new is None, dry_run=False) as where:
            assert where.waiting is not None
            fill(where.waiting)
            for name in CALLS:
                setattr(os, name, counted(getattr(os, name)))
            where.commit()
        os._exit(0)
    finally:
        os._exit(8)
