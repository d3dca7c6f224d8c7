"""Shared state: changes that an execution makes to definitions, undone when it ends."""

from __future__ import annotations

from typing import Any

from biaslint.analysis.project.environment import MISSING
from biaslint.analysis.project.module import Module


class SharedState:
    """The changes of the running execution to definitions, which all executions share."""

    def __init__(self) -> None:
        # what the present execution has changed: table and name -> the table, and the value there was
        self._changed: dict[tuple[int, Any], tuple[dict[Any, Any], Any]] = {}
        self.touched: set[Module] = set()  # modules that the present execution has executed top-level statements of

    def change_until_end(self, table: dict[Any, Any], name: Any, value: Any) -> None:
        """Change what a module, a top-level class or function holds, until the execution ends."""
        self._changed.setdefault((id(table), name), (table, table.get(name, MISSING)))
        table[name] = value

    def swap_out_changes(self) -> None:
        """Swap this execution's changes with the original values. Calling it again swaps them back."""
        for (key, name), (table, other) in self._changed.items():
            self._changed[key, name] = (table, table.get(name, MISSING))
            if other is MISSING:
                table.pop(name, None)
            else:
                table[name] = other

    def end_execution(self) -> None:
        """Undo what the execution changed, and drop what module-level statements made; definitions and imports stay.

        Only the modules that the execution touched are looked at: a file may have thousands of definitions, and as many executions.
        """
        self.swap_out_changes()
        self._changed.clear()
        for module in self.touched:
            fresh, module.fresh = module.fresh, set()
            again = [statement for statement in fresh if statement not in module.lasting]
            dropped = {name for statement in again for name in module.binds.get(statement, ())}
            for name in dropped:
                module.scope.names.pop(name, None)
                module.past.pop(name, None)
                again += module.bindings[name]
            module.done.difference_update(again)
            module.ready -= dropped
            module.registered.clear()
        self.touched.clear()
