"""What is different between an execution and the same one on an edited text, beside what the edit is for.

`difference` gives the first thing as a short text, None where there is nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from biaslint.analysis.exploration.replay import Pair
from biaslint.analysis.exploration.witness import Complaints, LayerShown, Shown
from biaslint.analysis.interpreter import framework

# Python's functions that take None where they could have a bias.
TAKES_NONE = re.compile(r"builtins\.(print|isinstance|str|repr|bool|id|type|callable|list|tuple|dict|setattr)")
UNTOLD: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Intent:
    """What an edit is for.

    `switched` are the calls (path, line, column, cell) whose layers get or lose a bias; `free` are the arguments that it writes.
    `starts`: it changes what parameters start with, or how they are trained. `moved`: it does so by changing the order of writes only.
    `weights`: it may do so for weights.
    """

    switched: frozenset[tuple[str, int, int, int | None]] = frozenset()
    free: frozenset[str] = frozenset()
    starts: bool = False
    moved: bool = False
    weights: bool = False


def difference(pairs: Iterable[Pair], intent: Intent) -> str | None:
    """What is not as it was."""
    for before, after in pairs:
        found = (
            _compared(before.shown, after.shown, intent)
            or _raised(before.complaints, after.complaints)
            or _handed(before.complaints, after.complaints)
        )
        if found:
            return found
    return None


def _compared(before: Shown, after: Shown, intent: Intent) -> str | None:
    if _why(before.ended) != _why(after.ended):
        return after.ended or "the execution no longer ends early"
    if len(before.layers) != len(after.layers):
        return "different layers are created"
    for one, other in zip(before.layers, after.layers, strict=True):
        found = _layer(one, other, intent)
        if found:
            return f"{one.what[0].rpartition('.')[2]}: {found}"
    if before.flow != after.flow:
        return "the flow of tensors changes"
    if before.state != after.state:
        return "an attribute changes"
    return None


def _why(ended: str | None) -> str | None:
    """Why an execution ended early, without the line."""
    return re.sub(r":\d+$", "", ended) if ended is not None else None


def _layer(before: LayerShown, after: LayerShown, intent: Intent) -> str | None:
    if before.what != after.what:
        return "is used differently"
    for name in before.config.keys() | after.config.keys():
        free = name in intent.free or (intent.starts and name.startswith("bias"))  # an argument may be kept under another name
        if not free and before.config.get(name) != after.config.get(name):
            return f"`{name}` changes"
    if before.bias is not after.bias:
        if not before.places or before.places[0] not in intent.switched:
            return "the bias of another layer is added or removed"
        if before.bias and not before.idle:
            return "a bias that affects the outputs is removed"
    elif before.start != after.start and not intent.starts:
        return "its bias starts or trains differently"
    if intent.moved and sorted(map(repr, before.start[0])) != sorted(map(repr, after.start[0])):
        return "its bias is set to another value"
    if before.weight != after.weight and not intent.weights:
        return "its weight starts or trains differently"
    return None


def _raised(before: Complaints, after: Complaints) -> str | None:
    new = sorted(after.faults - before.faults)
    return f"{new[0][1] or 'the module'}: {new[0][2]}" if new else None


def _handed(before: Complaints, after: Complaints) -> str | None:
    """Does unknown code get None where it got a bias before?"""
    for key, kinds in sorted(after.handed.items()):
        then = before.handed.get(key, UNTOLD)
        lost = "None" in kinds and "None" not in then and any(kind.startswith("bias") for kind in then)
        if lost and not TAKES_NONE.fullmatch(key[1]) and not framework.bias_may_be_none().fullmatch(key[1]):
            return f"`{key[1]}` is given None"
    return None
