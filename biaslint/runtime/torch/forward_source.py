"""What the source of a forward pass says of its arguments: which part of the model reads each, and by which keys.

Nothing here is certain: it orders the guesses.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from dataclasses import dataclass, field
from typing import Any

_SIZES = {"shape", "dtype", "device", "ndim"}
_SIZE_CALLS = {"size", "dim", "len", "isinstance", "type", "next", "numel"}
_DEEPEST = 3

Origin = tuple[str, str | int | None]  # an argument, and the key or place in it


@dataclass(slots=True)
class Reading:
    """How one argument is read: by these parts of the model, as a whole, by key or place, or one by one."""

    modules: list[str] = field(default_factory=list)
    keys: dict[str | int, list[str]] = field(default_factory=dict)
    each: str = ""  # the list of modules that goes along with it


def readings(model: Any) -> dict[str, Reading]:
    """By the argument's name; empty where there is no source."""
    found: dict[str, Reading] = {}
    forward = _function(model, "forward")
    if forward is not None:
        names = [one.arg for one in (*forward.args.posonlyargs, *forward.args.args, *forward.args.kwonlyargs)][1:]
        _Reader(model, found, 0).read(forward, {name: {(name, None)} for name in names})
    return found


def _function(model: Any, name: str) -> ast.FunctionDef | None:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(getattr(type(model), name))))
    except (OSError, TypeError, AttributeError, SyntaxError):
        return None
    made = tree.body[0] if tree.body else None
    return made if isinstance(made, ast.FunctionDef) else None


class _Reader:
    def __init__(self, model: Any, found: dict[str, Reading], depth: int) -> None:
        self.model, self.found, self.depth = model, found, depth
        self.modules = dict(model.named_modules())
        self.origins: dict[str, set[Origin]] = {}

    def read(self, function: ast.FunctionDef, origins: dict[str, set[Origin]]) -> None:
        """Follow the arguments through a function, statement by statement."""
        self.origins = origins
        for statement in function.body:
            self._statement(statement)

    def _statement(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.Assign):
            came = self._origins(statement.value)
            for target in statement.targets:
                self._bind(target, statement.value, came)
            return
        if isinstance(statement, ast.For):
            self._along(statement.target, statement.iter)
        for child in ast.iter_child_nodes(statement):
            if isinstance(child, ast.stmt):
                self._statement(child)
            elif isinstance(child, ast.expr):
                self._origins(child)

    def _bind(self, target: ast.expr, value: ast.expr, came: set[Origin]) -> None:
        if isinstance(target, ast.Name):
            self.origins[target.id] = came
        elif isinstance(target, (ast.Tuple, ast.List)):
            whole = isinstance(value, ast.Name) and len(came) == 1 and all(key is None for _, key in came)
            for index, part in enumerate(target.elts):
                if isinstance(part, ast.Name):
                    self.origins[part.id] = {self._keyed(next(iter(came))[0], index)} if whole else came

    def _keyed(self, name: str, key: str | int) -> Origin:
        self.found.setdefault(name, Reading()).keys.setdefault(key, [])
        return name, key

    def _along(self, target: ast.expr, over: ast.expr) -> None:
        """A loop over a list of modules and an argument together."""
        if not (isinstance(over, ast.Call) and isinstance(over.func, ast.Name) and over.func.id == "zip"):
            return
        lists = [name for one in over.args if (name := self._module(one))]
        for name, key in (origin for one in over.args for origin in self._origins(one)):
            if key is None and lists:
                self.found.setdefault(name, Reading()).each = lists[0]

    def _origins(self, node: ast.expr) -> set[Origin]:
        """Where a value comes from; notes on the way what is read by a part of the model."""
        if isinstance(node, ast.Name):
            return self.origins.get(node.id, set())
        if isinstance(node, ast.Attribute):
            came = self._origins(node.value)
            return set() if node.attr in _SIZES else came
        if isinstance(node, ast.Subscript):
            return self._item(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, (ast.ListComp, ast.GeneratorExp)):
            for one in node.generators:
                self._along(one.target, one.iter)
        found: set[Origin] = set()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                found |= self._origins(child)
        return found

    def _item(self, node: ast.Subscript) -> set[Origin]:
        came = self._origins(node.value)
        if (
            isinstance(node.value, ast.Name)
            and isinstance(node.slice, ast.Constant)
            and isinstance(node.slice.value, str)
            and len(came) == 1
        ):
            return {self._keyed(next(iter(came))[0], node.slice.value)}
        return came

    def _call(self, node: ast.Call) -> set[Origin]:
        called = node.func
        given = [self._origins(one.value if isinstance(one, ast.Starred) else one) for one in node.args]
        given += [self._origins(one.value) for one in node.keywords]
        came: set[Origin] = set().union(*given) if given else set()
        module = self._module(called)
        if module:
            for name, key in came:
                reading = self.found.setdefault(name, Reading())
                (reading.modules if key is None else reading.keys.setdefault(key, [])).append(module)
            return set()
        name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
        if isinstance(called, ast.Attribute):
            if isinstance(called.value, ast.Name) and called.value.id == "self":
                return self._method(name, node)
            owner = self._origins(called.value)
            if (
                name == "get"
                and node.args
                and isinstance(node.args[0], ast.Constant)
                and isinstance(called.value, ast.Name)
                and owner
            ):
                return {self._keyed(next(iter(owner))[0], str(node.args[0].value))}
            came |= owner
        return set() if name in _SIZE_CALLS else came

    def _method(self, name: str, node: ast.Call) -> set[Origin]:
        """A method of the model itself is read, too."""
        function = _function(self.model, name)
        if function is not None and self.depth < _DEEPEST:
            names = [one.arg for one in function.args.args][1:]
            given = dict(zip(names, map(self._origins, node.args), strict=False))
            given |= {one.arg: self._origins(one.value) for one in node.keywords if one.arg}
            _Reader(self.model, self.found, self.depth + 1).read(function, given)
        return set()

    def _module(self, node: ast.expr) -> str:
        """The name of the module that an expression such as self.a.b or self.layers[0] means, "" for anything else."""
        parts: list[str] = []
        while isinstance(node, (ast.Attribute, ast.Subscript)):
            if isinstance(node, ast.Attribute):
                parts.insert(0, node.attr)
            elif isinstance(node.slice, ast.Constant):
                parts.insert(0, str(node.slice.value))
            else:
                parts.insert(0, "0")
            node = node.value
        name = ".".join(parts)
        return name if isinstance(node, ast.Name) and node.id == "self" and name in self.modules else ""
