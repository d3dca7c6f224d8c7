"""Evaluation of expressions."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain import values
from biaslint.analysis.domain.values import (
    MAX_ITEMS,
    DictValue,
    External,
    Options,
    SequenceValue,
    Super,
    Unknown,
)
from biaslint.analysis.interpreter import target_statistics
from biaslint.analysis.interpreter.builtins import functions as builtin_functions
from biaslint.analysis.interpreter.language import assignments, definitions, loops
from biaslint.analysis.interpreter.objects import (
    attributes,
    items,
    names as objects_names,
    namespaces,
    operators,
)
from biaslint.analysis.project.environment import MISSING, Environment
from biaslint.theory import terms
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution


WEIGHTY = {SequenceValue, DictValue, str, bytes}
LONG_TABLE_STEPS = 10_000  # after which a comprehension that has made no layer and no tensor is left


def ev_constant(ex: Execution, node: ast.Constant, scope: Environment) -> Value:
    return node.value


def ev_name(ex: Execution, node: ast.Name, scope: Environment) -> Value:
    name = node.id
    value = scope.local.get(name, MISSING)
    if value is not MISSING:
        return value
    value = namespaces.lookup(ex, name, scope)
    if value is MISSING:
        ex.fault(f"no name `{name}`")
        return Unknown(terms.FreeName(scope.module.name, node.id), node.id)
    if type(value) is float or (type(value) is int and name.isupper()):
        target_statistics.stated(ex, node, value)
    elif isinstance(value, (DictValue, SequenceValue)) and name.isupper():
        target_statistics.stated_counts(ex, node, value)
    return value


def ev_attribute(ex: Execution, node: ast.Attribute, scope: Environment) -> Value:
    base = ex.eval(node.value, scope)
    ex.node = node
    return attributes.load(ex, base, node.attr)


def ev_call(ex: Execution, node: ast.Call, scope: Environment) -> Value:
    ex.steps += 1
    if ex.steps > ex.max_steps:
        ex.end_execution("too many steps")
    func = ex.eval(node.func, scope)
    args: list[Value] = []
    kwargs: dict[str, Value] = {}
    for argument in node.args:
        if isinstance(argument, ast.Constant):
            args.append(argument.value)
        elif isinstance(argument, ast.Starred):
            args.extend(ex.iterate(ex.eval(argument.value, scope), argument.value))
        else:
            args.append(ex.eval(argument, scope))
    for keyword in node.keywords:
        value = keyword.value.value if isinstance(keyword.value, ast.Constant) else ex.eval(keyword.value, scope)
        if keyword.arg is not None:
            kwargs[keyword.arg] = value
        elif isinstance(value, DictValue):
            kwargs.update({key: item for key, item in value.items.items() if isinstance(key, str)})
            if value.options:
                kwargs = Options(kwargs)
    for value in args:
        if type(value) in WEIGHTY:
            weigh(ex, value)
    ex.module = scope.module
    ex.node = node
    if not args and isinstance(func, External):
        if func.name == "builtins.super":
            return zero_super(ex, scope)
        if func.name in ("builtins.locals", "builtins.vars"):
            return DictValue({name: namespaces.lookup(ex, name, scope) for name in list(scope.names)})
    result = ex.call(func, args, kwargs, node)
    if type(result) in WEIGHTY:
        weigh(ex, result)
    ex.module = scope.module
    ex.node = node
    return result


def weigh(ex: Execution, value: Value) -> None:
    """The surcharge for a large value, which takes time and memory."""
    if isinstance(value, (SequenceValue, DictValue)):
        if len(value.items) > 64:
            ex.steps += len(value.items) >> 6
    elif isinstance(value, (str, bytes)) and len(value) > 1024:
        ex.steps += len(value) >> 8


def zero_super(ex: Execution, scope: Environment) -> Value:
    for frame in reversed(ex.stack):
        if frame.func.owner is not None:
            return Super(frame.self, frame.func.owner)
    return ex.fresh("super()")


def ev_bool(ex: Execution, node: ast.BoolOp, scope: Environment) -> Value:
    stop = isinstance(node.op, ast.Or)
    value: Value = None
    for operand in node.values:
        value = ex.eval(operand, scope)
        if operand is node.values[-1]:
            return value
        if ex.truth(value, operand) is stop:
            return value if not isinstance(value, Unknown) or not is_test(value) else stop
    return value


def ev_unary(ex: Execution, node: ast.UnaryOp, scope: Environment) -> Value:
    value = ex.eval(node.operand, scope)
    if isinstance(node.op, ast.Not):
        if isinstance(value, Unknown):
            known = ex.path.known(value.key)
            if known is not None:
                return not known
            return operators.opposite(value)
        return not ex.truth(value, node.operand)
    if isinstance(value, Node):
        return ex.semantics.tensors.unary(ex, value)
    if value is None:
        ex.fault("None is no number")
    if isinstance(value, (int, float)):
        if isinstance(node.op, ast.USub):
            return -value
        if isinstance(node.op, ast.UAdd):
            return +value
        return ~value if isinstance(value, int) else ex.fresh()
    if isinstance(value, Unknown):
        return Unknown(terms.Operation("-", 0, value.key), f"-{value.text}", value.tensors)
    return ex.fresh()


def ev_binary(ex: Execution, node: ast.BinOp, scope: Environment) -> Value:
    left = ex.eval(node.left, scope)
    right = ex.eval(node.right, scope)
    ex.module = scope.module
    ex.node = node
    result = operators.binary(ex, node.op, left, right, node)
    if type(result) in WEIGHTY:
        weigh(ex, result)
    return result


def ev_compare(ex: Execution, node: ast.Compare, scope: Environment) -> Value:
    left = ex.eval(node.left, scope)
    result: Value = True
    for op, comparator in zip(node.ops, node.comparators, strict=True):
        right = ex.eval(comparator, scope)
        result = operators.compare(ex, op, left, right, node)
        if len(node.ops) > 1 and not ex.truth(result, node):
            return False
        left = right
    return result


def ev_conditional(ex: Execution, node: ast.IfExp, scope: Environment) -> Value:
    test = ex.eval(node.test, scope)
    holds = ex.truth(test, node.test)
    loops.note(ex, node.test, holds)
    return ex.eval(node.body if holds else node.orelse, scope)


def ev_tuple(ex: Execution, node: ast.Tuple, scope: Environment) -> Value:
    return SequenceValue(elements(ex, node.elts, scope), "tuple")


def ev_list(ex: Execution, node: ast.List, scope: Environment) -> Value:
    return SequenceValue(elements(ex, node.elts, scope), "list")


def ev_set(ex: Execution, node: ast.Set, scope: Environment) -> Value:
    return SequenceValue(elements(ex, node.elts, scope), "set")


def elements(ex: Execution, nodes: list[ast.expr], scope: Environment) -> list[Value]:
    items: list[Value] = []
    for element in nodes:
        if isinstance(element, ast.Starred):
            items.extend(ex.iterate(ex.eval(element.value, scope), element))
        else:
            items.append(ex.eval(element, scope))
    return items


def ev_dict(ex: Execution, node: ast.Dict, scope: Environment) -> Value:
    result = DictValue()
    result.shared = ex.definition_depth > 0
    for key, value in zip(node.keys, node.values, strict=True):
        item = ex.eval(value, scope)
        if key is None:
            if isinstance(item, Unknown) or (isinstance(item, DictValue) and item.options):
                builtin_functions.override(ex, result, item, ex.text(value))
            if isinstance(item, DictValue):
                result.take(item)
            else:
                result.open = True
            continue
        result.items[values.hashable(ex.eval(key, scope))] = item
    return result


def ev_subscript(ex: Execution, node: ast.Subscript, scope: Environment) -> Value:
    base = ex.eval(node.value, scope)
    index = ex.eval(node.slice, scope)
    ex.module = scope.module
    ex.node = node
    return items.load_item(ex, base, index, node)


def ev_slice(ex: Execution, node: ast.Slice, scope: Environment) -> Value:
    parts = [None if part is None else ex.eval(part, scope) for part in (node.lower, node.upper, node.step)]
    if values.is_constant(parts[2]) and parts[2] == 0:
        parts[2] = ex.fresh()  # Python raises
    return SequenceValue(parts, "slice")


def ev_lambda(ex: Execution, node: ast.Lambda, scope: Environment) -> Value:
    return definitions.function(ex, node, scope)


def ev_walrus(ex: Execution, node: ast.NamedExpr, scope: Environment) -> Value:
    value = ex.eval(node.value, scope)
    while scope.comprehension and scope.parent is not None:  # the name belongs to what is around it
        scope = scope.parent
    objects_names.bind(ex, node.target.id, value, scope)
    return value


def ev_fstring(ex: Execution, node: ast.JoinedStr, scope: Environment) -> Value:
    parts = []
    for part in node.values:
        if isinstance(part, ast.Constant):
            parts.append(str(part.value))
        elif isinstance(part, ast.FormattedValue):
            value = ex.eval(part.value, scope)
            if isinstance(value, Unknown):
                return Unknown(terms.Format(*parts, value.key), "a string")
            if not values.is_constant(value) or part.format_spec is not None:
                return ex.fresh("a string")
            parts.append(str(value))
    return "".join(parts)


def ev_comprehension(
    ex: Execution, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, scope: Environment
) -> Value:
    inner = Environment(scope.module, scope)
    inner.comprehension = True
    if scope.globals:
        inner.globals, inner.local = scope.globals, {}
    results: list[Value] = []
    whole = generate(ex, node.generators, 0, inner, scope, node, results)
    if isinstance(node, ast.DictComp):
        return DictValue({values.hashable(key): value for key, value in results}, open=not whole)
    return SequenceValue(results, "set" if isinstance(node, ast.SetComp) else "list", open=not whole)


def generate(
    ex: Execution,
    generators: list[ast.comprehension],
    index: int,
    inner: Environment,
    outer: Environment,
    node: Any,
    results: list[Value],
) -> bool:
    """Add the items of a comprehension to the results. Returns whether these are all."""
    if index == len(generators):
        if len(results) > MAX_ITEMS:
            ex.end_execution("too many items")
        if isinstance(node, ast.DictComp):
            results.append((ex.eval(node.key, inner), ex.eval(node.value, inner)))
        else:
            results.append(ex.eval(node.elt, inner))
        return True
    generator = generators[index]
    made = len(ex.flow.nodes) + len(ex.objects)
    costly = ex.steps + LONG_TABLE_STEPS
    items = ex.iterate(
        ex.eval(generator.iter, inner if index else outer), generator.iter
    )  # Python evaluates the first one outside
    repeating = (
        loops.LoopSummary(ex, items)
        if len(generators) == 1 and not generator.ifs and isinstance(node, (ast.ListComp, ast.GeneratorExp))
        else None
    )
    for place, item in enumerate(items):
        if repeating is not None and repeating.skips(place):
            continue
        ex.steps += 1
        if ex.steps > ex.max_steps:
            ex.end_execution("too many steps")
        if place >= 8 and ex.steps > costly and made == len(ex.flow.nodes) + len(ex.objects) and not loops.of_layers(item):
            ex.give_up_here("a long table of no layers", node)
            return False
        assignments.assign(ex, generator.target, item, inner)
        if all(ex.truth(ex.eval(test, inner), test) for test in generator.ifs) and not generate(
            ex, generators, index + 1, inner, outer, node, results
        ):
            return False
    return True


def ev_starred(ex: Execution, node: ast.Starred, scope: Environment) -> Value:
    return ex.eval(node.value, scope)


def ev_await(ex: Execution, node: ast.Await, scope: Environment) -> Value:
    return ex.eval(node.value, scope)


def ev_yield(ex: Execution, node: ast.Yield, scope: Environment) -> Value:
    value = None if node.value is None else ex.eval(node.value, scope)
    if ex.stack and ex.stack[-1].yields is not None:
        ex.stack[-1].yields.append(value)
        if ex.stack[-1].resume is not None:
            ex.stack[-1].resume(value)
    return None


def ev_yield_from(ex: Execution, node: ast.YieldFrom, scope: Environment) -> Value:
    items = ex.iterate(ex.eval(node.value, scope), node.value)
    if ex.stack and ex.stack[-1].yields is not None:
        ex.stack[-1].yields.extend(items)
    return None


def is_test(value: Unknown) -> bool:
    key: Any = value.key
    return isinstance(key, (terms.Compare, terms.Not))
