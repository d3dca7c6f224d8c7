"""Name lookup: in a function's environment, at a module's top level, through imports.

A module's top-level statements are executed when a name that they bind is asked for first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution
    from biaslint.analysis.project.environment import Environment


def bind(ex: Execution, name: str, value: Value, scope: Environment) -> None:
    """`name = value`, in the scope that the name belongs to."""
    if name in scope.globals:
        change(ex, scope.module.scope.names, name, value)
        return
    if name in scope.nonlocals:
        outer = scope.parent
        while outer is not None:
            if name in outer.names:
                outer.names[name] = value
                return
            outer = outer.parent
    scope.names[name] = value


def change(ex: Execution, table: dict[Any, Value], name: Any, value: Value) -> None:
    """Change an attribute of a module, class or function, or an item of a dict of theirs. Changes made by a definition are part of it."""
    if ex.definition_depth:
        table[name] = value
    else:
        ex.project.state.change_until_end(table, name, value)
