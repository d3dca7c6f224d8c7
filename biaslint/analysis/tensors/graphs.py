"""Graphs that carry tensors (DGL): tables of the nodes' and edges' features, and messages between nodes.

A graph comes into a model as an input. What is put into its tables is read back as it was put in. A message has a row for each
edge; what arrives at a node comes from a number of edges that differs from node to node, so whatever a message carries is seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain.values import DictValue, External, Instance, Kwargs, SequenceValue, Value
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution


TABLES = {"ndata": "nodes", "srcdata": "nodes", "dstdata": "nodes", "edata": "edges"}
METHODS = {"update_all", "apply_edges", "apply_nodes", "local_scope", "local_var"}


def table(graph: Node, name: str) -> DictValue:
    """The features of the nodes or edges, by name."""
    tables: dict[str, DictValue] = graph.info.setdefault("tables", {})
    return tables.setdefault(TABLES.get(name, name), DictValue(open=True))


def method(ex: Execution, graph: Node, name: str, args: list[Value], kwargs: Kwargs) -> Value:
    """A method of a graph."""
    given = [*args, *kwargs.values()]
    if name == "update_all":
        sent = sent_along(ex, graph, given[0] if given else None)
        arrive(ex, graph, given[1] if len(given) > 1 else None, sent)
    elif name == "apply_edges":
        table(graph, "edges").items.update(sent_along(ex, graph, given[0] if given else None).items)
    elif name == "apply_nodes" and given:
        result = ex.call(given[0], [batch("NodeBatch", data=table(graph, "nodes"))], {}, ex.node)
        if isinstance(result, DictValue):
            table(graph, "nodes").items.update(result.items)
    return graph


def batch(kind: str, **attributes: Value) -> Instance:
    """The argument of a project's message or reduce function."""
    made = Instance(External(f"dgl.udf.{kind}"))
    made.attrs.update(attributes)
    return made


def sent_along(ex: Execution, graph: Node, function: Value) -> DictValue:
    """The messages, by name."""
    nodes, edges = table(graph, "nodes"), table(graph, "edges")
    if is_builtin(function):
        features = SequenceValue([*taken_by(function, nodes), *taken_by(function, edges)])
        return DictValue({output_of(function): ex.opaque(features, name="a message")}, open=True)
    ends = DictValue({name: of_rows(ex, value, "the ends of the edges") for name, value in nodes.items.items()}, open=True)
    result = ex.call(function, [batch("EdgeBatch", src=ends, dst=ends, data=edges)], {}, ex.node)
    forget_unread(ends, result)
    return result if isinstance(result, DictValue) else DictValue(open=True)


def arrive(ex: Execution, graph: Node, function: Value, sent: DictValue) -> None:
    """The result of the reduce function."""
    if is_builtin(function):
        arrived = ex.opaque(SequenceValue(taken_by(function, sent)), name="the messages")
        table(graph, "nodes").items[output_of(function)] = arrived
        return
    mailbox = DictValue({name: of_rows(ex, value, "the messages") for name, value in sent.items.items()}, open=True)
    result = ex.call(function, [batch("NodeBatch", data=table(graph, "nodes"), mailbox=mailbox)], {}, ex.node)
    forget_unread(mailbox, result)
    if isinstance(result, DictValue):
        table(graph, "nodes").items.update(result.items)


def forget_unread(offered: DictValue, result: Value) -> None:
    """Readers of the features: those that the function has taken."""
    taken = {id(value) for value in result.items.values()} if isinstance(result, DictValue) else set()
    for value in offered.items.values():
        if isinstance(value, Node) and not value.readers and id(value) not in taken:
            for source in value.inputs:
                if value in source.readers:
                    source.readers.remove(value)


def of_rows(ex: Execution, value: Value, name: str) -> Value:
    """Rows of a tensor, some of them many times and some not at all."""
    return ex.opaque(value, name=name) if isinstance(value, Node) else value


def is_builtin(function: Value) -> bool:
    """Is it one of `dgl.function`, with the names of the features that it takes and gives?"""
    return isinstance(function, Instance) and "fields" in function.attrs


def taken_by(function: Value, features: DictValue) -> list[Value]:
    """The features that a built-in function takes: those that it names; all of them where a name is not known."""
    names = function.attrs["fields"].items[:-1]
    if not all(isinstance(name, str) for name in names):
        return list(features.items.values())
    return [value for name, value in features.items.items() if name in names]


def output_of(function: Value) -> str:
    """The name of what a built-in function gives: the last that it is told."""
    fields = function.attrs["fields"].items
    return str(fields[-1]) if fields else ""


def builtin(name: str, args: list[Value], kwargs: Kwargs) -> Instance:
    """`dgl.function.copy_u("h", "m")`"""
    made = Instance(External(name))
    given = [value for key, value in kwargs.items() if key != "out"]
    made.attrs["fields"] = SequenceValue([*args, *given, *([kwargs["out"]] if "out" in kwargs else [])])
    return made
