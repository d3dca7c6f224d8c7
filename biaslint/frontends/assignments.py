"""Values are bound: names, attributes, items, and several targets at once."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from biaslint.frontends import attributes, builtin_methods, frameworks, operators, scopes, tensors
from biaslint.frontends.values import ListV, Obj, Scope, Unknown, Value
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.frontends.interpreter import Interpreter, Signal


def do_assign(interp: Interpreter, node: ast.Assign, scope: Scope) -> Signal:
    value = interp.eval(node.value, scope)
    for target in node.targets:
        assign(interp, target, value, scope)
        if isinstance(target, ast.Name) and isinstance(value, Obj) and value.layer is not None and not value.layer.name:
            value.layer.name = target.id
    return None


def do_annotated(interp: Interpreter, node: ast.AnnAssign, scope: Scope) -> Signal:
    if node.value is not None:
        assign(interp, node.target, interp.eval(node.value, scope), scope)
    return None


def do_augmented(interp: Interpreter, node: ast.AugAssign, scope: Scope) -> Signal:
    load = ast.copy_location(to_load(node.target), node.target)
    old = interp.eval(load, scope)
    new = interp.eval(node.value, scope)
    if isinstance(old, ListV) and isinstance(node.op, ast.Add) and old.kind == "list":
        builtin_methods.extend(interp, old, new)
        value: Value = old
    elif isinstance(old, Obj) and old.items is not None and isinstance(node.op, ast.Add):
        value = frameworks.method(interp, old, "extend", [new], {})
    else:
        value = operators.binary(interp, node.op, old, new, node)
    assign(interp, node.target, value, scope)
    return None


def assign(interp: Interpreter, target: ast.expr, value: Value, scope: Scope) -> None:
    if isinstance(target, ast.Name):
        scopes.bind(interp, target.id, value, scope)
    elif isinstance(target, ast.Attribute):
        attributes.store(
            interp, interp.eval(target.value, scope), target.attr, value, interp.text(target) if isinstance(value, Obj) else ""
        )
    elif isinstance(target, ast.Subscript):
        base = interp.eval(target.value, scope)
        attributes.store_item(
            interp, base, interp.eval(target.slice, scope), value, interp.text(target) if isinstance(value, Obj) else ""
        )
    elif isinstance(target, (ast.Tuple, ast.List)):
        unpack(interp, target.elts, value, scope)
    elif isinstance(target, ast.Starred):
        assign(interp, target.value, value, scope)


def unpack(interp: Interpreter, targets: list[ast.expr], value: Value, scope: Scope) -> None:
    items = items_for(interp, value, len(targets), any(isinstance(target, ast.Starred) for target in targets))
    for index, target in enumerate(targets):
        if isinstance(target, ast.Starred):
            rest = len(targets) - index - 1
            assign(interp, target, ListV(items[index : len(items) - rest]), scope)
            for other, item in zip(targets[index + 1 :], items[len(items) - rest :], strict=False):
                assign(interp, other, item, scope)
            return
        assign(interp, target, items[index] if index < len(items) else interp.fresh(), scope)


def items_for(interp: Interpreter, value: Value, count: int, starred: bool) -> list[Value]:
    """The items of a value that is unpacked into `count` targets."""
    if isinstance(value, Unknown) and value.key and value.key[:1] == ("shape",):
        return tensors.unpack_shape(interp, value, count) if not starred else interp.iterate(value)
    if isinstance(value, Node) and not starred:
        return tensors.unpack(interp, value, count)
    if isinstance(value, Unknown) and not starred:
        return [interp.item_of(value, index) for index in range(count)]
    return list(interp.iterate(value))


def to_load(target: ast.expr) -> ast.expr:
    """The same expression, read instead of written."""
    if isinstance(target, ast.Name):
        return ast.Name(target.id, ast.Load(), lineno=target.lineno, col_offset=target.col_offset)
    if isinstance(target, ast.Attribute):
        return ast.Attribute(target.value, target.attr, ast.Load())
    if isinstance(target, ast.Subscript):
        return ast.Subscript(target.value, target.slice, ast.Load())
    return target
