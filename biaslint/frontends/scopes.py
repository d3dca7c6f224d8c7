"""What a name stands for: in a function's scope, at a module's top level, through imports.

A module's top-level statements are executed when a name that they bind is asked for first.
"""

from __future__ import annotations

import ast
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biaslint.frontends import builtin_functions, calls, frameworks
from biaslint.frontends.choices import Choices
from biaslint.frontends.project import Module
from biaslint.frontends.values import MISSING, Deferred, External, Raised, Scope, Unknown, Value

if TYPE_CHECKING:
    from biaslint.frontends.interpreter import Interpreter

DUNDERS = {"__name__", "__file__", "__doc__", "__all__", "__package__"}


def lookup(interp: Interpreter, name: str, scope: Scope) -> Value:
    """What a name stands for."""
    module = scope.module
    if not scope.globals or name not in scope.globals:
        found: Scope | None = scope
        while found is not None:
            if name in found.names:
                if found is not module.scope:
                    return found.names[name]
                interp.project.ledger.asked.add((module, name))
                return bound(interp, module, name)
            found = found.parent
    return global_name(interp, module, name)


def bind(interp: Interpreter, name: str, value: Value, scope: Scope) -> None:
    """`name = value`, in the scope that the name belongs to."""
    if name in scope.globals:
        change(interp, scope.module.scope.names, name, value)
        return
    if name in scope.nonlocals:
        outer = scope.parent
        while outer is not None:
            if name in outer.names:
                outer.names[name] = value
                return
            outer = outer.parent
    scope.names[name] = value


def change(interp: Interpreter, table: dict[str, Value], name: str, value: Value) -> None:
    """Change what a module, class or function holds; what a definition does so belongs to it."""
    if interp.defining:
        table[name] = value
    else:
        interp.project.change(table, name, value)


def global_name(interp: Interpreter, module: Module, name: str) -> Value:
    """A module's top-level name, or one of Python's own."""
    value = module_attribute(interp, module, name)
    if value is not MISSING:
        return value
    return builtin_functions.builtin(interp, name)


def module_attribute(interp: Interpreter, module: Module, name: str) -> Value:
    """A module's top-level name, or MISSING. The statements that bind it are executed when it is asked for first."""
    names, ledger = module.scope.names, interp.project.ledger
    ledger.asked.add((module, name))
    if name in names:
        if name in module.ready:
            return bound(interp, module, name)
    elif name not in module.bindings and not module.stars and name not in DUNDERS:
        return MISSING
    pending = [statement for statement in module.bindings.get(name, ()) if statement not in module.done]
    if pending:
        outer = interp.module, interp.stack, interp.node, interp.statement
        asked, interp.asked = interp.asked, {}
        interp.module, interp.stack = module, []
        try:
            for statement in pending:
                if module.begin(statement):
                    interp.project.touched.add(module)
                    with shared(interp, statement), contextlib.suppress(Raised):
                        interp.execute(statement, module.scope)
        finally:
            interp.module, interp.stack, interp.node, interp.statement = outer
            interp.asked = asked
    if name in names:
        for statement in module.registrations.get(name, ()):
            register(interp, module, statement)
        if all(statement in module.done for statement in module.bindings.get(name, ())):
            module.ready.add(name)
        return bound(interp, module, name)
    if name in DUNDERS:
        return module.name if name != "__file__" else str(module.path)
    if module.bindings is not None and module.stars and name not in module.absent:
        return through_stars(interp, module, name)
    return MISSING


def bound(interp: Interpreter, module: Module, name: str) -> Value:
    """What the module's top-level scope has under a name. An import that was deferred is followed now; MISSING where it leads back."""
    value = module.scope.names[name]
    if isinstance(value, Deferred):
        with shared(interp, (module, name)):
            value = imported(interp, value.statement, value.name, module)
        if value is not MISSING:
            module.scope.names[name] = value
    return value


@contextlib.contextmanager
def shared(interp: Interpreter, key: Any) -> Iterator[None]:
    """What is worked out within, on behalf of a statement or name, stays for later executions.

    So it must not depend on what this one has chosen or changed, nor does it count as this one's work, which goes on as if it had
    been there.
    """
    outermost = not interp.defining
    if outermost and interp.shared_steps > interp.max_steps:
        interp.stop("too many steps")
    asking = interp.project.ledger.on_behalf_of(key)
    steps, choices = interp.steps, interp.choices
    if outermost:
        interp.project.set_aside()
        interp.choices = Choices()
        interp.choices.asking = choices.asking
    interp.defining += 1
    try:
        yield
    finally:
        interp.defining -= 1
        if outermost:
            interp.project.set_aside()
            interp.choices = choices
            interp.shared_steps += interp.steps - steps
            interp.steps = steps
        interp.project.ledger.back_to(asking)


