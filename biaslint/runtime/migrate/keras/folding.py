"""Moving what dropped biases of a Keras model did into moving means and the biases that stay, as for PyTorch models."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from biaslint.runtime.keras.layers import array
from biaslint.runtime.keras.watch import tensors_of
from biaslint.runtime.migrate.keras.models import Key, Variables

_EVEN = 1e-10  # of the largest value: what a shift may differ by from position to position
_NOISE = 1e-12  # of a channel's largest value: less than that is rounding
MEAN, BIAS = "moving_mean", "bias"

Visit = Callable[[Key, Any, int], Any]  # the variable, what arrives or comes out, the channel axis -> what takes its place


@dataclass(slots=True)
class Folded:
    """What the new model's pass came to."""

    changed: set[Key] = field(default_factory=set)
    uneven: dict[Key, str] = field(default_factory=dict)


@contextlib.contextmanager
def met(model: Variables, visit: Visit) -> Iterator[None]:
    """Call `visit` with what each norm with a moving mean is given, and with what each layer with a bias hands to its activation."""
    import keras

    numbers = {id(layer): number for number, layer in enumerate(model.layers)}
    operation: Any = next(base for base in keras.layers.Layer.__mro__ if base.__name__ == "Operation")
    original = operation.__call__

    def called(self: Any, *args: Any, **kwargs: Any) -> Any:
        key = (numbers.get(id(self), -1), MEAN)
        if key in model.by_key:
            found = tensors_of([args, kwargs])
            axis = getattr(self, "axis", -1)
            if found and isinstance(axis, int):
                visit(key, found[0], axis)
        return original(self, *args, **kwargs)

    spied = [
        (layer, layer.activation, key)
        for number, layer in enumerate(model.layers)
        if (key := (number, BIAS)) in model.by_key and hasattr(layer, "activation") and hasattr(layer, "kernel")
    ]

    def spy(layer: Any, activation: Any, key: Key) -> Any:
        axis = 1 if getattr(layer, "data_format", "") == "channels_first" else -1

        def activate(tensor: Any) -> Any:
            tensor = visit(key, tensor, axis)
            return tensor if activation is None else activation(tensor)

        return activate

    operation.__call__ = called
    for layer, activation, key in spied:
        layer.activation = spy(layer, activation, key)
    try:
        yield
    finally:
        operation.__call__ = original
        for layer, activation, _ in spied:
            layer.activation = activation


def recorded(model: Variables, run: Callable[[Any], Any]) -> dict[Key, list[Any]]:
    """Run the old model and keep what arrives."""
    arrived: dict[Key, list[Any]] = defaultdict(list)

    def visit(key: Key, tensor: Any, axis: int) -> Any:
        arrived[key].append(_less(model, key, array(tensor), axis))
        return tensor

    with met(model, visit):
        run(model.model)
    return arrived


def folded(model: Variables, arrived: dict[Key, list[Any]], run: Callable[[Any], Any]) -> Folded:
    """Run the new model, and adjust its means and biases on the way."""
    found = Folded()
    calls: dict[Key, int] = defaultdict(int)

    def visit(key: Key, tensor: Any, axis: int) -> Any:
        number = calls[key]
        calls[key] += 1
        now = _less(model, key, array(tensor), axis)
        if number >= len(arrived.get(key, ())) or arrived[key][number].shape != now.shape:
            found.uneven.setdefault(key, "the two models use it differently")
            return tensor
        shift, size, even = _shift(arrived[key][number], now, axis)
        moved = abs(shift) > _NOISE * size
        if not even:
            found.uneven.setdefault(key, "its input does not differ by one number per channel")
        elif moved.any() and number:
            found.uneven.setdefault(key, "it is used more than once, with different inputs")
        elif moved.any():
            return _taken_up(model, key, shift * moved, tensor, axis, found)
        return tensor

    with met(model, visit):
        run(model.model)
    return found


def _taken_up(model: Variables, key: Key, shift: Any, tensor: Any, axis: int, found: Folded) -> Any:
    found.changed.add(key)
    value = array(model.by_key[key])
    if key[1] == MEAN:
        model.by_key[key].assign(value - shift.reshape(value.shape))
        return tensor
    model.by_key[key].assign(value + shift.reshape(value.shape))
    import keras

    return tensor + keras.ops.convert_to_tensor(_along(shift, len(tensor.shape), axis), dtype=tensor.dtype)


def _less(model: Variables, key: Key, tensor: Any, axis: int) -> Any:
    """What arrives, less the mean that a norm subtracts."""
    return tensor - _along(array(model.by_key[key]), tensor.ndim, axis) if key[1] == MEAN else tensor


def _along(vector: Any, dimensions: int, axis: int) -> Any:
    shape = [1] * dimensions
    shape[axis] = -1
    return vector.reshape(shape)


def _shift(before: Any, now: Any, axis: int) -> tuple[Any, Any, bool]:
    import numpy

    others = tuple(index for index in range(now.ndim) if index != axis % now.ndim)
    difference, size = before - now, numpy.maximum(abs(before), abs(now))
    shift, size = difference.mean(others), size.max(others)
    spread = abs(difference - _along(shift, now.ndim, axis)).max()
    return shift, size, bool(spread <= _EVEN * size.max())
