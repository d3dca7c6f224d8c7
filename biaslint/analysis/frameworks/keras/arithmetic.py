"""Functions that compute: sums, products, means, softmax."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from biaslint.analysis.domain import values
from biaslint.analysis.domain.values import (
    Args,
    External,
    Kwargs,
    SequenceValue,
    Unknown,
    Value,
    argument,
)
from biaslint.analysis.frameworks.common import construction, raw_layers
from biaslint.analysis.frameworks.keras import (
    layers as keras_layers,
)
from biaslint.analysis.frameworks.keras.arguments import Handler, first
from biaslint.analysis.tensors import (
    handwritten_norms,
    indexing,
    nodes,
    ops,
)
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution


def do_add(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    left, right = (
        argument(args, kwargs, 0, "x", "x1", "a"),
        argument(args, kwargs, 1, "y", "x2", "b"),
    )
    if isinstance(left, SequenceValue) and right is None:
        return keras_layers.merge(ex, "add", left.items, {})
    return ops.add(ex, left, right)


def do_subtract(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    return ops.add(ex, argument(args, kwargs, 0, "x", "x1", "a"), argument(args, kwargs, 1, "y", "x2", "b"), "-")


def do_squared_difference(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    return construction.nonlinear(ex, node, "square") if isinstance(node := do_subtract(ex, args, kwargs), Node) else node


def do_spread(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """tf.math.reduce_variance(x, axes), K.std(x, axes)"""
    x = construction.tensor(ex, first(args, kwargs))
    if x is None:
        return ex.fresh("variance")
    axes = nodes.axes_of(argument(args, kwargs, 1, "axis"))
    node = handwritten_norms.spread(ex, x, tuple(axes) if axes is not None else None, "variance")
    if argument(args, kwargs, 2, "keepdims") is True:
        node.dims = x.dims
    return node


def do_moments(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """keras.ops.moments(x, axes, keepdims): the mean and the variance."""
    given = [first(args, kwargs), argument(args, kwargs, 1, "axes"), argument(args, kwargs, 2, "keepdims", default=False)]
    return SequenceValue([reduction(True, "mean")(ex, given, {}), do_spread(ex, given, {})], "tuple")


WHOLE = re.compile(r"u?int\d*|bool|q?u?int\d+")


def do_cast(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """tf.cast(x, dtype): to whole numbers or truths, it rounds."""
    x, kind = first(args, kwargs), argument(args, kwargs, 1, "dtype")
    if not values.tensors_in(x) and not isinstance(x, Unknown):
        return x
    node = construction.tensor(ex, x)
    if node is None:
        return ex.fresh("cast")
    name = kind if isinstance(kind, str) else kind.name.rpartition(".")[2] if isinstance(kind, External) else ""
    if node.op == "const":
        return node
    return construction.nonlinear(ex, node, "cast") if WHOLE.fullmatch(name) else nodes.keep(ex, node, "cast")


def do_add_n(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    parts = first(args, kwargs, "inputs")
    return keras_layers.merge(ex, "add", ex.iterate(parts), {})


def do_multiply(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    left, right = argument(args, kwargs, 0, "x", "x1"), argument(args, kwargs, 1, "y", "x2")
    scaled = filled_times(ex, left, right)
    return scaled if scaled is not None else ops.mul(ex, left, right)


def filled_times(ex: Execution, left: Value, right: Value) -> Value | None:
    if (isinstance(left, Node) and left.info.get("write") is not None) or (
        isinstance(right, Node) and right.info.get("write") is not None
    ):
        return indexing.written_arithmetic(ex, "*", left, right)
    return None


def do_divide(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    return ops.div(ex, argument(args, kwargs, 0, "x", "x1"), argument(args, kwargs, 1, "y", "x2"))


def do_matmul(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    left, right = (
        argument(args, kwargs, 0, "a", "x", "x1"),
        argument(args, kwargs, 1, "b", "y", "x2"),
    )
    return raw_layers.product(ex, left, right, kwargs)


def do_einsum(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    operands = args[1:]
    if len(operands) == 1 and isinstance(operands[0], SequenceValue):
        operands = operands[0].items
    return ops.einsum(ex, args[0] if args else kwargs.get("equation"), operands)


def do_batch_dot(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """batch_dot(x, y, axes): the sum over one axis of each, for tensors of a batch and two axes more."""
    left, right = argument(args, kwargs, 0, "x"), argument(args, kwargs, 1, "y")
    axes = argument(args, kwargs, 2, "axes", default=SequenceValue([2, 1], "tuple"))
    chosen = [axes, axes] if isinstance(axes, int) else axes.items if isinstance(axes, SequenceValue) else []
    both = [construction.tensor(ex, one) for one in (left, right)]
    for node in both:
        if chosen == [2, 2] and node is not None and node.dims is None:
            ex.flow.learn_rank(node, 3)
    if (
        len(chosen) != 2
        or any(axis not in (1, 2, -1, -2) for axis in chosen)
        or any(one is None or one.rank != 3 for one in both)
    ):
        return ex.opaque(left, right, name="batch_dot")
    one, two = ["bij", "bkl"]
    summed, other = one[chosen[0]], two[chosen[1]]
    two = two.replace(other, summed)
    kept = "".join(letter for letter in one[1:] + two[1:] if letter != summed)
    return ops.einsum(ex, f"{one},{two}->b{kept}", [left, right])


def reduction(linear_step: bool, name: str) -> Handler:
    def work(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
        x = construction.tensor(ex, first(args, kwargs))
        if x is None:
            return ex.fresh(name)
        axis = argument(args, kwargs, 1, "axis", "reduction_indices")
        keep = argument(args, kwargs, 2, "keepdims", "keep_dims", default=False)
        return ops.reduce(ex, x, axis, keep, name, linear_step)

    return work


def do_softmax(ex: Execution, args: Args, kwargs: Kwargs, name: str = "softmax") -> Value:
    x = construction.tensor(ex, first(args, kwargs))
    axis = argument(args, kwargs, 1, "axis", "dim", default=-1)
    return ops.softmax(ex, x, axis, name) if x is not None else ex.fresh("softmax")


def do_dropout(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = construction.tensor(ex, first(args, kwargs))
    if x is None:
        return ex.fresh("dropout")
    kept = kwargs.get("keep_prob", args[1] if len(args) > 1 and "rate" not in kwargs else None)
    if kwargs.get("rate") == 0 or (isinstance(kept, float) and kept == 1.0):
        return nodes.keep(ex, x, "dropout")
    return construction.nonlinear(ex, x, "dropout")
