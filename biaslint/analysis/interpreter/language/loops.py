"""Loops that make the same layers again and again: a stack of thirty blocks counts as one of a few.

Once two rounds have made the same layers, the following rounds are left out for as long as their items are like those before, sizes
aside; the last of such a run is executed, since what comes after it may look at it.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain import node_cache
from biaslint.analysis.domain.layers import Param
from biaslint.analysis.domain.values import Class, DictValue, Instance, SequenceValue, Unknown
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.doors import Signal
    from biaslint.analysis.interpreter.execution import Execution
    from biaslint.analysis.project.environment import Environment


NAMING = {"add_module", "register_module"}
_APPENDS = node_cache.per_node_cache()


class LoopSummary:
    """Tells which rounds of a loop over these items to leave out."""

    def __init__(self, ex: Execution, items: Sequence[Value]) -> None:
        self.ex = ex
        self.items = items
        self.watching = len(items) > 4
        self.start = len(ex.objects)
        self.made: list[Any] = []  # what the latest rounds that were executed have made
        self.ran = False

    def skips(self, place: int) -> bool:
        """Ask before each round."""
        if not self.watching:
            return False
        objects = self.ex.objects
        if self.ran:
            self.made = [*self.made[-1:], [layer_signature(obj) for obj in objects[self.start :]]]
        self.start = len(objects)
        self.ran = True
        if place < 3 or place + 1 == len(self.items) or not self.made[1] or self.made[0] != self.made[1]:
            return False
        before, item, after = self.items[place - 1 : place + 2]
        if not (same_but_for_sizes(before, item) and same_but_for_sizes(item, after)):
            return False
        self.ex.shortened = True
        self.ran = False
        return True


def one_round(ex: Execution, node: ast.For | ast.AsyncFor, scope: Environment) -> Signal:
    """Execute the body of a loop for one item. The conditions in it may tell its layers from those of other rounds."""
    outer = ex.rounds
    ex.rounds = (*outer, {})
    try:
        return ex.block(node.body, scope)
    finally:
        ex.rounds = outer


def note(ex: Execution, test: ast.expr, holds: bool) -> None:
    """Note which way a condition went in the present round."""
    if ex.rounds:
        text = ex.text(test)
        if text:
            ex.rounds[-1].setdefault(text, holds)


def layer_signature(obj: Instance) -> Any:
    """The signature of a layer or model without its sizes."""
    if obj.layer is not None:
        return (obj.layer.type, obj.layer.bias)
    flags = tuple((name, value) for name, value in obj.attrs.items() if value is None or isinstance(value, (bool, str)))
    return (id(obj.cls) if isinstance(obj.cls, Class) else obj.cls, flags)


def same_but_for_sizes(one: Value, other: Value) -> bool:
    """Do two items differ in nothing but sizes? What is 0 or 1 is a setting, and no size."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, (int, float)) and not isinstance(one, bool):
        return bool(one == other) or not (one in (0, 1) or other in (0, 1))
    if isinstance(one, SequenceValue):
        return len(one.items) == len(other.items) and all(map(same_but_for_sizes, one.items, other.items))
    if isinstance(one, DictValue):
        return one.items.keys() == other.items.keys() and all(
            same_but_for_sizes(one.items[key], other.items[key]) for key in one.items
        )
    if isinstance(one, Unknown):
        return bool(one.key == other.key)
    return bool(isinstance(one, (bool, str, bytes)) and one == other)


class Training:
    """Tells when a loop has shown what its rounds do to a model: after two that trained one and made no layers but the same."""

    __slots__ = ("ex", "layers", "made", "rounds", "updates")

    def __init__(self, ex: Execution) -> None:
        self.ex = ex
        self.updates = ex.updates
        self.layers = len(ex.layers)
        self.made: list[tuple[str, Value]] = []  # what the latest round made
        self.rounds = 0

    def shown(self) -> bool:
        """Ask after each round. Later code may read what skipped rounds would have put into lists."""
        ex = self.ex
        trained = ex.updates != self.updates
        made = [(layer.type, layer.bias) for layer in ex.layers[self.layers :]] if len(ex.layers) != self.layers else []
        self.rounds += trained and made == self.made
        self.updates, self.layers, self.made = ex.updates, len(ex.layers), made
        if self.rounds > 1:
            ex.shortened = True
        return self.rounds > 1


def of_layers(item: Value) -> bool:
    """Is a loop's item a module or parameter, or a pair with one? Such a loop may initialise them."""
    items = item.items if isinstance(item, SequenceValue) else [item]
    return any(isinstance(one, (Instance, Param)) for one in items)


def repeats_itself(ex: Execution, node: ast.For | ast.AsyncFor, item: Value, scope: Environment) -> bool:
    """Is a loop of very many rounds one that counts, and changes nothing but tensors, names and lists that it appends to?"""
    if not isinstance(item, int) or any(isinstance(part, ast.Attribute) and part.attr in NAMING for part in ast.walk(node)):
        return False
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and part.id == "setattr":
            return False
        if isinstance(part, (ast.Subscript, ast.Attribute)) and isinstance(part.ctx, ast.Store):
            base = part.value
            if not isinstance(base, ast.Name) or not isinstance(scope.names.get(base.id), Node):
                return False
    ex.shortened = True
    ex.give_up_here("a long loop", node)
    return True


def only_appends(node: ast.For | ast.AsyncFor) -> bool:
    """Does the loop keep what it makes in lists or in a sequence of its own, and not where others look it up by name?"""
    known = _APPENDS.get(node)
    if known is None:
        known = _APPENDS[node] = _only_appends(node)
    return bool(known)


def _only_appends(node: ast.AST) -> bool:
    appends = names = False
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute):
            named = part.attr in NAMING
            if named and (not isinstance(part.value, ast.Name) or part.value.id == "self"):
                return False
            appends = appends or named or part.attr == "append"
            names = names or named
        elif (isinstance(part, ast.Name) and part.id == "setattr") or (
            isinstance(part, ast.Subscript) and isinstance(part.ctx, ast.Store)
        ):
            return False
    spelt = any(
        isinstance(part, ast.JoinedStr) or (isinstance(part, ast.Attribute) and part.attr == "format")
        for part in ast.walk(node)
    )
    return appends and (names or not spelt)
