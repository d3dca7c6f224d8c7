"""Execution of statements, but for those in `assignments`, `definitions` and `exceptions`."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from biaslint.analysis.domain import values
from biaslint.analysis.domain.values import MAX_ITEMS, Deferred, External, Generator, Raised, Unknown
from biaslint.analysis.interpreter.language import assignments, exceptions, guards, loops, matching
from biaslint.analysis.interpreter.objects import attributes, calls, items, namespaces
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from collections.abc import Callable

    from biaslint.analysis.domain.call_stack import Frame
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.doors import Signal
    from biaslint.analysis.interpreter.execution import Execution
    from biaslint.analysis.project.environment import Environment


LONG_STEPS = 2_000
LONG = 64  # rounds after which a loop that has made no layer and no tensor is left
BREAK = ("break", None)
CONTINUE = ("continue", None)


def do_expr(ex: Execution, node: ast.Expr, scope: Environment) -> Signal:
    if not isinstance(node.value, ast.Constant):
        ex.eval(node.value, scope)
    return None


def do_if(ex: Execution, node: ast.If, scope: Environment) -> Signal:
    before = len(ex.path.open)
    test = ex.eval(node.test, scope)
    if guards.may_raise(node):
        if ex.faults is not None and values.is_constant(test) and guards.passing_side(node) is (not test):
            ex.fault(f"raises where {ex.text(node.test)}")
        if not ex.try_depth and guards.assume_guard_passes(ex, node, test, scope):
            test = ex.eval(node.test, scope)
        side = guards.passing_side(node)
        if side is not None and (not ex.try_depth or undecided(ex, test)):
            ex.path.take_back(before)
            if isinstance(test, Unknown):
                ex.path.assume(test, side)
            return ex.block(node.body if side else node.orelse, scope)
    if undecided(ex, test) and not node.orelse and all(map(is_message, node.body)):
        return None
    holds = ex.truth(test, node.test)
    loops.note(ex, node.test, holds)
    return ex.block(node.body if holds else node.orelse, scope)


def undecided(ex: Execution, test: Value) -> bool:
    """Is a condition one that the path condition does not decide?"""
    return (isinstance(test, Unknown) and ex.path.known(test.key) is None) or isinstance(test, Node)


def do_for(ex: Execution, node: ast.For | ast.AsyncFor, scope: Environment) -> Signal:
    made = len(ex.flow.nodes) + len(ex.objects)
    items = ex.iterate(ex.eval(node.iter, scope), node.iter)
    costly = ex.steps + LONG_STEPS
    repeating = loops.LoopSummary(ex, items) if loops.only_appends(node) else None
    training = loops.Training(ex)
    objects, over = len(ex.objects), False
    for count, item in enumerate(items):
        if repeating is not None and repeating.skips(count):
            continue
        if count == LONG and len(ex.objects) == objects:
            over = loops.repeats_itself(ex, node, item, scope)
        if over and count < len(items) - 1:
            continue
        if (
            (count == LONG or (count >= 8 and ex.steps > costly))
            and made == len(ex.flow.nodes) + len(ex.objects)
            and not loops.of_layers(item)
        ):
            ex.give_up_here("a long loop that makes no layers", node)
            return None
        assignments.assign(ex, node.target, item, scope)
        signal = loops.one_round(ex, node, scope)
        if signal is not None:
            if signal[0] == "break":
                return None
            if signal[0] != "continue":
                return signal
        if training.shown():
            break
    return ex.block(node.orelse, scope)


def do_while(ex: Execution, node: ast.While, scope: Environment) -> Signal:
    rounds = 0
    made = len(ex.flow.nodes) + len(ex.objects)
    costly = ex.steps + LONG_STEPS
    training = loops.Training(ex)
    yields = ex.stack[-1].yields if ex.stack else None
    yielded = len(yields or ())
    while True:
        test = ex.eval(node.test, scope)
        certain = values.is_constant(test)
        if not (bool(test) if certain else ex.truth(test, node.test)):
            return ex.block(node.orelse, scope)
        signal = ex.block(node.body, scope)
        if signal is not None:
            if signal[0] == "break":
                return None
            if signal[0] != "continue":
                return signal
        if training.shown():
            return None
        rounds += 1
        if yields is not None and rounds >= 3 and len(yields) > yielded:
            return None  # an endless generator: a few items are enough
        idle = rounds >= 8 and ex.steps > costly and made == len(ex.flow.nodes) + len(ex.objects)
        if idle or rounds >= (MAX_ITEMS if certain else 3):
            if certain and isinstance(node.test, ast.Constant):
                ex.end_execution("an endless loop")
            if certain:
                ex.give_up_here("a long loop", node)
            return None


def do_return(ex: Execution, node: ast.Return, scope: Environment) -> Signal:
    return ("return", None if node.value is None else ex.eval(node.value, scope))


def do_with(ex: Execution, node: ast.With | ast.AsyncWith, scope: Environment) -> Signal:
    suppressed = [kind for item in node.items for kind in exceptions.suppressed(item.context_expr)]
    ex.try_depth += bool(suppressed)
    before, doubts = (dict(scope.names), ex.doubts) if suppressed and not ex.definition_depth else ({}, 0)
    try:
        signal = within(ex, node, 0, scope)
        if before and ex.doubts > doubts and not exceptions.succeeds(ex, node, scope):
            scope.names.update(before)
            return None
        return signal
    except Raised as raised:
        if not exceptions.is_one_of(raised.value, suppressed):
            raise
        return None
    finally:
        ex.try_depth -= bool(suppressed)


def within(ex: Execution, node: ast.With | ast.AsyncWith, place: int, scope: Environment) -> Signal:
    """The body of a `with`, within its contexts from this one on."""
    if place == len(node.items):
        return ex.block(node.body, scope)
    item = node.items[place]
    context = ex.eval(item.context_expr, scope)

    def body(value: Value) -> Signal:
        if item.optional_vars is not None:
            assignments.assign(ex, item.optional_vars, value, scope)
        return within(ex, node, place + 1, scope)

    if isinstance(context, Generator) and context.frame is not None:
        return managed(ex, context, context.frame, body)
    value = calls.enter(ex, context, item.context_expr)
    try:
        return body(value)
    finally:
        calls.leave(ex, context)


def managed(ex: Execution, context: Generator, frame: Frame, body: Callable[[Value], Signal]) -> Signal:
    """The body where a generator is the context: it is executed at the generator's `yield`."""
    outer, depth = (ex.module, ex.node, ex.statement, ex.rounds), len(ex.stack)
    signals: list[Signal] = []

    def resume(value: Value) -> None:
        frame.resume = None
        inner, above = (ex.module, ex.node, ex.statement, ex.rounds), ex.stack[depth:]
        del ex.stack[depth:]
        ex.module, ex.node, ex.statement, ex.rounds = outer
        try:
            signals.append(body(value))
        finally:
            ex.stack[depth:] = above
            ex.module, ex.node, ex.statement, ex.rounds = inner

    frame.resume = resume
    ex.iterate(context)
    return signals[0] if signals else body(None)


