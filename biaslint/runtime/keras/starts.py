"""Giving biases of a built Keras model another start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from biaslint.runtime.compare.changes import FORGET
from biaslint.runtime.keras.layers import array


def apply(layers: Mapping[str, Any], changes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Make the changes; says of each that could not be made why not."""
    notes = []
    for change in changes:
        layer, values = layers.get(change["layer"]), change["values"]
        if not (_forget(layer, values[0]) if change["part"] == FORGET else _bias(layer, values)):
            notes.append(f"`{change['layer']}` has no {change['part']} that takes {len(values)} values")
    return notes


def _bias(layer: Any, values: Sequence[float]) -> bool:
    import numpy

    bias = getattr(layer, "bias", None)
    if bias is None or len(values) not in (1, int(numpy.prod(bias.shape))):
        return False
    bias.assign(numpy.broadcast_to(numpy.asarray(values, dtype="float32"), (int(numpy.prod(bias.shape)),)).reshape(bias.shape))
    return True


def _forget(layer: Any, value: float) -> bool:
    """The second quarter of an LSTM's bias."""
    bias = getattr(getattr(layer, "cell", layer), "bias", None)
    if bias is None or len(bias.shape) != 1:
        return False
    values, quarter = array(bias).copy(), int(bias.shape[0]) // 4
    values[quarter : 2 * quarter] = value
    bias.assign(values)
    return True
