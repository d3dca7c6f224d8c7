"""The abstract domain: what a name of the analysed program can stand for.

Python's own constants (None, bool, int, float, complex, str, bytes, Ellipsis, slice) stand for themselves; everything else is an
instance of a class below, or a `biaslint.theory.dataflow.Node` for a tensor.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain.layers import Param
from biaslint.analysis.domain.sequences import (
    Generator as Generator,
    PartlyKnown as PartlyKnown,
    SequenceValue as SequenceValue,
)
from biaslint.analysis.project.environment import Environment, Value as Value
from biaslint.theory import terms
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.layers import Layer, Origin
    from biaslint.analysis.project.module import Module


CONSTANTS = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis))
PLAIN = frozenset(CONSTANTS)


MAX_ITEMS = 4096  # of a list
TOO_LONG = f"more than {MAX_ITEMS:,} items"
TOO_LARGE = "a value that is too large to be worked out"


class Unknown:
    """A value that is not known. Two unknowns with equal keys are the same value; `text` is how the source would say it.

    `tensors` are the tensors that it was computed from: reading the unknown reads them. `default` is the value unless callers set
    another one (a flag's default).
    """

    __slots__ = ("default", "key", "tensors", "text")

    def __init__(self, key: Any, text: str = "", tensors: tuple[Node, ...] = (), default: Value = None) -> None:
        self.key = key
        self.text = text
        self.tensors = tensors
        self.default = default

    def __repr__(self) -> str:
        return f"<unknown {self.text or self.key}>"


class External:
    """A name that leads out of the project: `torch.nn.Conv2d`, `math.sqrt`."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<external {self.name}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, External) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)


class Options(dict[str, Any]):
    """Keyword arguments of an entry point that takes `**kwargs`: callers may set the defaults of the functions behind it."""


def together(one: dict[str, Any], two: dict[str, Any]) -> dict[str, Any]:
    """Keyword arguments that are given in two steps."""
    return (Options if isinstance(one, Options) or isinstance(two, Options) else dict)({**one, **two})


def argument(args: Args, kwargs: Kwargs, place: int, *names: str, default: Value = None) -> Value:
    """An argument by place or by one of its names."""
    for name in names:
        if name in kwargs:
            return kwargs[name]
    return args[place] if len(args) > place else default


class DictValue:
    """A dict. Keys are hashable abstract values. `open` means that there may be more entries than are known, `shared` that it belongs
    to a definition, and so to all executions, `options` that it is what an entry point has taken as `**kwargs`."""

    __slots__ = ("items", "open", "options", "shared")

    def __init__(self, items: dict[Any, Value] | None = None, open: bool = False) -> None:  # noqa: A002
        self.items = {} if items is None else items
        self.open = open
        self.options = False
        self.shared = False

    def take(self, other: DictValue) -> None:
        """Add the entries of another one."""
        self.items.update(other.items)
        self.open = self.open or other.open
        self.options = self.options or other.options

    def __repr__(self) -> str:
        return f"<dict {self.items}>"


class Alternative:
    """The value of a top-level name after an import that may fail: `present` with `package`, `absent` without it."""

    __slots__ = ("absent", "package", "present")

    def __init__(self, package: str, present: Value, absent: Value) -> None:
        self.package = package
        self.present = present
        self.absent = absent


class Deferred:
    """A deferred `from source import name` at a module's top level."""

    __slots__ = ("name", "statement")

    def __init__(self, statement: ast.ImportFrom, name: str) -> None:
        self.statement = statement
        self.name = name


class FunctionValue:
    """A function or lambda of the project."""

    __slots__ = ("attrs", "defaults", "kind", "kw_defaults", "module", "node", "owner", "remembers", "scope")

    def __init__(
        self,
        node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
        module: Module,
        scope: Environment | None,
        owner: Class | None = None,
    ) -> None:
        self.node = node
        self.module = module
        self.scope = scope
        self.owner = owner  # the class whose body holds it
        self.kind = "function"  # or staticmethod, classmethod, property, setter
        self.remembers = False  # it gives what it gave for the same arguments before
        self.defaults: list[Value] = []
        self.kw_defaults: dict[str, Value] = {}
        self.attrs: dict[str, Value] = {}

    @property
    def name(self) -> str:
        return getattr(self.node, "name", "<lambda>")

    @property
    def qualname(self) -> str:
        return f"{self.owner.name}.{self.name}" if self.owner else self.name

    def written_defaults(self) -> Iterator[tuple[str, Value, ast.expr]]:
        """The parameters that have a default, each with its value and its syntax."""
        spec = self.node.args
        positional = [*spec.posonlyargs, *spec.args]
        named = positional[len(positional) - len(spec.defaults) :]
        for parameter, value, written in zip(named, self.defaults, spec.defaults, strict=True):
            yield parameter.arg, value, written
        for parameter, syntax in zip(spec.kwonlyargs, spec.kw_defaults, strict=True):
            if syntax is not None:
                yield parameter.arg, self.kw_defaults[parameter.arg], syntax

    def __repr__(self) -> str:
        return f"<function {self.qualname}>"


class Class:
    """A class of the project. `mro` lists it and its bases in method resolution order, externals among them."""

    __slots__ = ("attrs", "bases", "dataclass", "generated", "intercepts", "meta", "module", "mro", "name", "node", "scope")

    def __init__(self, name: str, node: ast.ClassDef, module: Module, bases: list[Value]) -> None:
        self.name = name
        self.node = node
        self.module = module
        self.bases = bases
        self.attrs: dict[str, Value] = {}
        self.dataclass = False  # it or a base of it is one
        self.intercepts = False  # it or a base has a `__getattribute__`
        self.generated = False  # a decorator gives it a constructor that fills its fields
        self.meta: Class | None = None  # its metaclass, where that is of the project
        self.scope: Environment | None = None
        self.mro: list[Value] = [self]

    def without_attributes(self) -> Class:
        """The class without its own attributes, which the caller gives it anew."""
        made = Class(self.name, self.node, self.module, self.bases)
        made.dataclass, made.intercepts, made.generated = self.dataclass, self.intercepts, self.generated
        made.meta, made.scope = self.meta, self.scope
        made.mro += self.mro[1:]
        return made

    def __repr__(self) -> str:
        return f"<class {self.name}>"


@dataclass(eq=False, slots=True)
class Hook:
    """A function that is called with an instance: before it (it may replace the arguments) or after it (the result)."""

    function: Value
    before: bool
    with_kwargs: bool


class Instance:
    """An instance: of a project class (`cls` is a Class) or of a framework's (an External).

    `items` are a container's entries (Sequential, ModuleList, ModuleDict), by name; `layer` is set where it is a layer itself.
    """

    __slots__ = ("attrs", "cls", "eval_mode", "hooks", "items", "layer", "origin", "owner", "training", "used")

    def __init__(self, cls: Value, origin: Origin | None = None) -> None:
        self.cls = cls
        self.attrs: dict[str, Value] = {}
        self.items: dict[str, Value] | None = None
        self.layer: Layer | None = None
        self.origin = origin
        self.owner: Instance | None = None
        self.training: Value = True
        self.eval_mode = False
        self.hooks: list[Hook] = []
        self.used = False

    def __repr__(self) -> str:
        return f"<instance of {self.cls.name}>"


@dataclass(eq=False, slots=True)
class Method:
    """A function bound to an instance or class."""

    self: Value
    func: FunctionValue


@dataclass(eq=False, slots=True)
class BoundNative:
    """A method of a known value, carried out by the analysis: `name` of `self`."""

    self: Value
    name: str


@dataclass(eq=False, slots=True)
class Partial:
    """functools.partial."""

    func: Value
    args: list[Value]
    kwargs: dict[str, Value]


@dataclass(eq=False, slots=True)
class Super:
    """super(): lookup starts after the class `after` in the method resolution order of `self`."""

    self: Value
    after: Class


@dataclass(eq=False, slots=True)
class ModelFunction:
    """A function of the analysis itself that stands for a library's."""

    name: str
    call: Callable[..., Value]


class Raised(Exception):
    """The analysed program raises `value`, at `where`."""

    def __init__(self, value: Value, where: str = "") -> None:
        super().__init__(str(value))
        self.value = value
        self.where = where


class Stopped(Exception):
    """The analysis ran out of its steps or depth."""


def is_constructor(func: FunctionValue) -> bool:
    """Is it the `__init__` of a class?"""
    return func.owner is not None and func.name == "__init__"


def number(value: Value) -> float | None:
    """The value of a Python number. None for anything else, True and False included."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def is_constant(value: Value) -> bool:
    """Is it one of Python's own constants, with a known value?"""
    return type(value) in PLAIN or isinstance(value, CONSTANTS)


def tensors_in(value: Value, depth: int = 4) -> list[Node]:
    """All tensors that are reachable inside a value."""
    return tensors_and_effort(value, depth)[0]


def tensors_and_effort(value: Value, depth: int = 4) -> tuple[list[Node], int]:
    """All tensors that are reachable inside a value, and how many items were looked at."""
    if isinstance(value, Node):
        return [value], 1
    if isinstance(value, Unknown):
        return list(value.tensors), 1
    found: list[Node] = []
    return found, 1 if is_constant(value) else _collect(value, depth, found, set())


def params_in(value: Value, depth: int = 4) -> list[Param]:
    """All parameters of layers that are reachable inside lists, tuples and dicts."""
    if isinstance(value, Param):
        return [value]
    if depth == 0 or not isinstance(value, (SequenceValue, DictValue)) or not value.items:
        return []
    items = value.items if isinstance(value, SequenceValue) else list(value.items.values())
    if len(items) > MAX_ITEMS // 8:
        return []
    return [param for item in items if not isinstance(item, CONSTANTS) for param in params_in(item, depth - 1)]


def _collect(value: Value, depth: int, found: list[Node], seen: set[tuple[int, int]]) -> int:
    """Each container counts once at each depth: lists of one list many times over would take for ever."""
    if isinstance(value, SequenceValue):
        items: Collection[Value] = value.items
    elif isinstance(value, DictValue):
        items = value.items.values()
    elif isinstance(value, Instance) and not value.layer and value.items is None:
        items = value.attrs.values()
    else:
        return 1
    if depth == 0 or (id(value), depth) in seen:
        return 1
    seen.add((id(value), depth))
    effort = len(items)
    for item in items:
        if isinstance(item, Node):
            found.append(item)
        elif isinstance(item, Unknown):
            found.extend(item.tensors)
        elif not isinstance(item, CONSTANTS):
            effort += _collect(item, depth - 1, found, seen)
    return effort


def vast(value: Value, most: int = 4096) -> bool:
    """Do nested lists have too many items to be traversed, perhaps since one contains itself?"""
    todo, count = [value], 0
    while todo:
        part = todo.pop()
        items = (
            part.items if isinstance(part, SequenceValue) else list(part.items.values()) if isinstance(part, DictValue) else []
        )
        count += len(items)
        if count > most:
            return True
        todo.extend(item for item in items if isinstance(item, (SequenceValue, DictValue)))
    return False


def is_open(value: Value) -> bool:
    return isinstance(value, Unknown) or (isinstance(value, (SequenceValue, DictValue)) and value.open)


def adopt(owner: Instance, value: Value, text: str) -> None:
    """Make the value a part of `owner`, under this name."""
    if isinstance(value, Instance):
        if value.layer is not None and not value.layer.name:
            value.layer.name = text
        if value is not owner:
            value.owner = owner
    elif isinstance(value, Node):
        if value.op == "const":
            value.info.setdefault("called", text)
    elif isinstance(value, SequenceValue):
        for item in value.items:
            if isinstance(item, Instance) and item is not owner:
                item.owner = owner


Args = list[Value]
Kwargs = dict[str, Value]


def all_in(*values: Value) -> list[Node]:
    return [node for value in values for node in tensors_in(value)]


def term_of(value: Value) -> Any:
    """The term that a value stands for; equal values have equal terms."""
    if isinstance(value, Unknown):
        return value.key
    if is_constant(value):
        if isinstance(value, bool):
            return terms.BoolConstant(value)
        return terms.FloatConstant(value) if isinstance(value, float) else value
    if isinstance(value, SequenceValue) and not vast(value):
        return terms.SequenceTerm(value.kind, *(term_of(item) for item in value.items))
    if isinstance(value, External):
        return terms.ExternalName(value.name)
    return terms.Object(value)


def plain_strings(value: Value) -> bool:
    """Is it a list, tuple or set of strings that are known?"""
    return isinstance(value, SequenceValue) and not value.open and all(type(item) is str for item in value.items)


def hashable(value: Value) -> Any:
    """An abstract value as a dict key."""
    if isinstance(value, SequenceValue) and not vast(value):
        return terms.SequenceTerm("tuple", *(hashable(item) for item in value.items))
    return value
