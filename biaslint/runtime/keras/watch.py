"""Running a Keras model while watching: what each layer put out, what read it, and gradients at places inside layers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from biaslint.runtime.keras.layers import array


@dataclass(slots=True)
class Call:
    """One call of a layer or operation without parts: the tensors are kept, so that their identity means something."""

    operation: Any
    inputs: list[Any]
    output: Any


@dataclass(slots=True)
class Record:
    """What was seen of one pass."""

    calls: list[Call] = field(default_factory=list)
    before_activation: dict[int, list[Any]] = field(default_factory=dict)  # id of layer -> tensors

    def readers(self, tensor: Any) -> list[Call]:
        """The calls that take this tensor."""
        return [call for call in self.calls if any(one is tensor for one in call.inputs)]


def _tensors(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item)
    elif hasattr(value, "shape") and hasattr(value, "dtype"):
        yield value


def tensors_of(value: Any) -> list[Any]:
    """The tensors in an output, however nested."""
    return list(_tensors(value))


class _Probes:
    """JAX differentiates functions, not recorded passes: what is added at the places on the way is made an argument."""

    def __init__(self) -> None:
        self.values: list[Any] | None = None  # what to add, place by place; None: only note the places
        self.seen: list[Any] = []
        self.active = False

    def at(self, tensor: Any) -> Any:
        """The tensor as the model goes on with it."""
        if not self.active or "float" not in str(getattr(tensor, "dtype", "")):
            return tensor
        result = tensor if self.values is None else tensor + self.values[len(self.seen)]
        self.seen.append(result)
        return result

    def run(self, run: Callable[[], tuple[Any, list[Any]]], values: list[Any] | None) -> tuple[Any, list[Any]]:
        """`run`, with these values added at its places."""
        self.values, self.seen, self.active = values, [], True
        try:
            return run()
        finally:
            self.active = False


_probes = _Probes()


@contextlib.contextmanager
def watching(layers: Sequence[Any]) -> Iterator[Record]:
    """Record every call of an operation, and what each of the layers hands to its activation."""
    import keras

    record = Record()
    operation: Any = (
        next(base for base in keras.layers.Layer.__mro__ if base.__name__ == "Operation")
        if hasattr(keras, "ops")
        else keras.layers.Layer
    )
    original = operation.__call__

    def called(self: Any, *args: Any, **kwargs: Any) -> Any:
        output = original(self, *args, **kwargs)
        if not getattr(self, "_layers", None) or hasattr(self, "cell"):
            found = tensors_of(output)
            if len(found) == 1 and found[0] is output:
                output = _probes.at(output)
                found = [output]
            if found:
                record.calls.append(Call(self, tensors_of([args, kwargs]), found[0]))
        return output

    activations = [(layer, layer.activation) for layer in layers]

    def spy(layer: Any, activation: Callable[[Any], Any] | None) -> Callable[[Any], Any]:
        def activate(tensor: Any) -> Any:
            tensor = _probes.at(tensor)
            record.before_activation.setdefault(id(layer), []).append(tensor)
            return tensor if activation is None else activation(tensor)

        return activate

    undo = _eager_functions()
    operation.__call__ = called
    for layer, activation in activations:
        layer.activation = spy(layer, activation)
    try:
        yield record
    finally:
        undo()
        operation.__call__ = original
        for layer, activation in activations:
            layer.activation = activation


def _eager_functions() -> Callable[[], None]:
    """On TensorFlow, run what `tf.function` would compile eagerly, so that it has values; gives what undoes it."""
    if backend() != "tensorflow":
        return lambda: None
    import tensorflow

    before = tensorflow.config.functions_run_eagerly()
    tensorflow.config.run_functions_eagerly(True)
    return lambda: tensorflow.config.run_functions_eagerly(before)


def backend() -> str:
    """The backend that runs the model: "tensorflow", "torch", "jax" ..."""
    import keras

    return str(keras.config.backend()) if hasattr(keras, "config") else "tensorflow"


def gradients(run: Callable[[], tuple[Any, list[Any]]]) -> list[Any]:
    """`run`, which may be called several times, gives a scalar and some tensors on the way to it; the gradients at these, as arrays (None where there is none)."""
    if backend() == "torch":
        import torch

        with torch.enable_grad():
            value, places = run()
        live = [place for place in places if place.requires_grad]
        found = iter(torch.autograd.grad(value, live, allow_unused=True)) if live and value.requires_grad else iter(())
        return [next(found, None) if place.requires_grad else None for place in places]
    if backend() == "jax":
        return _jax_gradients(run)
    import tensorflow

    with tensorflow.GradientTape() as tape:
        value, places = run()
    return list(tape.gradient(value, places)) if places else []


def _jax_gradients(run: Callable[[], tuple[Any, list[Any]]]) -> list[Any]:
    import jax
    import keras

    _, places = _probes.run(run, None)
    index = {id(tensor): at for at, tensor in enumerate(_probes.seen)}
    order = [index.get(id(place)) for place in places]
    zeros = [jax.numpy.zeros_like(tensor) for tensor in _probes.seen]

    def value(probes: list[Any]) -> Any:
        with keras.StatelessScope():  # what the pass writes to variables stays inside
            return _probes.run(run, probes)[0]

    found = jax.grad(value)(zeros)
    run()  # leaves its record with numbers in it
    return [None if at is None else found[at] for at in order]


def as_array(gradient: Any) -> Any:
    """A gradient as an array, also where TensorFlow gives it as slices."""
    if hasattr(gradient, "indices") and hasattr(gradient, "values"):
        import tensorflow

        gradient = tensorflow.convert_to_tensor(gradient)
    return array(gradient).astype("float64")


@contextlib.contextmanager
def preserved(model: Any, layers: Sequence[Any]) -> Iterator[None]:
    """Variables, dropout rates and trainable flags are afterwards as they were."""
    values = [(variable, array(variable).copy()) for variable in model.variables]
    rates = [(layer, layer.rate) for layer in layers if isinstance(getattr(layer, "rate", None), (int, float))]
    trainable = [(layer, layer.trainable) for layer in layers]
    try:
        yield
    finally:
        for layer, flag in reversed(trainable):
            if layer.trainable != flag:
                layer.trainable = flag
        for layer, rate in rates:
            layer.rate = rate
        for variable, value in values:
            variable.assign(value)


def randomise(model: Any, seed: int) -> None:
    """Give every trained weight values that hide nothing."""
    import numpy

    generator = numpy.random.default_rng(seed)
    for variable in model.trainable_variables:
        shape = tuple(variable.shape)
        name = str(getattr(variable, "path", "") or variable.name).split("/")[-1].split(":")[0]
        if name in ("gamma", "scale") or (len(shape) <= 1 and name not in ("bias", "beta")):
            value = generator.uniform(0.5, 1.5, shape)
        elif len(shape) <= 1 or name in ("bias", "beta"):
            value = generator.standard_normal(shape) * 0.6
        else:
            fan_in = numpy.prod(shape[:2]) if "depthwise" in name else numpy.prod(shape[:-1])
            value = generator.standard_normal(shape) * (1.5 / max(float(fan_in), 1.0)) ** 0.5
        variable.assign(value.astype("float32"))
