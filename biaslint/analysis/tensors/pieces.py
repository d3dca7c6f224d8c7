"""The pieces of a tensor that is split into an unknown number of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.tensors import nodes
from biaslint.theory.dataflow import Dim, Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution


class Pieces:
    """A split into an unknown number of pieces: unpacking it tells how many."""

    def __init__(self, x: Node, axis: Value, size: Dim | None) -> None:
        self.x, self.axis, self.size = x, axis, size

    def as_value(self, ex: Execution) -> Node:
        node = nodes.make(ex, "keep", [self.x], self.x.dims, "split")
        node.info["pieces"] = self
        return node
