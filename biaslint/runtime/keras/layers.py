"""What a live Keras model's layers are: names, biases, forget gates."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from biaslint.runtime.facts.observed import Gate, LayerFacts, Numbers
from biaslint.runtime.facts.origins import Frame

_AFFINE = {
    "Dense": "linear",
    "EinsumDense": "linear",
    "BaseConv": "conv",
    "BaseConvTranspose": "conv",
    "BaseDepthwiseConv": "conv",
    "BaseSeparableConv": "conv",
}
NORMS = {
    "BatchNormalization": "batch norm",
    "GroupNormalization": "group norm",
    "LayerNormalization": "layer norm",
    "RMSNormalization": "RMS norm",
    "UnitNormalization": "unit norm",
    "InstanceNormalization": "instance norm",
}
_CONFIG = (
    "filters",
    "kernel_size",
    "strides",
    "padding",
    "groups",
    "units",
    "axis",
    "epsilon",
    "center",
    "scale",
    "data_format",
)


def classes(layer: Any) -> list[str]:
    """The names of a layer's class and its bases."""
    return [base.__name__ for base in type(layer).__mro__]


def all_layers(model: Any) -> dict[str, Any]:
    """Every layer of a model, nested ones too, by name (by path where names are not unique)."""
    flat = [layer for layer in _flatten(model) if layer is not model]
    if not flat:
        flat = [model]
    counts: dict[str, int] = {}
    for layer in flat:
        counts[layer.name] = counts.get(layer.name, 0) + 1
    found: dict[str, Any] = {}
    for index, layer in enumerate(flat):
        name = layer.name if counts[layer.name] == 1 else getattr(layer, "path", None) or f"{layer.name}_{index}"
        found[name if name not in found else f"{name}_{index}"] = layer
    return found


def _flatten(model: Any) -> Iterator[Any]:
    if hasattr(model, "_flatten_layers"):
        yield from model._flatten_layers(include_self=True, recursive=True)
    else:
        yield model


def kind_of(layer: Any) -> str:
    """The kind of a layer, as in LayerFacts."""
    names = classes(layer)
    for name in names:
        if name in _AFFINE:
            return _AFFINE[name]
        if name in NORMS:
            return "norm"
        if name == "Embedding":
            return "embedding"
        if name == "MultiHeadAttention":
            return "attention"
        if name in ("LSTMCell", "GRUCell", "SimpleRNNCell"):
            return "rnn_cell"
        if name in ("LSTM", "GRU", "SimpleRNN", "ConvLSTM"):
            return "rnn"
    return "other"


def is_affine(layer: Any) -> bool:
    """Whether the layer's bias can be judged."""
    return kind_of(layer) in ("conv", "linear") and hasattr(layer, "activation")


def array(value: Any) -> Any:
    """A tensor or variable of any backend as a numpy array."""
    import numpy

    if isinstance(value, numpy.ndarray):
        return value
    if hasattr(value, "detach"):
        return value.detach().cpu().numpy()
    try:
        import keras

        return numpy.asarray(keras.ops.convert_to_numpy(value))
    except (ImportError, ValueError, TypeError, AttributeError):
        return numpy.asarray(value)


def numbers(value: Any) -> Numbers:
    """A summary of finite values."""
    import numpy

    flat = array(value).astype("float64").ravel()
    finite = flat[numpy.isfinite(flat)]
    if not finite.size:
        return Numbers(int(flat.size))
    return Numbers(int(flat.size), float(finite.mean()), float(finite.std()), float(finite.min()), float(finite.max()))


def histogram(value: Any, bins: int) -> tuple[list[int], list[float]]:
    """Counts in equal bins, and the two ends."""
    import numpy

    flat = array(value).astype("float64").ravel()
    flat = flat[numpy.isfinite(flat)]
    if not flat.size:
        return [], []
    low, high = float(flat.min()), float(flat.max())
    if not high > low:
        return [], [low, high]
    return [int(count) for count in numpy.histogram(flat, bins, (low, high))[0]], [low, high]


def forget_gates(layer: Any) -> list[Gate]:
    """The forget gate of an LSTM (gate order i, f, c, o; one bias vector)."""
    if not any("LSTM" in name for name in classes(layer)):
        return []
    cell = getattr(layer, "cell", layer)
    bias, units = getattr(cell, "bias", None), getattr(cell, "units", None) or getattr(cell, "filters", None)
    if not units or not hasattr(cell, "use_bias"):
        return []
    if bias is None:
        return [] if cell.use_bias else [Gate("")]
    values = array(bias).astype("float64")[units : 2 * units]
    return [
        Gate("", float(values.mean()), float(values.min()), float(values.max()), float((1 / (1 + math.e ** (-values))).mean()))
    ]


def bias_of(layer: Any) -> Any:
    """The layer's bias variable: its own, its cell's, or a norm's shift."""
    for holder in (layer, getattr(layer, "cell", None)):
        for name in ("bias", "beta"):
            found = getattr(holder, name, None)
            if found is not None and hasattr(found, "shape"):
                return found
    return None


def kernel_of(layer: Any) -> Any:
    """The layer's weight."""
    for holder in (layer, getattr(layer, "cell", None)):
        for name in ("kernel", "depthwise_kernel", "_kernel", "gamma", "embeddings"):
            found = getattr(holder, name, None)
            if found is not None and hasattr(found, "shape"):
                return found
    return None


def layer_facts(layers: dict[str, Any], chains: dict[str, list[Frame]]) -> list[LayerFacts]:
    """All layers that have weights of their own."""
    found = []
    cells = {id(layer.cell) for layer in layers.values() if hasattr(layer, "cell")}
    kernels: dict[int, str] = {}
    for name, layer in layers.items():
        bias, kernel = bias_of(layer), kernel_of(layer)
        if (bias is None and kernel is None) or id(layer) in cells:
            continue
        kind = kind_of(layer)
        own = type(layer)
        public = (
            f"keras.layers.{own.__name__}"
            if own.__module__.startswith(("keras.", "tf_keras."))
            else f"{own.__module__}.{own.__qualname__}"
        )
        facts = LayerFacts(name, public, own.__name__, kind, chains.get(name, []))
        facts.config = {
            key: list(value) if isinstance(value, tuple) else value
            for key in _CONFIG
            if isinstance(value := getattr(layer, key, None), (int, str, tuple))
        }
        facts.bias_present = bias is not None
        if bias is not None:
            facts.bias_trainable = bool(getattr(bias, "trainable", True)) and bool(layer.trainable)
            facts.bias_values = numbers(bias)
            facts.bias_default = "zeros, forget gate ones" if facts.kind == "rnn" and "LSTM" in own.__name__ else "zeros"
            facts.channels = int(math.prod(bias.shape))
        if kernel is not None:
            facts.weight_trainable = bool(getattr(kernel, "trainable", True)) and bool(layer.trainable)
            facts.weight_of = kernels.get(id(kernel))
            kernels.setdefault(id(kernel), name)
        facts.gates = forget_gates(layer)
        found.append(facts)
    return found
