"""Code that asks for a GPU where there is none: what it puts there stays on the processor."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

NOTE = "the code asks for a GPU; there is none, and everything stays on the processor"
_MOVES = ("cuda", "to", "_to_copy")


def _is_gpu(value: Any) -> bool:
    import torch

    if isinstance(value, torch.device):
        return bool(value.type == "cuda")
    return isinstance(value, str) and (value == "cuda" or value.startswith("cuda:"))


@contextlib.contextmanager
def on_processor(notes: list[str]) -> Iterator[None]:
    """Map every GPU that is named inside to the processor, and note that once. Does nothing where there is a GPU."""
    import torch
    from torch.overrides import TorchFunctionMode

    if torch.cuda.is_available():
        yield
        return

    def note() -> None:
        if NOTE not in notes:
            notes.append(NOTE)

    class OnProcessor(TorchFunctionMode):  # type: ignore[misc]
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            name = getattr(func, "__name__", "")
            if name == "cuda" and args and isinstance(args[0], torch.Tensor):
                note()
                return args[0]
            if _is_gpu(kwargs.get("device")):
                note()
                kwargs = {**kwargs, "device": "cpu"}
            if name in _MOVES and any(map(_is_gpu, args[1:])):
                note()
                args = (args[0], *("cpu" if _is_gpu(one) else one for one in args[1:]))
            return func(*args, **kwargs)

    with OnProcessor():
        yield
