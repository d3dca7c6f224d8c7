"""The methods of lists, tuples and sets: a function for each."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from biaslint.analysis.domain import values
from biaslint.analysis.domain.values import MAX_ITEMS, TOO_LONG, Args, Kwargs, SequenceValue
from biaslint.analysis.interpreter.builtins import functions as builtin_functions
from biaslint.analysis.interpreter.objects import operators
from biaslint.analysis.project.environment import MISSING

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution

Handler = Callable[["Execution", SequenceValue, Args, Kwargs], "Value"]


def method(ex: Execution, self: SequenceValue, name: str, args: Args, kwargs: Kwargs) -> Value:
    handler = METHODS.get(name)
    result = MISSING if handler is None else handler(ex, self, args, kwargs)
    if result is MISSING:
        result = ex.semantics.tensors.sequence_method(ex, self, name, args)
    if result is not MISSING:
        return result
    found, effort = values.tensors_and_effort(self)
    ex.steps += effort >> 2
    return ex.fresh(name, found)


def is_full(ex: Execution, self: SequenceValue) -> bool:
    """Has the list as many items as one may have? Then it is open from now on."""
    if len(self.items) < MAX_ITEMS:
        return False
    self.open = True
    ex.give_up_here(TOO_LONG)
    return True


def append(ex: Execution, self: SequenceValue, args: Args, kwargs: Kwargs) -> Value:
    if not args:
        return MISSING
    if not is_full(ex, self):
        self.items.append(args[0])
    return None


def add(ex: Execution, self: SequenceValue, args: Args, kwargs: Kwargs) -> Value:
    if not args:
        return MISSING
    if not is_full(ex, self) and not any(values.term_of(item) == values.term_of(args[0]) for item in self.items):
        self.items.append(args[0])
    return None


def extend(ex: Execution, self: SequenceValue, more: Value) -> None:
    """Add items to a list, up to as many as a list may have."""
    items = ex.iterate(more)
    room = max(MAX_ITEMS - len(self.items), 0)
    if len(items) > room:
        ex.give_up_here(TOO_LONG)
    self.items.extend(items[:room])
    self.open = self.open or values.is_open(more) or len(self.items) >= MAX_ITEMS


def do_extend(ex: Execution, self: SequenceValue, args: Args, kwargs: Kwargs) -> Value:
    if not args:
        return MISSING
    extend(ex, self, args[0])
    return None


def insert(ex: Execution, self: SequenceValue, args: Args, kwargs: Kwargs) -> Value:
    if len(args) != 2:
        return MISSING
    where = args[0] if isinstance(args[0], int) else len(self.items)
    if not is_full(ex, self):
        self.items.insert(max(min(where, len(self.items)), -len(self.items)), args[1])
    return None


def pop(ex: Execution, self: SequenceValue, args: Args, kwargs: Kwargs) -> Value:
    where = args[0] if args else -1
    if isinstance(where, int) and self.items and -len(self.items) <= where < len(self.items):
        return self.items.pop(where)
    return ex.fresh("pop")


def popleft(ex: Execution, self: SequenceValue, args: Args, kwargs: Kwargs) -> Value:
    return self.items.pop(0) if self.items else ex.fresh("popleft")


def appendleft(ex: Execution, self: SequenceValue, args: Args, kwargs: Kwargs) -> Value:
    if not args:
        return MISSING
    self.items.insert(0, args[0])
    return None


def index(ex: Execution, self: SequenceValue, args: Args, kwargs: Kwargs) -> Value:
    if not args:
        return MISSING
    for place, item in enumerate(self.items):
        if operators.equal(ex, item, args[0]):
            return place
    return ex.fresh("index")


def count(ex: Execution, self: SequenceValue, args: Args, kwargs: Kwargs) -> Value:
    return sum(1 for item in self.items if operators.equal(ex, item, args[0])) if args else MISSING


def remove(ex: Execution, self: SequenceValue, args: Args, kwargs: Kwargs) -> Value:
    if not args:
        return MISSING
    for position, item in enumerate(self.items):
        if operators.equal(ex, item, args[0]):
            del self.items[position]
            break
    return None


def reverse(ex: Execution, self: SequenceValue, args: Args, kwargs: Kwargs) -> Value:
    self.items.reverse()
    return None


def sort(ex: Execution, self: SequenceValue, args: Args, kwargs: Kwargs) -> Value:
    if all(builtin_functions.is_number(item) for item in self.items) and "key" not in kwargs:
        self.items.sort(reverse=kwargs.get("reverse") is True)
    return None


def copy(ex: Execution, self: SequenceValue, args: Args, kwargs: Kwargs) -> Value:
    return SequenceValue(list(self.items), self.kind, self.open)


def clear(ex: Execution, self: SequenceValue, args: Args, kwargs: Kwargs) -> Value:
    self.items.clear()
    return None


def combine(symbol: ast.operator, ex: Execution, self: SequenceValue, args: Args, kwargs: Kwargs) -> Value:
    """The union, difference or intersection of sets."""
    if self.kind != "set":
        return MISSING
    result: Value = self
    for arg in args:
        result = operators.binary(ex, symbol, result, SequenceValue(ex.iterate(arg), "set"), ast.Pass())
    return result


def subset(swapped: bool, ex: Execution, self: SequenceValue, args: Args, kwargs: Kwargs) -> Value:
    if not args:
        return MISSING
    other = ex.iterate(args[0])
    small, large = (other, self.items) if swapped else (self.items, other)
    keys = {values.term_of(item) for item in large}
    return all(values.term_of(item) in keys for item in small)


METHODS: dict[str, Handler] = {
    "append": append,
    "add": add,
    "extend": do_extend,
    "update": do_extend,
    "insert": insert,
    "pop": pop,
    "popleft": popleft,
    "appendleft": appendleft,
    "index": index,
    "count": count,
    "remove": remove,
    "discard": remove,
    "reverse": reverse,
    "sort": sort,
    "copy": copy,
    "clear": clear,
    "union": partial(combine, ast.BitOr()),
    "difference": partial(combine, ast.Sub()),
    "intersection": partial(combine, ast.BitAnd()),
    "issubset": partial(subset, False),
    "issuperset": partial(subset, True),
}