def through_stars(interp: Interpreter, module: Module, name: str) -> Value:
    """A name that `from source import *` may bring in. Each module is asked once, however many ways lead to it."""
    asked = interp.asked.get(name)
    outermost = asked is None
    if asked is None:
        asked = interp.asked[name] = set()
    elif module in asked:
        return MISSING
    asked.add(module)
    try:
        with shared(interp, (module, name)):
            for star in list(module.stars):
                value = imported(interp, star, name, module, star=True)
                if value is not MISSING:
                    module.scope.names[name] = value
                    return value
        if outermost:
            for one in asked:
                one.absent.add(name)
        return MISSING
    finally:
        if outermost:
            interp.asked.pop(name, None)


def register(interp: Interpreter, module: Module, statement: ast.stmt) -> None:
    """Enter a class or function of the module into a table, as its decorators do."""
    if statement in module.registered or not isinstance(statement, (ast.ClassDef, ast.FunctionDef)):
        return
    module.registered.add(statement)
    module.fresh.add(statement)
    interp.project.touched.add(module)
    outer = interp.module, interp.stack, interp.node, interp.statement
    interp.module, interp.stack, interp.node = module, [], statement
    try:
        with shared(interp, statement):
            made = module_attribute(interp, module, statement.name)
            for decorator in reversed(statement.decorator_list):
                with contextlib.suppress(Raised):
                    calls.call(interp, interp.eval(decorator, module.scope), [made], {}, decorator)
    finally:
        interp.module, interp.stack, interp.node, interp.statement = outer


def imported(interp: Interpreter, node: ast.ImportFrom, name: str, module: Module, star: bool = False) -> Value:
    """`from source import name`; MISSING where modules that import from each other lead back here."""
    key = (module, node, name)
    if key in interp.importing:
        return MISSING
    interp.importing.add(key)
    try:
        return import_name(interp, node, name, module, star)
    finally:
        interp.importing.discard(key)


def import_name(interp: Interpreter, node: ast.ImportFrom, name: str, importer: Module, star: bool = False) -> Value:
    """`from source import name`. With `star`, MISSING where the source has no such name."""
    source, path = source_of(interp, node, importer)
    if path is not None and path != importer.path:
        if frameworks.knows(f"{source}.{name}"):  # a framework's own sources are linted: its layers are still its layers
            return External(f"{source}.{name}")
        if star and not interp.project.may_bind(path, name):
            return MISSING
        module = interp.project.open(path)
        if module is not None:
            if star or not is_submodule(interp, module, name, f"{source}.{name}", importer.base):
                value = module_attribute(interp, module, name)
                if value is not MISSING:
                    return value
            sub = interp.project.find(f"{source}.{name}", importer.base)
            if sub is not None:
                return interp.project.open(sub) or External(f"{source}.{name}")
            if star:
                return MISSING
            if any(isinstance(module_star, ast.ImportFrom) for module_star in module.stars):
                return External(f"{source}.{name}")
            return Unknown(("import", source, name), name)
    sub = interp.project.find(f"{source}.{name}" if source else name, importer.base)
    if sub is not None and sub != importer.path:
        return interp.project.open(sub) or External(f"{source}.{name}")
    if star:
        return External(f"{source}.{name}") if frameworks.knows(f"{source}.{name}") else MISSING
    return External(f"{source}.{name}" if source else name)


def import_module(interp: Interpreter, name: str, importer: Module) -> Value:
    """`import name`."""
    path = interp.project.find(name, importer.base)
    if path is not None:
        module = interp.project.open(path)
        if module is not None:
            return module
    if interp.project.is_package(name, importer.base):
        return External(f"project:{name}")
    return External(name)


def source_of(interp: Interpreter, node: ast.ImportFrom, importer: Module) -> tuple[str, Path | None]:
    """The dotted name of what `from source import ...` imports from, and its file where there is one."""
    source = node.module or ""
    if node.level:
        parts = importer.package.split(".") if importer.package else []
        if node.level > 1:
            parts = parts[: len(parts) - (node.level - 1)]
        source = ".".join([*parts, source] if source else parts)
    path = interp.project.find(source, importer.base) if source else None
    if node.level and path is None and not source:
        path = importer.path.parent / "__init__.py" if interp.project.is_file(importer.path.parent / "__init__.py") else None
    return source, path


def is_submodule(interp: Interpreter, module: Module, name: str, dotted: str, base: Path) -> bool:
    """Does `from package import name` mean a file? A package may import a name like it with a star, from far away."""
    if name in module.bindings or not module.stars or interp.project.find(dotted, base) is None:
        return False
    sources = (source_of(interp, star, module)[1] for star in module.stars)
    return not any(one is not None and name in (interp.project.content(one) or "") for one in sources)
