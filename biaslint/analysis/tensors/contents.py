"""Contents: how a value fills a parameter or variable."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

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
