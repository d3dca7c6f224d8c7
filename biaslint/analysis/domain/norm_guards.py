"""Settings that decide whether there is a norm: tests that guard code which names one.

Another value of such a setting is worth an execution of its own; what other settings choose between seldom bears on a bias. Source
is looked at as text: a comment that speaks of a norm costs an execution, no finding.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from biaslint.analysis.domain import node_cache
from biaslint.analysis.domain.values import Class, DictValue, External, FunctionValue, Instance, Method, Partial
from biaslint.analysis.project.syntax_tree import text_of, walk
from biaslint.theory import terms

if TYPE_CHECKING:
    from biaslint.analysis.domain.path_condition import PathCondition
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.project.module import Module

_DECIDING = node_cache.per_node_cache()
PASSES = {"forward", "call", "__call__"}
OWN = {"__init__", *PASSES}  # methods that every layer has
COUNTING = {"range", "repeat"}
JUMPS = (ast.Return, ast.Continue, ast.Break)
NORM = re.compile(r"norm(?!al(ize|_|\b))|bn", re.IGNORECASE)  # a norm, no initializer that draws from a normal distribution
PARTIAL = re.compile(r"drop|^pad|group(?!s$)", re.IGNORECASE)
SPREAD = re.compile(r"dim|axis|activation|mode")
LOOKUPS = {"get", "pop"}
REWRITING = {
    "split",
    "rsplit",
    "partition",
    "rpartition",
    "replace",
    "strip",
    "lstrip",
    "rstrip",
    "find",
    "rfind",
    "index",
    "count",
    "removeprefix",
    "removesuffix",
}
REDUCTIONS = {
    "mean",
    "sum",
    "softmax",
    "log_softmax",
    "std",
    "var",
    "flatten",
    "transpose",
    "permute",
    "cat",
    "concat",
    "stack",
}
PLAIN = re.compile(r"norm(?!al(ize|_|\b))|bn|identity|lambda", re.IGNORECASE)
PART_CALLED = re.compile(r"\bself\.\w+(\[\w+\])?\(")


class Deciding(NamedTuple):
    """The names and attributes that decide something in a definition."""

    norms: frozenset[str]  # whether a norm is made or called, or a number of rounds
    parts: frozenset[str]  # whether a part of the model is called, or a number of rounds
    tested: frozenset[str]  # anything at all
    made: frozenset[str]  # what is made: it is called itself, or given as a rate, a padding, a number of groups or a name


def setting(path: PathCondition, func: FunctionValue, name: str, default: Value) -> Value:
    """The value of a parameter that callers may give another than its default."""
    names = deciding(func)
    made = name in names.made and plain(default)
    return path.settable(default, terms.Parameter(func.qualname, name), name, name in names.norms, name in names.tested, made)


def deciding(func: FunctionValue) -> Deciding:
    """The deciding names of a function, or of the class whose method it is."""
    return deciding_in(func.owner.node if func.owner is not None else func.node, func.module)


def deciding_in(node: ast.AST, module: Module) -> Deciding:
    """The deciding names of a function or class."""
    known: Deciding | None = _DECIDING.get(node)
    if known is None:
        known = _DECIDING[node] = _deciding(node, module.lines)
        handed = frozenset(handed_on(node, module))
        if handed:
            known = _DECIDING[node] = known._replace(made=known.made | handed)
    return known


def handed_on(node: ast.AST, module: Module) -> Iterator[str]:
    """The names that are given to functions and classes of the same file in which they decide whether there is a norm."""
    for part in walk(node):
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Name):
            for callee in module.bindings.get(part.func.id, ()):
                func = constructor(callee) if isinstance(callee, ast.ClassDef) else callee
                if isinstance(func, ast.FunctionDef) and callee is not node:
                    norms = deciding_in(callee, module).norms
                    names = [one.arg for one in func.args.args[func is not callee :]]
                    given = [*zip(names, part.args, strict=False), *((one.arg, one.value) for one in part.keywords)]
                    yield from (name_of(value) for name, value in given if name in norms)


def constructor(node: ast.ClassDef) -> ast.stmt | None:
    """The `__init__` of a class."""
    return next((one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"), None)


def _deciding(node: ast.AST, lines: Sequence[str]) -> Deciding:
    norms: set[str] = set()
    parts: set[str] = set()
    every: set[str] = set()
    makers = norm_makers(node, lines) if isinstance(node, ast.ClassDef) else set()
    for test, guarded in guards(node):
        tested = {word for part in walk(test) if (word := name_of(part))}
        every |= tested
        left = [one for one in guarded if not rebinds(one, tested)]
        text = "".join(text_of(one, lines) for one in left)
        if not guarded or (left and NORM.search(text + " ".join(tested))) or mentions(makers, text):
            norms |= tested
        if not guarded or PART_CALLED.search(text):
            parts |= tested
    every |= {word for part in walk(node) if isinstance(part, ast.BoolOp) for one in part.values if (word := name_of(one))}
    every |= set(gone_through(node))
    every |= {name_of(part.value) for part in walk(node) if isinstance(part, ast.keyword) and part.arg == "activation"}
    return Deciding(
        frozenset(norms),
        frozenset(parts),
        frozenset(every),
        frozenset({*making(node), *chosen_from(node, every), *asked_in_passes(node)}),
    )


def asked_in_passes(node: ast.AST) -> Iterator[str]:
    """The names that a forward pass tests."""
    for part in node.body if isinstance(node, ast.ClassDef) else ():
        if isinstance(part, ast.FunctionDef) and part.name in PASSES:
            for test, _ in guards(part):
                yield from map(name_of, walk(test))


def chosen_from(node: ast.AST, deciding: set[str]) -> Iterator[str]:
    """The names of which one is chosen for a name that decides something (`depth = max(a, b)`), and those that a property returns."""
    for part in walk(node):
        if isinstance(part, ast.FunctionDef) and part.name in deciding and part.decorator_list:
            results = [one.value for one in walk(part) if isinstance(one, ast.Return) and one.value is not None]
            yield from (name_of(one) for result in results for one in walk(result))
        value = part.value if isinstance(part, ast.Assign) and not deciding.isdisjoint(map(name_of, part.targets)) else None
        if isinstance(value, ast.Call) and name_of(value.func) in ("max", "min"):
            yield from map(name_of, value.args)


def gone_through(node: ast.AST) -> Iterator[str]:
    """The names whose items are gone through one by one, or looked up."""
    for part in walk(node):
        if isinstance(part, (ast.For, ast.AsyncFor, ast.comprehension)):
            yield from (name_of(one) for one in walk(part.iter))
        elif isinstance(part, (ast.Starred, ast.Subscript)):
            yield name_of(part.value)
        elif isinstance(part, ast.Call) and name_of(part.func) in ("any", "all", "len", "sum"):
            yield from map(name_of, part.args)
        elif isinstance(part, ast.Assign) and isinstance(part.targets[0], (ast.Tuple, ast.List)):
            yield name_of(part.value)


def making(node: ast.AST) -> Iterator[str]:
    """The names that say what is made: they are called, choose or are gone through, or are given to what asks for such names."""
    yield from gone_through(node)
    called = {name_of(part.func) for part in walk(node) if isinstance(part, ast.Call)}
    for part in walk(node):
        if isinstance(part, ast.Assign) and not called.isdisjoint(map(name_of, part.targets)):
            yield name_of(part.value)
        elif isinstance(part, ast.Call):
            callee = name_of(part.func)
            yield callee
            yield from asked_of(part.func)
            given = [
                *(("", argument) for argument in part.args),
                *((keyword.arg or "", keyword.value) for keyword in part.keywords),
            ]
            for place, (keyword, argument) in enumerate(given):
                if PARTIAL.search(keyword or callee):
                    yield from map(name_of, walk(argument) if keyword else [argument])
                elif callee == "getattr" and place == 1:
                    yield from map(name_of, walk(argument))
                elif (
                    NORM.search(f"{callee} {name_of(argument)}")
                    or SPREAD.fullmatch(keyword)
                    or (place < 2 and callee in LOOKUPS | REDUCTIONS)
                ):
                    yield name_of(argument)
        elif isinstance(part, ast.Subscript):
            yield name_of(part.slice)


def asked_of(function: ast.expr) -> Iterator[str]:
    """The name of a string that is taken apart or rewritten: `norm.split("_")`."""
    if isinstance(function, ast.Attribute) and function.attr in REWRITING:
        yield name_of(function.value)


def plain(default: Value) -> bool:
    """May another value than this default be what a bias meets: a norm or an identity, no dropout, no padding, a number of groups?"""
    if isinstance(default, str):
        return True
    if isinstance(default, (int, float)):
        return not isinstance(default, bool)
    if isinstance(default, Partial):
        return plain(default.func)
    if isinstance(default, Instance):
        return plain(default.cls)
    if isinstance(default, FunctionValue):
        return True
    return isinstance(default, (External, Class)) and bool(PLAIN.search(default.name))


FEW = 8  # entries of a table that are tried one by one


def chooses_norm(table: DictValue) -> bool:
    """Is it a table of a few parts by name, with a norm among them?"""
    parts = list(table.items.values())
    named = not table.open and len(parts) <= FEW and all(type(key) is str for key in table.items)
    names = [made_name(part) for part in parts]
    return named and None not in names and any(NORM.search(name or "") for name in names)


def made_name(part: Value) -> str | None:
    """The name of a function or class, or of the class of an instance; None of anything else."""
    if isinstance(part, (Partial, Instance, Method)):
        return made_name(part.cls if isinstance(part, Instance) else part.func)
    return part.name if isinstance(part, (External, Class, FunctionValue)) else None


def guards(node: ast.AST) -> Iterator[tuple[ast.expr, Sequence[ast.AST]]]:
    """Each test within a definition, with what it guards; a number of rounds guards nothing in particular."""
    for part in walk(node):
        for block in (getattr(part, "body", None), getattr(part, "orelse", None)):
            if isinstance(block, list):
                for place, statement in enumerate(block):
                    if isinstance(statement, (ast.If, ast.While)):
                        leaves = isinstance(statement.body[-1], JUMPS)
                        yield statement.test, [*statement.body, *statement.orelse, *(block[place + 1 :] if leaves else ())]
        if isinstance(part, ast.IfExp):
            yield part.test, [part.body, part.orelse]
        elif isinstance(part, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)):
            made = part.value if isinstance(part, ast.DictComp) else part.elt
            for test in (test for one in part.generators for test in one.ifs):
                yield test, [made]
        elif isinstance(part, ast.Call) and name_of(part.func) in COUNTING:
            for argument in part.args:
                yield argument, ()
        elif isinstance(part, ast.BinOp) and isinstance(part.op, ast.Mult):
            for one, other in ((part.left, part.right), (part.right, part.left)):
                if isinstance(one, (ast.List, ast.Tuple)):  # as many of them as a number says
                    yield other, ()


def rebinds(statement: ast.AST, names: set[str]) -> bool:
    """Does it only give a tested name another value: `if norm is None: norm = ...`?"""
    return isinstance(statement, ast.Assign) and all(name_of(target) in names for target in statement.targets)


def name_of(node: ast.AST) -> str:
    """The identifier of a name or an attribute."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def norm_makers(node: ast.ClassDef, lines: Sequence[str]) -> set[str]:
    """The methods of a class that speak of a norm, by name, and those that speak of these."""
    methods = [one for one in node.body if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))]
    texts = {one.name: "".join(text_of(statement, lines) for statement in one.body) for one in methods}
    found = {name for name, text in texts.items() if NORM.search(text)} - OWN
    while more := {name for name, text in texts.items() if name not in found | OWN and mentions(found, text)}:
        found |= more
    return found


def mentions(names: set[str], text: str) -> bool:
    """Does a text speak of one of these names?"""
    return any(name in text for name in names) and not names.isdisjoint(re.findall(r"\w+", text))
