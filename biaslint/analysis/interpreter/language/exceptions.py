"""`raise` and `try`: which handler catches what."""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from biaslint.analysis.domain.values import Alternative, Class, External, Instance, Raised
from biaslint.analysis.interpreter import framework
from biaslint.analysis.interpreter.builtins.functions import BUILTIN_EXCEPTIONS
from biaslint.theory import terms

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.doors import Signal
    from biaslint.analysis.interpreter.execution import Execution
    from biaslint.analysis.project.environment import Environment


def do_raise(ex: Execution, node: ast.Raise, scope: Environment) -> Signal:
    value = ex.eval(node.exc, scope) if node.exc is not None else None
    raise Raised(value, f"{scope.module.name}:{node.lineno}")


def do_try(ex: Execution, node: ast.Try, scope: Environment) -> Signal:
    before, doubts = (dict(scope.names), ex.doubts) if node.handlers and not ex.definition_depth else ({}, 0)
    ex.try_depth += bool(node.handlers)
    try:
        try:
            signal = ex.block(node.body, scope)
        finally:
            ex.try_depth -= bool(node.handlers)
        if before and ex.doubts > doubts and not succeeds(ex, node, scope):
            scope.names.update(before)
            raise Raised(ex.fresh("an exception"), f"{scope.module.name}:{node.lineno}")
        if signal is None:
            signal = ex.block(node.orelse, scope)
        import_alternatives(ex, node, scope)
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


def succeeds(ex: Execution, node: ast.stmt, scope: Environment) -> bool:
    """Does the body raise? That depends on data: this execution takes one branch."""
    return ex.path.branch(terms.DataTest((scope.module.name, node.lineno, "try")), "the `try` block succeeds")


IMPORT_ERRORS = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException", ""}


def import_alternatives(ex: Execution, node: ast.Try, scope: Environment) -> None:
    """`try: import apex` at a module's top level: what the names stand for where the package is not installed."""
    handler = next((one for one in node.handlers if IMPORT_ERRORS & caught_names(one)), None)
    package = next((name for one in node.body if (name := optional_package(ex, one))), "")
    if handler is None or not package or scope is not scope.module.scope:
        return
    present = dict(scope.names)
    for name in bound_names(handler.body):
        scope.names.pop(name, None)
    try:
        ex.block(handler.body, scope)
    except Raised:  # the file cannot do without it
        scope.names.clear()
        scope.names.update(present)
        return
    for name in bound_names(handler.body):
        absent = scope.names.pop(name, None)
        if name in present and present[name] is not absent:
            scope.names[name] = Alternative(package, present[name], absent)
        else:
            scope.names[name] = absent


def caught_names(handler: ast.ExceptHandler) -> set[str]:
    """The last parts of the names of the exceptions that a handler catches; "" where it catches all."""
    if handler.type is None:
        return {""}
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {kind.attr if isinstance(kind, ast.Attribute) else getattr(kind, "id", "?") for kind in types}


def bound_names(body: Sequence[ast.stmt]) -> list[str]:
    """The names that plain statements bind."""
    found: list[str] = []
    for statement in body:
        if isinstance(statement, (ast.Assign, ast.AnnAssign)):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            found += [target.id for target in targets if isinstance(target, ast.Name)]
        elif isinstance(statement, (ast.Import, ast.ImportFrom)):
            found += [alias.asname or alias.name.partition(".")[0] for alias in statement.names if alias.name != "*"]
        elif isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            found.append(statement.name)
    return found


def optional_package(ex: Execution, statement: ast.stmt) -> str:
    """The package that a statement imports, where it is neither Python's, nor a framework, nor among the files."""
    if isinstance(statement, ast.Import):
        name = statement.names[0].name
    elif isinstance(statement, ast.ImportFrom) and not statement.level:
        name = statement.module or ""
    else:
        return ""
    top = name.partition(".")[0]
    known = top in sys.stdlib_module_names or top in ("numpy",) or framework.of_name(f"{name}.x") is not None
    if known or ex.module is None or ex.project.find(name, ex.module.base) or ex.project.is_package(name, ex.module.base):
        return ""
    return top


def catches(ex: Execution, handler: ast.ExceptHandler, raised: Value, scope: Environment) -> bool:
    if handler.type is None:
        return True
    return is_one_of(raised, handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type])


def suppressed(context: ast.expr) -> list[ast.expr]:
    """The exceptions that `with suppress(...)` catches; none for another context."""
    if not isinstance(context, ast.Call):
        return []
    name = context.func.attr if isinstance(context.func, ast.Attribute) else getattr(context.func, "id", "")
    return context.args if name == "suppress" else []


def is_one_of(raised: Value, types: Sequence[ast.expr]) -> bool:
    """Is an exception an instance of one of these classes, as far as their names tell?"""
    name = exception_name(raised)
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
