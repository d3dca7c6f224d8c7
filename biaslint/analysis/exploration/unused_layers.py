"""Layers that a model makes and keeps, and that neither its forward pass nor any other code of it uses."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from biaslint.analysis.domain import node_cache
from biaslint.analysis.domain.layers import Layer, Origin
from biaslint.analysis.domain.values import Class, FunctionValue, Instance
from biaslint.analysis.exploration import references
from biaslint.analysis.interpreter import framework, module_tree
from biaslint.analysis.project.syntax_tree import walk

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution
    from biaslint.analysis.project.module import Module

KIND = "unused layer"
WITH_WEIGHTS = {"conv", "linear", "bilinear", "embedding", "rnn", "rnn_cell", "attention"}
# Names through which a class reaches its layers without naming them.
BY_OTHER_NAMES = {
    "getattr",
    "__dict__",
    "vars",
    "_modules",
    "children",
    "named_children",
    "get_submodule",
    "__getattr__",
    "locals",
}
HARMLESS = {"__init__", "super", "isinstance", "hasattr", "setattr", "type", "id", "len", "print", "repr", "str"}
# Somebody knows of it: the layer is there for old checkpoints, or for later.
KNOWN = re.compile(r"unused|not used|no longer|never used|compat|checkpoint|legacy|placeholder|dummy|todo|fixme", re.IGNORECASE)


def unused_layers(ex: Execution) -> list[Layer]:
    """One fact for each attribute of a model whose forward pass was executed, at the call that makes it."""
    found: dict[ast.AST, Layer] = {}
    for obj in ex.objects:
        if not (isinstance(obj.cls, Class) and passed(ex, obj) and any(one.calls for one in module_tree.layers_of(obj))):
            continue
        for name, value in obj.attrs.items():
            made = made_at(name, value) if isinstance(value, Instance) and idle(value) else None
            if made is None or made[1] in found or known(*made):
                continue
            if not named(ex, obj.cls, name, starts(value)):
                found[made[1]] = Layer(KIND, KIND, framework_of(value), {}, Origin((made,)), name=f"self.{name}")
    return list(found.values())


def made_at(name: str, value: Instance) -> tuple[Module, ast.AST] | None:
    """The call in `self.name = ...` that makes a layer, by way of others or not."""
    for module, node in value.origin.chain if value.origin is not None else ():
        if node in assigned(module.tree).get(name, ()):
            return module, node
    return None


_ASSIGNED = node_cache.per_node_cache()


def assigned(tree: ast.Module) -> dict[str, set[ast.AST]]:
    """For each attribute of `self` the calls that the values assigned to it are made of."""
    known: dict[str, set[ast.AST]] | None = _ASSIGNED.get(tree)
    if known is None:
        known = _ASSIGNED[tree] = {}
        for node in walk(tree):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else ()
            for target in targets:
                if (
                    isinstance(target, ast.Attribute)
                    and isinstance(node, (ast.Assign, ast.AnnAssign))
                    and node.value is not None
                ):
                    known.setdefault(target.attr, set()).update(one for one in walk(node.value) if isinstance(one, ast.Call))
    return known


def passed(ex: Execution, obj: Instance) -> bool:
    """Has a forward pass that the project has written been executed for it?"""
    methods = (
        []
        if not obj.used
        else [
            cls.attrs.get(name)
            for cls in (obj.cls.mro if isinstance(obj.cls, Class) else ())
            if isinstance(cls, Class)
            for name in framework.call_methods(obj)
        ]
    )
    return any(isinstance(one, FunctionValue) and one in ex.functions for one in methods)


def idle(value: Instance) -> bool:
    """Does it hold weights that are trained, of which nothing has read any?"""
    weights = False
    for layer in module_tree.layers_of(value):
        if (
            layer.calls
            or layer.reads
            or layer.weight_of
            or layer.bias_of
            or layer.shared_with
            or layer.weight_trainable is not True
        ):
            return False
        if layer.reparametrized or layer.passed_to_unknown_code:
            return False
        weights = weights or layer.kind in WITH_WEIGHTS
    return weights


def framework_of(value: Instance) -> str:
    return next(layer.framework for layer in module_tree.layers_of(value))


def starts(value: Instance) -> set[ast.AST]:
    """The statements that give its layers a start."""
    layers = module_tree.layers_of(value)
    return {write.node for layer in layers for write in (*layer.writes, *layer.weight_writes) if write.node is not None}


def known(module: Module, node: ast.AST) -> bool:
    """Does a comment beside the call say that the layer is not used?"""
    first, last = getattr(node, "lineno", 1), getattr(node, "end_lineno", None) or 1
    return any(KNOWN.search(line.partition("#")[2]) for line in module.text.splitlines()[max(first - 2, 0) : last])


def named(ex: Execution, cls: Class, name: str, written: set[ast.AST]) -> bool:
    """May code reach the attribute, in the files of the class or in those that were executed?"""
    family = [one for one in cls.mro if isinstance(one, Class)]
    relatives = {one.name for one in family}
    for module in {*(one.module for one in family), *(function.module for function in ex.functions)}:
        ex.project.tracker.asked.add(module.path)
        for statement in module.tree.body:
            related = isinstance(statement, ast.ClassDef) and not relatives.isdisjoint(
                (statement.name, *references.mentioned(statement.bases))
            )
            if isinstance(statement, ast.ClassDef) and related:
                relatives.add(statement.name)
                if not BY_OTHER_NAMES.isdisjoint(references.mentioned([statement])) or hands_itself_on(statement):
                    return True
            if reached(statement, name, written, through_self=related or not isinstance(statement, ast.ClassDef)):
                return True
    return False


def hands_itself_on(cls: ast.ClassDef) -> bool:
    """Does a class give its instance to a function, which may use its layers?"""
    return any(
        isinstance(node, ast.Call)
        and any(isinstance(arg, ast.Name) and arg.id == "self" for arg in node.args)
        and (node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")) not in HARMLESS
        for node in walk(cls)
    )


def reached(statement: ast.stmt, name: str, written: set[ast.AST], through_self: bool) -> bool:
    """Does a statement read an attribute of that name, or speak of the name? What only gives the layer a start does not count."""
    word = re.compile(rf"(.*\W)?{name}(\W.*)?")
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        if node in written:
            continue
        if isinstance(node, ast.Attribute) and node.attr == name and not isinstance(node.ctx, ast.Store):
            if through_self or not (isinstance(node.value, ast.Name) and node.value.id == "self"):
                return True
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and word.fullmatch(node.value):
            return True
        waiting += ast.iter_child_nodes(node)
    return False