def do_import(ex: Execution, node: ast.Import, scope: Environment) -> Signal:
    for alias in node.names:
        name = alias.name if alias.asname else alias.name.partition(".")[0]
        scope.names[alias.asname or name] = namespaces.import_module(ex, name, scope.module)
    return None


def do_import_from(ex: Execution, node: ast.ImportFrom, scope: Environment) -> Signal:
    for alias in node.names:
        if alias.name == "*":
            if scope is not scope.module.scope or node not in scope.module.stars:
                scope.module.stars.append(node)
                scope.module.absent.clear()
            continue
        top = scope is scope.module.scope
        value = Deferred(node, alias.name) if top else namespaces.import_name(ex, node, alias.name, scope.module)
        scope.names[alias.asname or alias.name] = value
    return None


def do_delete(ex: Execution, node: ast.Delete, scope: Environment) -> Signal:
    for target in node.targets:
        if isinstance(target, ast.Name):
            scope.names.pop(target.id, None)
        elif isinstance(target, ast.Attribute):
            attributes.delete(ex, ex.eval(target.value, scope), target.attr)
        elif isinstance(target, ast.Subscript):
            items.delete_item(ex, ex.eval(target.value, scope), ex.eval(target.slice, scope))
    return None


def do_global(ex: Execution, node: ast.Global, scope: Environment) -> Signal:
    scope.globals.update(node.names)
    scope.local = {}
    return None


def do_nonlocal(ex: Execution, node: ast.Nonlocal, scope: Environment) -> Signal:
    scope.nonlocals.update(node.names)
    return None


def do_assert(ex: Execution, node: ast.Assert, scope: Environment) -> Signal:
    before = len(ex.path.open)
    test = ex.eval(node.test, scope)
    if isinstance(test, Unknown) and ex.path.known(test.key) is None:
        ex.path.assume(test, True)
    elif values.is_constant(test) and not test and len(ex.path.open) > before:
        ex.path.take_back(before)
    elif values.is_constant(test) and not test:
        ex.fault(f"asserts {ex.text(node.test)}")
    if values.is_constant(test) and not test and ex.try_depth:
        raise Raised(External("builtins.AssertionError"), f"{scope.module.name}:{node.lineno}")
    return None


def do_break(ex: Execution, node: ast.Break, scope: Environment) -> Signal:
    return BREAK


def do_continue(ex: Execution, node: ast.Continue, scope: Environment) -> Signal:
    return CONTINUE


def do_match(ex: Execution, node: ast.Match, scope: Environment) -> Signal:
    subject = ex.eval(node.subject, scope)
    for case in node.cases:
        if matching.matches(ex, case.pattern, subject, scope) and (
            case.guard is None or ex.truth(ex.eval(case.guard, scope), case.guard)
        ):
            return ex.block(case.body, scope)
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
