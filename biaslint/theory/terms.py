"""Terms: the symbolic expressions that stand for values which are not known.

    term := constant | Parameter(function, name) | Attribute(term, name) | Item(term, term) | Compare(op, term, term) | Not(term)
          | Operation(symbol, term, term) | CallOf(term, terms) | Length(term) | Dimension(tensor, axis) | ...

None, strings, integers and what has an identity stand for themselves. Terms are immutable, and two that are built alike are equal
and have one hash. A term is a tuple that begins with the name of its kind, so that comparing and hashing it needs no Python code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any


class Term(tuple[Any, ...]):
    """A symbolic expression."""

    __slots__ = ()


def _part(place: int) -> Any:
    return property(itemgetter(place))


class Parameter(Term):
    """A parameter of a function or class that nobody sets."""

    __slots__ = ()
    function = _part(1)
    name = _part(2)

    def __new__(cls, function: Any, name: Any) -> Parameter:
        return tuple.__new__(cls, ("param", function, name))


class InputParameter(Term):
    """A parameter of an entry point that stands for data."""

    __slots__ = ()
    function = _part(1)
    name = _part(2)

    def __new__(cls, function: Any, name: Any) -> InputParameter:
        return tuple.__new__(cls, ("input", function, name))


class FreeName(Term):
    """A name that nothing seen binds."""

    __slots__ = ()
    module = _part(1)
    name = _part(2)

    def __new__(cls, module: Any, name: Any) -> FreeName:
        return tuple.__new__(cls, ("name", module, name))


class Import(Term):
    """What an import brings in that is not among the files."""

    __slots__ = ()
    module = _part(1)
    name = _part(2)

    def __new__(cls, module: Any, name: Any) -> Import:
        return tuple.__new__(cls, ("import", module, name))


class Attribute(Term):
    """base.name"""

    __slots__ = ()
    base = _part(1)
    name = _part(2)

    def __new__(cls, base: Any, name: Any) -> Attribute:
        return tuple.__new__(cls, ("attr", base, name))


class Item(Term):
    """base[index]"""

    __slots__ = ()
    base = _part(1)
    index = _part(2)

    def __new__(cls, base: Any, index: Any) -> Item:
        return tuple.__new__(cls, ("item", base, index))


class Method(Term):
    """A method of an instance whose class is not known in full."""

    __slots__ = ()
    base = _part(1)
    name = _part(2)

    def __new__(cls, base: Any, name: Any) -> Method:
        return tuple.__new__(cls, ("method", base, name))


class Object(Term):
    """A value that is known: only who it is counts."""

    __slots__ = ()
    value = _part(1)

    def __new__(cls, value: Any) -> Object:
        return tuple.__new__(cls, ("object", value))


class ExternalName(Term):
    """A name that leads out of the project."""

    __slots__ = ()
    name = _part(1)

    def __new__(cls, name: Any) -> ExternalName:
        return tuple.__new__(cls, ("external", name))


class Fresh(Term):
    """An unknown that equals nothing else."""

    __slots__ = ()
    serial = _part(1)

    def __new__(cls, serial: Any) -> Fresh:
        return tuple.__new__(cls, ("fresh", serial))


class Required(Term):
    """A name that an argument check demands."""

    __slots__ = ()
    module = _part(1)
    line = _part(2)
    name = _part(3)

    def __new__(cls, module: Any, line: Any, name: Any) -> Required:
        return tuple.__new__(cls, ("required", module, line, name))


class Compare(Term):
    """left op right, a condition; `op` is ==, <, is, in ..., see `NEGATED`."""

    __slots__ = ()
    op = _part(1)
    left = _part(2)
    right = _part(3)

    def __new__(cls, op: Any, left: Any, right: Any) -> Compare:
        return tuple.__new__(cls, ("cmp", op, left, right))

    def opposite(self) -> Compare:
        """The comparison that says the contrary, of one whose operator is negated."""
        return Compare(NEGATED[self.op], self.left, self.right)


class Not(Term):
    """not term"""

    __slots__ = ()
    term = _part(1)

    def __new__(cls, term: Any) -> Not:
        return tuple.__new__(cls, ("not", term))


class Operation(Term):
    """left symbol right, a number."""

    __slots__ = ()
    symbol = _part(1)
    left = _part(2)
    right = _part(3)

    def __new__(cls, symbol: Any, left: Any, right: Any) -> Operation:
        return tuple.__new__(cls, ("op", symbol, left, right))


class Math(Term):
    """A function of the math module."""

    __slots__ = ()
    function = _part(1)
    argument = _part(2)

    def __new__(cls, function: Any, argument: Any) -> Math:
        return tuple.__new__(cls, ("math", function, argument))


class Length(Term):
    """len(of)"""

    __slots__ = ()
    of = _part(1)

    def __new__(cls, of: Any) -> Length:
        return tuple.__new__(cls, ("len", of))


class Text(Term):
    """str(of)"""

    __slots__ = ()
    of = _part(1)

    def __new__(cls, of: Any) -> Text:
        return tuple.__new__(cls, ("str", of))


class HasAttribute(Term):
    """hasattr(of, name)"""

    __slots__ = ()
    of = _part(1)
    name = _part(2)

    def __new__(cls, of: Any, name: Any) -> HasAttribute:
        return tuple.__new__(cls, ("hasattr", of, name))


class IsCallable(Term):
    """callable(of)"""

    __slots__ = ()
    of = _part(1)

    def __new__(cls, of: Any) -> IsCallable:
        return tuple.__new__(cls, ("callable", of))


class DataTest(Term):
    """A condition on data, at a place in the source."""

    __slots__ = ()
    place = _part(1)

    def __new__(cls, place: Any) -> DataTest:
        return tuple.__new__(cls, ("data", place))


class Dimension(Term):
    """The size of a tensor along an axis; `node` is its number."""

    __slots__ = ()
    node = _part(1)
    axis = _part(2)

    def __new__(cls, node: Any, axis: Any) -> Dimension:
        return tuple.__new__(cls, ("dim", node, axis))


class Rank(Term):
    """The number of axes of a tensor."""

    __slots__ = ()
    node = _part(1)

    def __new__(cls, node: Any) -> Rank:
        return tuple.__new__(cls, ("rank", node))


class TensorProperty(Term):
    """A property of tensors that is the same for all: dtype, device."""

    __slots__ = ()
    name = _part(1)

    def __new__(cls, name: Any) -> TensorProperty:
        return tuple.__new__(cls, ("tensor", name))


class Size(Term):
    """A size that a layer is made with."""

    __slots__ = ()
    layer = _part(1)
    name = _part(2)

    def __new__(cls, layer: Any, name: Any) -> Size:
        return tuple.__new__(cls, ("size", layer, name))


class FloatConstant(Term):
    """A floating-point constant, told apart from the integer that it equals."""

    __slots__ = ()
    value = _part(1)

    def __new__(cls, value: Any) -> FloatConstant:
        return tuple.__new__(cls, ("float", value))


class BoolConstant(Term):
    """True or False, told apart from 1 and 0."""

    __slots__ = ()
    value = _part(1)

    def __new__(cls, value: Any) -> BoolConstant:
        return tuple.__new__(cls, ("bool", value))


class MathCall(Term):
    """A function of the math module of several arguments."""

    __slots__ = ()

    def __new__(cls, function: str, *arguments: Any) -> MathCall:
        return tuple.__new__(cls, ("math", function, *arguments))


class CallOf(Term):
    """function(*arguments), of something unknown."""

    __slots__ = ()
    function = _part(1)

    def __new__(cls, function: Any, *arguments: Any) -> CallOf:
        return tuple.__new__(cls, ("call", function, *arguments))


class BuiltinCall(Term):
    """One of Python's own functions of something unknown: int, round, max, min ..."""

    __slots__ = ()
    function = _part(0)

    def __new__(cls, function: str, *arguments: Any) -> BuiltinCall:
        return tuple.__new__(cls, (function, *arguments))


