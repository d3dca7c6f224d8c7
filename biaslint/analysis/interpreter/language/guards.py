"""Checks of the arguments, `if ...: raise`. They pass: entry points are called as their authors meant them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from biaslint.analysis.domain import node_cache, values
from biaslint.analysis.domain.values import Instance, Unknown
from biaslint.theory import terms

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution
    from biaslint.analysis.project.environment import Environment


EQUALITY = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn)


_MAY_RAISE = node_cache.per_node_cache()


def may_raise(node: ast.If) -> bool:
    """Does a branch of an `if`, or of the chain that it begins, end in `raise`?"""
    known: bool | None = _MAY_RAISE.get(node)
    if known is None:
        chained = len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If) and ends_in_raise(node.orelse[0])
        known = _MAY_RAISE[node] = chained or passing_side(node) is not None
    return known


def passing_side(node: ast.If) -> bool | None:
    """The side of an `if` that does not raise, where the other does."""
    if isinstance(node.body[-1], ast.Raise):
        return False
    if node.orelse and isinstance(node.orelse[-1], ast.Raise):
        return True
    return None


def assume_guard_passes(ex: Execution, node: ast.If, test: Value, scope: Environment) -> bool:
    """Make a checked value unknown where the check would raise: callers must replace a default that is refused.

    Returns whether a value was made unknown, so that `test` must be evaluated again.
    """
    tests = [node.test]
    while values.is_constant(test):
        branch = node.body if test else node.orelse
        if branch and isinstance(branch[-1], ast.Raise):
            return sum([forget(ex, name, scope) for asked in tests for name in names_asked_about(asked)]) > 0
        if test or len(branch) != 1 or not isinstance(branch[0], ast.If) or not ends_in_raise(branch[0]):
            return False
        node = branch[0]
        test = ex.eval(node.test, scope)
        tests.append(node.test)
    return False


def ends_in_raise(node: ast.If) -> bool:
    """Does a chain of `elif` raise where none of its conditions holds?"""
    while len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
        node = node.orelse[0]
    return bool(node.orelse) and isinstance(node.orelse[-1], ast.Raise)


def names_asked_about(test: ast.expr) -> Iterator[ast.Name | ast.Attribute]:
    """The names that a condition asks about: whether they are true, None, equal to something or one of several."""
    if isinstance(test, ast.BoolOp):
        for value in test.values:
            yield from names_asked_about(value)
    elif isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        yield from names_asked_about(test.operand)
    elif isinstance(test, (ast.Name, ast.Attribute)):
        yield test
    elif isinstance(test, ast.Compare) and all(isinstance(op, EQUALITY) for op in test.ops):
        yield from names_asked_about(test.left)


def forget(ex: Execution, node: ast.Name | ast.Attribute, scope: Environment) -> bool:
    """Take a local name or an attribute that holds None, as defaults do, for unknown."""
    if isinstance(node, ast.Name):
        names = scope.names
    else:
        base = ex.eval(node.value, scope)
        if not isinstance(base, Instance):
            return False
        names = base.attrs
    name = node.id if isinstance(node, ast.Name) else node.attr
    if name not in names or names[name] is not None:
        return False
    names[name] = unknown = Unknown(terms.Required(scope.module.name, node.lineno, name), ex.text(node))
    bound = ex.stack[-1].bound if ex.stack and names is scope.names else None
    if bound is not None and name in bound:
        bound[name] = unknown
    return True
