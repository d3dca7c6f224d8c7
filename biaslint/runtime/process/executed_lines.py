"""Which lines of the user's code run while a model is built: a setting may have kept a statement from being executed."""

from __future__ import annotations

import contextlib
import sys
import sysconfig
from collections.abc import Iterator
from types import FrameType
from typing import Any

_STANDARD = tuple(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib"))
_LIBRARIES = tuple(
    f"-packages/{name}/" for name in ("torch", "keras", "tf_keras", "tensorflow", "numpy", "jax", "jaxlib", "biaslint")
)


def _is_watched(path: str) -> bool:
    path = path.replace("\\", "/")
    if path.startswith("<") or any(name in path for name in _LIBRARIES):
        return False
    return "-packages/" in path or not path.startswith(_STANDARD)


@contextlib.contextmanager
def executed_lines() -> Iterator[dict[str, set[int]]]:
    """By file, the lines that this thread executes inside. Empty where something else traces already."""
    found: dict[str, set[int]] = {}
    watched: dict[str, bool] = {}
    before = sys.gettrace()
    if before is not None:
        yield found
        return

    def on_line(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            found.setdefault(frame.f_code.co_filename, set()).add(frame.f_lineno)
        return on_line

    def on_call(frame: FrameType, event: str, _: Any) -> Any:
        path = frame.f_code.co_filename
        wanted = watched.get(path)
        if wanted is None:
            wanted = watched[path] = _is_watched(path)
            if wanted:
                found.setdefault(path, set())
        return on_line if wanted else None

    sys.settrace(on_call)
    try:
        yield found
    finally:
        sys.settrace(None)