class IsInstance(Term):
    """isinstance(of, kinds)"""

    __slots__ = ()
    of = _part(1)

    def __new__(cls, of: Any, *kinds: Any) -> IsInstance:
        return tuple.__new__(cls, ("isinstance", of, *kinds))


class Format(Term):
    """A formatted string."""

    __slots__ = ()

    def __new__(cls, *parts: Any) -> Format:
        return tuple.__new__(cls, ("format", *parts))


class Filled(Term):
    """An array filled with one number or with draws: how, the number, the spread."""

    __slots__ = ()
    content = property(itemgetter(slice(1, 4)))

    def __new__(cls, how: Any, value: Any, spread: Any, serial: Any) -> Filled:
        return tuple.__new__(cls, ("filled", how, value, spread, serial))


class Shape(Term):
    """The shape of a tensor whose rank is not known, from the axis `start` on."""

    __slots__ = ()
    node = _part(1)

    def __new__(cls, node: int, start: int = 0) -> Shape:
        return tuple.__new__(cls, ("shape", node, start))

    start = _part(2)


class LeadingShape(Term):
    """shape[:stop] of a tensor whose rank is not known."""

    __slots__ = ()
    node = _part(1)
    stop = _part(2)

    def __new__(cls, node: int, stop: int) -> LeadingShape:
        return tuple.__new__(cls, ("lead", node, stop))


class SequenceTerm(Term):
    """A list, tuple or set, by the terms of its items."""

    __slots__ = ()
    kind = _part(0)
    items = property(itemgetter(slice(1, None)))

    def __new__(cls, kind: str, *items: Any) -> SequenceTerm:
        return tuple.__new__(cls, (kind, *items))


