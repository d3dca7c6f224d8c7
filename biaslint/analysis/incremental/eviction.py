"""Eviction: syntax trees take much memory, so a process drops modules between pieces of work.

Modules that all files of a library need, such as the base class of its models, stay; those that one model needed go.
"""

from __future__ import annotations

import ast
import gc
from collections.abc import Collection, Iterable
from types import FunctionType
from typing import Any

from biaslint.analysis.domain import node_cache
from biaslint.analysis.domain.values import Class
from biaslint.analysis.interpreter.execution import Execution
from biaslint.analysis.project.module import Module
from biaslint.analysis.project.project import Project


def evict_if_large(project: Project) -> None:
    """Evict modules once their source exceeds the limit. With an editor's memory, none are evicted."""
    if project.memory is not None:
        return
    if sum(len(module.text) for module in project.modules.values() if module) >= project.limits.kept_source:
        evict(project, most_needed_modules(project))
    gc.collect(1)  # what executions made refers to itself; trees do not, and what lasts is not to be looked through each time


def close(project: Project, kept: Collection[Module] = ()) -> None:
    """Drop modules, emptied first: their values refer back to them, and reference counting alone frees the rest."""
    project.tracker.forget(kept)
    for module in project.modules.values():
        if module is not None and module not in kept:
            for value in module.scope.names.values():
                if isinstance(value, Class) and value.module is module:
                    value.mro.clear()
                    value.attrs.clear()
            module.scope.names.clear()
            vars(module).clear()
    project.modules = {module.path: module for module in kept}


def evict(project: Project, kept: Collection[Module] = ()) -> None:
    """Evict all modules but these."""
    close(project, kept)
    node_cache.forget()


def most_needed_modules(project: Project) -> set[Module]:
    """The most-needed modules that fit the limit, each with every module that its values refer to."""
    chosen: set[Module] = set()
    size = 0
    for path, count in project.needs.most_common():
        module = project.modules.get(path)
        if module is None or module in chosen:
            continue
        if count < project.limits.often:
            break
        fresh = {module}
        todo = [module]
        while todo:
            new = mentioned(todo.pop()) - chosen - fresh
            fresh |= new
            todo += new
        size += sum(len(one.text) for one in fresh)
        if size > project.limits.lasting_source:
            break
        chosen |= fresh
    return chosen


def mentioned(module: Module) -> set[Module]:
    """The modules that the values of a module refer to directly."""
    found: set[Module] = set()
    seen: set[int] = set()
    todo: list[Any] = [module.scope]
    while todo:
        for one in gc.get_referents(todo.pop()):
            if isinstance(one, Module):
                found.add(one)
            elif id(one) not in seen and not isinstance(one, (ast.AST, Execution, Project, type)):
                seen.add(id(one))
                todo.extend(contents(one))
    return found - {module}


def contents(value: Any) -> Iterable[Any]:
    """The referents to look into. Of a native function only its closure, since its globals are the whole package."""
    if isinstance(value, FunctionType):
        return [value.__closure__, value.__defaults__] if value.__closure__ or value.__defaults__ else ()
    return [value] if gc.is_tracked(value) else ()
