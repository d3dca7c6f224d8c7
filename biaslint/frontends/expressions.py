"""What expressions are worth."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from biaslint.frontends import assignments, attributes, calls, definitions, operators, repeats, scopes, tensors
from biaslint.frontends.values import (
    MAX_ITEMS,
    MISSING,
    DictV,
    External,
    Func,
    ListV,
    Options,
    Scope,
    Super,
    Unknown,
    Value,
    hashable,
    is_constant,
)
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.frontends.interpreter import Interpreter

WEIGHTY = {ListV, DictV, str, bytes}
LONG_TABLE_STEPS = 10_000  # after which a comprehension that has made no layer and no tensor is left


def ev_constant(interp: Interpreter, node: ast.Constant, scope: Scope) -> Value:
    return node.value


def ev_name(interp: Interpreter, node: ast.Name, scope: Scope) -> Value:
    name = node.id
    if name in scope.names and not scope.globals and scope is not scope.module.scope:
        return scope.names[name]
    value = scopes.lookup(interp, name, scope)
    if value is MISSING:
        return Unknown(("name", scope.module.name, node.id), node.id)
    return value


def ev_attribute(interp: Interpreter, node: ast.Attribute, scope: Scope) -> Value:
    base = interp.eval(node.value, scope)
    interp.node = node
    return attributes.load(interp, base, node.attr)


def ev_call(interp: Interpreter, node: ast.Call, scope: Scope) -> Value:
    interp.steps += 1
    if interp.steps > interp.max_steps:
        interp.stop("too many steps")
    func = interp.eval(node.func, scope)
    args: list[Value] = []
    kwargs: dict[str, Value] = {}
    for argument in node.args:
        if isinstance(argument, ast.Constant):
            args.append(argument.value)
        elif isinstance(argument, ast.Starred):
            args.extend(interp.iterate(interp.eval(argument.value, scope), argument.value))
        else:
            args.append(interp.eval(argument, scope))
    for keyword in node.keywords:
        value = keyword.value.value if isinstance(keyword.value, ast.Constant) else interp.eval(keyword.value, scope)
        if keyword.arg is not None:
            kwargs[keyword.arg] = value
        elif isinstance(value, DictV):
            kwargs.update({key: item for key, item in value.items.items() if isinstance(key, str)})
            if value.options:
                kwargs = Options(kwargs)
    for value in args:
        if type(value) in WEIGHTY:
            weigh(interp, value)
    interp.module = scope.module
    interp.node = node
    if not args and isinstance(func, External):
        if func.name == "builtins.super":
            return zero_super(interp, scope)
        if func.name in ("builtins.locals", "builtins.vars"):
            return DictV({name: scopes.lookup(interp, name, scope) for name in list(scope.names)})
    result = calls.call(interp, func, args, kwargs, node)
    if type(result) in WEIGHTY:
        weigh(interp, result)
    interp.module = scope.module
    interp.node = node
    return result


def weigh(interp: Interpreter, value: Value) -> None:
    """What is large counts for more than one step: handling it takes time, and many of it take memory."""
    if isinstance(value, (ListV, DictV)):
        if len(value.items) > 64:
            interp.steps += len(value.items) >> 6
    elif isinstance(value, (str, bytes)) and len(value) > 1024:
        interp.steps += len(value) >> 8


def zero_super(interp: Interpreter, scope: Scope) -> Value:
    for frame in reversed(interp.stack):
        if isinstance(frame.func, Func) and frame.func.owner is not None:
            return Super(frame.self, frame.func.owner)
    return interp.fresh("super()")


def ev_bool(interp: Interpreter, node: ast.BoolOp, scope: Scope) -> Value:
    stop = isinstance(node.op, ast.Or)
    value: Value = None
    for operand in node.values:
        value = interp.eval(operand, scope)
        if operand is node.values[-1]:
            return value
        if interp.truth(value, operand) is stop:
            return value if not isinstance(value, Unknown) or not is_test(value) else stop
    return value


def ev_unary(interp: Interpreter, node: ast.UnaryOp, scope: Scope) -> Value:
    value = interp.eval(node.operand, scope)
    if isinstance(node.op, ast.Not):
        if isinstance(value, Unknown):
            known = interp.choices.known(value.key)
            if known is not None:
                return not known
            return operators.opposite(value)
        return not interp.truth(value, node.operand)
    if isinstance(value, Node):
        return tensors.unary(interp, value, node)
    if isinstance(value, (int, float)):
        if isinstance(node.op, ast.USub):
            return -value
        if isinstance(node.op, ast.UAdd):
            return +value
        return ~value if isinstance(value, int) else interp.fresh()
    if isinstance(value, Unknown):
        return Unknown(("op", "-", 0, value.key), f"-{value.text}", value.tensors)
    return interp.fresh()


def ev_binary(interp: Interpreter, node: ast.BinOp, scope: Scope) -> Value:
    left = interp.eval(node.left, scope)
    right = interp.eval(node.right, scope)
    interp.module = scope.module
    interp.node = node
    result = operators.binary(interp, node.op, left, right, node)
    if type(result) in WEIGHTY:
        weigh(interp, result)
    return result


def ev_compare(interp: Interpreter, node: ast.Compare, scope: Scope) -> Value:
    left = interp.eval(node.left, scope)
    result: Value = True
    for op, comparator in zip(node.ops, node.comparators, strict=True):
        right = interp.eval(comparator, scope)
        result = operators.compare(interp, op, left, right, node)
        if len(node.ops) > 1 and not interp.truth(result, node):
            return False
        left = right
    return result


def ev_conditional(interp: Interpreter, node: ast.IfExp, scope: Scope) -> Value:
    test = interp.eval(node.test, scope)
    return interp.eval(node.body if interp.truth(test, node.test) else node.orelse, scope)


def ev_tuple(interp: Interpreter, node: ast.Tuple, scope: Scope) -> Value:
    return ListV(elements(interp, node.elts, scope), "tuple")


def ev_list(interp: Interpreter, node: ast.List, scope: Scope) -> Value:
    return ListV(elements(interp, node.elts, scope), "list")


def ev_set(interp: Interpreter, node: ast.Set, scope: Scope) -> Value:
    return ListV(elements(interp, node.elts, scope), "set")


def elements(interp: Interpreter, nodes: list[ast.expr], scope: Scope) -> list[Value]:
    items: list[Value] = []
    for element in nodes:
        if isinstance(element, ast.Starred):
            items.extend(interp.iterate(interp.eval(element.value, scope), element))
        else:
            items.append(interp.eval(element, scope))
    return items


def ev_dict(interp: Interpreter, node: ast.Dict, scope: Scope) -> Value:
    result = DictV()
    result.shared = interp.defining > 0
    for key, value in zip(node.keys, node.values, strict=True):
        item = interp.eval(value, scope)
        if key is None:
            if isinstance(item, DictV):
                result.take(item)
            else:
                result.open = True
            continue
        result.items[hashable(interp.eval(key, scope))] = item
    return result


def ev_subscript(interp: Interpreter, node: ast.Subscript, scope: Scope) -> Value:
    base = interp.eval(node.value, scope)
    index = interp.eval(node.slice, scope)
    interp.module = scope.module
    interp.node = node
    return attributes.load_item(interp, base, index, node)


def ev_slice(interp: Interpreter, node: ast.Slice, scope: Scope) -> Value:
    parts = [None if part is None else interp.eval(part, scope) for part in (node.lower, node.upper, node.step)]
    if is_constant(parts[2]) and parts[2] == 0:
        parts[2] = interp.fresh()  # Python raises
    return ListV(parts, "slice")


def ev_lambda(interp: Interpreter, node: ast.Lambda, scope: Scope) -> Value:
    return definitions.function(interp, node, scope)


def ev_walrus(interp: Interpreter, node: ast.NamedExpr, scope: Scope) -> Value:
    value = interp.eval(node.value, scope)
    scopes.bind(interp, node.target.id, value, scope)
    return value


def ev_fstring(interp: Interpreter, node: ast.JoinedStr, scope: Scope) -> Value:
    parts = []
    for part in node.values:
        if isinstance(part, ast.Constant):
            parts.append(str(part.value))
        elif isinstance(part, ast.FormattedValue):
            value = interp.eval(part.value, scope)
            if isinstance(value, Unknown):
                return Unknown(("format", *parts, value.key), "a string")
            if not is_constant(value) or part.format_spec is not None:
                return interp.fresh("a string")
            parts.append(str(value))
    return "".join(parts)


def ev_comprehension(
    interp: Interpreter, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, scope: Scope
) -> Value:
    inner = Scope(scope.module, scope)
    inner.globals = scope.globals
    results: list[Value] = []
    whole = generate(interp, node.generators, 0, inner, scope, node, results)
    if isinstance(node, ast.DictComp):
        return DictV({hashable(key): value for key, value in results}, open=not whole)
    return ListV(results, "set" if isinstance(node, ast.SetComp) else "list", open=not whole)


def generate(
    interp: Interpreter,
    generators: list[ast.comprehension],
    index: int,
    inner: Scope,
    outer: Scope,
    node: Any,
    results: list[Value],
) -> bool:
    """Add what the comprehension makes to the results; whether that is all of it."""
    if index == len(generators):
        if len(results) > MAX_ITEMS:
            interp.stop("too many items")
        if isinstance(node, ast.DictComp):
            results.append((interp.eval(node.key, inner), interp.eval(node.value, inner)))
        else:
            results.append(interp.eval(node.elt, inner))
        return True
    generator = generators[index]
    made = len(interp.flow.nodes) + len(interp.objects)
    costly = interp.steps + LONG_TABLE_STEPS
    items = interp.iterate(interp.eval(generator.iter, inner), generator.iter)
    repeating = (
        repeats.Repeats(interp, items)
        if len(generators) == 1 and not generator.ifs and isinstance(node, (ast.ListComp, ast.GeneratorExp))
        else None
    )
    for place, item in enumerate(items):
        if repeating is not None and repeating.skips(place):
            continue
        interp.steps += 1
        if interp.steps > interp.max_steps:
            interp.stop("too many steps")
        if (
            place >= 8
            and interp.steps > costly
            and made == len(interp.flow.nodes) + len(interp.objects)
            and not repeats.of_layers(item)
        ):
            interp.cut("a long table of no layers", node)
            return False
        assignments.assign(interp, generator.target, item, inner)
        if all(interp.truth(interp.eval(test, inner), test) for test in generator.ifs) and not generate(
            interp, generators, index + 1, inner, outer, node, results
        ):
            return False
    return True


def ev_starred(interp: Interpreter, node: ast.Starred, scope: Scope) -> Value:
    return interp.eval(node.value, scope)


def ev_await(interp: Interpreter, node: ast.Await, scope: Scope) -> Value:
    return interp.eval(node.value, scope)


def ev_yield(interp: Interpreter, node: ast.Yield, scope: Scope) -> Value:
    value = None if node.value is None else interp.eval(node.value, scope)
    if interp.stack and interp.stack[-1].yields is not None:
        interp.stack[-1].yields.append(value)
    return None


def ev_yield_from(interp: Interpreter, node: ast.YieldFrom, scope: Scope) -> Value:
    items = interp.iterate(interp.eval(node.value, scope), node.value)
    if interp.stack and interp.stack[-1].yields is not None:
        interp.stack[-1].yields.extend(items)
    return None


def is_test(value: Unknown) -> bool:
    key: Any = value.key
    return isinstance(key, tuple) and bool(key) and key[0] in ("cmp", "not")
