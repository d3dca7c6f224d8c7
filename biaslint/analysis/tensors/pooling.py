"""Pooling and resizing: each position of the result comes from several of the input."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from biaslint.analysis.domain.values import Args, Kwargs, SequenceValue, Value, argument
from biaslint.analysis.tensors import handwritten_norms, nodes, ops, reshaping
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution

Handler = Callable[["Execution", Node, Args, Kwargs], Value]


def do_max_pool(spatial: int) -> Handler:
    def work(ex: Execution, x: Node, args: Args, kwargs: Kwargs) -> Value:
        return ops.window(ex, x, spatial, "max_pool")

    return work


def do_average_pool(spatial: int) -> Handler:
    def work(ex: Execution, x: Node, args: Args, kwargs: Kwargs) -> Value:
        padding = argument(args, kwargs, 2, "padding", default=0)
        counted = argument(args, kwargs, 4, "count_include_pad", default=True)
        padded = not (isinstance(padding, int) and padding == 0) and counted is not False
        padded = padded or argument(args, kwargs, 5, "divisor_override") is not None
        return ops.smooth(ex, x, spatial, "avg_pool", padded)

    return work


def do_adaptive_pool(spatial: int) -> Handler:
    def work(ex: Execution, x: Node, args: Args, kwargs: Kwargs) -> Value:
        return adaptive(ex, x, spatial, argument(args, kwargs, 0, "output_size"))

    return work


def adaptive(ex: Execution, x: Node, spatial: int, size: Value) -> Node:
    """Adaptive average pooling; a result of size 1 no longer varies in space."""
    node = ops.smooth(ex, x, spatial, "adaptive_avg_pool")
    sizes = size.items if isinstance(size, SequenceValue) else [size] * spatial
    if node.dims is not None and len(sizes) == spatial and len(node.dims) > spatial:
        tail = [item if isinstance(item, int) else dim for item, dim in zip(sizes, node.dims[-spatial:], strict=True)]
        node.dims = (*node.dims[:-spatial], *tail)
        if all(item == 1 for item in sizes):
            rank = len(node.dims)
            pooled = reshaping.remap(ex, x, {axis: (axis,) for axis in range(rank - spatial)}, node.dims, "adaptive_avg_pool")
            x.readers.remove(node)
            return handwritten_norms.remember(pooled, x, tuple(range(rank - spatial, rank)), kept=True)
    return node


def do_interpolate(ex: Execution, x: Node, args: Args, kwargs: Kwargs) -> Value:
    if x.rank is None:
        return nodes.keep(ex, x, "interpolate")
    return ops.smooth(ex, x, max(x.rank - 2, 1), "interpolate")


HANDLERS: dict[str, Handler] = {
    "max_pool1d": do_max_pool(1),
    "max_pool2d": do_max_pool(2),
    "max_pool3d": do_max_pool(3),
    "adaptive_max_pool1d": do_max_pool(1),
    "adaptive_max_pool2d": do_max_pool(2),
    "adaptive_max_pool3d": do_max_pool(3),
    "avg_pool1d": do_average_pool(1),
    "avg_pool2d": do_average_pool(2),
    "avg_pool3d": do_average_pool(3),
    "adaptive_avg_pool1d": do_adaptive_pool(1),
    "adaptive_avg_pool2d": do_adaptive_pool(2),
    "adaptive_avg_pool3d": do_adaptive_pool(3),
    "interpolate": do_interpolate,
    "upsample": do_interpolate,
}
