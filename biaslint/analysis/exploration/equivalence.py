"""Does an entry point build what an earlier one has built? Then executing it shows nothing new."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from biaslint.analysis.domain import class_lookup, values
from biaslint.analysis.domain.values import (
    Class,
    DictValue,
    External,
    FunctionValue,
    Instance,
    Options,
    Partial,
    SequenceValue,
    Unknown,
)
from biaslint.analysis.exploration import references
from biaslint.analysis.interpreter import framework, module_tree
from biaslint.analysis.project.module_index import DEFINITIONS

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.exploration.results import ExplorationResult, Root
    from biaslint.analysis.project.project import Project


class AlreadyExecuted(Exception):
    """Raised where a model of this class with arguments of the same shape was executed before."""


def once(
    project: Project, reached: ExplorationResult, root: Root, cls: Class, args: list[Value], kwargs: dict[str, Value]
) -> None:
    """Raise AlreadyExecuted where an earlier entry point gave the class the same arguments, sizes aside.

    One that trains what it builds shows which loss the output goes into.
    """
    if root.node is not None and isinstance(root.node, ast.ClassDef):
        return
    key = project.identity(cls.module, cls.node)
    given = [(name, shape_signature(value)) for name, value in bound(cls, args, kwargs).items()]
    options = isinstance(kwargs, Options)  # its defaults are settings then
    model = (key, frozenset(given), options, f"{root.module.name}.{root.name}" if trains(root) else "")
    fresh = model not in reached.built
    inside = key in reached.classes or key in reached.before
    reached.build_queries.append((model, key, fresh, inside))
    if not fresh and inside and not (root.node is not None and rebuilds(root.node)):
        raise AlreadyExecuted
    reached.built.add(model)


def bound(cls: Class, args: list[Value], kwargs: dict[str, Value]) -> dict[str, Value]:
    """The arguments of a class by name, with the defaults of those that are not given."""
    init = class_lookup.find_in_class(cls, "__init__")
    if init is None or not isinstance(init.value, FunctionValue):
        return {**{str(place): value for place, value in enumerate(args)}, **kwargs}
    func = init.value
    spec = func.node.args
    positional = [one.arg for one in (*spec.posonlyargs, *spec.args)]
    defaults = dict(zip(positional[len(positional) - len(func.defaults) :], func.defaults, strict=True))
    names = [*positional[1:], *(f"*{place}" for place in range(len(args)))]
    return {**defaults, **func.kw_defaults, **dict(zip(names, args, strict=False)), **kwargs}


def trains(root: Root) -> bool:
    """Does an entry point name a loss or a step of training, or a function of the same file that does?"""
    definitions = {one.name: one for one in root.module.definitions if not isinstance(one, ast.ClassDef)}
    loose = [one for one in root.module.tree.body if not isinstance(one, DEFINITIONS)]
    names = references.mentioned(loose if root.node is None else [root.node])
    names |= references.mentioned(definitions[name] for name in names & definitions.keys())
    return not names.isdisjoint(framework.loss_names() | framework.update_methods())


def rebuilds(node: ast.AST) -> bool:
    """Does a function put other parts into what it has built: `model.fc = ...`, `model.head[-1] = ...`, setattr, del?"""
    for part in ast.walk(node):
        if isinstance(part, (ast.Attribute, ast.Subscript)) and not isinstance(part.ctx, ast.Load):
            if isinstance(part, ast.Attribute) or isinstance(part.value, (ast.Attribute, ast.Call)):
                return True
        elif isinstance(part, ast.Name) and part.id == "setattr":
            return True
    return False


def shape_signature(value: Value, depth: int = 6) -> str:
    """A value without its sizes: the part that decides which layers a model has."""
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int):
        return str(value) if value < 2 else "n"
    if isinstance(value, float):
        return str(value) if value in (0.0, 1.0) else "f"
    if isinstance(value, str):
        return re.sub(r"\d+", "n", value)
    if depth == 0:
        return "..."
    if isinstance(value, (SequenceValue, DictValue)) and values.vast(value):
        return "..."
    if isinstance(value, SequenceValue):
        parts = [shape_signature(item, depth - 1) for item in value.items]
        return f"[{','.join(part for place, part in enumerate(parts) if not place or part != parts[place - 1])}]"
    if isinstance(value, DictValue):
        return "{" + ",".join(f"{key}:{shape_signature(item, depth - 1)}" for key, item in value.items.items()) + "}"
    if isinstance(value, Partial):
        return f"partial({shape_signature(value.func)},{','.join(f'{key}={shape_signature(item)}' for key, item in value.kwargs.items())})"
    if isinstance(value, (Class, FunctionValue, External)):
        return str(value.name)
    if isinstance(value, Instance) and framework.is_module(value):
        parts = [f"{part.cls.name}{'' if part.layer is None else part.layer.bias}" for _, part in module_tree.walk(value)]
        return f"<{','.join(part for place, part in enumerate(parts) if not place or part != parts[place - 1])}>"
    if isinstance(value, Instance):
        attrs = (
            ",".join(f"{key}:{shape_signature(item, depth - 1)}" for key, item in value.attrs.items())
            if depth > 2 and value.layer is None
            else ""
        )
        return f"{value.cls.name}({attrs})"
    return "?" if not isinstance(value, Unknown) else f"?{value.text}"
