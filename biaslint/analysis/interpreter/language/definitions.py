"""Definitions of functions and classes: environments, defaults, decorators, bases and method resolution order."""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING

from biaslint.analysis.domain import class_lookup
from biaslint.analysis.domain.values import Class, External, FunctionValue, Unknown
from biaslint.analysis.interpreter import framework as interpreter_framework
from biaslint.analysis.interpreter.language import decorators
from biaslint.analysis.project.environment import Environment

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.doors import Signal
    from biaslint.analysis.interpreter.execution import Execution


def do_function(ex: Execution, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Environment) -> Signal:
    scope.names[node.name] = decorators.decorated(ex, function(ex, node, scope), node, scope)
    return None


def function(ex: Execution, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, scope: Environment) -> FunctionValue:
    closure = None if scope is scope.module.scope else scope
    func = FunctionValue(node, scope.module, closure)
    func.defaults = [ex.eval(default, scope) for default in node.args.defaults]
    for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
        if default is not None:
            func.kw_defaults[argument.arg] = ex.eval(default, scope)
    return func


def do_class(ex: Execution, node: ast.ClassDef, scope: Environment) -> Signal:
    bases: list[Value] = []
    for base in node.bases:
        if isinstance(base, ast.Subscript):  # Generic[T]
            base = base.value
        bases.append(ex.eval(base, scope))
    cls = Class(node.name, node, scope.module, bases)
    cls.mro = class_lookup.linearize(cls)
    taken_for = likely_base(cls)
    if taken_for is not None:
        cls.mro.append(taken_for)
    closure = None if scope is scope.module.scope else scope
    body = Environment(scope.module, closure, cls.attrs)
    body.names["__qualname__"] = node.name
    cls.scope = body
    scope.names[node.name] = cls
    for decorator in node.decorator_list:
        name = decorators.name_of(decorator)
        if name in ("dataclass", "dataclass_transform", "strict", "define", "frozen", "attrs"):
            cls.dataclass = True
            cls.generated = name != "strict"
    if any(isinstance(base, Class) and base.dataclass for base in cls.mro[1:]):
        cls.dataclass = True
    if any(map(interpreter_framework.fills_fields, cls.mro)):
        cls.dataclass = cls.generated = True
    outer, ex.module = ex.module, scope.module
    try:
        for statement in node.body:
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                method(ex, cls, statement, body)
            elif not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
                ex.execute(statement, body)
        cls.intercepts = class_lookup.find_in_class(cls, "__getattribute__") is not None
        decorators.initialized(ex, cls, scope)
    finally:
        ex.module = outer
    made: Value = cls
    for decorator in reversed(node.decorator_list):
        made = decorators.applied(ex, decorator, made, scope, node)
    scope.names[node.name] = made
    return None


def method(ex: Execution, cls: Class, node: ast.FunctionDef | ast.AsyncFunctionDef, body: Environment) -> None:
    func = function(ex, node, body)
    func.scope = body.parent
    func.owner = cls
    made = decorators.decorated(ex, func, node, body)
    if func.kind == "setter":
        cls.attrs[f"{node.name}=setter"] = func
        return
    if isinstance(made, FunctionValue) and made.owner is None:
        made.owner = cls
    cls.attrs[node.name] = made


def likely_base(cls: Class) -> External | None:
    """The likely base of a class with a forward pass whose own base is of an unread library."""
    externals = class_lookup.external_bases(cls)
    if any(interpreter_framework.of_name(base.name) is not None for base in externals):
        return None
    unseen = [base for base in externals if base.name.partition(".")[0] not in sys.stdlib_module_names | {"builtins"}]
    if not unseen and not any(isinstance(base, Unknown) for base in cls.mro):
        return None
    likely = {one.forward_method: one.module_class for one in interpreter_framework.mentioned_in(cls.module.text)}
    for item in cls.node.body:
        if not isinstance(item, ast.FunctionDef) or item.name not in likely or item.decorator_list:
            continue
        if len(item.args.posonlyargs) + len(item.args.args) > 1:
            return External(likely[item.name])
    return None
