"""What the settings of an execution say about a condition, and how the source would write its contrary."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterable
from typing import Any

from biaslint.theory.program import OTHER

OPPOSITES: dict[type[ast.cmpop], ast.cmpop] = {
    ast.Is: ast.IsNot(), ast.IsNot: ast.Is(), ast.In: ast.NotIn(), ast.NotIn: ast.In(), ast.Eq: ast.NotEq(), ast.NotEq: ast.Eq(),
    ast.Lt: ast.GtE(), ast.GtE: ast.Lt(), ast.Gt: ast.LtE(), ast.LtE: ast.Gt(),
}  # fmt: skip


def contrary(condition: str) -> str:
    """How the source would write that a condition does not hold."""
    try:
        test = ast.parse(condition, mode="eval").body
    except SyntaxError:
        return f"not ({condition})"
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        return ast.unparse(ast.Compare(test.left, [OPPOSITES[type(test.ops[0])]], test.comparators))
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return ast.unparse(test.operand)
    return ast.unparse(ast.UnaryOp(ast.Not(), test))


def conjunction(texts: Iterable[str]) -> str:
    """Conditions joined by `and`, those that are alternatives in brackets."""
    return " and ".join(f"({text})" if " or " in text or " if " in text else text for text in texts)


def boolean(name: str, wanted: bool = True) -> Callable[[dict[str, Any]], bool | None]:
    """The setting is true (or, unless `wanted`, false)."""

    def holds(settings: dict[str, Any]) -> bool | None:
        if name in settings:
            return bool(settings[name]) is wanted
        value = implied(name, settings)
        return None if value is None else value is wanted

    return holds


COMPARISON = re.compile(r"(.*) (==|!=|<=|>=|<|>) (-?\d+|'[^']*')")
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


def implied(name: str, settings: dict[str, Any]) -> bool | None:
    """What the setting's own value says of a comparison; and what is not None, or equal to something else, is not equal to this."""
    computed = worked_out(name, settings) if COMPUTED.search(name) else None
    if computed is not None:
        return computed
    subject = name.partition(" == ")[0].removesuffix(" is None")
    compared = COMPARISON.fullmatch(name)
    if compared is not None and compared[1] in settings:
        return compare(settings[compared[1]], compared[2], ast.literal_eval(compared[3]))
    if subject == name:
        return False if settings.get(f"{name} is None") is True else None
    if name == f"{subject} is None" and subject in settings:
        return settings[subject] is None
    others = [other for other in settings if other.startswith(f"{subject} == ") or other == f"{subject} is None"]
    return False if any(settings[other] is True for other in others) else None


COMPUTED = re.compile(r" [-+*/%]+ |\(| in ")
NUMBERS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
}  # fmt: skip
ORDERED: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.In: lambda one, other: one in other, ast.NotIn: lambda one, other: one not in other,
}  # fmt: skip


class NotKnown(Exception):
    """A condition is about a setting whose value is not known."""


def worked_out(condition: str, settings: dict[str, Any]) -> bool | None:
    """The truth of a condition on numbers and strings that the settings have, such as `depth % 2 == 0`; None where it is not known."""
    try:
        return bool(value_of(ast.parse(condition, mode="eval").body, settings))
    except (NotKnown, SyntaxError, TypeError, ValueError, ArithmeticError):
        return None


def value_of(node: ast.expr, settings: dict[str, Any]) -> Any:
    """The value of an expression on settings."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Tuple):
        return tuple(value_of(item, settings) for item in node.elts)
    if isinstance(node, ast.BinOp) and type(node.op) in NUMBERS:
        sides = value_of(node.left, settings), value_of(node.right, settings)
        if all(isinstance(side, (int, float)) for side in sides):
            return NUMBERS[type(node.op)](*sides)
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in ORDERED:
        return ORDERED[type(node.ops[0])](value_of(node.left, settings), value_of(node.comparators[0], settings))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        text = value_of(node.func.value, settings)
        if isinstance(text, str) and node.func.attr in ("startswith", "endswith", "lower", "upper", "strip", "casefold"):
            return getattr(text, node.func.attr)(*(value_of(one, settings) for one in node.args))
    elif isinstance(node, (ast.Name, ast.Attribute)):
        value = settings.get(ast.unparse(node))
        if isinstance(value, (int, float)) or (isinstance(value, str) and not value.startswith("<")):
            return value
    raise NotKnown


def compare(value: Any, symbol: str, other: Any) -> bool | None:
    """A comparison of a setting's value; None where it is no plain value."""
    if value is None or isinstance(value, bool):
        return symbol == "!=" if symbol in ("==", "!=") else None
    if isinstance(value, str) and value.startswith("<") and value.endswith(">"):
        return None
    if isinstance(value, (int, float, str)) and isinstance(value, str) is isinstance(other, str):
        return COMPARE[symbol](value, other)
    return None


def nothing(name: str, wanted: bool = True) -> Callable[[dict[str, Any]], bool | None]:
    """The setting is None (or, unless `wanted`, is not)."""

    def holds(settings: dict[str, Any]) -> bool | None:
        known = settings[name] is None if name in settings else settings.get(f"{name} is None")
        return None if known is None else bool(known) is wanted

    return holds


def equal(name: str, value: Any) -> Callable[[dict[str, Any]], bool | None]:
    """The setting has this value."""
    return lambda settings: settings[name] == value if name in settings else None


def of_number(name: str, value: int | float) -> Callable[[dict[str, Any]], bool | None]:
    """The setting has this number, which is known not to be where an execution gave it another value; of other sizes nothing is said."""

    def holds(settings: dict[str, Any]) -> bool | None:
        if settings.get(f"{name} == {value!r}") is False or settings.get(name) == OTHER:
            return False
        return True if settings.get(name) == value else None

    return holds
