"""What an execution decided about a setting, as conditions in the words of the function that has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from biaslint.theory import terms
from biaslint.theory.terms import Attribute, CallOf, Compare, FloatConstant, Length, Operation, SequenceTerm, Term

if TYPE_CHECKING:
    from biaslint.analysis.domain.path_condition import PathCondition

MIRRORED = {"<": ">", "<=": ">="}


def answers(path: PathCondition, name: str, parameter: Any) -> dict[str, Any]:
    """The decisions on a parameter that is not known: its truth, comparisons with it, and conditions on what is computed from it."""
    found = ((condition(key, parameter, name), path.assumed[key]) for key in path.decided(parameter))
    return {text: holds for text, holds in found if text is not None}


def condition(key: Any, parameter: Any, name: str) -> str | None:
    """The source spelling of a condition on a parameter; None where it is about something else as well."""
    if not isinstance(key, Compare):
        return spelled(key, parameter, name)
    left, right = spelled(key.left, parameter, name), spelled(key.right, parameter, name)
    if left is None or right is None:
        return None
    if key.op == "is":
        return f"{left} is None" if key.right is None else None
    if key.op == "==":
        return f"{left} == {right}" if not isinstance(key.right, Term) and key.right is not None else None
    if key.op == "in":
        return f"{left} in {right}"
    if not isinstance(key.left, Term):  # one spelling for each: `0 < n` is n > 0
        return f"{right} {MIRRORED[key.op]} {left}" if key.op in MIRRORED else None
    return f"{left} {key.op} {right}"


def spelled(key: Any, parameter: Any, name: str) -> str | None:
    """The source spelling of a parameter, of a constant, or of what is computed from them; None for anything else."""
    if key == parameter:
        return name
    if isinstance(key, FloatConstant):
        return repr(key.value)
    if not isinstance(key, Term):
        return repr(key) if key is None or type(key) in (int, float, str) else None
    if isinstance(key, SequenceTerm) and terms.plain_items(key):
        return repr(tuple(key.items))
    if isinstance(key, Attribute):
        base = spelled(key.base, parameter, name)
        return None if base is None else f"{base}.{key.name}"
    if isinstance(key, Length):
        of = spelled(key.of, parameter, name)
        return None if of is None else f"len({of})"
    if isinstance(key, Operation):
        parts = [spelled(key.left, parameter, name), spelled(key.right, parameter, name)]
        sides = [f"({part})" if isinstance(side, Operation) else part for part, side in zip(parts, key[2:], strict=True)]
        return None if None in parts else f"{sides[0]} {key.symbol} {sides[1]}"
    if isinstance(key, CallOf) and isinstance(key.function, Attribute):
        words = [spelled(part, parameter, name) for part in key[1:]]
        return None if None in words else f"{words[0]}({', '.join(map(str, words[1:]))})"
    return None
