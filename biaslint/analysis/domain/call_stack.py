"""Calls in progress."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import FunctionValue, Value
    from biaslint.analysis.project.module import Module


MAX_DEPTH = 60


class Frame:
    """One call in progress: who calls, where, and with what."""

    __slots__ = ("bound", "call", "caller", "chain", "func", "resume", "self", "told", "yields")

    def __init__(self, caller: Module, call: ast.AST, func: FunctionValue, self_: Value, bound: dict[str, Value]) -> None:
        self.caller = caller
        self.call = call
        self.func = func
        self.self = self_
        self.bound = bound
        self.told: bool | None = None  # what a call in it was told last: whether this is training
        self.resume: Callable[[Value], None] | None = None  # a generator that is a context: what `yield` hands control to
        self.yields: list[Value] | None = None
        self.chain: tuple[tuple[Module, ast.AST], ...] = ()  # this call and those around it, innermost first

    def around(self) -> Iterator[Frame]:
        """This call, and those that called the functions in whose bodies the function stands, innermost first."""
        yield self
        scope = self.func.scope
        while scope is not None:
            if scope.frame is not None:
                yield scope.frame
            scope = scope.parent

    @property
    def owner(self) -> str:
        """The name of the function; of a lambda, that of the function it stands in."""
        named = (frame.func for frame in self.around() if not isinstance(frame.func.node, ast.Lambda))
        return next(named, self.func).qualname
