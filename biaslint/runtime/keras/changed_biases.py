"""Whether another bias makes other outputs: what reads a bias itself, or a stored mean that holds it, passes no gradient on at the place
where the bias is added."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from biaslint.runtime.keras.layers import array, bias_of

TOLERANCE = 1e-4  # relative to the largest entry: what rounding in float32 may come to behind many layers
Outputs = Callable[[], list[Any]]  # what a forward pass puts out, as arrays


def seen(layers: Mapping[str, tuple[Any, Sequence[int]]], outputs: Outputs) -> set[str]:
    """The layers whose bias changes an output, of those given by name with the channels in question.

    None of them where passes differ by themselves: then this tells nothing.
    """
    before = outputs()
    if _same(before, _with_others(layers, outputs)) or not _same(before, outputs()):
        return set()
    return {name for name, one in layers.items() if not _same(before, _with_others({name: one}, outputs))}


def _with_others(layers: Mapping[str, tuple[Any, Sequence[int]]], outputs: Outputs) -> list[Any]:
    """The outputs with other values in these channels."""
    import numpy

    generator = numpy.random.default_rng(len(layers))
    biases = [(bias_of(layer), channels) for layer, channels in layers.values()]
    kept = [array(bias).copy() for bias, _ in biases]
    try:
        for (bias, channels), value in zip(biases, kept, strict=True):
            other = value.copy().reshape(-1)
            other[list(channels)] += generator.standard_normal(len(channels)) + 1
            bias.assign(other.reshape(value.shape).astype(value.dtype))
        return outputs()
    finally:
        for (bias, _), value in zip(biases, kept, strict=True):
            bias.assign(value)


def _same(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Equal to rounding."""
    import numpy

    if [item.shape for item in one] != [item.shape for item in other]:
        return False
    for left, right in zip(one, other, strict=True):
        known = numpy.isfinite(left) & numpy.isfinite(right)
        if (numpy.isfinite(left) != numpy.isfinite(right)).any():
            return False
        if known.any() and numpy.abs(left - right)[known].max() > TOLERANCE * (1 + numpy.abs(left[known]).max()):
            return False
    return True
