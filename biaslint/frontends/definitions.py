"""Functions and classes come into being: their scopes, defaults, decorators, bases and method resolution order."""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING

from biaslint.frontends import frameworks
from biaslint.frontends.values import Class, External, Func, Scope, Unknown, Value

if TYPE_CHECKING:
    from biaslint.frontends.interpreter import Interpreter, Signal


def do_function(interp: Interpreter, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> Signal:
    scope.names[node.name] = decorated(interp, function(interp, node, scope), node, scope)
    return None


def function(interp: Interpreter, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, scope: Scope) -> Func:
    closure = None if scope is scope.module.scope else scope
    func = Func(node, scope.module, closure)
    func.defaults = [interp.eval(default, scope) for default in node.args.defaults]
    for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
        if default is not None:
            func.kw_defaults[argument.arg] = interp.eval(default, scope)
    return func


def decorated(interp: Interpreter, func: Func, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> Value:
    """Decorators register, cache or compile; what they wrap stays the function. Python's own are understood."""
    for decorator in node.decorator_list:
        expression = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = expression.attr if isinstance(expression, ast.Attribute) else getattr(expression, "id", "")
        if name in ("staticmethod", "classmethod", "property"):
            func.kind = name
        elif name in ("cached_property", "lazy_property", "abstractproperty"):
            func.kind = "property"
        elif name in ("setter", "deleter"):
            func.kind = "setter"
    return func


def do_class(interp: Interpreter, node: ast.ClassDef, scope: Scope) -> Signal:
    bases: list[Value] = []
    for base in node.bases:
        if isinstance(base, ast.Subscript):  # Generic[T]
            base = base.value
        bases.append(interp.eval(base, scope))
    cls = Class(node.name, node, scope.module, bases)
    cls.mro = linearize(cls)
    taken_for = likely_base(cls)
    if taken_for is not None:
        cls.mro.append(taken_for)
    closure = None if scope is scope.module.scope else scope
    body = Scope(scope.module, closure, cls.attrs)
    body.names["__qualname__"] = node.name
    cls.scope = body
    scope.names[node.name] = cls
    for decorator in node.decorator_list:
        expression = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = expression.attr if isinstance(expression, ast.Attribute) else getattr(expression, "id", "")
        if name in ("dataclass", "dataclass_transform", "strict", "define", "frozen", "attrs"):
            cls.dataclass = True
            cls.generated = name != "strict"
    if any(isinstance(base, Class) and base.dataclass for base in cls.mro[1:]):
        cls.dataclass = True
    outer, interp.module = interp.module, scope.module
    try:
        for statement in node.body:
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                method(interp, cls, statement, body)
            elif not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
                interp.execute(statement, body)
    finally:
        interp.module = outer
    return None


def method(interp: Interpreter, cls: Class, node: ast.FunctionDef | ast.AsyncFunctionDef, body: Scope) -> None:
    func = function(interp, node, body)
    func.scope = body.parent
    func.owner = cls
    decorated(interp, func, node, body)
    if func.kind == "setter":
        cls.attrs[f"{node.name}=setter"] = func
        return
    cls.attrs[node.name] = func


def linearize(cls: Class) -> list[Value]:
    """The method resolution order: C3 where it works out, depth first otherwise."""
    sequences: list[list[Value]] = []
    for base in cls.bases:
        sequences.append(list(base.mro) if isinstance(base, Class) else [base])
    if len(sequences) == 1:
        return [cls, *sequences[0]]
    if sum(map(len, sequences)) > 300:  # nobody's design; the merge below takes cubic time
        return [cls, *dict.fromkeys(base for sequence in sequences for base in sequence)]
    sequences.append(list(cls.bases))
    order: list[Value] = [cls]
    while any(sequences):
        for sequence in sequences:
            if sequence and not any(same(sequence[0], other) for rest in sequences for other in rest[1:]):
                head = sequence[0]
                break
        else:
            head = next(sequence[0] for sequence in sequences if sequence)
        order.append(head)
        for sequence in sequences:
            sequence[:] = [item for item in sequence if not same(item, head)]
    return order


# The method that a forward pass has -> the base class that stands behind one we cannot see, where the file speaks of its framework.
FORWARD_PASSES = {"forward": ("torch", External("torch.nn.Module")), "call": ("keras", External("keras.layers.Layer"))}


def likely_base(cls: Class) -> External | None:
    """What a class with a forward pass is most likely built on, where its base is of a library that is not among the linted files."""
    externals = [base for base in cls.mro if isinstance(base, External)]
    if any(frameworks.of_name(base.name) is not None for base in externals):
        return None
    unseen = [base for base in externals if base.name.partition(".")[0] not in sys.stdlib_module_names | {"builtins"}]
    if not unseen and not any(isinstance(base, Unknown) for base in cls.mro):
        return None
    for item in cls.node.body:
        if isinstance(item, ast.FunctionDef) and item.name in FORWARD_PASSES and not item.decorator_list:
            framework, base = FORWARD_PASSES[item.name]
            if framework in cls.module.text and len(item.args.posonlyargs) + len(item.args.args) > 1:
                return base
    return None


def same(one: Value, two: Value) -> bool:
    return one is two or (isinstance(one, External) and one == two)
