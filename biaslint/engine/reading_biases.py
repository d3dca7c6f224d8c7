"""Functions of a file that nothing in it calls and that take the biases of layers they are given, without asking whether there are any.

A function is reached from what the module does when it is imported and from its classes. In the others, what comes from a parameter or a global
may be a layer: `m.bias.data`, `layer.set_weights([w, b])`. Tests of a layer's class and of its bias are heeded.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cached_property, lru_cache

Function = ast.FunctionDef | ast.AsyncFunctionDef
FAMILIES = re.compile(r"Norm|Linear|Dense|Conv|Embedding|LSTM|GRU|RNN|Attention")
NORM = re.compile(r"norm|^bn|bn\d*$|^ln", re.IGNORECASE)
ITERATING = {"zip", "enumerate", "list", "tuple", "dict", "iter", "next", "reversed", "sorted", "getattr", "filter", "reduce"}
TAKES_NONE = {"isinstance", "print", "hasattr", "getattr", "id", "type", "str", "repr", "bool", "callable"}


def last_name(layer: str) -> str:
    """The last name in what the source calls a layer; "" where that is its class or a number."""
    names = re.findall(r"\w+", layer)
    return names[-1] if names and not names[-1][0].isupper() and not names[-1].isdigit() else ""


def reads(tree: ast.Module, layer: str, type_: str) -> bool:
    """Does a function that nothing calls take the bias of what may be this layer?"""
    return any(one.takes(layer, type_) for one in readings(tree))


@lru_cache(maxsize=8)
def readings(tree: ast.Module) -> tuple[Reading, ...]:
    """The functions that nothing calls; each finding of a file asks for them."""
    globals_ = {
        name for node in tree.body if isinstance(node, ast.Assign) for target in node.targets for name in stored(target)
    }
    return tuple(Reading(func, globals_) for func in unreached(tree))


def unreached(tree: ast.Module) -> Iterator[Function]:
    """The functions and methods whose names nothing that is reached mentions."""
    functions = [node for node in tree.body if isinstance(node, Function)]
    methods = [one for node in tree.body if isinstance(node, ast.ClassDef) for one in node.body if isinstance(one, Function)]
    waiting: list[ast.AST] = [node for node in tree.body if not isinstance(node, Function)]
    known: set[str] = set()
    by_name: dict[str, list[ast.AST]] = {}
    for func in functions:
        by_name.setdefault(func.name, []).append(func)
    while waiting:
        for node in ast.walk(waiting.pop()):
            name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else None
            if name is not None and name not in known:
                known.add(name)
                waiting += by_name.get(name, ())
    return (func for func in (*functions, *methods) if func.name not in known)


def stored(target: ast.expr) -> Iterator[str]:
    """The names that an assignment gives values to."""
    return (node.id for node in ast.walk(target) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))


class Reading:
    """One function, with what in it may be a layer that its caller has."""

    def __init__(self, func: Function, globals_: set[str]) -> None:
        self.func = func
        spec = func.args
        self.given = {one.arg for one in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)} - {"self", "cls"} | globals_
        self.sources: dict[str, list[ast.expr]] = {}
        self.parents = {id(child): node for node in ast.walk(func) for child in ast.iter_child_nodes(node)}
        for target, value in self.assignments() * 2:  # twice: a loop may use what a later line makes
            if self.is_given(value):
                self.given.update(stored(target))
                for name in stored(target):
                    self.sources.setdefault(name, []).append(value)
        self.asked = {
            ast.unparse(one) for test in self.tests() for one in ast.walk(test) if isinstance(one, ast.Attribute | ast.Name)
        }

    def assignments(self) -> list[tuple[ast.expr, ast.expr]]:
        """Targets with what they are assigned or iterate over."""
        found: list[tuple[ast.expr, ast.expr]] = []
        for node in ast.walk(self.func):
            if isinstance(node, ast.Assign):
                found += [(target, node.value) for target in node.targets]
            elif isinstance(node, ast.For | ast.comprehension):
                found.append((node.target, node.iter))
            elif isinstance(node, ast.NamedExpr):
                found.append((node.target, node.value))
        return found

    def is_given(self, node: ast.expr) -> bool:
        """Does it come from what the function is given, by attributes, methods and items?"""
        if isinstance(node, ast.Name):
            return node.id in self.given
        if isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
            return self.is_given(node.value)
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                return node.func.id in ITERATING and any(map(self.is_given, node.args))
            return self.is_given(node.func)
        return isinstance(node, ast.Tuple | ast.List) and any(map(self.is_given, node.elts))

    def tests(self) -> Iterator[ast.expr]:
        """The conditions in the function, but for questions about classes and about the presence of attributes."""
        for node in ast.walk(self.func):
            if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
                yield from parts(node.test)
            elif isinstance(node, ast.comprehension):
                for test in node.ifs:
                    yield from parts(test)

    def takes(self, layer: str, type_: str) -> bool:
        """Does it take the bias of what may be this layer?"""
        return any(self.may_be(owner, node, layer, type_) for owner, node in self.taken)

    @cached_property
    def taken(self) -> list[tuple[ast.expr, ast.AST]]:
        """What biases are taken of without a question, and where; each finding of a file asks for it."""
        return list(self.takings())

    def takings(self) -> Iterator[tuple[ast.expr, ast.AST]]:
        for node in ast.walk(self.func):
            if isinstance(node, ast.Attribute) and node.attr == "bias" and isinstance(node.ctx, ast.Load):
                if self.is_given(node.value) and self.needs_value(node) and ast.unparse(node) not in self.asked:
                    yield node.value, node
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and self.is_given(node.func.value):
                given = node.args[0] if node.args else None
                several = isinstance(given, ast.List | ast.Tuple) and len(given.elts) > 1
                if (node.func.attr == "set_weights" and several) or (
                    node.func.attr == "get_weights" and self.is_unpacked(node)
                ):
                    yield node.func.value, node

    def needs_value(self, node: ast.expr) -> bool:
        """Would None do harm here?"""
        parent = self.parents.get(id(node))
        if isinstance(parent, ast.Call):
            return not (isinstance(parent.func, ast.Name) and parent.func.id in TAKES_NONE)
        if isinstance(parent, ast.Assign):
            return not any(name in self.asked for target in parent.targets for name in stored(target))
        return isinstance(parent, ast.Attribute | ast.Subscript | ast.BinOp | ast.UnaryOp | ast.AugAssign | ast.keyword)

    def is_unpacked(self, node: ast.Call) -> bool:
        """Is the list that a call gives taken apart by position: `w, b = ...`, `...[1]`?"""
        parent = self.parents.get(id(node))
        if isinstance(parent, ast.Subscript):
            return ast.unparse(parent.slice) in ("1", "-1")
        return isinstance(parent, ast.Assign) and any(
            isinstance(one, ast.Tuple) and len(one.elts) == 2 for one in parent.targets
        )

    def may_be(self, owner: ast.expr, node: ast.AST, layer: str, type_: str) -> bool:
        """May it be this layer, by its name and by the class that it is asked for?"""
        name, wanted = self.name_of(owner), last_name(layer)
        if name and (NORM.search(name) or (wanted and layer.startswith("self.") and name != wanted)):
            return False
        below, above = node, self.parents.get(id(node))
        while above is not None:
            if isinstance(above, ast.Try) and any(below is one for one in above.body):
                return False
            if isinstance(above, ast.If) and any(below is one for one in above.body) and another_class(above.test, type_):
                return False
            below, above = above, self.parents.get(id(above))
        return True

    def name_of(self, owner: ast.expr) -> str:
        """The attribute that something is taken from, "" where it is not known."""
        if isinstance(owner, ast.Attribute):
            return owner.attr
        if isinstance(owner, ast.Name):
            sources = self.sources.get(owner.id, [])
            if NORM.search(owner.id):
                return owner.id
            return sources[0].attr if sources and isinstance(sources[0], ast.Attribute) else ""
        return ""


def parts(test: ast.expr) -> Iterator[ast.expr]:
    """The conditions that a test is made of, without calls."""
    if isinstance(test, ast.BoolOp):
        for one in test.values:
            yield from parts(one)
    elif isinstance(test, ast.UnaryOp):
        yield from parts(test.operand)
    elif isinstance(test, ast.Compare):
        yield from (one for one in (test.left, *test.comparators) if not isinstance(one, ast.Call))
    elif not isinstance(test, ast.Call):
        yield test


def another_class(test: ast.expr, type_: str) -> bool:
    """Does a test ask for classes of layers of which this type is none?"""
    own = FAMILIES.findall(type_)
    names = [
        one.attr if isinstance(one, ast.Attribute) else one.id if isinstance(one, ast.Name) else str(one.value)
        for one in ast.walk(test)
        if isinstance(one, ast.Attribute | ast.Name) or (isinstance(one, ast.Constant) and isinstance(one.value, str))
    ]
    asked = [FAMILIES.findall(name)[-1] for name in names if FAMILIES.search(name)]
    return bool(own) and bool(asked) and own[-1] not in asked
