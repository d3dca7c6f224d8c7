"""Where a live layer came from: the calls in the source that led to its construction."""

from __future__ import annotations

import os
import sys
import sysconfig
from types import CodeType, FrameType
from typing import Any

# A frame is [path, line, column, end line, end column, function, own], as plain JSON: lines and columns count from 1, `own` says
# that the frame is the layer's own constructor handing on to its base class.
Frame = list[Any]

OWN = 6
_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_DEEPEST = 60


def skipped_folders(*packages: str) -> tuple[str, ...]:
    """The folders whose frames are machinery and not the user's: ourselves and the given packages."""
    return tuple(os.path.abspath(folder) + os.sep for folder in (_HERE, *packages))


_STANDARD = tuple(sysconfig.get_paths()[name] + os.sep for name in ("stdlib", "platstdlib"))


def _is_user_code(path: str, skipped: tuple[str, ...], kept: tuple[str, ...]) -> bool:
    if path.startswith(kept) and kept:
        return True
    if path.startswith("<") or path.startswith(skipped):
        return False
    return not path.startswith(_STANDARD) or "-packages" in path


_positions: dict[tuple[CodeType, int], tuple[int, int, int, int]] = {}


def _position(frame: FrameType) -> tuple[int, int, int, int]:
    """Line, column, end line and end column of the call that a frame is at. Before Python 3.11 only the line is known."""
    code, last = frame.f_code, frame.f_lasti
    found = _positions.get((code, last))
    if found is None:
        line = frame.f_lineno or 1
        found = (line, 1, line, 1)
        if sys.version_info >= (3, 11):
            for index, (start, end, column, end_column) in enumerate(code.co_positions()):
                if index == last // 2:
                    if start is not None and column is not None:
                        found = (start, column + 1, end or start, (end_column or column) + 1)
                    break
        _positions[code, last] = found
    return found


def calling_frames(made: object, skipped: tuple[str, ...], kept: tuple[str, ...] = (), depth: int = 1) -> list[Frame]:
    """The calls that lead to where we are, innermost first, leaving out frames of the `skipped` folders (save the `kept`).

    `made` is the object under construction: frames of its own `__init__` are marked.
    """
    frames: list[Frame] = []
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None and len(frames) < _DEEPEST:
        code = frame.f_code
        if _is_user_code(code.co_filename, skipped, kept):
            own = bool(code.co_argcount) and code.co_name == "__init__" and frame.f_locals.get(code.co_varnames[0]) is made
            frames.append([code.co_filename, *_position(frame), code.co_name, own])
        frame = frame.f_back
    return frames
