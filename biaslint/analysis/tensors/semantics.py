"""Python's operations on tensors and parameters, as tables for the interpreter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain import values
from biaslint.analysis.domain.layers import Param
from biaslint.analysis.interpreter.doors import Kind, Tensors
from biaslint.analysis.tensors import indexing, known_numbers, methods, nodes, parameter_writes, parameters
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution


def store_attribute(ex: Execution, node: Node, name: str, value: Value) -> None:
    """x.data = value gives the tensor other entries. Its other attributes are not followed: who reads them may see what they hold."""
    if name == "data" and parameter_writes.own_parameter(node):
        parameter_writes.assign(ex, node, value)
    elif name == "data":
        ex.flow.change(node, ex.opaque(value, name="new entries"))
    elif name in indexing.FEATURES:
        made = nodes.tensor(ex, value)
        ex.flow.change(node, made if made is not None else ex.opaque(value, name="new entries"))
    else:
        for held in values.tensors_in(value):
            ex.flow.add("output", (ex.opaque(held, name="an attribute of a tensor"),), None, "output")


KINDS = {
    Node: Kind(indexing.attribute, methods.method, indexing.index, store_attribute, indexing.store_index),
    Param: Kind(parameters.attribute, parameters.method, parameters.index, parameters.store, parameters.store_item),
}
TENSORS = Tensors(
    unary=indexing.unary,
    binary=indexing.binary,
    augmented=parameter_writes.augmented,
    unpack=indexing.unpack,
    shape_item=indexing.shape_item,
    shape_method=indexing.shape_method,
    sequence_method=known_numbers.sequence_method,
    unpack_shape=indexing.unpack_shape,
    leading=indexing.leading,
    rank_of_shape=indexing.rank_of_shape,
)
