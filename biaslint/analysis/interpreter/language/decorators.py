"""Decorators: Python's are known, the project's are called, others return their argument."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from biaslint.analysis.domain import node_cache
from biaslint.analysis.domain.values import Class, FunctionValue, Instance, Method, ModelFunction, Partial, Raised

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution
    from biaslint.analysis.project.environment import Environment

PROPERTIES = {"cached_property", "lazy_property", "abstractproperty"}
CALLABLE = (FunctionValue, Class, Method, Instance, ModelFunction, Partial)


def name_of(decorator: ast.expr) -> str:
    """The last part of a decorator's name."""
    expression = decorator.func if isinstance(decorator, ast.Call) else decorator
    return expression.attr if isinstance(expression, ast.Attribute) else getattr(expression, "id", "")


def decorated(ex: Execution, func: FunctionValue, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Environment) -> Value:
    """The value of a decorated function's name."""
    made: Value = func
    for decorator in reversed(node.decorator_list):
        name = name_of(decorator)
        if name in ("staticmethod", "classmethod", "property"):
            kind = name
        elif name in PROPERTIES:
            kind = "property"
        elif name in ("setter", "deleter"):
            kind = "setter"
        else:
            made = applied(ex, decorator, made, scope, node)
            continue
        if isinstance(made, FunctionValue):
            made.kind = kind
    if isinstance(made, FunctionValue) and made is not func and made.kind == "function":
        made.kind = func.kind
    return made


def applied(ex: Execution, decorator: ast.expr, made: Value, scope: Environment, node: ast.stmt) -> Value:
    """The result of a project's decorator on a function or class, which `node` defines."""
    root = decorator.func if isinstance(decorator, ast.Call) else decorator
    module = scope.module
    if not isinstance(root, ast.Name) or module.is_variable(root.id):
        return made
    asked = node in module.registered  # while it is defined, no table is filled with it
    module.registered.add(node)
    try:
        return called(ex, decorator, root, made, scope)
    except Raised:
        return made
    finally:
        if not asked:
            module.registered.discard(node)


def called(ex: Execution, decorator: ast.expr, root: ast.Name, made: Value, scope: Environment) -> Value:
    """The result of a decorator where it can be called, else its argument."""
    function = ex.eval(root, scope)
    if not isinstance(function, (FunctionValue, Class)) or (
        isinstance(function, FunctionValue) and (isinstance(function.node, ast.Lambda) or fills_a_table(function.node))
    ):
        return made
    if isinstance(decorator, ast.Call):
        function = ex.eval(decorator, scope)
    result = ex.call(function, [made], {}, decorator)
    return result if isinstance(result, CALLABLE) else made


_FILLING = node_cache.per_node_cache()


def fills_a_table(node: ast.AST) -> bool:
    """Does a decorator enter what it is given into a table that is not its own? Registries are filled when they are asked."""
    known: bool | None = _FILLING.get(node)
    if known is None:
        own = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
        known = _FILLING[node] = any(
            isinstance(part, ast.Subscript)
            and isinstance(part.ctx, ast.Store)
            and not (isinstance(part.value, ast.Name) and part.value.id in own)
            for part in ast.walk(node)
        ) or any(
            isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr in FILLING
            for part in ast.walk(node)
        )
    return known


FILLING = {"append", "add", "update", "setdefault", "register", "extend", "insert"}
