"""`raise` and `try`: which handler catches what."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from biaslint.frontends.values import Class, External, Obj, Raised, Scope, Value

if TYPE_CHECKING:
    from biaslint.frontends.interpreter import Interpreter, Signal

BUILTIN_EXCEPTIONS: dict[str, type[BaseException]] = {
    name: kind
    for name, kind in vars(__import__("builtins")).items()
    if isinstance(kind, type) and issubclass(kind, BaseException)
}


def do_raise(interp: Interpreter, node: ast.Raise, scope: Scope) -> Signal:
    value = interp.eval(node.exc, scope) if node.exc is not None else None
    raise Raised(value, f"{scope.module.name}:{node.lineno}")


def do_try(interp: Interpreter, node: ast.Try, scope: Scope) -> Signal:
    interp.trying += bool(node.handlers)
    try:
        try:
            signal = interp.block(node.body, scope)
        finally:
            interp.trying -= bool(node.handlers)
        if signal is None:
            signal = interp.block(node.orelse, scope)
    except Raised as raised:
        signal = None
        for handler in node.handlers:
            if catches(interp, handler, raised.value, scope):
                if handler.name:
                    scope.names[handler.name] = raised.value
                signal = interp.block(handler.body, scope)
                break
        else:
            interp.block(node.finalbody, scope)
            raise
    final = interp.block(node.finalbody, scope)
    return final if final is not None else signal


def catches(interp: Interpreter, handler: ast.ExceptHandler, raised: Value, scope: Scope) -> bool:
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
    if isinstance(value, Obj):
        return str(value.cls.name).rpartition(".")[2]
    if isinstance(value, Class):
        return value.name
    return ""
