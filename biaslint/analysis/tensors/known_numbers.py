"""Tensors of one axis whose entries are known numbers, as `torch.linspace(0, 0.1, 12)` makes them: settings of layers are read from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from biaslint.analysis.domain.values import SequenceValue
from biaslint.analysis.interpreter.builtins import standard_library
from biaslint.analysis.project.environment import MISSING
from biaslint.analysis.tensors import nodes
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Args, Value
    from biaslint.analysis.interpreter.execution import Execution


SAME_NUMBERS = {"clone", "contiguous", "cpu", "cuda", "detach", "double", "float", "requires_grad_", "to"}


def make(ex: Execution, numbers: Sequence[float], name: str) -> Node:
    return nodes.const(ex, (len(numbers),), name, numbers=tuple(numbers))


def of(node: Node) -> tuple[float, ...] | None:
    """A tensor's entries; None where they are not known."""
    return node.info.get("numbers")


def index(ex: Execution, node: Node, where: Value) -> Value:
    """x[2], x[1:3]; MISSING where the entries or the index are not known."""
    numbers = of(node)
    if numbers is None:
        return MISSING
    if isinstance(where, int) and -len(numbers) <= where < len(numbers):
        return numbers[where]
    if isinstance(where, SequenceValue) and where.kind == "slice" and all(_is_bound(part) for part in where.items):
        return make(ex, numbers[slice(*where.items)], node.name)
    return MISSING


def method(ex: Execution, node: Node, name: str, args: Args) -> Value:
    """x.tolist(), x.split(sizes), x.cpu() ...; MISSING where the entries are not known, or are not the result's."""
    numbers = of(node)
    if numbers is None:
        return MISSING
    if name in ("tolist", "numpy"):
        return SequenceValue(list(numbers))
    if name == "item" and len(numbers) == 1:
        return numbers[0]
    if name in ("numel", "nelement"):
        return len(numbers)
    if name in SAME_NUMBERS:
        return node
    sizes = _sizes(len(numbers), name, args[0]) if name in ("chunk", "split") and len(args) == 1 else None
    if sizes is None:
        return MISSING
    starts = [sum(sizes[:place]) for place in range(len(sizes))]
    parts = [make(ex, numbers[start : start + size], node.name) for start, size in zip(starts, sizes, strict=True)]
    return SequenceValue(parts, "tuple")


def sequence_method(ex: Execution, self: SequenceValue, name: str, args: Args) -> Value:
    """A method of a known shape, or of an array that is kept as a list of its numbers; MISSING for any other."""
    if name in ("tolist", "numpy", "cpu", "detach", "to", "flatten", "_replace"):
        return self
    if name == "as_list":
        return SequenceValue(list(self.items))
    if name == "numel":
        return standard_library.do_product(ex, [self], {})
    sizes = _sizes(len(self.items), name, args[0]) if name in ("chunk", "split") and args else None
    if sizes is None:
        return MISSING
    starts = [sum(sizes[:place]) for place in range(len(sizes))]
    parts = [SequenceValue(self.items[start : start + size]) for start, size in zip(starts, sizes, strict=True)]
    return SequenceValue(parts, "tuple")


def _sizes(total: int, name: str, given: Value) -> list[int] | None:
    """The lengths of the parts that chunk(count) and split(size or sizes) cut a tensor into."""
    if isinstance(given, SequenceValue):
        return list(given.items) if all(_is_bound(item) and item for item in given.items) else None
    if not isinstance(given, int) or given <= 0:
        return None
    each = -(-total // given) if name == "chunk" else given
    return [min(each, total - start) for start in range(0, total, each)]


def _is_bound(part: Value) -> bool:
    return part is None or (isinstance(part, int) and not isinstance(part, bool))
