"""Tracing constructors of whichever framework the user's code imports, without importing any ourselves."""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from types import ModuleType
from typing import Any


def _torch(stack: ExitStack, notes: list[str]) -> None:
    from biaslint.runtime.torch.devices import on_processor
    from biaslint.runtime.torch.tracing import tracing

    stack.enter_context(tracing())
    stack.enter_context(on_processor(notes))


def _keras(stack: ExitStack, notes: list[str]) -> None:
    from biaslint.runtime.keras.tracing import tracing

    stack.enter_context(tracing())


def _tensorflow(stack: ExitStack, notes: list[str]) -> None:
    from biaslint.runtime.tensorflow.tracing import tracing

    stack.enter_context(tracing())


def _flax(stack: ExitStack, notes: list[str]) -> None:
    from biaslint.runtime.flax.tracing import tracing

    stack.enter_context(tracing())


# As soon as this module is there, tracing can begin.
_STARTS: dict[str, Callable[[ExitStack, list[str]], None]] = {
    "torch": _torch,
    "keras": _keras,
    "tensorflow": _tensorflow,
    "flax": _flax,
}


class _AfterImport(importlib.abc.MetaPathFinder):
    """Calls a function when a module has been imported for the first time."""

    def __init__(self, starts: dict[str, Callable[[], None]]) -> None:
        self._starts = starts

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
        if name not in self._starts:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_and_start(module: ModuleType) -> None:
            execute(module)
            start = self._starts.pop(name, None)  # not earlier: some only ask whether a module is there
            if start is not None:
                start()

        spec.loader.exec_module = execute_and_start  # type: ignore[method-assign]
        return spec


@contextlib.contextmanager
def tracing(notes: list[str]) -> Iterator[None]:
    """Remember what made each layer that is constructed inside; what is worth a word goes into the notes."""
    with ExitStack() as stack:
        waiting: dict[str, Callable[[], None]] = {}
        for name, start in _STARTS.items():
            if name in sys.modules:
                start(stack, notes)
            else:
                waiting[name] = lambda start=start: start(stack, notes)  # type: ignore[misc]
        finder = _AfterImport(waiting)
        sys.meta_path.insert(0, finder)
        try:
            yield
        finally:
            sys.meta_path.remove(finder)
