"""Parameters that a model makes without values, with what becomes of them before they are used."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from biaslint.analysis.domain.layers import Layer
from biaslint.analysis.domain.values import Class
from biaslint.analysis.exploration import fates, references, unused_layers
from biaslint.analysis.interpreter import framework
from biaslint.analysis.project.syntax_tree import walk
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution

KIND = "unfilled parameter"


def unfilled_parameters(ex: Execution) -> list[Layer]:
    """A fact for each parameter made without values in a model whose forward pass was executed: is it ever filled?"""
    found: dict[int, Layer] = {}
    for obj in ex.objects:
        if isinstance(obj.cls, Class) and unused_layers.passed(ex, obj):
            for name, value in obj.attrs.items():
                made = value.info.get("made") if isinstance(value, Node) and value.info.get("unfilled") else None
                if made is not None and made.chain:  # a tensor that is no parameter has no place
                    filled = {"filled": may_be_filled(value) or set_elsewhere(ex, obj.cls, name)}
                    found[value.id] = Layer(KIND, KIND, framework.tensor_bias()[0], filled, made, name=f"self.{name}")
    return list(found.values())


def may_be_filled(node: Node) -> bool:
    """Does something write to it, or may it, or does nothing use it?"""
    written = node.info.get("writes") or node.info.get("escaped") or node.later is not None or node.storage is not None
    return bool(written) or any(reader.info.get("unknown") for reader in node.readers) or not fates.reaches_output(node)


SETS = re.compile(r"\w+_")  # `uniform_`, `copy_`, `nn.init.xavier_uniform_`


def set_elsewhere(ex: Execution, cls: Class, name: str) -> bool:
    """Does code of the class write to the attribute that this execution has not come to, as a start from the first batch?"""
    for own in (base for base in cls.mro if isinstance(base, Class)):
        ex.project.tracker.asked.add(own.module.path)
        bodies = (node for node in own.module.tree.body if isinstance(node, ast.ClassDef) and node.name == own.name)
        if any(writes_to(name, node) for body in bodies for node in walk(body)):
            return True
    return False


def writes_to(name: str, node: ast.AST) -> bool:
    """Does a piece of code change the attribute: by a call, through a part of it, or through what it holds? `self.name = ...` makes it."""
    if isinstance(node, ast.Call):
        return changes(node.func) and name in references.mentioned([node.func, *node.args])
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
    makes = isinstance(node, ast.Assign) and any(isinstance(one, ast.Attribute) and one.attr == name for one in targets)
    return not makes and name in references.mentioned(targets)


def changes(func: ast.expr) -> bool:
    """Does a function that is called change a tensor, by its name?"""
    name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
    return SETS.fullmatch(name) is not None and not name.startswith("_")
