"""Code that asks for a GPU where there is none: what it puts there stays on the processor."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

NOTE = "the code asks for a GPU; there is none, so it runs on the CPU"
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

    with OnProcessor(), _without_gpu(note):
        yield


# Functions of torch.cuda that fail without a GPU, and what they give here.
_IDLE: dict[str, Any] = {
    "set_device": None,
    "synchronize": None,
    "current_device": 0,
    "get_device_name": "none",
    "get_device_capability": (0, 0),
    "memory_allocated": 0,
    "max_memory_allocated": 0,
    "memory_reserved": 0,
    "max_memory_reserved": 0,
    "reset_peak_memory_stats": None,
    "set_per_process_memory_fraction": None,
    "init": None,
}
_TYPES = ("FloatTensor", "DoubleTensor", "HalfTensor", "LongTensor", "IntTensor", "ByteTensor", "BoolTensor")


@contextlib.contextmanager
def _without_gpu(note: Callable[[], None]) -> Iterator[None]:
    """What cannot be mapped call by call: functions of `torch.cuda`, its types of tensors, the default device, saved tensors."""
    import torch

    def idle(result: Any) -> Callable[..., Any]:
        def function(*_args: Any, **_keywords: Any) -> Any:
            note()
            return result

        return function

    def to_processor(function: Callable[..., Any]) -> Callable[..., Any]:
        def mapped(*args: Any, **keywords: Any) -> Any:
            wanted = any(map(_is_gpu, [*args, *keywords.values()]))
            if wanted:
                note()
            args = tuple("cpu" if _is_gpu(one) else one for one in args)
            return function(*args, **{key: "cpu" if _is_gpu(one) else one for key, one in keywords.items()})

        return mapped

    def of_type(kind: Any) -> None:
        name = kind if isinstance(kind, str) else f"torch.{kind.__name__}"
        set_type(name.replace("torch.cuda.", "torch."))

    def load(*args: Any, **keywords: Any) -> Any:
        if len(args) < 2 and (keywords.get("map_location") is None or _is_gpu(keywords["map_location"])):
            keywords["map_location"] = "cpu"
        return read(*args, **keywords)

    set_type, read = torch.set_default_tensor_type, torch.load
    changes: list[tuple[Any, str, Any]] = [(torch.cuda, name, idle(result)) for name, result in _IDLE.items()]
    changes += [(torch.cuda, name, getattr(torch, name)) for name in _TYPES]
    changes += [
        (torch, "set_default_device", to_processor(torch.set_default_device)),
        (torch, "set_default_tensor_type", of_type),
        (torch, "load", load),
    ]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in changes]
    try:
        for owner, name, value in changes:
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)
