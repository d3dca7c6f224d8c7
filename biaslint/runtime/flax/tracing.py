"""Remembering which calls made each module: linen makes layers when a model runs, nnx when it is built."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from biaslint.runtime.facts.origins import Frame, calling_frames, skipped_folders

_MARK = "_biaslint_origin"


def _skipped() -> tuple[str, ...]:
    import flax
    import jax

    return skipped_folders(os.path.dirname(flax.__file__), os.path.dirname(jax.__file__))


@contextlib.contextmanager
def tracing() -> Iterator[None]:
    """Every module that is made inside carries the calls that led to it."""
    from flax import linen, nnx

    skipped = _skipped()
    module: Any = linen.Module
    after_init, clone = module.__post_init__, module.clone
    meta: Any = type(nnx.Module)
    made_by = meta.__call__
    copied: list[Any] = []

    def traced(self: Any, *args: Any, **kwargs: Any) -> None:
        if _MARK not in self.__dict__:
            known = copied[-1].__dict__.get(_MARK) if copied else None
            object.__setattr__(self, _MARK, known if known is not None else calling_frames(self, skipped, depth=2))
        after_init(self, *args, **kwargs)

    def cloned(self: Any, *args: Any, **kwargs: Any) -> Any:
        copied.append(self)
        try:
            return clone(self, *args, **kwargs)
        finally:
            copied.pop()

    def called(cls: Any, *args: Any, **kwargs: Any) -> Any:
        made = made_by(cls, *args, **kwargs)
        ORIGINS.setdefault(id(made), (made, calling_frames(made, skipped, depth=2)))
        return made

    module.__post_init__, module.clone, meta.__call__ = traced, cloned, called
    try:
        yield
    finally:
        module.__post_init__, module.clone, meta.__call__ = after_init, clone, made_by


ORIGINS: dict[int, tuple[Any, list[Frame]]] = {}  # of nnx's modules, which take no attributes that are not theirs


def origin_of(module: Any) -> list[Frame]:
    """The calls that led to a module."""
    if id(module) in ORIGINS:
        return ORIGINS[id(module)][1]
    found: list[Frame] = getattr(module, "__dict__", {}).get(_MARK, [])
    return found
