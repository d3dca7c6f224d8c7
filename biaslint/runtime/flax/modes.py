"""Training or inference: the flags of a call or a model, and what they are in training."""

from __future__ import annotations

import inspect
import re
from typing import Any

TRAINS = re.compile(r"(is_?)?(train|training)(_?mode)?|update_stats|enable_dropout")
INFERS = re.compile(
    r"(is_?)?(eval|evaluate|evaluation|inference|infer|testing|test|deterministic)(_?mode)?|use_running_av(era)?ge?"
)


def in_training(name: str) -> bool | None:
    """The value that a flag of this name has in training; None where it is no such flag."""
    return True if TRAINS.fullmatch(name) else False if INFERS.fullmatch(name) else None


def flags_of(function: Any) -> dict[str, bool]:
    """The mode flags among a function's parameters, as training sets them."""
    try:
        names = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}
    return {name: mode for name in names if (mode := in_training(name)) is not None}
