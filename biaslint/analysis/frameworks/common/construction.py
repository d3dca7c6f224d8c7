"""Helpers for making layers from the arguments of their constructors."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from biaslint.analysis.domain.values import Unknown
from biaslint.analysis.tensors import nodes
from biaslint.theory import terms
from biaslint.theory.dataflow import Dim, Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.layers import Layer
    from biaslint.analysis.domain.values import Instance, Value
    from biaslint.analysis.interpreter.execution import Execution


def is_computed_argument(ex: Execution, keyword: str) -> bool:
    """Is the argument of the present call given as anything but a literal? Then whoever sets that decides."""
    given = ex.node.keywords if isinstance(ex.node, ast.Call) else []
    return any(one.arg == keyword and not isinstance(one.value, ast.Constant) for one in given)


# -- calling ---------------------------------------------------------------------------------------------------------------------


def tensor(ex: Execution, value: Value) -> Node | None:
    """A value as a tensor; what nobody knows is taken for an input of the model."""
    node = nodes.tensor(ex, value)
    if node is None and isinstance(value, Unknown):
        return ex.flow.add("input", (), None, value.text or "an unknown value", ex.here())
    return node


def shape_dims(ex: Execution, sizes: list[Value]) -> tuple[Dim, ...]:
    return tuple(ex.fresh().key if size is None else nodes.dim_of(ex, size) for size in sizes)


def size_of(layer: Layer, *names: str) -> Dim:
    """The size that a layer's configuration gives under the first of the names that it has."""
    for name in names:
        value = layer.config.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, Unknown):
            return value.key
    return terms.Size(layer, names[0])


def biased(layer: Layer, node: Node, axes: tuple[int, ...]) -> Node:
    """The node at which the layer's bias comes in."""
    node.bias_of = layer
    node.info["layer"] = layer
    layer.axes = axes
    layer.calls.append(node)
    return node


def nonlinear(ex: Execution, x: Node, name: str) -> Node:
    if x.op == "const":
        return x
    node = ex.opaque(x, name=name)
    node.dims = x.dims
    return node


def is_first(ex: Execution, value: Value) -> bool:
    """channels_first? What is not known is not."""
    return isinstance(value, str) and (value in ("channels_first", "th") or value.startswith("NC"))


def argument_texts(ex: Execution, names: tuple[str, ...]) -> dict[str, str]:
    """The arguments of the call that is being carried out, as written."""
    node = ex.node
    if not isinstance(node, ast.Call):
        return {}
    texts: dict[str, str] = {}
    for name, argument in zip(names, node.args, strict=False):
        if isinstance(argument, ast.Starred):
            break
        texts[name] = ex.text(argument)
    for keyword in node.keywords:
        if keyword.arg:
            texts[keyword.arg] = ex.text(keyword.value)
        else:
            texts["**"] = ex.text(keyword.value)
    return texts


def settings(ex: Execution, made: Instance | None = None) -> dict[str, Value]:
    """The parameters of the function that holds the call, with their values; constructors of what is being made are passed over."""
    for frame in reversed(ex.stack):
        if made is not None and frame.self is made:
            continue
        return {name: value for name, value in frame.bound.items() if name != "self"}
    return {}
