"""Message passing on graphs, as PyTorch Geometric's and DGL's classes carry it out.

A message is a tensor with a row for each edge, made from the rows of its two ends; what arrives at a node is a sum, mean or maximum
over a number of messages that differs from node to node. Whatever goes in is therefore seen. What counts is that nothing else
happens: the layers of the module are the same afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain import class_lookup, values
from biaslint.analysis.domain.values import (
    Args,
    Class,
    External,
    FunctionValue,
    Instance,
    Kwargs,
    Method,
    SequenceValue,
    Unknown,
    Value,
    argument,
)
from biaslint.analysis.tensors import nodes
from biaslint.theory import terms
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution


def is_message_passing(obj: Instance) -> bool:
    """Is its class built on PyTorch Geometric's `MessagePassing`?"""
    return isinstance(obj.cls, Class) and class_lookup.is_built_on(obj.cls, "MessagePassing")


def propagate(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    """self.propagate(edge_index, x=x, ...): message, aggregate, update."""
    given = {name: value for name, value in kwargs.items() if name != "size"}
    message = class_lookup.find_method(obj, "message")
    if message is None:
        arrived: Value = ex.opaque(*given.values(), name="propagate")
    else:
        made = called(ex, message, [], collected(ex, message.func, given))
        aggregate = class_lookup.find_method(obj, "aggregate")
        if aggregate is not None:
            edges = ex.fresh("index")
            made = called(ex, aggregate, [made], {"index": edges, "dim_size": ex.fresh("dim_size"), "ptr": None, **given})
        node = nodes.tensor(ex, made)
        arrived = ex.opaque(made, *given.values(), name="propagate")
        if node is not None and node.dims is not None:
            arrived.dims = (ex.fresh().key, *node.dims[1:])
    update = class_lookup.find_method(obj, "update")
    return arrived if update is None else called(ex, update, [arrived], given)


def called(ex: Execution, method: Method, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """A method with those of the arguments that it takes."""
    spec = method.func.node.args
    names = {one.arg for one in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)}
    taken = kwargs if spec.kwarg else {name: value for name, value in kwargs.items() if name in names}
    return ex.call(method, args, taken, ex.node)


def collected(ex: Execution, message: FunctionValue, given: dict[str, Value]) -> dict[str, Value]:
    """What the parameters of `message` are: `x_i` and `x_j` the rows of `x` at the two ends of each edge."""
    spec = message.node.args
    found: dict[str, Value] = {}
    for parameter in [*spec.posonlyargs, *spec.args, *spec.kwonlyargs][1:]:
        name = parameter.arg
        stem = name[:-2]
        if name in given:
            found[name] = given[name]
        elif name.endswith(("_i", "_j")) and stem in given:
            found[name] = at_edges(ex, given[stem])
        else:
            found[name] = Unknown(terms.Parameter(message.qualname, name), name)
    return found


def at_edges(ex: Execution, value: Value) -> Value:
    """The rows of a tensor, or of one of a pair, that belong to the ends of the edges."""
    if isinstance(value, SequenceValue) and value.items:
        value = value.items[-1]
    x = nodes.tensor(ex, value)
    if x is None:
        return value
    node = ex.opaque(x, name="the ends of the edges")
    node.dims = None if x.dims is None else (ex.fresh().key, *x.dims[1:])
    return node


# Layers of PyTorch Geometric that are given a module and call it: on what has arrived at each node, or on each message.
WRAPPERS = {
    "GINConv": "nodes",
    "GINEConv": "nodes",
    "EdgeConv": "edges",
    "DynamicEdgeConv": "edges",
    "NNConv": "edges",
    "ECConv": "edges",
}


def wrapper(ex: Execution, name: str, args: Args, kwargs: Kwargs) -> Value:
    """GINConv(nn) and its like; None for all others."""
    short = name.rpartition(".")[2]
    inner = next((one for one in (*args, *kwargs.values()) if isinstance(one, Instance)), None)
    if short not in WRAPPERS or inner is None:
        return None
    obj = Instance(External(name), ex.origin())
    obj.attrs["nn"] = inner
    ex.objects.append(obj)
    values.adopt(obj, inner, "")
    return obj


def call_wrapper(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    """conv(x, edge_index)"""
    x = argument(args, kwargs, 0, "x")
    node = nodes.tensor(ex, x)
    arrived = ex.opaque(*args, *kwargs.values(), name=getattr(obj.cls, "name", "").rpartition(".")[2])
    arrived.dims = (ex.fresh().key, ex.fresh().key) if node is None or node.rank in (None, 2) else None
    result = ex.call(obj.attrs["nn"], [arrived], {}, ex.node)
    if WRAPPERS[getattr(obj.cls, "name", "").rpartition(".")[2]] == "nodes":
        return result
    made = nodes.tensor(ex, result)
    gathered: Node = ex.opaque(result, name="propagate")
    gathered.dims = None if made is None or made.dims is None else (ex.fresh().key, *made.dims[1:])
    return gathered
