"""What measuring a PyTorch model takes, told before it is built: its parameters, and what both passes keep of them."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

_WIDE = 8  # bytes of a number in the dead-bias test, which works in float64


class TooLarge(BaseException):
    """Building was broken off. No `Exception`: the model's own code must not catch it."""


@dataclass(frozen=True, slots=True)
class Size:
    """Numbers of a model, and bytes."""

    parameters: int
    stored: int  # bytes of parameters and buffers
    largest: int = 0  # numbers of the largest parameter
    activations: int = 0  # bytes that the forward pass keeps for the backward pass

    def plain(self) -> int:
        """Megabytes for one pass forward and back: the values, a copy that they are restored from, gradients."""
        return math.ceil((3 * self.stored + self.activations) / 2**20)

    def whole(self) -> int:
        """Megabytes for the dead-bias test too: the values, their copy, values and gradients in float64, and new random values."""
        wide = 2 * _WIDE * self.parameters + 2 * self.activations + (_WIDE + 4) * self.largest
        return math.ceil((2 * self.stored + wide) / 2**20)


def size_of(model: Any, activations: int = 0) -> Size:
    """What a built model holds; on the meta device, too."""
    from torch.nn.parameter import is_lazy

    known = [one for one in model.parameters() if not is_lazy(one)]
    buffers = [one for one in model.buffers() if not is_lazy(one)]
    stored = sum(one.numel() * one.element_size() for one in [*known, *buffers])
    numbers = [one.numel() for one in known]
    return Size(sum(numbers), stored, max(numbers, default=0), activations)


@contextlib.contextmanager
def bounded_building(most: int) -> Iterator[None]:
    """Break building off with TooLarge as soon as the parameters made so far cannot be measured in `most` megabytes."""
    from torch.nn.modules import module
    from torch.nn.parameter import is_lazy

    seen: set[int] = set()
    size = Size(0, 0)

    def made(_: Any, __: str, parameter: Any) -> None:
        nonlocal size
        if parameter is None or is_lazy(parameter) or id(parameter) in seen:
            return
        seen.add(id(parameter))
        numbers = parameter.numel()
        stored = size.stored + numbers * parameter.element_size()
        size = Size(size.parameters + numbers, stored, max(size.largest, numbers))
        if size.whole() > most:
            raise TooLarge

    handle = module.register_module_parameter_registration_hook(made)
    try:
        yield
    finally:
        handle.remove()


def without_values(build: Callable[[], Any]) -> Any:
    """The model with shapes and no values; None where its code wants values."""
    import torch

    try:
        with torch.device("meta"):
            return build()
    except Exception:
        return None


def kept_for_gradients(model: Any, feed: Callable[[Any], Any]) -> int:
    """Bytes that a forward pass without values keeps for the backward pass; 0 where that cannot be told."""
    import torch

    own = {id(one) for one in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Any) -> Any:
        whole = tensor if tensor._base is None else tensor._base
        if id(whole) not in own:
            kept[id(whole)] = whole.numel() * whole.element_size()
        return tensor

    try:
        positional, named = feed(model)
        with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            outputs = model(*positional, **named)
        del outputs
    except Exception:
        return 0
    return sum(kept.values())
