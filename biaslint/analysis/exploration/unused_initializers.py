"""Methods and functions that initialize weights and that nothing calls."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from biaslint.analysis.domain import class_lookup
from biaslint.analysis.domain.layers import Layer, Origin
from biaslint.analysis.domain.values import Class, FunctionValue
from biaslint.analysis.exploration import references
from biaslint.analysis.interpreter import framework

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution
    from biaslint.analysis.project.module import Module

KIND = "unused initializer"
IDLE = "idle initializer"
WHAT = r"(weights?|params?|parameters?|bias(es)?|weights?_(and_)?bias(es)?)"
NAMES = re.compile(rf"_*((re)?init(iali[sz]e)?|reset|my_init)_{WHAT}|_*{WHAT}_init(iali[sz](er|ation))?", re.IGNORECASE)
# Calls that set what a parameter starts at.
SETS = re.compile(
    r"(normal|uniform|constant|zeros|ones|fill|zero|copy|xavier\w*|kaiming\w*|orthogonal|trunc\w*|eye|sparse|dirac)_+"
)
MAIN = "__main__"


def unused_initializers(ex: Execution) -> list[Layer]:
    """Those of the models that were built, and of the scripts that define them."""
    found = {id(node): made for cls in ex.classes for node, made in methods(ex, cls)}
    for module in {cls.module for cls in ex.classes if MAIN in cls.module.text}:
        found.update((id(node), made) for node, made in functions(ex, module))
    return list(found.values())


def idle_initializers(ex: Execution) -> list[Layer]:
    """The functions that initialize weights and were called, each with whether it has set any."""
    called = [
        one
        for one in ex.functions
        if isinstance(one.node, ast.FunctionDef) and is_initializer(one.name, one.node) and asks_for_types(one.node)
    ]
    if not called or not any(layer.kind in ("conv", "linear") for layer in ex.layers):
        return []
    writes = [write for layer in ex.layers for write in (*layer.writes, *layer.weight_writes)]
    writes += [write for node in ex.flow.nodes for write in node.info.get("writes", ())]
    setting = {name for write in writes for name in (write.where, *(name for name, _, _ in write.via))}
    return [
        Layer(
            IDLE,
            IDLE,
            ex.layers[0].framework,
            {"sets": not setting.isdisjoint({one.qualname, *names_within(one.node)})},
            Origin(((one.module, one.node),)),
            name=one.qualname,
        )
        for one in called
    ]


def names_within(function: ast.AST) -> set[str]:
    """The names of a function and of those that it defines, as for `apply(weights_init("normal"))`."""
    return {node.name for node in ast.walk(function) if isinstance(node, ast.FunctionDef)}


TYPES = {"isinstance", "__name__", "__class__", "type"}
PRESENCE = {"hasattr", "weight", "bias", "data", "is_leaf", "affine"}


def asks_for_types(function: ast.FunctionDef) -> bool:
    """Does it set parameters only behind questions for a layer's type or the name of its type, and behind no other questions?"""
    waiting: list[tuple[ast.AST, list[ast.expr]]] = [(function, [])]
    named: set[str] = set()  # what holds the name of a type: `name = type(module).__name__`
    while waiting:
        node, asked = waiting.pop(0)
        if isinstance(node, ast.Assign) and TYPES & references.mentioned([node.value]):
            named |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        if isinstance(node, ast.Call) and any(map(SETS.fullmatch, references.called([node]))):
            questions = [bool((TYPES | named) & references.mentioned([test])) for test in asked]
            if not any(questions) or not all(
                known or PRESENCE & references.mentioned([test]) for known, test in zip(questions, asked, strict=True)
            ):
                return False
        if isinstance(node, ast.If):
            tests = node.test.values if isinstance(node.test, ast.BoolOp) else [node.test]
            waiting += [(node.test, asked), *((one, [*asked, *tests]) for one in (*node.body, *node.orelse))]
        else:
            waiting += [(one, asked) for one in ast.iter_child_nodes(node)]
    return True


def methods(ex: Execution, cls: Class) -> Iterator[tuple[ast.AST, Layer]]:
    """A class's own methods of that kind. A base class elsewhere may call what it has a name for."""
    files = {one.module for one in cls.mro if isinstance(one, Class)}
    for name, value in cls.attrs.items():
        if not isinstance(value, FunctionValue) or value in ex.functions or value.module is not cls.module:
            continue
        if is_initializer(name, value.node) and plain_bases(cls) and not any(mentions(ex, file, name) for file in files):
            yield value.node, fact(ex, cls.module, value.node, f"{cls.name}.{name}", private=name.startswith("_"))


def functions(ex: Execution, module: Module) -> Iterator[tuple[ast.AST, Layer]]:
    """A script's own functions of that kind: no other file imports them."""
    for node in module.definitions:
        plain = isinstance(node, ast.FunctionDef) and is_initializer(node.name, node)
        if plain and not mentions(ex, module, node.name):
            yield node, fact(ex, module, node, node.name, private=True)


def is_initializer(name: str, node: ast.AST) -> bool:
    """Does it say that it initializes weights, and set some?"""
    return NAMES.fullmatch(name) is not None and any(map(SETS.fullmatch, references.mentioned([node])))


def plain_bases(cls: Class) -> bool:
    """Are its bases elsewhere none but the class of all modules?"""
    outside = {framework.canonical(base.name) for base in class_lookup.external_bases(cls)} - {"builtins.object"}
    return bool(outside) and outside <= {one.module_class for one in framework.FRAMEWORKS}


def mentions(ex: Execution, module: Module, name: str) -> bool:
    """Does a file name it anywhere but where it is defined? A comment counts: somebody has switched it off."""
    ex.project.tracker.asked.add(module.path)
    return len(re.findall(rf"\b{name}\b", module.text)) > len(re.findall(rf"\bdef\s+{name}\b", module.text))


def fact(ex: Execution, module: Module, node: ast.AST, name: str, private: bool) -> Layer:
    library = ex.layers[0].framework if ex.layers else ""
    return Layer(KIND, KIND, library, {"private": private}, Origin(((module, node),)), name=name, bias=False)
