"""Modules' top-level names: executing the statements that bind them, following imports."""

from __future__ import annotations

import ast
import builtins
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain.path_condition import PathCondition
from biaslint.analysis.domain.values import Alternative, Deferred, External, Raised, Unknown
from biaslint.analysis.interpreter import framework, module_tree
from biaslint.analysis.project.environment import MISSING
from biaslint.theory import terms

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution
    from biaslint.analysis.project.environment import Environment
    from biaslint.analysis.project.module import Module


def run_statement_level(ex: Execution, module: Module) -> None:
    """Execute a whole file from top to bottom, as a script."""
    ex.module = module
    tracker = ex.project.tracker
    asking = tracker.asked
    asking.add(module.path)
    for statement in module.tree.body:
        asking.update((module, name) for name in module.binds.get(statement, ()))
        if not module.begin(statement):
            continue
        ex.project.state.touched.add(module)
        if statement in module.lasting:  # what it does to definitions lasts, too
            with executing_definition(ex, statement), module.executing(statement), contextlib.suppress(Raised):
                ex.execute(statement, module.scope)
            asking.update(tracker.leads[statement])
            continue
        try:
            with tracker.recording(statement), module.executing(statement), contextlib.suppress(Raised):
                ex.execute(statement, module.scope)
        finally:
            asking.update(tracker.leads[statement])


DUNDERS = {"__name__", "__file__", "__doc__", "__all__", "__package__"}


def lookup(ex: Execution, name: str, scope: Environment) -> Value:
    """The value of a name."""
    module = scope.module
    if not scope.globals or name not in scope.globals:
        found: Environment | None = scope
        while found is not None:
            if name in found.names:
                if found is not module.scope:
                    return found.names[name]
                ex.project.tracker.asked.add((module, name))
                return bound(ex, module, name)
            found = found.parent
    return global_name(ex, module, name)


BUILTINS = {name: External(f"builtins.{name}") for name in vars(builtins)}


def builtin(name: str) -> Value:
    """One of Python's own names."""
    return BUILTINS.get(name, MISSING)


def global_name(ex: Execution, module: Module, name: str) -> Value:
    """A module's top-level name, or one of Python's own."""
    value = module_attribute(ex, module, name)
    if value is not MISSING:
        return value
    return builtin(name)


def module_attribute(ex: Execution, module: Module, name: str) -> Value:
    """A module's top-level name, or MISSING. The statements that bind it are executed when it is asked for first."""
    names, tracker = module.scope.names, ex.project.tracker
    tracker.asked.add((module, name))
    if name in names:
        if name in module.ready:
            return bound(ex, module, name)
    elif name not in module.bindings and not module.stars and name not in DUNDERS:
        return MISSING
    due = [statement for statement in module.bindings.get(name, ()) if not module.is_ahead(statement)]
    pending = [statement for statement in due or module.bindings.get(name, []) if statement not in module.done]
    if pending:
        outer = ex.module, ex.stack, ex.node, ex.statement
        asked, ex.asked = ex.asked, {}
        ex.module, ex.stack = module, []
        try:
            for statement in pending:
                if module.begin(statement):
                    ex.project.state.touched.add(module)
                    evaluated = len(ex.evaluated)
                    with executing_definition(ex, statement), module.executing(statement), contextlib.suppress(Raised):
                        ex.execute(statement, module.scope)
                    # a function that a loop of training calls does not find the mode in which the loop ends
                    for model in ex.evaluated[evaluated:] if isinstance(statement, (ast.For, ast.While)) else ():
                        module_tree.set_measured(model, False)
        finally:
            ex.module, ex.stack, ex.node, ex.statement = outer
            ex.asked = asked
    if name in names:
        entered = module.registrations.get(name, ())
        for statement in entered:
            if not module.is_ahead(statement):
                register(ex, module, statement)
        if all(one in module.done for one in module.bindings.get(name, ())) and not any(map(module.is_ahead, entered)):
            module.ready.add(name)
        return bound(ex, module, name)
    if name in DUNDERS:
        return module.name if name != "__file__" else str(module.path)
    if module.bindings is not None and module.stars and name not in module.absent:
        return through_stars(ex, module, name)
    return MISSING


LATE = (Alternative, Deferred)  # values that are worked out when they are asked for


def bound(ex: Execution, module: Module, name: str) -> Value:
    """The value of a name in the module's environment. A deferred import is followed; MISSING where it leads back."""
    value = module.present(name)
    if not isinstance(value, LATE):
        return value
    if isinstance(value, Alternative):
        found = ex.path.branch(terms.CallOf("import", value.package), f"{value.package} can be imported", True)
        value = value.present if found else value.absent
        if isinstance(value, Deferred):
            with executing_definition(ex, (module, name)):
                value = imported(ex, value.statement, value.name, module)
        return value
    if isinstance(value, Deferred):
        with executing_definition(ex, (module, name)):
            value = imported(ex, value.statement, value.name, module)
        if value is not MISSING:
            module.scope.names[name] = value
    return value


@contextlib.contextmanager
def executing_definition(ex: Execution, key: Any) -> Iterator[None]:
    """Execute a definition whose result outlives this execution.

    It runs under an empty path condition, with this execution's changes undone, and its steps are charged separately. What it
    reads is recorded under `key`, and so for every later reader of the name that it binds.
    """
    outermost = not ex.definition_depth
    if outermost and ex.shared_steps > ex.max_steps:
        ex.end_execution("too many steps")
    steps, path = ex.steps, ex.path
    if outermost:
        ex.project.state.swap_out_changes()
        ex.path = PathCondition()
        ex.path.asking = path.asking
    ex.definition_depth += 1
    try:
        with ex.project.tracker.recording(key):
            yield
    finally:
        ex.definition_depth -= 1
        if outermost:
            ex.project.state.swap_out_changes()
            ex.path = path
            ex.shared_steps += ex.steps - steps
            ex.steps = steps


