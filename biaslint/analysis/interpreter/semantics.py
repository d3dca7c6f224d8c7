"""Python's statements and expressions: the kind of node, and what carries it out."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from biaslint.analysis.interpreter.language import (
    assignments,
    definitions,
    exceptions,
    expressions,
    statements,
)

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.doors import Signal
    from biaslint.analysis.interpreter.execution import Execution
    from biaslint.analysis.project.environment import Environment


STATEMENTS: dict[type, Callable[[Execution, Any, Environment], Signal]] = {
    ast.Expr: statements.do_expr,
    ast.Assign: assignments.do_assign,
    ast.AnnAssign: assignments.do_annotated,
    ast.AugAssign: assignments.do_augmented,
    ast.If: statements.do_if,
    ast.For: statements.do_for,
    ast.AsyncFor: statements.do_for,
    ast.While: statements.do_while,
    ast.FunctionDef: definitions.do_function,
    ast.AsyncFunctionDef: definitions.do_function,
    ast.ClassDef: definitions.do_class,
    ast.Return: statements.do_return,
    ast.Raise: exceptions.do_raise,
    ast.Try: exceptions.do_try,
    ast.With: statements.do_with,
    ast.AsyncWith: statements.do_with,
    ast.Import: statements.do_import,
    ast.ImportFrom: statements.do_import_from,
    ast.Delete: statements.do_delete,
    ast.Global: statements.do_global,
    ast.Nonlocal: statements.do_nonlocal,
    ast.Assert: statements.do_assert,
    ast.Break: statements.do_break,
    ast.Continue: statements.do_continue,
    ast.Match: statements.do_match,
}
if hasattr(ast, "TryStar"):
    STATEMENTS[ast.TryStar] = exceptions.do_try

EXPRESSIONS: dict[type, Callable[[Execution, Any, Environment], Value]] = {
    ast.Constant: expressions.ev_constant,
    ast.Name: expressions.ev_name,
    ast.Attribute: expressions.ev_attribute,
    ast.Call: expressions.ev_call,
    ast.BoolOp: expressions.ev_bool,
    ast.UnaryOp: expressions.ev_unary,
    ast.BinOp: expressions.ev_binary,
    ast.Compare: expressions.ev_compare,
    ast.IfExp: expressions.ev_conditional,
    ast.Tuple: expressions.ev_tuple,
    ast.List: expressions.ev_list,
    ast.Set: expressions.ev_set,
    ast.Dict: expressions.ev_dict,
    ast.Subscript: expressions.ev_subscript,
    ast.Slice: expressions.ev_slice,
    ast.Lambda: expressions.ev_lambda,
    ast.NamedExpr: expressions.ev_walrus,
    ast.JoinedStr: expressions.ev_fstring,
    ast.ListComp: expressions.ev_comprehension,
    ast.SetComp: expressions.ev_comprehension,
    ast.GeneratorExp: expressions.ev_comprehension,
    ast.DictComp: expressions.ev_comprehension,
    ast.Starred: expressions.ev_starred,
    ast.Await: expressions.ev_await,
    ast.Yield: expressions.ev_yield,
    ast.YieldFrom: expressions.ev_yield_from,
}