TRUE, FALSE = BoolConstant(True), BoolConstant(False)
NEGATED = {"is not": "is", "!=": "==", "not in": "in"}


def contrary(default: Any) -> Any:
    """The default of a condition's opposite; None where there is none."""
    return None if default is None else not default


def product(dims: Sequence[Any]) -> tuple[int, tuple[Any, ...]]:
    """A product of numbers and keys: its integer factor and its unknown factors, sorted."""
    number, keys = 1, []
    todo: list[Any] = list(dims)
    while todo:
        dim = todo.pop()
        if isinstance(dim, int):
            number *= dim
        elif isinstance(dim, Operation) and dim.symbol == "*":
            todo.extend((dim.left, dim.right))
        else:
            keys.append(dim)
    if len(keys) > 1:
        keys.sort(key=rank)
    return number, tuple(keys)


def rank(key: Any) -> str:
    """Where a key comes in a sum or product, the same wherever that is put together. Of an object, only who it is counts."""
    if isinstance(key, tuple):
        return f"({','.join(map(rank, key))})"
    return repr(key) if isinstance(key, (str, int, float, type(None))) else f"{type(key).__name__} {id(key)}"


def multiply(dims: Sequence[Any]) -> Any:
    """The product of numbers and keys, the same one however it was put together."""
    number, keys = product(dims)
    if not keys:
        return number
    result: Any = None
    for part in keys if number == 1 else (number, *keys):
        result = part if result is None else Operation("*", result, part)
    return result


def plain_items(key: Any) -> bool:
    """Is it the key of a list of strings, numbers and None?"""
    return isinstance(key, SequenceTerm) and not any(isinstance(one, Term) for one in key)


def is_comparison(key: Any, op: str) -> bool:
    """Is it a comparison by this operator?"""
    return isinstance(key, Compare) and bool(key.op == op)


COMPARE = {
    "==": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
ARITHMETIC = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "/": lambda a, b: a / b,
}


def larger(key: Any, size: int) -> bool:
    """Has a key more than so many parts?"""
    todo = [key]
    for _ in range(size):
        if not todo:
            return False
        part = todo.pop()
        while isinstance(part, tuple):
            todo.extend(part)
            part = todo.pop() if todo else None
    return bool(todo)


def evaluate(key: Any, leaves: dict[Any, float], grow: bool) -> float | None:
    """A symbolic number with every unknown in it set to a number that divides well."""
    if isinstance(key, bool):
        return None
    if isinstance(key, (int, float)):
        return float(key)
    if isinstance(key, Operation) and key.symbol in ARITHMETIC:
        one, two = evaluate(key.left, leaves, grow), evaluate(key.right, leaves, grow)
        if one is None or two is None:
            return None
        try:
            return float(ARITHMETIC[key.symbol](one, two))
        except ArithmeticError:
            return None
    if isinstance(key, FloatConstant):
        return float(key.value)
    if key in leaves:
        return leaves[key]
    if grow:
        leaves[key] = 720720.0 * (1 + len(leaves))
        return leaves[key]
    return None


def has_logarithm(key: Any) -> bool:
    """Does a logarithm or a prior go into a term, by the names in it?"""
    if isinstance(key, tuple):
        return any(has_logarithm(part) for part in key)
    return isinstance(key, str) and ("log" in key or "prior" in key)


SIZE = re.compile(
    r"feature|channel|unit|hidden|width|dim|fan|size|input|output|neuron|^(n|num|in|out|nin|nout|d|h|c)(_|$)", re.IGNORECASE
)
POWERS: dict[str, Callable[[float, float], float]] = {**ARITHMETIC, "**": lambda one, two: one**two}


def at_scale(key: Any, size: float) -> float | None:
    """A symbolic number where every size is `size` and every other unknown is 1; None where it is not arithmetic."""
    if isinstance(key, (int, float)) and not isinstance(key, bool):
        return float(key)
    if isinstance(key, FloatConstant):
        return float(key.value)
    if isinstance(key, Operation) and key.symbol in POWERS:
        parts = [at_scale(key.left, size), at_scale(key.right, size)]
        operation = POWERS[key.symbol]
    elif isinstance(key, Math) and key.function == "sqrt":
        parts = [at_scale(key.argument, size), 0.5]
        operation = POWERS["**"]
    elif isinstance(key, (Parameter, Attribute, Size)) and isinstance(key.name, str):
        return size if SIZE.search(key.name) or isinstance(key, Size) else 1.0
    else:
        return None
    one, two = parts
    try:
        result = operation(one, two) if one is not None and two is not None else None
    except ArithmeticError:
        return None
    return result if isinstance(result, float) else None
