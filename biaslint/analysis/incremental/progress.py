"""Progress of a long run: one listener is told of each piece of work that is added or done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

WIDTH = 30
_listeners: list[Callable[[int, int], None]] = []
_count = [0, 0]  # done, known of


def expect(pieces: int) -> None:
    """Add to the number of pieces of work."""
    _count[1] += pieces


def step() -> None:
    """Count a piece of work as done."""
    _count[0] += 1
    for listener in _listeners:
        listener(_count[0], _count[1])


@contextmanager
def shown(stream: TextIO, after: float = 1.0, every: float = 0.1) -> Iterator[None]:
    """Draw a bar on a terminal while the work inside goes on, if it takes longer than `after` seconds; nothing anywhere else."""
    if not stream.isatty():
        yield
        return
    begun = last = time.monotonic()
    drawn = False

    def draw(done: int, total: int) -> None:
        nonlocal last, drawn
        now = time.monotonic()
        if now - begun >= after and now - last >= every:
            last, drawn = now, True
            filled = WIDTH * done // max(total, 1)
            stream.write(f"\r[{'#' * filled}{'.' * (WIDTH - filled)}] {done} of {total} executions")
            stream.flush()

    _count[:] = [0, 0]
    _listeners.append(draw)
    try:
        yield
    finally:
        _listeners.remove(draw)
        if drawn:
            stream.write("\r\x1b[K")
            stream.flush()
