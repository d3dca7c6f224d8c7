"""Weights of a loss that are written out: losses of single entries times numbers that come from no prediction."""

from __future__ import annotations

import ast
import re

from biaslint.analysis.domain.layers import Layer
from biaslint.analysis.domain.values import Unknown
from biaslint.theory.dataflow import VIEWS, Node

KEY = "weighed entries"  # in the configuration of a loss
REBUILDS = "rebuilds the inputs"
LAYERS = ("affine", "matmul", "attention")
MASK = re.compile(r"mask|pad|valid|ignore", re.IGNORECASE)  # what leaves entries out gives no class a weight
MANY = 60  # nodes that are looked at for one loss


def note(layers: list[Layer]) -> None:
    """Say of each loss whether what it gives for single entries is weighed, and whether it compares with the inputs."""
    for fact in layers:
        if fact.loss_calls and all(call.rebuilds for call in fact.loss_calls):
            fact.config[REBUILDS] = True
        if fact.kind == "loss" and fact.config.get("reduction") not in ("mean", "sum"):
            weighed = any(is_weighed(node) for node in fact.calls)
            if weighed:
                fact.config[KEY] = True


def is_weighed(loss: Node) -> bool:
    """Is a loss multiplied with another tensor, or with numbers that are not known, that no prediction is part of?"""
    todo, seen = [loss], set[int]()
    while todo and len(seen) < MANY:
        node = todo.pop()
        if node.id in seen:
            continue
        seen.add(node.id)
        for reader in node.readers:
            factors = [one for one in reader.inputs if one.id not in seen] if reader.op == "mul" else []
            unknown = reader.op == "keep" and isinstance(reader.info.get("times"), Unknown)
            if unknown or (factors and not any(map(is_predicted, factors))):
                return not is_mask(reader)
            if reader.op in ("keep", "remap") or (reader.op == "opaque" and reader.name in VIEWS):
                todo.append(reader)
    return False


def is_predicted(node: Node) -> bool:
    """Does a layer's result lead to it?"""
    todo, seen = [node], set[int]()
    while todo and len(seen) < MANY:
        node = todo.pop()
        if node.op in LAYERS:
            return True
        if node.id not in seen:
            seen.add(node.id)
            todo += node.inputs
    return bool(todo)


def is_mask(product: Node) -> bool:
    """Is one of the factors called a mask?"""
    origin = product.origin
    node = origin[1] if isinstance(origin, tuple) and len(origin) == 2 else None
    return isinstance(node, ast.AST) and MASK.search(ast.unparse(node)) is not None
