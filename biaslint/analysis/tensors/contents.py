"""What a variable starts with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain.values import SequenceValue, Unknown
from biaslint.analysis.interpreter.builtins import numpy_arrays
from biaslint.theory import terms
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution


def content_of_value(value: Value) -> tuple[str, float | None, float | None]:
    """A number, an array, a list of equal numbers, or a value worked out from a prior."""
    if isinstance(value, bool):
        return ("unknown", None, None)
    if isinstance(value, (int, float)):
        return ("constant", float(value), None)
    if isinstance(value, SequenceValue):
        numbers = {item for item in value.items if isinstance(item, (int, float))}
        if len(numbers) == 1 and all(isinstance(item, (int, float)) for item in value.items):
            return ("constant", float(numbers.pop()), None)
        if any(isinstance(item, Unknown) and terms.has_logarithm(item.key) for item in value.items):
            return ("prior", None, None)
        return ("unknown", None, None)
    if isinstance(value, Node):
        written = value.info.get("write")
        if written is not None:
            return written  # type: ignore[no-any-return]
        seen: list[Node] = [value]
        for node in seen:
            if "log" in node.name and "logits" not in node.name:
                return ("prior", None, None)
            seen.extend(node.inputs if len(seen) < 20 else ())
    array = numpy_arrays.filled(value)
    if array is not None:
        return array
    if isinstance(value, Unknown) and terms.has_logarithm(value.key):
        return ("prior", None, None)
    return ("unknown", None, None)


def number(value: Value) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def content_of(ex: Execution, value: Value) -> tuple[str, float | None, float | None]:
    """What a value that is assigned to a parameter holds: (how, value, spread)."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return ("constant", float(value), None)
    if isinstance(value, Node) and value.info.get("write") is not None:
        return value.info["write"]  # type: ignore[no-any-return]
    array = numpy_arrays.filled(value)
    if array is not None:
        return array
    if isinstance(value, SequenceValue):
        return content_of_value(value)
    if isinstance(value, Unknown):
        return ("prior" if terms.has_logarithm(value.key) else "unknown", None, None)
    if isinstance(value, Node) and any("log" in node.name for node in (value, *value.inputs)):
        return ("prior", None, None)
    return ("unknown", None, None)
