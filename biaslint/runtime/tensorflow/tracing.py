"""Remembering which calls made each TensorFlow variable."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from biaslint.runtime.facts.origins import Frame, calling_frames, skipped_folders

# By identity, with the variable itself so that the identity stays its own.
_made: dict[int, tuple[Any, list[Frame]]] = {}


@contextlib.contextmanager
def tracing() -> Iterator[None]:
    """Every variable made inside is remembered with the calls that led to it."""
    import tensorflow

    skipped = skipped_folders(
        os.path.dirname(tensorflow.__file__), os.path.join(os.path.dirname(os.path.dirname(tensorflow.__file__)), "keras")
    )

    def creator(make: Any, **arguments: Any) -> Any:
        variable = make(**arguments)
        _made[id(variable)] = variable, calling_frames(variable, skipped, depth=2)
        return variable

    with tensorflow.variable_creator_scope(creator):
        yield


def variables() -> list[tuple[Any, list[Frame]]]:
    """All variables that were made, in order, with the calls that led to them."""
    return list(_made.values())
