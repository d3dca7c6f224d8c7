"""JAX's arrays as objects: the methods and attributes in which they differ from PyTorch's tensors, after which the others are named."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from biaslint.analysis.domain.values import Args, Kwargs, SequenceValue, Unknown, Value, argument
from biaslint.analysis.frameworks.flax import functions, shapes
from biaslint.analysis.tensors import reshaping
from biaslint.theory import terms
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution

Method = Callable[["Execution", Node, Args, Kwargs], Value]


def as_function(name: str) -> Method:
    """x.name(...) is jnp.name(x, ...)."""

    def work(ex: Execution, node: Node, args: Args, kwargs: Kwargs) -> Value:
        return functions.HANDLERS[name](ex, [node, *args], kwargs)

    return work


def do_transpose(ex: Execution, node: Node, args: Args, kwargs: Kwargs) -> Value:
    """x.transpose(), x.transpose(0, 2, 1), x.transpose((0, 2, 1))"""
    order = argument(args, kwargs, 0, "axes") if len(args) < 2 else SequenceValue(list(args), "tuple")
    return shapes.transposed(ex, node, order)


def do_reshape(ex: Execution, node: Node, args: Args, kwargs: Kwargs) -> Value:
    given = list(args) if args else [kwargs.get("shape")]
    return ex.opaque(node, name="reshape") if kwargs.get("order", "C") != "C" else shapes.reshaped(ex, node, given)


def do_squeeze(ex: Execution, node: Node, args: Args, kwargs: Kwargs) -> Value:
    return shapes.squeezed(ex, node, argument(args, kwargs, 0, "axis"))


def do_repeat(ex: Execution, node: Node, args: Args, kwargs: Kwargs) -> Value:
    return reshaping.repeated(ex, node, argument(args, kwargs, 1, "axis"))


def do_flatten(ex: Execution, node: Node, args: Args, kwargs: Kwargs) -> Value:
    return shapes.do_ravel(ex, [node], {})


def do_cast(ex: Execution, node: Node, args: Args, kwargs: Kwargs) -> Value:
    return functions.cast(ex, node, "astype", argument(args, kwargs, 0, "dtype"))


def do_same(ex: Execution, node: Node, args: Args, kwargs: Kwargs) -> Value:
    return node


METHODS: dict[str, Method] = {
    **{name: as_function(name) for name in ("mean", "sum", "max", "min", "var", "std", "split", "swapaxes", "dot")},
    "transpose": do_transpose,
    "reshape": do_reshape,
    "squeeze": do_squeeze,
    "repeat": do_repeat,
    "flatten": do_flatten,
    "ravel": do_flatten,
    "astype": do_cast,
    "get_value": do_same,
    "block_until_ready": do_same,
    "unbox": do_same,
}


def value_of(ex: Execution, node: Node) -> Value:
    """`self.bias.value`, where a parameter is a box around an array."""
    return node if node.op == "const" else Unknown(terms.Fresh((node.id, "value")), "value", (node,))


def update(ex: Execution, node: Node) -> Value:
    """`x.at[i].set(y)` makes another array of x."""
    return Unknown(terms.Fresh((node.id, "at")), "at", (node,))


def reversed_axes(ex: Execution, node: Node) -> Value:
    """`x.T` turns all axes round, not the last two."""
    return shapes.transposed(ex, node, None)


def count(ex: Execution, node: Node) -> Value:
    return Unknown(terms.Fresh((node.id, "size")), "size")


ATTRIBUTES: dict[str, Callable[[Execution, Node], Value]] = {
    "value": value_of,
    "at": update,
    "T": reversed_axes,
    "size": count,
    "nbytes": count,
    "itemsize": count,
}
