"""Environments: the names of a function call, a class body or a module, and their values."""

from __future__ import annotations

from typing import Any

Value = Any  # what a name can stand for: see `biaslint.analysis.domain.values`


class _Missing:
    def __repr__(self) -> str:
        return "<missing>"


MISSING = _Missing()  # a name that is not there, or a call that a handler does not know


class Environment:
    """The names of one function call, comprehension or class body, and where to look for the others."""

    __slots__ = ("comprehension", "frame", "globals", "local", "module", "names", "nonlocals", "parent")

    def __init__(self, module: Any, parent: Environment | None = None, names: dict[str, Any] | None = None) -> None:
        self.module = module
        self.parent = parent
        self.names: dict[str, Any] = {} if names is None else names
        self.local = self.names  # the names that can be read without more ado: none in a module, or beside `global`
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()
        self.comprehension = False
        self.frame: Any = None  # the call whose names these are: a `call_stack.Frame`
