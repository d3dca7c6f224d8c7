"""What a Keras model may want to be fed with: each input by its own shape and type, and by the layer that reads it."""

from __future__ import annotations

from typing import Any

from biaslint.runtime.keras.layers import all_layers, classes
from biaslint.runtime.target.inputs import Spec

_IMAGE_SIZES = (64, 224, 32)
_LENGTH = 16
_USUAL = ((64, 64, 3), (28, 28, 1), (32, 32, 3), (16, 8), (8,), (32,), (784,))


def guesses(model: Any) -> list[list[Spec]]:
    """Possible inputs, most likely first: the shapes that the model was built for, unknown sizes filled in."""
    embedding = next((layer for layer in all_layers(model).values() if "Embedding" in classes(layer)), None)
    symbolic = _symbolic_inputs(model)
    if symbolic:
        readers = _embedded(model)
        return [[_spec_of(one, readers, size, len(symbolic)) for one in symbolic] for size in _IMAGE_SIZES]
    shapes = getattr(model, "input_shape", None)
    if shapes is not None:
        several = shapes if isinstance(shapes, list) else list(shapes.values()) if isinstance(shapes, dict) else [shapes]
        return [[_filled(shape, size, embedding) for shape in several] for size in _IMAGE_SIZES]
    found = [[Spec((_LENGTH,), type="int", low=0, high=embedding.input_dim)]] if embedding is not None else []
    return [*found, *([Spec(shape)] for shape in _USUAL)]


def _symbolic_inputs(model: Any) -> list[Any]:
    """A functional model's inputs, [] for any other."""
    try:
        inputs = list(getattr(model, "inputs", None) or ())
    except (AttributeError, TypeError, ValueError):
        return []
    return inputs if all(hasattr(one, "shape") and hasattr(one, "dtype") for one in inputs) else []


def _sizes(shape: Any, size: int) -> tuple[int, ...]:
    parts = list(shape)[1:]
    return tuple(int(part) if part is not None else size if len(parts) > 2 else _LENGTH for part in parts)


def _filled(shape: Any, size: int, embedding: Any) -> Spec:
    if embedding is not None and len(shape) == 2:
        return Spec(_sizes(shape, size), type="int", low=0, high=embedding.input_dim)
    return Spec(_sizes(shape, size))


def _spec_of(tensor: Any, readers: dict[int, int], size: int, count: int) -> Spec:
    """One input: whole numbers where an embedding reads it or where it says so itself."""
    shape, kind = _sizes(tensor.shape, size), str(getattr(tensor.dtype, "name", tensor.dtype))
    vocabulary = readers.get(id(tensor))
    if vocabulary is not None:
        return Spec(shape, type="int", low=0, high=vocabulary)
    if "bool" in kind:
        return Spec(shape, type="bool")
    if "string" in kind:
        return Spec(shape, type="string")
    return Spec(shape, type="int", low=0, high=2) if "int" in kind else Spec(shape)


def _embedded(model: Any) -> dict[int, int]:
    """For each input that an embedding reads, by its identity: how many rows the smallest of these has."""
    found: dict[int, int] = {}
    for layer in all_layers(model).values():
        if "Embedding" not in classes(layer):
            continue
        pending = [tensor for node in getattr(layer, "_inbound_nodes", ()) for tensor in _inputs_of(node)]
        seen: set[int] = set()
        while pending:
            tensor = pending.pop()
            if id(tensor) in seen:
                continue
            seen.add(id(tensor))
            found[id(tensor)] = min(found.get(id(tensor), layer.input_dim), layer.input_dim)
            made = _maker(tensor)
            if made is not None and not getattr(made, "weights", ()):  # what only reshapes or slices
                pending += [source for node in getattr(made, "_inbound_nodes", ()) for source in _inputs_of(node)]
    return found


def _inputs_of(node: Any) -> list[Any]:
    found = getattr(node, "input_tensors", None)
    if found is None:
        found = getattr(node, "keras_inputs", ())
    return list(found) if isinstance(found, (list, tuple)) else [found]


def _maker(tensor: Any) -> Any:
    history = getattr(tensor, "_keras_history", None)
    return getattr(history, "operation", None) or getattr(history, "layer", None)
