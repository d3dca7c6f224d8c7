"""`raise` and `try`: which handler catches what."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from biaslint.analysis.domain.values import Class, External, Instance, Raised
from biaslint.analysis.interpreter.builtins.functions import BUILTIN_EXCEPTIONS

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.doors import Signal
    from biaslint.analysis.interpreter.execution import Execution
    from biaslint.analysis.project.environment import Environment


def do_raise(ex: Execution, node: ast.Raise, scope: Environment) -> Signal:
    value = ex.eval(node.exc, scope) if node.exc is not None else None
    raise Raised(value, f"{scope.module.name}:{node.lineno}")


def do_try(ex: Execution, node: ast.Try, scope: Environment) -> Signal:
    ex.try_depth += bool(node.handlers)
    try:
        try:
            signal = ex.block(node.body, scope)
        finally:
            ex.try_depth -= bool(node.handlers)
        if signal is None:
            signal = ex.block(node.orelse, scope)
    except Raised as raised:
        signal = None
        for handler in node.handlers:
            if catches(ex, handler, raised.value, scope):
                if handler.name:
                    scope.names[handler.name] = raised.value
                signal = ex.block(handler.body, scope)
                break
        else:
            ex.block(node.finalbody, scope)
            raise
    final = ex.block(node.finalbody, scope)
    return final if final is not None else signal


def catches(ex: Execution, handler: ast.ExceptHandler, raised: Value, scope: Environment) -> bool:
    if handler.type is None:
        return True
    name = exception_name(raised)
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    for kind in types:
        caught = kind.attr if isinstance(kind, ast.Attribute) else getattr(kind, "id", "")
        if not name or caught in ("Exception", "BaseException") or caught == name:
            return True
        known = BUILTIN_EXCEPTIONS.get(name)
        other = BUILTIN_EXCEPTIONS.get(caught)
        if known and other and issubclass(known, other):
            return True
    return False


def exception_name(value: Value) -> str:
    if isinstance(value, External):
        return value.name.rpartition(".")[2]
    if isinstance(value, Instance):
        return str(value.cls.name).rpartition(".")[2]
    if isinstance(value, Class):
        return value.name
    return ""
