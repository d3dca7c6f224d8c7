"""Running eager TensorFlow code while watching its own operations: convolutions, products, additions of biases, ReLUs, norms."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

_PRODUCTS = {
    "conv": (
        "nn.conv1d",
        "nn.conv2d",
        "nn.conv3d",
        "nn.convolution",
        "nn.depthwise_conv2d",
        "nn.conv2d_transpose",
        "nn.separable_conv2d",
    ),
    "linear": ("matmul", "linalg.matmul", "tensordot", "einsum"),
}
_NORMS = {
    "nn.batch_normalization": "batch norm",
    "nn.fused_batch_norm": "batch norm",
    "nn.moments": "batch norm",
    "nn.softmax": "softmax",
}


@dataclass(slots=True)
class Sum:
    """A bias that was added: to what kind of product, of which weight, and the result."""

    bias: Any
    kind: str
    operation: str
    weight: Any
    result: Any
    axis: int


@dataclass(slots=True)
class Record:
    """What was seen of one pass."""

    sums: list[Sum] = field(default_factory=list)
    products: dict[int, tuple[str, str, Any, Any]] = field(
        default_factory=dict
    )  # id of result -> kind, operation, weight, result
    relus: list[tuple[Any, Any]] = field(default_factory=list)  # what went in and what came out
    norms: list[str] = field(default_factory=list)


def _holders(path: str) -> list[tuple[Any, str]]:
    """Where the public name lives: TensorFlow 2's namespace and the compatible one of TensorFlow 1."""
    import tensorflow

    found = []
    for root in (tensorflow, tensorflow.compat.v1):
        holder: Any = root
        *folders, name = path.split(".")
        for folder in folders:
            holder = getattr(holder, folder, None)
        if holder is not None and hasattr(holder, name):
            found.append((holder, name))
    return found


class _Wrappers:
    """Makes of an operation one that does the same and writes into `record`."""

    def __init__(self, record: Record) -> None:
        self.record = record

    def product(self, original: Any, kind: str, operation: str) -> Any:
        import tensorflow

        @functools.wraps(original)
        def call(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            operands = [*args[1:2], *args[:1], *kwargs.values()]
            weight = next((one for one in operands if isinstance(one, tensorflow.Variable)), None)
            self.record.products[id(result)] = kind, operation, weight, result
            return result

        return call

    def addition(self, original: Any) -> Any:
        @functools.wraps(original)
        def call(value: Any, bias: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(value, bias, *args, **kwargs)
            layout = str(kwargs.get("data_format") or (args[0] if args else "") or "")
            for tensor, other in ((value, bias), (bias, value)):
                self._added(tensor, other, result, 1 if layout.startswith("NC") else -1)
            return result

        return call

    def _added(self, tensor: Any, bias: Any, result: Any, axis: int) -> None:
        import tensorflow

        made = self.record.products.get(id(tensor))
        if made is not None and isinstance(bias, tensorflow.Variable):
            self.record.sums.append(Sum(bias, made[0], made[1], made[2], result, axis))

    def relu(self, original: Any) -> Any:
        @functools.wraps(original)
        def call(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            self.record.relus.append((args[0] if args else None, result))
            return result

        return call

    def norm(self, original: Any, kind: str) -> Any:
        @functools.wraps(original)
        def call(*args: Any, **kwargs: Any) -> Any:
            self.record.norms.append(kind)
            return original(*args, **kwargs)

        return call


def _without_dropout(original: Any) -> Any:
    @functools.wraps(original)
    def call(x: Any, *args: Any, **kwargs: Any) -> Any:
        return x

    return call


def _changes(wrap: _Wrappers, dropout: bool) -> Iterator[tuple[Any, str, Callable[[Any], Any]]]:
    """What is replaced while watching: the holder of a name, the name, and what makes the replacement of the original."""
    import tensorflow

    by_path: list[tuple[str, Callable[[Any], Any]]] = []
    for kind, paths in _PRODUCTS.items():
        by_path += [(path, functools.partial(wrap.product, kind=kind, operation=f"tf.{path}")) for path in paths]
    by_path += [(path, wrap.addition) for path in ("nn.bias_add", "add", "math.add")]
    by_path += [(path, wrap.relu) for path in ("nn.relu", "nn.relu6")]
    by_path += [(path, functools.partial(wrap.norm, kind=kind)) for path, kind in _NORMS.items()]
    by_path += [] if dropout else [("nn.dropout", _without_dropout)]
    for path, make in by_path:
        yield from ((holder, name, make) for holder, name in _holders(path))
    # `x + b` and `x @ w`
    yield tensorflow.Tensor, "__add__", wrap.addition
    yield tensorflow.Tensor, "__matmul__", functools.partial(wrap.product, kind="linear", operation="tf.matmul")


@contextlib.contextmanager
def watching(*, dropout: bool = False) -> Iterator[Record]:
    """Record what the code inside does; without dropout unless asked for."""
    import tensorflow

    record, undo = Record(), []
    eager = tensorflow.config.functions_run_eagerly()
    try:
        tensorflow.config.run_functions_eagerly(True)  # what `tf.function` compiles would be seen once, without values
        for holder, name, make in _changes(_Wrappers(record), dropout):
            original = getattr(holder, name)
            setattr(holder, name, make(original))
            undo.append((holder, name, original))
        yield record
    finally:
        tensorflow.config.run_functions_eagerly(eager)
        for holder, name, original in reversed(undo):
            setattr(holder, name, original)
