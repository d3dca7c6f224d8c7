"""The tables of the interpreter: the handler of each kind of node and value.

The parts know these types and an `Execution`, not each other; `biaslint.analysis.machine` fills the tables in.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from biaslint.analysis.domain.values import Args, Kwargs, Value

Signal = tuple[str, Value] | None  # how a block is left: "return", "break" or "continue", with a value
Handler = Callable[..., Any]  # takes the execution first


@dataclass(frozen=True, slots=True)
class Kind:
    """Handlers of Python's operations on one foreign kind of value (tensors, parameters)."""

    attribute: Callable[[Any, Any, str], Value]  # x.name
    method: Callable[[Any, Any, str, Args, Kwargs], Value]  # x.name(*args, **kwargs)
    item: Callable[[Any, Any, Value], Value]  # x[index]
    store: Callable[[Any, Any, str, Value], None]  # x.name = value
    store_item: Callable[[Any, Any, Value, Value], None]  # x[index] = value


@dataclass(frozen=True, slots=True)
class Tensors:
    """Operations on tensors, and on the shape of a tensor whose rank is not known."""

    unary: Callable[[Any, Any], Value]
    binary: Callable[[Any, str, Value, Value, ast.AST], Value]
    augmented: Callable[[Any, Value, str, Value], bool]  # x += y as a write to a parameter
    unpack: Callable[[Any, Any, int | None], list[Value]]  # a, b = x
    shape_item: Callable[[Any, Any, Value], Value]
    shape_method: Callable[[Any, Any, str, Args], Value]
    sequence_method: Callable[[Any, Any, str, Args], Value]  # of a known shape, and of an array kept as a list of numbers
    unpack_shape: Callable[[Any, Any, int | None], list[Value]]
    leading: Callable[[Any, Any], list[Value]]  # *x.shape[:-1]
    rank_of_shape: Callable[[Any, Any], Value]


@dataclass(frozen=True, slots=True)
class Semantics:
    """The handlers of each kind of statement, expression and value."""

    statements: Mapping[type, Callable[[Any, Any, Any], Signal]]
    expressions: Mapping[type, Callable[[Any, Any, Any], Value]]
    calls: Mapping[type, Callable[[Any, Any, Args, Kwargs, ast.AST | None], Value]]  # by the kind of what is called
    call_unknown: Callable[[Any, Value, Args, Kwargs, ast.AST | None], Value]
    configured: Callable[[Any, str, Args, Kwargs], Value]  # layers that the configuration describes, asked before the libraries
    libraries: tuple[
        Callable[[Any, str, Args, Kwargs], Value], ...
    ]  # asked in this order for a name that leads out of the project
    methods: Callable[[Any, Value, str, Args, Kwargs], Value]  # of Python's own kinds of values
    iterate: Callable[[Any, Value, ast.AST | None], list[Value]]
    kinds: Mapping[type, Kind]
    tensors: Tensors
