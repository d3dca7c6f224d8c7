"""Training or inference: Flax's modules are told by flags, which whoever calls a model sets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from biaslint.analysis.domain.values import Unknown
from biaslint.theory import terms

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution

TRAINS = re.compile(r"(is_?)?(train|training)(_?mode)?|trainable_mode|update_stats|enable_dropout")
INFERS = re.compile(
    r"(is_?)?(eval|evaluate|evaluation|inference|infer|testing|test|deterministic)(_?mode)?|use_running_average|use_running_avg|eval_mode|test_mode"
)


def in_training(name: str) -> bool | None:
    """The value that a flag of this name has in training; None where it is no such flag."""
    return True if TRAINS.fullmatch(name) else False if INFERS.fullmatch(name) else None


def stored(ex: Execution, told: Value) -> bool | None:
    """Does a norm that is told so take stored statistics? None where nobody has told it."""
    if isinstance(told, bool):
        return told
    if not isinstance(told, Unknown) or told.tensors or isinstance(told.key, terms.Fresh):
        return None
    return ex.path.branch(told.key, told.text, False if told.default is None else told.default)
