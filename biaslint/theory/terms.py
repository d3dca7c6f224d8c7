"""Terms: the symbolic expressions that stand for values which are not known.

    term := constant | Parameter(function, name) | Attribute(term, name) | Item(term, term) | Compare(op, term, term) | Not(term)
          | Operation(symbol, term, term) | CallOf(term, terms) | Length(term) | Dimension(tensor, axis) | ...

None, strings, integers and what has an identity stand for themselves. Terms are immutable, and two that are built alike are equal
and have one hash. A term is a tuple that begins with the name of its kind, so that comparing and hashing it needs no Python code.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any


class Term(tuple[Any, ...]):
    """A symbolic expression."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        """Processes send each other terms; a constructor takes the parts, not the tuple."""
        return tuple.__new__, (type(self), tuple(self))


def _part(place: int) -> Any:
    return property(itemgetter(place))


class Parameter(Term):
    """A parameter of a function or class that the linted files do not set."""

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


def plain_items(key: Any) -> bool:
    """Is it the key of a list of strings, numbers and None?"""
    return isinstance(key, SequenceTerm) and not any(isinstance(one, Term) for one in key)


def is_comparison(key: Any, op: str) -> bool:
    """Is it a comparison by this operator?"""
    return isinstance(key, Compare) and bool(key.op == op)


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
