"""Python's operators: arithmetic, comparisons, membership and identity of values, as far as they are known."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain import class_lookup, values
from biaslint.analysis.domain.layers import Param
from biaslint.analysis.domain.setting import Setting
from biaslint.analysis.domain.values import (
    MAX_ITEMS,
    TOO_LARGE,
    TOO_LONG,
    BoundNative,
    Class,
    DictValue,
    External,
    FunctionValue,
    Instance,
    SequenceValue,
    Unknown,
)
from biaslint.analysis.interpreter import framework, target_statistics
from biaslint.analysis.interpreter.objects.arrays import is_array
from biaslint.theory import term_arithmetic, terms
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution


BINARY: dict[type, tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
    ast.FloorDiv: ("//", operator.floordiv),
    ast.Mod: ("%", operator.mod),
    ast.Pow: ("**", operator.pow),
    ast.MatMult: ("@", operator.matmul),
    ast.BitAnd: ("&", operator.and_),
    ast.BitOr: ("|", operator.or_),
    ast.BitXor: ("^", operator.xor),
    ast.LShift: ("<<", operator.lshift),
    ast.RShift: (">>", operator.rshift),
}
COMPARISONS: dict[type, tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.Is: ("is", operator.is_),
    ast.IsNot: ("is not", operator.is_not),
    ast.In: ("in", lambda a, b: a in b),
    ast.NotIn: ("not in", lambda a, b: a not in b),
}
NUMBERS = (int, float, complex)


def binary(ex: Execution, op: ast.operator, left: Value, right: Value, node: ast.AST) -> Value:
    """`left op right` for any values."""
    symbol, function = BINARY[type(op)]
    if ex.target_means and symbol in "+-" and not isinstance(left, NUMBERS):
        target_statistics.subtracted(ex, right, node)
    if (left is None or right is None) and not (
        isinstance(left, (str, Class, External)) or isinstance(right, (Class, External))
    ):
        ex.fault(f"{symbol} with None")
    if values.is_constant(left) and values.is_constant(right):
        return compute(ex, symbol, function, left, right)
    if isinstance(left, (Node, Param)) or isinstance(right, (Node, Param)):
        return ex.semantics.tensors.binary(ex, symbol, left, right, node)
    if (isinstance(left, Unknown) and left.tensors) or (isinstance(right, Unknown) and right.tensors):
        return ex.semantics.tensors.binary(ex, symbol, left, right, node)
    if is_flag(left) or is_flag(right):
        return binary(ex, op, taken(ex, left), taken(ex, right), node)
    if is_array(left) or is_array(right):
        return array_binary(ex, op, left, right, node)
    if isinstance(left, SequenceValue):
        return list_binary(ex, symbol, left, right)
    if isinstance(right, SequenceValue) and symbol == "*" and isinstance(left, int):
        return list_binary(ex, symbol, right, left)
    if isinstance(left, DictValue) and isinstance(right, DictValue) and symbol == "|":
        united = DictValue()
        united.take(left)
        united.take(right)
        return united
    if isinstance(left, Instance) or isinstance(right, Instance):
        return operator_method(ex, symbol, left, right, node)
    if isinstance(left, str) and symbol == "%":
        return ex.fresh("a string")
    if isinstance(left, (Unknown, *NUMBERS)) and isinstance(right, (Unknown, *NUMBERS)):
        return symbolic(ex, symbol, left, right)
    return ex.fresh()


def operator_method(ex: Execution, symbol: str, left: Value, right: Value, node: ast.AST) -> Value:
    """`a + b` on instances with operators of their own."""
    names = {"+": "add", "-": "sub", "*": "mul", "/": "truediv", "@": "matmul", "|": "or", "&": "and"}
    if symbol in names:
        if isinstance(left, Instance):
            method = class_lookup.find_method(left, f"__{names[symbol]}__")
            if method is not None:
                return ex.call(method, [right], {}, node)
        if isinstance(right, Instance):
            method = class_lookup.find_method(right, f"__r{names[symbol]}__")
            if method is not None:
                return ex.call(method, [left], {}, node)
    return ex.fresh(tensors=values.all_in(left, right))


def is_flag(value: Value) -> bool:
    """Is it true or false, and not known which?"""
    return isinstance(value, Unknown) and isinstance(value.default, bool)


def taken(ex: Execution, value: Value) -> Value:
    """A flag whose value counts and not only its truth: this execution takes a branch on it."""
    return ex.path.truth_of(value) if isinstance(value, Unknown) and is_flag(value) else value


def symbolic(ex: Execution, symbol: str, left: Value, right: Value) -> Value:
    """Arithmetic on numbers of which one at least is not known."""
    if (
        (symbol == "*" and right == 1)
        or (symbol in ("+", "-") and right == 0 and values.is_constant(right))
        or (symbol == "//" and right == 1)
    ):
        return left
    if (symbol == "*" and left == 1 and values.is_constant(left)) or (symbol == "+" and left == 0 and values.is_constant(left)):
        return right
    one, two = values.term_of(left), values.term_of(right)
    if terms.larger((one, two), 40):
        return ex.fresh()
    if symbol == "*" and not isinstance(left, float) and not isinstance(right, float):
        return Unknown(term_arithmetic.multiply([one, two]), f"{shown(left)} * {shown(right)}")
    if symbol == "+" and term_arithmetic.rank(two) < term_arithmetic.rank(one):
        one, two = two, one
    return Unknown(terms.Operation(symbol, one, two), f"{shown(left)} {symbol} {shown(right)}")


def compute(ex: Execution, symbol: str, function: Callable[[Any, Any], Any], left: Any, right: Any) -> Value:
    """Arithmetic on known values, within bounds."""
    if excessive(symbol, left, right):
        ex.give_up_here(TOO_LARGE)
        return ex.fresh("a string" if symbol == "%" else "")
    try:
        value = function(left, right)
    except (ArithmeticError, TypeError, ValueError, MemoryError):
        return ex.fresh()
    if (isinstance(value, int) and abs(value) > 1 << 256) or (isinstance(value, (str, bytes)) and len(value) > 100_000):
        ex.give_up_here(TOO_LARGE)
        return ex.fresh()
    return value


def excessive(symbol: str, left: Any, right: Any) -> bool:
    """Could the result be too large to work it out?"""
    if symbol == "**" and isinstance(right, (int, float)):
        return abs(right) > 64 or (isinstance(left, int) and abs(left) > 1 << 64)
    if symbol == "<<" and isinstance(right, int):
        return right > 256
    if symbol == "%":
        return isinstance(left, (str, bytes)) and not modest(left)
    if symbol == "*" and (isinstance(left, (str, bytes)) or isinstance(right, (str, bytes))):
        count, text = (left, right) if isinstance(left, int) else (right, left)
        return isinstance(count, int) and count * len(text) > 10_000
    return False


def array_binary(ex: Execution, op: ast.operator, left: Value, right: Value, node: ast.AST) -> Value:
    """Arithmetic of an array and a number, or of two sequences with as many items: entry by entry."""
    if isinstance(op, ast.MatMult):
        return ex.fresh()
    if isinstance(left, SequenceValue) and isinstance(right, SequenceValue):
        if len(left.items) != len(right.items):
            return ex.fresh()
        pairs = list(zip(left.items, right.items, strict=True))
    elif isinstance(left, SequenceValue) and values.number(right) is not None:
        pairs = [(item, right) for item in left.items]
    elif isinstance(right, SequenceValue) and values.number(left) is not None:
        pairs = [(left, item) for item in right.items]
    else:
        return ex.fresh()
    # a row among numbers would be spread over an axis more
    if len({is_array(one) for pair in pairs for one in pair}) > 1 and not (
        values.is_constant(left) or values.is_constant(right)
    ):
        return ex.fresh()
    return SequenceValue([binary(ex, op, one, other, node) for one, other in pairs], "array")


def list_binary(ex: Execution, symbol: str, left: SequenceValue, right: Value) -> Value:
    """`list + other`, `list * count`, and the operators of sets."""
    if symbol == "+" and isinstance(right, (SequenceValue, Unknown)):
        items = [*left.items, *ex.iterate(right)]
        if len(items) > MAX_ITEMS:
            ex.give_up_here(TOO_LONG)
        return SequenceValue(items[:MAX_ITEMS], left.kind, left.open or values.is_open(right) or len(items) > MAX_ITEMS)
    if symbol == "*":
        count = right if isinstance(right, int) else ex.path.count(right) if isinstance(right, Unknown) else 1
        if len(left.items) * max(count, 0) > MAX_ITEMS:
            ex.give_up_here(TOO_LONG)
            return SequenceValue(left.items * 2, left.kind, open=True)
        return SequenceValue(left.items * count, left.kind, left.open)
    if left.kind == "set" and isinstance(right, SequenceValue):
        keys = [values.term_of(item) for item in right.items]
        if symbol == "-":
            return SequenceValue([item for item in left.items if values.term_of(item) not in keys], "set")
        if symbol == "&":
            return SequenceValue([item for item in left.items if values.term_of(item) in keys], "set")
        if symbol == "|":
            return SequenceValue(left.items + [item for item in right.items if item not in left.items], "set")
    return ex.fresh()


def opposite(value: Unknown) -> Unknown:
    """`not value`"""
    default = None if value.default is None else not value.default
    if isinstance(value.key, terms.Not):
        return Unknown(value.key.term, value.text.removeprefix("not "), default=default)
    return Unknown(terms.Not(value.key), f"not {value.text}", default=default)


SAME = {"is": True, "==": True, "is not": False, "!=": False}


def compare(ex: Execution, op: ast.cmpop, left: Value, right: Value, node: ast.AST) -> Value:
    """One comparison: its truth, a condition that is not known, or a tensor of truths."""
    symbol, function = COMPARISONS[type(op)]
    if ((left is None or right is None) and symbol in ("<", "<=", ">", ">=")) or (right is None and symbol in ("in", "not in")):
        ex.fault(f"{symbol} with None")
    if is_flag(right):
        right = taken(ex, right)
    if isinstance(left, Unknown) and is_flag(left) and isinstance(right, (bool, int, float)):
        if symbol in SAME and right in (True, False) and (isinstance(right, bool) or symbol in ("==", "!=")):
            return left if SAME[symbol] == bool(right) else opposite(left)  # its truth may be asked for elsewhere
        left = taken(ex, left)
    if symbol in ("is", "is not"):
        same = identical(ex, left, right)
        if same is not None:
            return same if symbol == "is" else not same
    elif symbol in ("in", "not in") and isinstance(left, Setting) and values.plain_strings(right):
        items = terms.SequenceTerm("tuple", *right.items)
        test = Unknown(terms.Compare(symbol, left.key, items), ex.text(node), default=(left in right.items) is (symbol == "in"))
        known = ex.path.known(test.key)
        return test if known is None else known
    elif symbol in ("in", "not in") and isinstance(right, Setting) and type(left) is str:
        holds = (left in right) is (symbol == "in")
        test = Unknown(terms.Compare(symbol, left, right.key), ex.text(node), default=holds)
        known = ex.path.known(test.key)
        return test if known is None else known
    elif symbol in ("in", "not in"):
        found = contains(ex, left, right)
        if found is not None:
            return found if symbol == "in" else not found
    elif symbol in ("==", "!=") and isinstance(left, Setting) and type(right) is str:
        test = Unknown(terms.Compare(symbol, left.key, right), ex.text(node), default=function(left, right))
        known = ex.path.known(test.key)
        return test if known is None else known
    elif values.is_constant(left) and values.is_constant(right):
        try:
            return function(left, right)
        except TypeError:
            return ex.fresh()
    else:
        same = equal(ex, left, right)
        if symbol in ("==", "!=") and same is not None:
            return same if symbol == "==" else not same
        lists = isinstance(left, SequenceValue) and isinstance(right, SequenceValue) and symbol in ("<", "<=", ">", ">=")
        if lists and all(values.is_constant(item) for item in (*left.items, *right.items)):
            try:
                return function(left.items, right.items)
            except TypeError:
                return ex.fresh()
    tensors = (*values.tensors_in(left, 1), *values.tensors_in(right, 1))
    if tensors:
        if symbol in ("is", "is not"):
            return symbol == "is not"
        return ex.opaque(SequenceValue(list(tensors)), name="a comparison")
    if symbol in (">", ">="):  # one spelling for both
        symbol, left, right = {">": "<", ">=": "<="}[symbol], right, left
    test = Unknown(terms.Compare(symbol, values.term_of(left), values.term_of(right)), ex.text(node))
    known = ex.path.known(test.key)
    return test if known is None else known


def identical(ex: Execution, left: Value, right: Value) -> bool | None:
    """`left is right`; None where that is not known."""
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        if (isinstance(left, Unknown) and left.tensors) or (isinstance(right, Unknown) and right.tensors):
            return False
        return None
    if values.is_constant(left) and values.is_constant(right):
        return left is right or (type(left) is type(right) and left == right)
    if values.is_constant(left) or values.is_constant(right):
        return False
    if isinstance(left, (External, FunctionValue, Class)) and isinstance(right, (External, FunctionValue, Class)):
        return (
            left is right
            or left == right
            or (isinstance(left, External) and isinstance(right, External) and same_external(left, right))
        )
    if isinstance(left, BoundNative) or isinstance(right, BoundNative):
        return None
    if isinstance(left, Param) and isinstance(right, Param):
        return left.layer is right.layer and left.which == right.which
    return left is right


def equal(ex: Execution, left: Value, right: Value) -> bool | None:
    """`left == right`; None where that is not known."""
    if isinstance(left, Unknown) or isinstance(right, Unknown) or is_array(left) or is_array(right):
        return None
    if isinstance(left, SequenceValue) and isinstance(right, SequenceValue):
        if left.open or right.open or values.vast(left) or values.vast(right):
            return None
        if len(left.items) != len(right.items):
            return False
        answers = [equal(ex, one, two) for one, two in zip(left.items, right.items, strict=True)]
        return False if False in answers else None if None in answers else True
    if isinstance(left, DictValue) and isinstance(right, DictValue):
        return None if left.items or right.items else True
    if isinstance(left, Node) or isinstance(right, Node):
        return None
    if isinstance(left, External) and left.name.startswith("builtins.") and isinstance(right, External):
        return left == right
    if values.is_constant(left) and values.is_constant(right):
        return bool(left == right)
    return identical(ex, left, right)


def contains(ex: Execution, item: Value, container: Value) -> bool | None:
    """`item in container`; None where that is not known."""
    if isinstance(container, str) and isinstance(item, str):
        return item in container
    if isinstance(container, Unknown) or isinstance(item, Node):
        return None
    if isinstance(container, Instance) and container.items is not None:
        return item in container.items if isinstance(item, str) else None
    if isinstance(container, DictValue):
        if isinstance(item, Unknown):
            return None if container.items else False
        try:
            return True if values.hashable(item) in container.items else None if container.open else False
        except TypeError:
            return None
    if isinstance(container, Class) and class_lookup.is_enum(container):
        container = SequenceValue(ex.iterate(container))
    if isinstance(container, SequenceValue):
        answers = [equal(ex, item, other) for other in container.items]
        return True if True in answers else None if None in answers or container.open else False
    if isinstance(container, Instance):
        method = class_lookup.find_method(container, "__contains__")
        if method is not None:
            result = ex.call(method, [item], {}, ex.node)
            return bool(result) if values.is_constant(result) else None
    return None


def modest(template: str | bytes) -> bool:
    """Can a format only make text of a sensible length?"""
    text = template if isinstance(template, str) else template.decode("latin-1")
    return len(text) <= 500 and re.search(r"\d{4}|\{[^}]*\{", text) is None


def shown(value: Value) -> str:
    return value.text if isinstance(value, Unknown) else repr(value)


def same_external(one: External, two: External) -> bool:
    return framework.canonical(one.name) == framework.canonical(two.name)
