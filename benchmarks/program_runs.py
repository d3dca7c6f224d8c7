"""What every runner of generated programs shares: what running one shows, and where its layers are made."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

PROGRAM = "<program>"  # the file name that programs are compiled under


@dataclass
class Truth:
    """What running a program shows: of each layer, the lines that its constructor was called through, and whether it is alive.

    The key is the lines, innermost first; the value holds one entry for each setting and layer: "alive", "dead" or "none" (no bias).
    """

    layers: dict[tuple[int, ...], list[str]] = field(default_factory=dict)
    by_setting: dict[str, dict[tuple[int, ...], list[str]]] = field(default_factory=dict)


class DoesNotRun(Exception):
    """The program itself is wrong."""


class Runner(Protocol):
    """Runs programs under one framework; within `with`, the framework's layers record where they are made."""

    def __enter__(self) -> Runner: ...

    def __exit__(self, *error: object) -> None: ...

    def truth(self, text: str, settings: Sequence[str]) -> Truth:
        """Run the program with each setting. DoesNotRun where it cannot be."""
        ...

    def outcome(self, text: str, setting: str) -> list[Any]:
        """What the program puts out, as arrays."""
        ...

    def same(self, one: Sequence[Any], two: Sequence[Any]) -> bool:
        """Are two outcomes equal to rounding?"""
        ...


def truth_of(run: Callable[[str], dict[tuple[int, ...], list[str]]], settings: Sequence[str]) -> Truth:
    """What a program shows when it is run with each setting."""
    found = Truth()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for setting in settings:
            found.by_setting[setting] = run(setting)
            for lines, states in found.by_setting[setting].items():
                found.layers.setdefault(lines, []).extend(states)
    return found


def lines_of(frame: Any) -> Iterator[int]:
    while frame is not None:
        if frame.f_code.co_filename == PROGRAM and frame.f_code.co_name != "<module>":
            yield frame.f_lineno
        frame = frame.f_back


def same(one: Sequence[Any], two: Sequence[Any], tolerance: float) -> bool:
    """Are these arrays equal to rounding?"""
    import numpy

    if [item.shape for item in one] != [item.shape for item in two]:
        return False
    for left, right in zip(one, two, strict=True):
        with numpy.errstate(invalid="ignore"):
            if bool((numpy.abs(left - right) > tolerance * (1 + numpy.abs(left))).any()):
                return False
        if bool((numpy.isnan(left) != numpy.isnan(right)).any()):
            return False
    return True