def through_stars(ex: Execution, module: Module, name: str) -> Value:
    """A name that `from source import *` may bring in. Each module is asked once, however many ways lead to it."""
    asked = ex.asked.get(name)
    outermost = asked is None
    if asked is None:
        asked = ex.asked[name] = set()
    elif module in asked:
        return MISSING
    asked.add(module)
    try:
        with executing_definition(ex, (module, name)):
            for star in list(module.stars):
                value = imported(ex, star, name, module, star=True)
                if value is not MISSING:
                    module.scope.names[name] = value
                    return value
        if outermost:
            for one in asked:
                one.absent.add(name)
        return MISSING
    finally:
        if outermost:
            ex.asked.pop(name, None)


def register(ex: Execution, module: Module, statement: ast.stmt) -> None:
    """Enter a class or function of the module into a table, as its decorators do."""
    if statement in module.registered or not isinstance(statement, (ast.ClassDef, ast.FunctionDef)):
        return
    module.registered.add(statement)
    module.fresh.add(statement)
    ex.project.state.touched.add(module)
    outer = ex.module, ex.stack, ex.node, ex.statement
    ex.module, ex.stack, ex.node = module, [], statement
    try:
        with executing_definition(ex, statement), module.executing(statement):
            made = module_attribute(ex, module, statement.name)
            for decorator in reversed(statement.decorator_list):
                with contextlib.suppress(Raised):
                    ex.call(ex.eval(decorator, module.scope), [made], {}, decorator)
    finally:
        ex.module, ex.stack, ex.node, ex.statement = outer


def imported(ex: Execution, node: ast.ImportFrom, name: str, module: Module, star: bool = False) -> Value:
    """`from source import name`; MISSING where modules that import from each other lead back here."""
    key = (module, node, name)
    if key in ex.importing:
        return MISSING
    ex.importing.add(key)
    try:
        return import_name(ex, node, name, module, star)
    finally:
        ex.importing.discard(key)


def import_name(ex: Execution, node: ast.ImportFrom, name: str, importer: Module, star: bool = False) -> Value:
    """`from source import name`. With `star`, MISSING where the source has no such name."""
    source, path = source_of(ex, node, importer)
    if path is not None and path != importer.path:
        if framework.knows(f"{source}.{name}"):  # a framework's own sources are linted: its layers are still its layers
            return External(f"{source}.{name}")
        if star and not ex.project.may_bind(path, name):
            return MISSING
        module = ex.project.open(path)
        if module is not None:
            if star or not is_submodule(ex, module, name, f"{source}.{name}", importer.base):
                value = module_attribute(ex, module, name)
                if value is not MISSING:
                    return value
            sub = located(ex, f"{source}.{name}", importer)
            if sub is not None:
                return ex.project.open(sub) or External(f"{source}.{name}")
            if star:
                return MISSING
            if any(isinstance(module_star, ast.ImportFrom) for module_star in module.stars):
                return External(f"{source}.{name}")
            return Unknown(terms.Import(source, name), name)
    full = f"{source}.{name}" if source else name
    sub = ex.project.find(full, importer.base) if node.level else located(ex, full, importer)
    if sub is not None and sub != importer.path:
        return ex.project.open(sub) or External(f"{source}.{name}")
    if star:
        return External(f"{source}.{name}") if framework.knows(f"{source}.{name}") else MISSING
    return External(f"{source}.{name}" if source else name)


def located(ex: Execution, name: str, importer: Module) -> Path | None:
    """The file of an imported module. What a framework owns is only looked for in the file's own package, or beside a script."""
    if framework.of_name(name) is None:
        return ex.project.find_from(name, importer)
    own, _, _ = importer.package.partition(".")
    beside = own and own != name.partition(".")[0]  # both are installed in one folder
    return None if beside else ex.project.find(name, importer.base)


def import_module(ex: Execution, name: str, importer: Module) -> Value:
    """`import name`."""
    path = located(ex, name, importer)
    if path is not None:
        module = ex.project.open(path)
        if module is not None:
            return module
    if framework.of_name(name) is None and ex.project.is_package(name, importer.base):
        return External(f"project:{name}")
    return External(name)


def source_of(ex: Execution, node: ast.ImportFrom, importer: Module) -> tuple[str, Path | None]:
    """The dotted name of what `from source import ...` imports from, and its file where there is one."""
    source = node.module or ""
    if node.level:
        parts = importer.package.split(".") if importer.package else []
        if node.level > 1:
            parts = parts[: len(parts) - (node.level - 1)]
        source = ".".join([*parts, source] if source else parts)
    path = (ex.project.find(source, importer.base) if node.level else located(ex, source, importer)) if source else None
    if node.level and path is None and not source:
        path = importer.path.parent / "__init__.py" if ex.project.is_file(importer.path.parent / "__init__.py") else None
    return source, path


def is_submodule(ex: Execution, module: Module, name: str, dotted: str, base: Path) -> bool:
    """Does `from package import name` mean a file? The package may also import such a name with a star."""
    if name in module.bindings or not module.stars or ex.project.find(dotted, base) is None:
        return False
    for star in module.stars:
        source = source_of(ex, star, module)[1]
        if source is not None and name in (ex.project.content(source) or ""):
            return False
    return True
