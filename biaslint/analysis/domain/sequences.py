"""Sequences of values. A module of its own, because an attribute that a subclass makes a property cannot be compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from biaslint.analysis.project.environment import Value


class SequenceValue:
    """A list, tuple, set or array of known numbers (`kind` says which). `open` means that there may be more items than are known."""

    __slots__ = ("items", "kind", "open")

    def __init__(self, items: list[Value], kind: str = "list", open: bool = False) -> None:  # noqa: A002
        self.items = items
        self.kind = kind
        self.open = open

    def __repr__(self) -> str:
        return f"<{self.kind} {self.items}>"


class Generator(SequenceValue):
    """A generator: its items are computed when they are first read."""

    __slots__ = ("_items", "_run", "frame")

    def __init__(self, run: Callable[[], list[Value]], frame: Any = None) -> None:
        self._run: Callable[[], list[Value]] | None = run
        self.frame = frame  # the call of the generator function, a `Frame`
        self._items: list[Value] = []
        self.kind = "list"
        self.open = False

    @property
    def items(self) -> list[Value]:
        """All items, in order."""
        if self._run is not None:
            run, self._run = self._run, None
            self._items = run()
        return self._items

    @items.setter
    def items(self, new: list[Value]) -> None:
        self._run, self._items = None, new


class PartlyKnown(SequenceValue):
    """A list in which others may stand between the known items. `on_pick` is told of each number and slice by which some are picked."""

    __slots__ = ("on_pick",)

    def __init__(self, items: list[Value], on_pick: Callable[[int | slice], None]) -> None:
        super().__init__(items)
        self.on_pick = on_pick
