"""Smooth stand-ins for functions that are straight on either side of a bend.

On a batch that stays on one side of it, a ReLU lets a norm behind it cancel the bias in front of it, as if the ReLU were not there.
The dead-bias test asks for any input and any values, so it measures with functions of about the same shape that are straight nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_FAR = 1e6  # of a bound


def _rise(x: Any) -> Any:
    """Like ReLU. Algebraic: exponentials are straight to the last digit not far from zero."""
    return (x + (x * x + 1).sqrt()) / 2


def _step(x: Any) -> Any:
    """Like tanh."""
    return x / (x * x + 1).sqrt()


def _leaky(x: Any, slope: Any) -> Any:
    return slope * x + (1 - slope) * _rise(x)


def _between(x: Any, low: Any, high: Any) -> Any:
    """Softly clamped; either bound may be missing, or too far away to matter and to compute with."""
    low, high = (None if isinstance(bound, (int, float)) and abs(bound) > _FAR else bound for bound in (low, high))
    if low is None and high is None:
        return x * 1
    if low is None:
        return high - _rise(high - x)
    if high is None:
        return low + _rise(x - low)
    middle, half = (low + high) / 2, (high - low) / 2
    return middle + half * _step((x - middle) / half) if not _is_nothing(half) else x * 0 + middle


def _is_nothing(value: Any) -> bool:
    return not hasattr(value, "shape") and value == 0


def _prelu(x: Any, weight: Any) -> Any:
    return _leaky(x, weight.reshape(-1, *[1] * (x.dim() - 2)) if weight.numel() > 1 and x.dim() > 1 else weight)


def _clamp(x: Any, low: Any = None, high: Any = None) -> Any:
    return _between(x, low, high)


STAND_INS: dict[str, Callable[..., Any]] = {
    "relu": lambda x, inplace=False: _rise(x),
    "relu6": lambda x, inplace=False: _between(x, 0.0, 6.0),
    "hardtanh": lambda x, min_val=-1.0, max_val=1.0, inplace=False: _between(x, min_val, max_val),
    "hardsigmoid": lambda x, inplace=False: _step(x) / 2 + 0.5,
    "hardswish": lambda x, inplace=False: x * (_step(x) / 2 + 0.5),
    "leaky_relu": lambda x, negative_slope=0.01, inplace=False: _leaky(x, negative_slope),
    "rrelu": lambda x, lower=0.125, upper=0.3333, training=False, inplace=False: _leaky(x, (lower + upper) / 2),
    "prelu": _prelu,
    "elu": lambda x, alpha=1.0, inplace=False: _rise(x),
    "celu": lambda x, alpha=1.0, inplace=False: _rise(x),
    "selu": lambda x, inplace=False: _rise(x),
    "_threshold": lambda x, threshold, value, inplace=False: _rise(x),
    "threshold": lambda x, threshold, value, inplace=False: _rise(x),
    "hardshrink": lambda x, lambd=0.5: _step(x),
    "softshrink": lambda x, lambd=0.5: _step(x),
    "abs": lambda x: (x * x + 0.1).sqrt(),
    "clamp": _clamp,
    "clip": _clamp,
    "clamp_min": lambda x, low: _between(x, low, None),
    "clamp_max": lambda x, high: _between(x, None, high),
}


def smoothed(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The smooth result of the torch function `name` called so; None where it has no stand-in or carries no gradient.

    Where gradients are off, all of it is smooth.
    """
    import torch

    stand_in = STAND_INS.get(name.removesuffix("_"))
    kwargs = {{"min": "low", "max": "high"}.get(key, key): value for key, value in kwargs.items()}
    first = args[0] if args else kwargs.pop("input", None)
    if stand_in is None or "out" in kwargs or not isinstance(first, torch.Tensor):
        return None
    if not first.is_floating_point() or (torch.is_grad_enabled() and not first.requires_grad):
        return None
    in_place = name.endswith("_") or bool(kwargs.get("inplace")) or any(value is True for value in args[1:])
    result = stand_in(first.clone() if in_place else first, *args[1:], **kwargs)
    return first.copy_(result) if in_place else result
