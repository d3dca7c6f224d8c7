"""Remembering, while a Keras model is built, which calls made each layer."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from biaslint.runtime.facts.origins import Frame, calling_frames, skipped_folders

_MARK = "_biaslint_origin"


@contextlib.contextmanager
def tracing() -> Iterator[None]:
    """Every layer made inside carries the calls that led to it, until `origins` takes them off."""
    import keras

    package = os.path.dirname(keras.__file__)
    skipped = skipped_folders(package)
    # The applications are user code as far as their layers are concerned.
    kept = tuple(os.path.join(package, *parts, "applications") + os.sep for parts in ((), ("src",)))
    layer: Any = keras.layers.Layer
    original = layer.__new__

    def traced(cls: Any, *args: Any, **kwargs: Any) -> Any:
        made = original(cls) if original is object.__new__ else original(cls, *args, **kwargs)
        with contextlib.suppress(AttributeError, TypeError):
            made.__dict__.setdefault(_MARK, calling_frames(made, skipped, kept, depth=2))
        return made

    layer.__new__ = traced
    try:
        yield
    finally:
        layer.__new__ = original


def origins(layers: dict[str, Any]) -> dict[str, list[Frame]]:
    """The calls that led to each layer; takes the marks off."""
    found = {name: vars(layer).get(_MARK, []) for name, layer in layers.items()}
    for layer in layers.values():
        vars(layer).pop(_MARK, None)
    return found
