"""Making the nodes of the flow of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from biaslint.analysis.domain import values
from biaslint.analysis.domain.layers import Param
from biaslint.analysis.domain.values import BoundNative, SequenceValue, Unknown
from biaslint.analysis.interpreter import framework
from biaslint.theory import terms
from biaslint.theory.dataflow import Dim, Dims, Node

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution
    from biaslint.theory.tensor_info import TensorInfo


# -- dimensions --------------------------------------------------------------------------------------------------------------


def dim_of(ex: Execution, value: Value) -> Dim:
    """A value as a dimension."""
    if isinstance(value, bool) or not isinstance(value, (int, Unknown)):
        if isinstance(value, float) and value.is_integer():
            return int(value)
        return ex.fresh().key
    return value if isinstance(value, int) else value.key


def value_of(dim: Dim) -> Value:
    """A dimension as a value."""
    return dim if isinstance(dim, int) else Unknown(dim, "a size")


def fresh_dims(ex: Execution, count: int) -> Dims:
    return tuple(ex.fresh().key for _ in range(count))


def whole(axis: Value, rank: int | None) -> int | None:
    """An axis counted from the front where the rank is known; None where it is not an integer."""
    if not isinstance(axis, int) or isinstance(axis, bool):
        return None
    return axis + rank if axis < 0 and rank is not None else axis


def axes_of(value: Value) -> list[int] | None:
    """An axis or a list of axes."""
    if isinstance(value, int) and not isinstance(value, bool):
        return [value]
    if isinstance(value, SequenceValue) and all(isinstance(item, int) for item in value.items):
        return list(value.items)
    return None


def make(ex: Execution, op: str, inputs: Sequence[Node], dims: Dims | None, name: str = "", **info: Unpack[TensorInfo]) -> Node:
    """A new tensor. What is made of constants alone is a constant."""
    if inputs and all(node.op == "const" for node in inputs):
        return ex.flow.add("const", tuple(inputs), dims, name, ex.here())
    return ex.flow.add(op, tuple(inputs), dims, name, ex.here(), **info)


def const(ex: Execution, dims: Dims | None, name: str = "", **info: Unpack[TensorInfo]) -> Node:
    """A tensor that does not depend on the inputs."""
    return ex.flow.add("const", (), dims, name, ex.here(), **info)


def keep(ex: Execution, x: Node, name: str = "") -> Node:
    return make(ex, "keep", [x], x.dims, name)


def tensor(ex: Execution, value: Value) -> Node | None:
    """A value as a tensor: a node, a parameter as a constant; None for anything else."""
    if isinstance(value, Node):
        return value
    if isinstance(value, Param):
        return ex.read(value, param_dims(value))
    if isinstance(value, Unknown) and value.tensors:
        return ex.opaque(value, name=value.text)
    if isinstance(value, BoundNative) and isinstance(value.self, Node):  # an attribute of a batch: `data.x`
        return ex.opaque(value.self, name=value.name)
    if isinstance(value, SequenceValue):
        found = values.tensors_in(value)
        if found:
            return ex.opaque(value, name="a list")
    return None


def row(ex: Execution, x: Node, dims: Dims | None, name: str) -> Node:
    """A vector of a program's own, with axes of length one in front: where it is added, it is what it was."""
    made = make(ex, "keep", [x], dims, name)
    for key in ("variable", "joins", "write", "parameter"):
        if key in x.info:
            made.info[key] = x.info[key]
    return made


def is_own_vector(x: Node) -> bool:
    """Is it a vector of the program's own that becomes a bias where it is added?"""
    return x.op == "const" and x.rank == 1 and "joins" in x.info


def param_dims(param: Param) -> Dims | None:
    return framework.param_dims(param)


def broadcast(ex: Execution, one: Dims | None, two: Dims | None) -> Dims | None:
    """The dimensions of a broadcast result."""
    if one is None or two is None:
        return None
    if len(one) < len(two):
        one, two = two, one
    padded: Dims = (1,) * (len(one) - len(two)) + two
    return tuple(b if a == 1 or (isinstance(b, int) and b != 1) else a for a, b in zip(one, padded, strict=True))


def joined_size(ex: Execution, parts: list[Node], axis: int) -> Dim:
    """How long tensors are that are put together along an axis. Of vectors without inputs, parameters say, it is known as a term."""
    sizes = [node.dims[axis] for node in parts if node.dims is not None]
    if all(isinstance(size, int) for size in sizes):
        return sum(sizes)
    if any(node.op != "const" or node.rank != 1 for node in parts):
        return ex.fresh().key
    total, *others = sizes
    for size in others:
        total = terms.Operation("+", total, size)
    return total
