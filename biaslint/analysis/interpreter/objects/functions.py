"""Calls of functions: binding arguments, recursion."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from biaslint.analysis.domain import node_cache, norm_guards, values
from biaslint.analysis.domain.call_stack import MAX_DEPTH, Frame
from biaslint.analysis.domain.values import DictValue, Generator, Options, SequenceValue, Unknown
from biaslint.analysis.project import syntax_tree
from biaslint.analysis.project.dependencies import Used
from biaslint.analysis.project.environment import Environment
from biaslint.theory import terms

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Args, FunctionValue, Kwargs, Value
    from biaslint.analysis.interpreter.doors import Signal
    from biaslint.analysis.interpreter.execution import Execution
    from biaslint.analysis.project.module import Module


MAX_RECURSIONS = 24


def call_function(
    ex: Execution, func: FunctionValue, args: Args, kwargs: Kwargs, node: ast.AST | None, self_: Value = None
) -> Value:
    """The result of a call; that of an earlier one with the same arguments where the function remembers its results."""
    if not func.remembers or func.kind == "property" or ex.definition_depth:
        return run_function(ex, func, args, kwargs, node, self_)
    key = (func, *map(values.term_of, args), *((name, values.term_of(kwargs[name])) for name in sorted(kwargs)))
    if key not in ex.remembered:
        ex.remembered[key] = run_function(ex, func, args, kwargs, node, self_)
    return ex.remembered[key]


def run_function(ex: Execution, func: FunctionValue, args: Args, kwargs: Kwargs, node: ast.AST | None, self_: Value) -> Value:
    if len(ex.stack) > MAX_DEPTH:
        ex.end_execution("calls nested too deeply")
    if len(ex.stack) > 2 and endless(ex, func, args):
        ex.give_up_here(f"recursion of {func.qualname}")
        return ex.opaque(*args, *kwargs.values(), name=func.qualname) if values.all_in(*args) else ex.fresh()
    names = bind(ex, func, args, kwargs)
    scope = Environment(func.module, func.scope, names)
    if self_ is None and func.owner is not None and args and func.kind != "staticmethod":
        self_ = args[0]
    frame = scope.frame = Frame(ex.module or func.module, node or ex.node or func.node, func, self_, names.copy())
    frame.chain = ((frame.caller, frame.call), *ex.stack[-1].chain) if ex.stack else ((frame.caller, frame.call),)
    if ex.definition_depth:  # on behalf of all that use what is made here
        ex.project.tracker.asked.add(Used("function", ex.project.identity(func.module, func.node)))
    else:
        ex.functions.add(func)
    code = func.node.body
    if isinstance(code, list) and yields(func):
        frame.yields = []
        items = partial(generate, ex, frame, code, scope)
        return SequenceValue(items()) if ex.definition_depth else Generator(items, frame)  # definitions outlive their execution
    result = run_frame(ex, frame, func.module, code, scope)
    return result[1] if result is not None and result[0] == "return" else None


def run_frame(ex: Execution, frame: Frame, module: Module, code: list[ast.stmt] | ast.expr, scope: Environment) -> Signal:
    """Execute the body of a function, or of a lambda, in its frame."""
    outer = ex.module, ex.node, ex.statement, ex.rounds
    ex.stack.append(frame)
    ex.module, ex.rounds = module, ()
    try:
        return ex.block(code, scope) if isinstance(code, list) else ("return", ex.eval(code, scope))
    finally:
        ex.stack.pop()
        ex.module, ex.node, ex.statement, ex.rounds = outer


def generate(ex: Execution, frame: Frame, code: list[ast.stmt], scope: Environment) -> list[Value]:
    """The values that a generator yields."""
    run_frame(ex, frame, scope.module, code, scope)
    return frame.yields or []


def endless(ex: Execution, func: FunctionValue, args: Args) -> bool:
    """Is a function recursive without an end in sight? On unknown values it may call itself several times in each call."""
    depth = 0
    for frame in ex.stack:
        if frame.func is func:
            depth += 1
    if depth > 2 and any(isinstance(arg, Unknown) for arg in args):
        ex.recursions[func] = ex.recursions.get(func, 0) + 1
        return depth > 6 or ex.recursions[func] > MAX_RECURSIONS
    return depth > 6


_YIELDS = node_cache.per_node_cache()


def yields(func: FunctionValue) -> bool:
    """Is the function a generator?"""
    node = func.node
    known: bool | None = _YIELDS.get(node)
    if known is None:
        known = _YIELDS[node] = "yield" in syntax_tree.text_of(node, func.module.lines) and yields_itself(node)
    return known


def yields_itself(node: ast.AST) -> bool:
    """Is there a `yield` in a function that is in no other function within it?"""
    todo = list(ast.iter_child_nodes(node))
    while todo:
        part = todo.pop()
        if isinstance(part, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            todo.extend(ast.iter_child_nodes(part))
    return False


def bind(ex: Execution, func: FunctionValue, args: Args, kwargs: Kwargs) -> dict[str, Value]:
    """The values of the parameters. A parameter without a value is unknown."""
    positional, named, keyword_only, rest, extra_name = signature(func.node.args)
    if ex.faults is not None:
        what = misfit(
            positional, len(func.node.args.posonlyargs), keyword_only, bool(rest), bool(extra_name), len(args), kwargs
        )
        if what:
            ex.fault(f"{func.qualname}: {what}")
    names: dict[str, Value] = dict(zip(positional, args, strict=False))
    if rest:
        names[rest] = SequenceValue(args[len(positional) :], "tuple")
    extra: Kwargs = {}
    options = isinstance(kwargs, Options)
    asked = options and values.is_constructor(func)  # a helper's flags choose what to do with a model, not what it is made of
    for name, value in kwargs.items():
        if name in named:
            names[name] = value
        else:
            extra[name] = value
    by_default: list[str] = []
    missing = len(positional) - len(func.defaults)
    for index in range(len(args), len(positional)):
        name = positional[index]
        if name not in names:
            if index >= missing:
                names[name] = func.defaults[index - missing]
                by_default.append(name)
            else:
                names[name] = Unknown(terms.Parameter(func.qualname, name), name)
    for name in keyword_only:
        if name not in names:
            if name in func.kw_defaults:
                names[name] = func.kw_defaults[name]
                by_default.append(name)
            else:
                names[name] = Unknown(terms.Parameter(func.qualname, name), name)
    for name in by_default if asked else ():
        names[name] = norm_guards.setting(ex.path, func, name, names[name])
    if extra_name:
        names[extra_name] = given = DictValue(extra)
        given.options = options
    return names


def misfit(
    positional: Sequence[str],
    first_named: int,
    keyword_only: Sequence[str],
    rest: bool,
    extra: bool,
    given: int,
    kwargs: Iterable[str],
) -> str:
    """Why Python would not bind `given` positional arguments and these keywords; "" where it does."""
    if given > len(positional) and not rest:
        return "too many positional arguments"
    for name in kwargs:
        if name in positional[first_named:given]:
            return f"multiple values for `{name}`"
        if name not in positional[first_named:] and name not in keyword_only and not extra:
            return f"unexpected keyword `{name}`"
    return ""


Signature = tuple[tuple[str, ...], frozenset[str], tuple[str, ...], str, str]


_SIGNATURES = node_cache.per_node_cache()


def signature(spec: ast.arguments) -> Signature:
    """Positional names, those that a keyword may give, keyword-only names, the names of `*args` and `**kwargs` or ""."""
    known: Signature | None = _SIGNATURES.get(spec)
    if known is None:
        known = _SIGNATURES[spec] = _signature(spec)
    return known


def _signature(spec: ast.arguments) -> Signature:
    return (
        tuple(parameter.arg for parameter in (*spec.posonlyargs, *spec.args)),
        frozenset(parameter.arg for parameter in (*spec.args, *spec.kwonlyargs)),
        tuple(parameter.arg for parameter in spec.kwonlyargs),
        spec.vararg.arg if spec.vararg else "",
        spec.kwarg.arg if spec.kwarg else "",
    )
