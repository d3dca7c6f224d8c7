"""Remembering, while a PyTorch model is built, which calls made each module and each parameter."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from biaslint.runtime.facts.origins import Frame, calling_frames, skipped_folders

_MARK = "_biaslint_origin"


@contextlib.contextmanager
def tracing() -> Iterator[None]:
    """Every module made inside carries the calls that led to it, until `origins` takes them off."""
    import torch

    skipped = skipped_folders(os.path.dirname(torch.__file__))
    original = torch.nn.Module.__init__

    def traced(self: Any, *args: Any, **kwargs: Any) -> None:
        # In the instance's dictionary, so that `copy.deepcopy` hands it on.
        if _MARK not in self.__dict__:
            self.__dict__[_MARK] = calling_frames(self, skipped, depth=2)
        original(self, *args, **kwargs)

    torch.nn.Module.__init__ = traced
    try:
        yield
    finally:
        torch.nn.Module.__init__ = original


def origins(model: Any) -> dict[str, list[Frame]]:
    """The calls that led to each module, by name; takes the marks off the model."""
    found = {name: vars(module).get(_MARK, []) for name, module in model.named_modules()}
    for module in model.modules():
        vars(module).pop(_MARK, None)
    return found
