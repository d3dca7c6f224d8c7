"""Contents: how a value fills a parameter or variable."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain.values import SequenceValue, Unknown, number
from biaslint.analysis.interpreter.builtins import numpy_arrays
from biaslint.theory import term_arithmetic
from biaslint.theory.dataflow import Node
from biaslint.theory.tensor_info import Content

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value


UNKNOWN: Content = ("unknown", None, None)
PRIOR: Content = ("prior", None, None)
LOADED: Content = ("loaded", None, None)
LOGARITHM = re.compile(r"(?<![a-z])log(1p|2|10|it)?(?![a-z])")  # not "logits", "catalog"
MAX_STEPS_BACK = 20


Span = tuple[float, float]  # a part of a vector, as fractions of its length


def constant(value: float) -> Content:
    return ("constant", value, None)


def content_of(value: Value) -> Content:
    """The content of a number, an array, a list of equal numbers, a filled tensor, or a value computed as a logarithm of class frequencies."""
    known = number(value)
    if known is not None:
        return constant(known)
    if isinstance(value, SequenceValue):
        return _content_of_items(value)
    if isinstance(value, Node):
        written: Content | None = value.info.get("write")
        return written if written is not None else PRIOR if _is_logarithm(value) else UNKNOWN
    array = numpy_arrays.filled(value)
    if array is not None:
        return array
    return PRIOR if isinstance(value, Unknown) and term_arithmetic.has_logarithm(value.key) else UNKNOWN


def parts_of(value: Value) -> list[tuple[Content, Span | None]]:
    """What a value fills a vector with, part by part: `torch.cat([zeros, ones])`. No span means all of it."""
    parts = _parts_of(value, {}) if isinstance(value, Node) else []
    length = sum(size for _, size in parts)
    if len({content for content, _ in parts}) < 2 or not length:
        return [(parts[0][0] if parts else content_of(value), None)]
    found: list[tuple[Content, Span | None]] = []
    start = 0.0
    for content, size in parts:
        found.append((content, (start / length, (start + size) / length)))
        start += size
    return found


def _parts_of(node: Node, leaves: dict[Any, float]) -> list[tuple[Content, float]]:
    """The vectors that a vector is put together of, each with its length; none where one of them is not known."""
    while node.op == "keep" and node.inputs and not {"plus", "times"} & node.info.keys():
        node = node.inputs[0]
    if node.name == "concat" and node.op in ("concat", "const"):
        parts = [_parts_of(one, leaves) for one in node.inputs]
        return [part for found in parts for part in found] if all(parts) else []
    if node.op != "const" or node.dims is None or len(node.dims) != 1:
        return []
    size = term_arithmetic.evaluate(node.dims[0], leaves, grow=True)
    return [(content_of(node), size)] if size else []


def _content_of_items(value: SequenceValue) -> Content:
    numbers = [number(item) for item in value.items]
    if numbers and numbers[0] is not None and len(set(numbers)) == 1:
        return constant(numbers[0])
    logarithms = any(isinstance(item, Unknown) and term_arithmetic.has_logarithm(item.key) for item in value.items)
    return PRIOR if logarithms else UNKNOWN


def _is_logarithm(node: Node) -> bool:
    """Is a tensor computed from a logarithm, within a few operations?"""
    seen = [node]
    for one in seen:
        if LOGARITHM.search(one.name):
            return True
        seen.extend(one.inputs if len(seen) < MAX_STEPS_BACK else ())
    return False
