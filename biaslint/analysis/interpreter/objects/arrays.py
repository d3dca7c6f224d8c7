"""Arrays of known numbers: sequences of the kind "array"."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from biaslint.analysis.domain.values import SequenceValue
from biaslint.analysis.project.environment import MISSING

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value


def is_array(value: Value) -> bool:
    return isinstance(value, SequenceValue) and value.kind == "array"


def shape(value: SequenceValue) -> tuple[int, ...]:
    """The lengths of an array's axes."""
    inner = value.items[0] if value.items else None
    return (len(value.items), *(shape(inner) if isinstance(inner, SequenceValue) else ()))


def attribute(value: SequenceValue, name: str) -> Value:
    """`x.shape`, `x.size`, `x.ndim`; MISSING for everything else."""
    sizes = shape(value)
    return {"shape": SequenceValue(list(sizes), "tuple"), "size": math.prod(sizes), "ndim": len(sizes)}.get(name, MISSING)
