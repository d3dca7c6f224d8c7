"""Where an embedding's weight is the weight of the output layer as well, and what is multiplied with it there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain.layers import Layer, Param
from biaslint.analysis.exploration import outputs
from biaslint.theory.program import Place, Projection

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution
    from biaslint.theory.dataflow import Node

Placing = Callable[[Any, Any], Place]
DIVIDING = {"layer norm", "RMS norm", "batch norm"}  # what leaves its results at a variance of one


def projections_of(ex: Execution, embedding: Layer, place: Placing) -> tuple[Projection, ...]:
    """The output layers that have an embedding's weight and are given the results of a norm."""
    found: dict[Projection, None] = {}
    for node, where in products(ex, embedding, place):
        norm = norm_before(ex, node)
        if norm and where is not None and leaves(node):
            found[Projection(where, norm)] = None
    return tuple(found)


def products(ex: Execution, embedding: Layer, place: Placing) -> Iterator[tuple[Node, Place | None]]:
    """The products with an embedding's weight, and where each is written: a layer's that shares it, or one without a layer."""
    for layer in ex.layers:
        if (
            layer.weight_of is embedding and layer.kind == "linear" and not layer.weight_writes
        ):  # which may be to the shared one
            for node in layer.calls:
                yield node, place(*layer.origin.chain[0]) if layer.origin.chain else None
    reads = {id(one) for which, node in embedding.reads if which == "weight" for one in (node, *node.readers)}
    for node in ex.flow.nodes if reads else ():
        if node.op == "affine" and node.bias_of is None and (is_weight(node, embedding) or reads & set(map(id, node.inputs))):
            origin: Any = node.origin
            yield node, place(*origin) if None not in origin else None


def is_weight(product: Node, embedding: Layer) -> bool:
    """Is it a linear function that was given the embedding's weight?"""
    weight = product.info.get("raw_weight")
    return isinstance(weight, Param) and weight.layer is embedding


def norm_before(ex: Execution, product: Node) -> str:
    """The name of the norm whose results are multiplied; "" for anything else, and where a factor stands between."""
    todo = product.inputs[:1]
    while todo:
        (node,) = todo
        if node.op == "norm" and node.info.get("style") in DIVIDING:
            layer = node.info.get("layer")
            return (layer.name or layer.short_type) if isinstance(layer, Layer) and not layer.weight_writes else ""
        if node.op == "opaque":
            maker = next((one for one in ex.layers if one.kind == "transformer" and node in one.calls), None)
            if maker is not None:
                return maker.name or maker.short_type
        same = (node.op == "keep" and not {"times", "plus"} & node.info.keys()) or node.op == "remap"
        todo = node.inputs[:1] if same or (node.op == "opaque" and node.name == "dropout") else ()
    return ""


def leaves(product: Node) -> bool:
    """Do the products leave the model, or go into a loss, as they are?"""
    todo, seen = [product], set[int]()
    while todo:
        node = todo.pop()
        for reader in node.readers:
            if reader.op == "output" or outputs.is_loss(reader):
                return True
            same = reader.op in ("remap", "softmax") or (reader.op == "keep" and not {"times", "plus"} & reader.info.keys())
            if same and reader.id not in seen:
                seen.add(reader.id)
                todo.append(reader)
    return False
