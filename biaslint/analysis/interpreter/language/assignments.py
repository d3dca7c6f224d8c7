"""Assignment to names, attributes, items and several targets."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from biaslint.analysis.domain.values import Instance, SequenceValue, Unknown
from biaslint.analysis.interpreter import framework, target_statistics
from biaslint.analysis.interpreter.builtins import list_methods
from biaslint.analysis.interpreter.objects import attributes, items, names as objects_names, operators
from biaslint.theory import terms
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.doors import Signal
    from biaslint.analysis.interpreter.execution import Execution
    from biaslint.analysis.project.environment import Environment
    from biaslint.analysis.project.module import Module


def do_assign(ex: Execution, node: ast.Assign, scope: Environment) -> Signal:
    value = ex.eval(node.value, scope)
    for target in node.targets:
        assign(ex, target, value, scope)
        if isinstance(target, ast.Name) and isinstance(value, Instance) and value.layer is not None and not value.layer.name:
            value.layer.name = target.id
    return None


def do_annotated(ex: Execution, node: ast.AnnAssign, scope: Environment) -> Signal:
    if node.value is not None:
        assign(ex, node.target, ex.eval(node.value, scope), scope)
    return None


def do_augmented(ex: Execution, node: ast.AugAssign, scope: Environment) -> Signal:
    target_statistics.tallied(ex, node)
    load = ast.copy_location(to_load(node.target), node.target)
    old = ex.eval(load, scope)
    new = ex.eval(node.value, scope)
    if isinstance(node.target, ast.Name) and ex.semantics.tensors.augmented(ex, old, operators.BINARY[type(node.op)][0], new):
        return None
    if isinstance(old, SequenceValue) and isinstance(node.op, ast.Add) and old.kind == "list":
        list_methods.extend(ex, old, new)
        value: Value = old
    elif isinstance(old, Instance) and old.items is not None and isinstance(node.op, ast.Add):
        value = framework.method(ex, old, "extend", [new], {})
    else:
        value = operators.binary(ex, node.op, old, new, node)
        changed = isinstance(old, Node) and isinstance(value, Node) and old.op != "const"
        if changed and changes_tensors(scope.module):
            ex.flow.change(old, value)
    assign(ex, node.target, value, scope)
    return None


def changes_tensors(module: Module) -> bool:
    """Does `x += 1` change a tensor in this file, for other names as well? Where it names no framework, it may."""
    mentioned = framework.mentioned_in(module.text)
    return not mentioned or any(one.changes_tensors for one in mentioned)


def assign(ex: Execution, target: ast.expr, value: Value, scope: Environment) -> None:
    if isinstance(target, ast.Name):
        objects_names.bind(ex, target.id, value, scope)
    elif isinstance(target, ast.Attribute):
        attributes.store(
            ex, ex.eval(target.value, scope), target.attr, value, ex.text(target) if isinstance(value, Instance) else ""
        )
    elif isinstance(target, ast.Subscript):
        base = ex.eval(target.value, scope)
        items.store_item(ex, base, ex.eval(target.slice, scope), value, ex.text(target) if isinstance(value, Instance) else "")
    elif isinstance(target, (ast.Tuple, ast.List)):
        unpack(ex, target.elts, value, scope)
    elif isinstance(target, ast.Starred):
        assign(ex, target.value, value, scope)


def unpack(ex: Execution, targets: list[ast.expr], value: Value, scope: Environment) -> None:
    starred = any(isinstance(target, ast.Starred) for target in targets)
    items = items_for(ex, value, len(targets), starred)
    if (
        isinstance(value, SequenceValue)
        and not value.open
        and (len(items) < len(targets) - starred or (len(items) > len(targets) and not starred))
    ):
        ex.fault(f"{len(items)} values for {len(targets)} names")
        if all(isinstance(item, int) or (isinstance(item, Unknown) and not item.tensors) for item in items):
            items = []  # a shape with another number of axes than was thought: none of them is known
    for index, target in enumerate(targets):
        if isinstance(target, ast.Starred):
            rest = len(targets) - index - 1
            assign(ex, target, SequenceValue(items[index : len(items) - rest]), scope)
            for other, item in zip(targets[index + 1 :], items[len(items) - rest :], strict=False):
                assign(ex, other, item, scope)
            return
        assign(ex, target, items[index] if index < len(items) else ex.fresh(), scope)


def items_for(ex: Execution, value: Value, count: int, starred: bool) -> list[Value]:
    """The items of a value that is unpacked into `count` targets."""
    if isinstance(value, Unknown) and isinstance(value.key, terms.Shape):
        return ex.semantics.tensors.unpack_shape(ex, value, count) if not starred else ex.iterate(value)
    if isinstance(value, Node) and not starred:
        return ex.semantics.tensors.unpack(ex, value, count)
    if isinstance(value, Unknown) and not starred:
        return [ex.item_of(value, index) for index in range(count)]
    return list(ex.iterate(value))


def to_load(target: ast.expr) -> ast.expr:
    """The same expression, read instead of written."""
    if isinstance(target, ast.Name):
        return ast.Name(target.id, ast.Load(), lineno=target.lineno, col_offset=target.col_offset)
    if isinstance(target, ast.Attribute):
        return ast.Attribute(target.value, target.attr, ast.Load())
    if isinstance(target, ast.Subscript):
        return ast.Subscript(target.value, target.slice, ast.Load())
    return target
