"""Decorators: Python's are known, the project's are called, others return their argument."""

from __future__ import annotations

import ast
import contextlib
from typing import TYPE_CHECKING

from biaslint.analysis.domain import class_lookup, node_cache
from biaslint.analysis.domain.values import (
    Class,
    DictValue,
    FunctionValue,
    Instance,
    Method,
    ModelFunction,
    Partial,
    Raised,
    SequenceValue,
)

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution
    from biaslint.analysis.project.environment import Environment

PROPERTIES = {"cached_property", "lazy_property", "abstractproperty"}
REMEMBERING = {"cached_property", "lazy_property", "lru_cache", "cache"}
DISPATCHING = {"singledispatch", "singledispatchmethod", "dispatch"}  # the type of an argument says which function is called
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
        if name in REMEMBERING:
            func.remembers = True
        if name in ("staticmethod", "classmethod", "property"):
            kind = name
        elif name in PROPERTIES:
            kind = "property"
        elif name in ("setter", "deleter"):
            kind = "setter"
        elif name in DISPATCHING:
            return ex.fresh(node.name)
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


def initialized(ex: Execution, cls: Class, scope: Environment) -> None:
    """What a metaclass of the project, or a base's `__init_subclass__`, makes of a class that is being defined.

    Like decorators, those that only enter the class into a table are left out.
    """
    options = {keyword.arg: keyword.value for keyword in cls.node.keywords if keyword.arg}
    given = options.pop("metaclass", None)
    meta = (
        ex.eval(given, scope)
        if given is not None
        else next((base.meta for base in cls.mro if isinstance(base, Class) and base.meta is not None), None)
    )
    if isinstance(meta, Class):
        cls.meta = meta
        named: list[Value] = [cls.name, SequenceValue(list(cls.bases), "tuple"), DictValue(cls.attrs)]
        for name, first in (("__new__", meta), ("__init__", cls)):
            found = class_lookup.find_in_class(meta, name)
            if found is not None and isinstance(found.value, FunctionValue) and changes_class(found.value.node):
                run(ex, found.value, [first, *named], {})
    for base in cls.mro[1:]:
        hook = base.attrs.get("__init_subclass__") if isinstance(base, Class) else None
        if isinstance(hook, FunctionValue):
            if not fills_a_table(hook.node):
                run(ex, hook, [cls], {name: ex.eval(value, scope) for name, value in options.items()})
            break


def changes_class(node: ast.AST) -> bool:
    """Does a metaclass's method do more than enter the class into a table? It may store into the class's names, the last parameter."""
    names = {argument.arg for argument in node.args.args[-1:]} if isinstance(node, ast.FunctionDef) else set()
    return not fills_a_table(node) or any(
        isinstance(part, ast.Subscript)
        and isinstance(part.ctx, ast.Store)
        and isinstance(part.value, ast.Name)
        and part.value.id in names
        for part in ast.walk(node)
    )


def run(ex: Execution, function: FunctionValue, args: list[Value], kwargs: dict[str, Value]) -> None:
    with contextlib.suppress(Raised):
        ex.call(function, args, kwargs, function.node)
