"""The layers and models within a layer or model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from biaslint.analysis.interpreter.framework import is_module

if TYPE_CHECKING:
    from biaslint.analysis.domain.layers import Layer
    from biaslint.analysis.domain.values import Instance, Value


def children(obj: Instance) -> Iterator[tuple[str, Value]]:
    """The layers and models that are attributes or entries of one."""
    for name, value in list(obj.attrs.items()):
        if is_module(value):
            yield name, value
    for name, value in list((obj.items or {}).items()):
        if is_module(value):
            yield name, value


def walk(obj: Instance, prefix: str = "") -> Iterator[tuple[str, Instance]]:
    """An instance and all modules within, each once, with dotted names."""
    seen: set[int] = set()
    todo: list[tuple[str, Instance]] = [(prefix, obj)]
    while todo:
        name, current = todo.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield name, current
        below = [(f"{name}.{key}" if name else key, child) for key, child in children(current)]
        todo.extend(reversed(below))


MANY = 5000  # names; modules that are in each other under several have no end of them


def every_name(obj: Instance) -> Iterator[tuple[str, Instance]]:
    """An instance and all modules within, under each of their names."""
    todo: list[tuple[str, Instance, frozenset[int]]] = [("", obj, frozenset())]
    for _ in range(MANY):
        if not todo:
            return
        name, current, above = todo.pop()
        if id(current) in above:
            continue
        yield name, current
        inside = above | {id(current)}
        below = [(f"{name}.{key}" if name else key, child, inside) for key, child in children(current)]
        todo.extend(reversed(below))


def set_measured(obj: Instance, measured: bool) -> None:
    """Note that a whole model is in evaluation mode, as it is for measuring it, or in training mode again."""
    for layer in layers_of(obj):
        layer.measured = measured


def layers_of(obj: Instance) -> Iterator[Layer]:
    for _, module in walk(obj):
        if module.layer is not None:
            yield module.layer
