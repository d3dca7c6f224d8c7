"""What statements do, but for those in `assignments`, `definitions` and `exceptions`."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from biaslint.frontends import argument_checks, assignments, attributes, calls, patterns, repeats, scopes
from biaslint.frontends.values import MAX_ITEMS, Deferred, External, Raised, Scope, Unknown, is_constant
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.frontends.interpreter import Interpreter, Signal

LONG_STEPS = 2_000
LONG = 64  # rounds after which a loop that has made no layer and no tensor is left
BREAK = ("break", None)
CONTINUE = ("continue", None)


def do_expr(interp: Interpreter, node: ast.Expr, scope: Scope) -> Signal:
    if not isinstance(node.value, ast.Constant):
        interp.eval(node.value, scope)
    return None


def do_if(interp: Interpreter, node: ast.If, scope: Scope) -> Signal:
    before = len(interp.choices.open)
    test = interp.eval(node.test, scope)
    if not interp.trying and argument_checks.let_pass(interp, node, test, scope):
        test = interp.eval(node.test, scope)
    unknown = (isinstance(test, Unknown) and interp.choices.known(test.key) is None) or isinstance(test, Node)
    if unknown or not interp.trying:
        side = argument_checks.passing_side(node)
        if side is not None:
            interp.choices.take_back(before)
            if isinstance(test, Unknown):
                interp.choices.assume(test, side)
            return interp.block(node.body if side else node.orelse, scope)
    if unknown and not node.orelse and all(isinstance(item, (ast.Pass, ast.Expr)) and is_message(item) for item in node.body):
        return None
    return interp.block(node.body if interp.truth(test, node.test) else node.orelse, scope)


def do_for(interp: Interpreter, node: ast.For | ast.AsyncFor, scope: Scope) -> Signal:
    made = len(interp.flow.nodes) + len(interp.objects)
    items = interp.iterate(interp.eval(node.iter, scope), node.iter)
    costly = interp.steps + LONG_STEPS
    repeating = repeats.Repeats(interp, items) if repeats.only_appends(node) else None
    for count, item in enumerate(items):
        if repeating is not None and repeating.skips(count):
            continue
        if (
            (count == LONG or (count >= 8 and interp.steps > costly))
            and made == len(interp.flow.nodes) + len(interp.objects)
            and not repeats.of_layers(item)
        ):
            interp.cut("a long loop that makes no layers", node)
            return None
        assignments.assign(interp, node.target, item, scope)
        signal = interp.block(node.body, scope)
        if signal is BREAK:
            return None
        if signal is not None and signal is not CONTINUE:
            return signal
    return interp.block(node.orelse, scope)


def do_while(interp: Interpreter, node: ast.While, scope: Scope) -> Signal:
    rounds = 0
    while True:
        test = interp.eval(node.test, scope)
        certain = is_constant(test)
        if not (bool(test) if certain else interp.truth(test, node.test)):
            return interp.block(node.orelse, scope)
        signal = interp.block(node.body, scope)
        if signal is BREAK:
            return None
        if signal is not None and signal is not CONTINUE:
            return signal
        rounds += 1
        if rounds >= (MAX_ITEMS if certain else 3):
            if certain and isinstance(node.test, ast.Constant):
                interp.stop("an endless loop")
            if certain:
                interp.cut("a long loop", node)
            return None


def do_return(interp: Interpreter, node: ast.Return, scope: Scope) -> Signal:
    return ("return", None if node.value is None else interp.eval(node.value, scope))


def do_with(interp: Interpreter, node: ast.With | ast.AsyncWith, scope: Scope) -> Signal:
    entered = []
    for item in node.items:
        context = interp.eval(item.context_expr, scope)
        value = calls.enter(interp, context, item.context_expr)
        entered.append(context)
        if item.optional_vars is not None:
            assignments.assign(interp, item.optional_vars, value, scope)
    try:
        return interp.block(node.body, scope)
    finally:
        for context in reversed(entered):
            calls.leave(interp, context)


def do_import(interp: Interpreter, node: ast.Import, scope: Scope) -> Signal:
    for alias in node.names:
        name = alias.name if alias.asname else alias.name.partition(".")[0]
        scope.names[alias.asname or name] = scopes.import_module(interp, name, scope.module)
    return None


def do_import_from(interp: Interpreter, node: ast.ImportFrom, scope: Scope) -> Signal:
    for alias in node.names:
        if alias.name == "*":
            if scope is not scope.module.scope or node not in scope.module.stars:
                scope.module.stars.append(node)
                scope.module.absent.clear()
            continue
        top = scope is scope.module.scope
        value = Deferred(node, alias.name) if top else scopes.import_name(interp, node, alias.name, scope.module)
        scope.names[alias.asname or alias.name] = value
    return None


def do_delete(interp: Interpreter, node: ast.Delete, scope: Scope) -> Signal:
    for target in node.targets:
        if isinstance(target, ast.Name):
            scope.names.pop(target.id, None)
        elif isinstance(target, ast.Attribute):
            attributes.delete(interp, interp.eval(target.value, scope), target.attr)
        elif isinstance(target, ast.Subscript):
            attributes.delete_item(interp, interp.eval(target.value, scope), interp.eval(target.slice, scope))
    return None


def do_global(interp: Interpreter, node: ast.Global, scope: Scope) -> Signal:
    scope.globals.update(node.names)
    return None


def do_nonlocal(interp: Interpreter, node: ast.Nonlocal, scope: Scope) -> Signal:
    scope.nonlocals.update(node.names)
    return None


def do_assert(interp: Interpreter, node: ast.Assert, scope: Scope) -> Signal:
    before = len(interp.choices.open)
    test = interp.eval(node.test, scope)
    if isinstance(test, Unknown) and interp.choices.known(test.key) is None:
        interp.choices.assume(test, True)
    elif is_constant(test) and not test and len(interp.choices.open) > before:
        interp.choices.take_back(before)
    elif is_constant(test) and not test and interp.trying:
        raise Raised(External("builtins.AssertionError"), f"{scope.module.name}:{node.lineno}")
    return None


def do_break(interp: Interpreter, node: ast.Break, scope: Scope) -> Signal:
    return BREAK


def do_continue(interp: Interpreter, node: ast.Continue, scope: Scope) -> Signal:
    return CONTINUE


def do_match(interp: Interpreter, node: ast.Match, scope: Scope) -> Signal:
    subject = interp.eval(node.subject, scope)
    for case in node.cases:
        if patterns.matches(interp, case.pattern, subject, scope) and (
            case.guard is None or interp.truth(interp.eval(case.guard, scope), case.guard)
        ):
            return interp.block(case.body, scope)
    return None


def is_message(statement: ast.stmt) -> bool:
    """A warning, a log line or a print: nothing that bears on the model."""
    if isinstance(statement, ast.Pass):
        return True
    if not isinstance(statement, ast.Expr):
        return False
    if isinstance(statement.value, ast.Constant):
        return True
    if not isinstance(statement.value, ast.Call):
        return False
    func = statement.value.func
    name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
    return name in ("warn", "warning", "warning_once", "info", "debug", "print", "error", "log")
