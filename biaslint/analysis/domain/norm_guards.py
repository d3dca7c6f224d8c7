"""Which settings decide whether there is a norm: their tests stand before code that speaks of one.

Another value of such a setting is worth an execution of its own; what other settings choose between seldom bears on a bias.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

from biaslint.analysis.domain import node_cache
from biaslint.analysis.domain.values import FunctionValue
from biaslint.theory.conditions import NORM

_DECIDING = node_cache.per_node_cache()
_MAKERS = node_cache.per_node_cache()
_TESTED = node_cache.per_node_cache()
JUMPS = (ast.Return, ast.Continue, ast.Break)


def tested_names(func: FunctionValue) -> frozenset[str]:
    """The names and attributes that decide something in a function, or in the class whose method it is."""
    node = func.owner.node if func.owner is not None else func.node
    known: frozenset[str] | None = _TESTED.get(node)
    if known is None:
        known = _TESTED[node] = frozenset(name for test, _ in guards(node) for name in names_in([test]))
    return known


def norm_deciding_names(func: FunctionValue) -> frozenset[str]:
    """The names and attributes that decide whether a norm is made or called, or a number of rounds."""
    node = func.owner.node if func.owner is not None else func.node
    known: frozenset[str] | None = _DECIDING.get(node)
    if known is None:
        makers = norm_makers(func.module.tree)
        found: set[str] = set()
        for test, guarded in guards(node):
            tested = set(names_in([test]))
            if tested <= found:
                continue
            deciding = [one for one in guarded if not rebinds(one, tested)]
            words = set(names_in(deciding))
            if not guarded or (deciding and any(map(NORM.search, words | tested))) or words & makers:
                found |= tested
        known = _DECIDING[node] = frozenset(found)
    return known


def guards(node: ast.AST) -> Iterator[tuple[ast.expr, Sequence[ast.AST]]]:
    """Each test within a definition, with what it guards; a number of rounds guards nothing in particular."""
    for part in ast.walk(node):
        for block in (getattr(part, "body", None), getattr(part, "orelse", None), getattr(part, "finalbody", None)):
            if isinstance(block, list):
                for place, statement in enumerate(block):
                    if isinstance(statement, (ast.If, ast.While)):
                        leaves = isinstance(statement.body[-1], JUMPS)
                        yield statement.test, [*statement.body, *statement.orelse, *(block[place + 1 :] if leaves else ())]
        if isinstance(part, ast.IfExp):
            yield part.test, [part.body, part.orelse]
        elif isinstance(part, (ast.ListComp, ast.SetComp, ast.GeneratorExp)):
            for test in (test for one in part.generators for test in one.ifs):
                yield test, [part.elt]
        elif isinstance(part, ast.DictComp):
            for test in (test for one in part.generators for test in one.ifs):
                yield test, [part.value]
        elif isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id == "range":
            for argument in part.args:
                yield argument, ()


def rebinds(statement: ast.AST, names: set[str]) -> bool:
    """Does it only give a tested name another value: `if norm is None: norm = ...`?"""
    return isinstance(statement, ast.Assign) and all(
        isinstance(target, (ast.Name, ast.Attribute)) and set(names_in([target])) & names for target in statement.targets
    )


def norm_makers(tree: ast.Module | None) -> frozenset[str]:
    """The functions of a module that speak of a norm, by name, and those that speak of these."""
    if tree is None:
        return frozenset()
    known: frozenset[str] | None = _MAKERS.get(tree)
    if known is None:
        words: dict[str, set[str]] = {}
        for part in ast.walk(tree):
            if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)) and part.name not in ("__init__", "forward", "call"):
                words.setdefault(part.name, set()).update(names_in(part.body))
        found = {name for name, said in words.items() if any(map(NORM.search, said))}
        waiting = set(words) - found
        while more := {name for name in waiting if words[name] & found}:
            found |= more
            waiting -= more
        known = _MAKERS[tree] = frozenset(found)
    return known


def names_in(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """The names, attributes, keywords and short texts in a piece of source."""
    for node in nodes:
        for part in ast.walk(node):
            if isinstance(part, ast.Name):
                yield part.id
            elif isinstance(part, ast.Attribute):
                yield part.attr
            elif isinstance(part, ast.keyword) and part.arg:
                yield part.arg
            elif isinstance(part, ast.Constant) and isinstance(part.value, str) and len(part.value) < 40:
                yield part.value
