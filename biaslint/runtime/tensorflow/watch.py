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


@contextlib.contextmanager
def watching(*, dropout: bool = False) -> Iterator[Record]:
    """Record what the code inside does; without dropout unless asked for."""
    import tensorflow

    record, undo = Record(), []

    def replace(holder: Any, name: str, make: Callable[[Any], Any]) -> None:
        original = getattr(holder, name)
        setattr(holder, name, make(original))
        undo.append((holder, name, original))

    def product(kind: str, operation: str) -> Callable[[Any], Any]:
        def make(original: Any) -> Any:
            @functools.wraps(original)
            def call(*args: Any, **kwargs: Any) -> Any:
                result = original(*args, **kwargs)
                weight = next(
                    (one for one in [*args[1:2], *args[:1], *kwargs.values()] if isinstance(one, tensorflow.Variable)), None
                )
                record.products[id(result)] = kind, operation, weight, result
                return result

            return call

        return make

    def added(tensor: Any, bias: Any, result: Any, axis: int) -> None:
        made = record.products.get(id(tensor))
        if made is not None and isinstance(bias, tensorflow.Variable):
            record.sums.append(Sum(bias, made[0], made[1], made[2], result, axis))

    def adds(original: Any) -> Any:
        @functools.wraps(original)
        def call(value: Any, bias: Any, *args: Any, **kwargs: Any) -> Any:
            result = original(value, bias, *args, **kwargs)
            layout = str(kwargs.get("data_format") or (args[0] if args else "") or "")
            for tensor, other in ((value, bias), (bias, value)):
                added(tensor, other, result, 1 if layout.startswith("NC") else -1)
            return result

        return call

    def relu(original: Any) -> Any:
        @functools.wraps(original)
        def call(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            record.relus.append((args[0] if args else None, result))
            return result

        return call

    def norm(kind: str) -> Callable[[Any], Any]:
        def make(original: Any) -> Any:
            @functools.wraps(original)
            def call(*args: Any, **kwargs: Any) -> Any:
                record.norms.append(kind)
                return original(*args, **kwargs)

            return call

        return make

    def skip(original: Any) -> Any:
        @functools.wraps(original)
        def call(x: Any, *args: Any, **kwargs: Any) -> Any:
            return original(x, *args, **kwargs) if dropout else x

        return call

    changes: list[tuple[str, Callable[[Any], Any]]] = [
        (path, product(kind, f"tf.{path}")) for kind, paths in _PRODUCTS.items() for path in paths
    ]
    changes += [(path, adds) for path in ("nn.bias_add", "add", "math.add")]
    changes += [(path, relu) for path in ("nn.relu", "nn.relu6")]
    changes += [(path, norm(kind)) for path, kind in _NORMS.items()] + [("nn.dropout", skip)]
    # `x @ w` and `x + b`
    tensor: Any = tensorflow.Tensor
    eager = tensorflow.config.functions_run_eagerly()
    try:
        tensorflow.config.run_functions_eagerly(True)  # what `tf.function` compiles would be seen once, without values
        for path, make in changes:
            for holder, name in _holders(path):
                replace(holder, name, make)
        replace(tensor, "__add__", adds)
        replace(tensor, "__matmul__", product("linear", "tf.matmul"))
        yield record
    finally:
        tensorflow.config.run_functions_eagerly(eager)
        for holder, name, original in reversed(undo):
            setattr(holder, name, original)
