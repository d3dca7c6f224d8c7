"""Which framework does a name belong to? Passes calls and attributes on to the framework's own module.

A framework module offers the functions used below; adding a framework means writing one and naming it in `FRAMEWORKS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from biaslint.frontends import keras, tensorflow, torch
from biaslint.frontends.values import MISSING, Class, External, Func, Layer, ListV, Obj, Param, Unknown, Value
from biaslint.theory.dataflow import Dims

if TYPE_CHECKING:
    from biaslint.frontends.interpreter import Interpreter

FRAMEWORKS: list[Any] = [torch, keras, tensorflow]


@lru_cache(maxsize=1 << 16)
def of_name(name: str) -> Any:
    """The framework module a dotted name belongs to, or None."""
    for framework in FRAMEWORKS:
        if framework.owns(name):
            return framework
    return None


def of_object(obj: Obj) -> Any:
    if isinstance(obj.cls, External):
        return of_name(obj.cls.name)
    for base in obj.cls.mro if isinstance(obj.cls, Class) else ():
        if isinstance(base, External):
            framework = of_name(base.name)
            if framework is not None:
                return framework
    return None


def canonical(name: str) -> str:
    """The public name of a thing that a framework offers under several."""
    framework = of_name(name)
    return framework.canonical(name) if framework is not None else name


def knows(name: str) -> bool:
    framework = of_name(name)
    return framework is not None and framework.knows(name)


def specific(name: str) -> int:
    """How much a base class tells of what an instance is: a layer class more than a plain module, that more than `object`."""
    framework = of_name(name)
    return framework.specific(name) if framework is not None else 0


def constant(name: str) -> Value:
    """A framework's or library's constant: None where the name is not one."""
    return CONSTANTS.get(name)


CONSTANTS: dict[str, Value] = {
    "math.pi": 3.141592653589793,
    "math.e": 2.718281828459045,
    "math.inf": float("inf"),
    "numpy.inf": float("inf"),
    "typing.TYPE_CHECKING": False,
}


def call(interp: Interpreter, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """Call a framework's name. MISSING where no framework knows it."""
    framework = of_name(name)
    return framework.call(interp, framework.canonical(name), args, kwargs) if framework is not None else MISSING


def base_method(
    interp: Interpreter, obj: Obj, name: str, args: list[Value], kwargs: dict[str, Value], outside: External | None
) -> Value:
    """A method that an instance of a project class inherits from a framework's class."""
    framework = of_object(obj)
    if framework is None:
        if is_mapping(obj) and name in MAPPING:
            filled = {key: value for key, value in obj.attrs.items() if value is not None}
            return ListV(MAPPING[name](filled))
        if name == "get" and args:  # dict-like classes
            return args[1] if len(args) > 1 else None
        if name == "__getitem__" and args and isinstance(args[0], str):
            return obj.attrs.get(args[0], interp.fresh())
        if name == "__setitem__" and len(args) == 2 and isinstance(args[0], str):
            obj.attrs[args[0]] = args[1]
        return None if name == "__init__" else interp.fresh(name)
    return framework.base_method(interp, obj, name, args, kwargs)


MAPPING: dict[str, Any] = {
    "keys": list,
    "__iter__": list,
    "values": lambda filled: list(filled.values()),
    "items": lambda filled: [ListV([key, value], "tuple") for key, value in filled.items()],
}


def is_mapping(obj: Obj) -> bool:
    """Is its class built on a dict? Its entries are kept as attributes."""
    mro = obj.cls.mro if isinstance(obj.cls, Class) else ()
    return any(
        isinstance(base, External) and base.name.rpartition(".")[2] in ("dict", "OrderedDict", "UserDict") for base in mro
    )


def prepare(interp: Interpreter, obj: Obj) -> None:
    framework = of_object(obj)
    if framework is not None:
        framework.prepare(interp, obj)


def finished(interp: Interpreter, obj: Obj) -> None:
    framework = of_object(obj)
    if framework is not None:
        framework.finished(interp, obj)


def attribute(interp: Interpreter, obj: Obj, name: str) -> Value:
    framework = of_object(obj)
    return framework.attribute(interp, obj, name) if framework is not None else None


def has_attribute(obj: Obj, name: str) -> bool | None:
    framework = of_object(obj)
    return framework.has_attribute(obj, name) if framework is not None else None


def is_module(value: Value) -> bool:
    """Is it a layer or a model?"""
    if not isinstance(value, Obj):
        return False
    framework = of_object(value)
    return framework is not None and framework.is_module(value)


def within_model(interp: Interpreter) -> bool:
    """Is what runs now a method of a layer or model, or called by one?"""
    return any(isinstance(frame.self, Obj) and is_module(frame.self) for frame in interp.stack)


def store(interp: Interpreter, obj: Obj, name: str, value: Value) -> bool:
    framework = of_object(obj)
    return framework is not None and framework.store(interp, obj, name, value)


def method(interp: Interpreter, obj: Obj, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    framework = of_object(obj)
    if framework is None:
        return base_method(interp, obj, name, args, kwargs, None)
    return framework.method(interp, obj, name, args, kwargs)


def call_methods(obj: Obj) -> tuple[str, ...]:
    """The methods that calling an instance runs: the first that there is."""
    framework = of_object(obj)
    return framework.CALL_METHODS if framework is not None else ("__call__",)


def call_object(interp: Interpreter, obj: Obj, args: list[Value], kwargs: dict[str, Value]) -> Value:
    framework = of_object(obj)
    return framework.call_object(interp, obj, args, kwargs) if framework is not None else MISSING


def before_call(
    interp: Interpreter, obj: Obj, func: Func, args: list[Value], kwargs: dict[str, Value]
) -> tuple[list[Value], dict[str, Value]]:
    """What a framework does between `obj(...)` and the method that it runs: building the layer, setting flags."""
    framework = of_object(obj)
    return framework.before_call(interp, obj, func, args, kwargs) if hasattr(framework, "before_call") else (args, kwargs)


def is_graph(obj: Obj) -> bool:
    """Is it a model that was given its inputs and outputs instead of a forward pass?"""
    return "outputs" in obj.attrs and is_module(obj)


def has_forward(obj: Obj) -> bool:
    """Can a container be called itself? A Sequential can, a list of modules cannot."""
    from biaslint.frontends.attributes import external_base

    outside = external_base(obj.cls)
    return outside is None or not outside.name.endswith(("ModuleList", "ModuleDict", "ParameterList", "ParameterDict"))


def enter(interp: Interpreter, obj: Obj) -> Value:
    framework = of_object(obj)
    return framework.enter(interp, obj) if framework is not None and hasattr(framework, "enter") else obj


def leave(interp: Interpreter, obj: Obj) -> None:
    framework = of_object(obj)
    if framework is not None and hasattr(framework, "leave"):
        framework.leave(interp, obj)


def is_instance(value: Value, kind: External) -> bool | None:
    framework = of_name(kind.name)
    if framework is None:
        if isinstance(value, Obj) and isinstance(value.cls, Class):
            return kind in value.cls.mro
        if isinstance(value, Obj):
            return bool(value.cls == kind)
        return False
    answer: bool | None = framework.is_instance(value, kind)
    return answer


def is_subclass(cls: Value, kind: Value) -> bool | None:
    if isinstance(cls, Unknown) or isinstance(kind, Unknown):
        return None
    if isinstance(cls, Class):
        return (
            kind in cls.mro
            if isinstance(kind, Class)
            else any(is_subclass(base, kind) for base in cls.mro if isinstance(base, External))
        )
    if isinstance(cls, External) and isinstance(kind, External):
        if canonical(cls.name) == canonical(kind.name):
            return True
        framework = of_name(kind.name)
        return framework.is_subclass(cls, kind) if framework is not None else False
    return False


# -- modules within modules ------------------------------------------------------------------------------------------------------


def children(obj: Obj) -> Iterator[tuple[str, Value]]:
    """The layers and models that are attributes or entries of one."""
    for name, value in list(obj.attrs.items()):
        if is_module(value):
            yield name, value
    for name, value in list((obj.items or {}).items()):
        if is_module(value):
            yield name, value


def walk(obj: Obj, prefix: str = "") -> Iterator[tuple[str, Obj]]:
    """An instance and all modules within, each once, with dotted names."""
    seen: set[int] = set()
    todo: list[tuple[str, Obj]] = [(prefix, obj)]
    while todo:
        name, current = todo.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield name, current
        below = [(f"{name}.{key}" if name else key, child) for key, child in children(current)]
        todo.extend(reversed(below))


def layers_of(obj: Obj) -> Iterator[Layer]:
    for _, module in walk(obj):
        if module.layer is not None:
            yield module.layer


def container_items(obj: Obj) -> list[Value]:
    items = obj.items or {}
    if isinstance(obj.cls, External) and obj.cls.name.endswith("Dict"):
        return list(items)
    from biaslint.frontends.attributes import external_base

    outside = external_base(obj.cls)
    return list(items) if outside is not None and outside.name.endswith("Dict") else list(items.values())


def container_item(interp: Interpreter, obj: Obj, index: Value) -> Value:
    items = obj.items or {}
    if isinstance(index, str):
        if index in items:
            return items[index]
        if index in obj.attrs:
            return obj.attrs[index]
        return interp.fresh(index)
    values = list(items.values())
    if isinstance(index, Unknown):
        number = interp.choices.number(index.key)
        if number is not None and -len(values) <= int(number) < len(values):
            return values[int(number)]
        kinds = {id(value.cls) if isinstance(value, Obj) else id(value) for value in values}
        if values and len(kinds) == 1 and isinstance(values[0], Obj):
            return values[0]
        return interp.fresh("an entry")
    if isinstance(index, int):
        if interp.shortened and values and index >= len(values):
            return values[-1]
        return values[index] if -len(values) <= index < len(values) else interp.fresh("an entry")
    if isinstance(index, ListV) and index.kind == "slice":
        bounds = [
            part
            if part is None or isinstance(part, int)
            else interp.choices.number(part.key)
            if isinstance(part, Unknown)
            else None
            for part in index.items
        ]
        piece = Obj(obj.cls if isinstance(obj.cls, External) else External("torch.nn.Sequential"), obj.origin)
        chosen = list(items.items())[slice(*[None if part is None else int(part) for part in bounds])]
        piece.items = {str(place): value for place, (_, value) in enumerate(chosen)}
        return piece
    return interp.fresh("an entry")


def container_store(interp: Interpreter, obj: Obj, index: Value, value: Value) -> None:
    from biaslint.frontends.attributes import adopt

    items = obj.items if obj.items is not None else {}
    if isinstance(index, int) and -len(items) <= index < len(items):
        items[list(items)[index]] = value
    elif isinstance(index, str):
        items[index] = value
    else:
        items[f"?{len(items)}"] = value
    adopt(obj, value, "")


def container_delete(interp: Interpreter, obj: Obj, index: Value) -> None:
    items = obj.items or {}
    if isinstance(index, int) and -len(items) <= index < len(items):
        del items[list(items)[index]]
        obj.items = {str(place): value for place, value in enumerate(items.values())}
    elif isinstance(index, str):
        items.pop(index, None)
    elif (
        isinstance(index, ListV)
        and index.kind == "slice"
        and all(part is None or isinstance(part, int) for part in index.items)
    ):
        for key in list(items)[slice(*index.items)]:
            del items[key]


def copy(interp: Interpreter, value: Value, memo: dict[int, Value] | None = None) -> Value:
    """copy.deepcopy: layers are made anew at the same place in the source."""
    memo = {} if memo is None else memo
    if id(value) in memo:
        return memo[id(value)]
    if isinstance(value, ListV):
        made: Value = ListV([], value.kind, value.open)
        memo[id(value)] = made
        made.items.extend(copy(interp, item, memo) for item in value.items)
        return made
    from biaslint.frontends.values import DictV

    if isinstance(value, DictV):
        made = DictV({}, value.open)
        memo[id(value)] = made
        made.items.update({key: copy(interp, item, memo) for key, item in value.items.items()})
        return made
    if isinstance(value, Obj):
        made = Obj(value.cls, value.origin)
        memo[id(value)] = made
        made.training, made.eval_mode = value.training, value.eval_mode
        interp.objects.append(made)
        for name, item in value.attrs.items():
            made.attrs[name] = copy(interp, item, memo)
        if value.items is not None:
            made.items = {name: copy(interp, item, memo) for name, item in value.items.items()}
        if value.layer is not None:
            old = value.layer
            made.layer = Layer(
                old.type, old.kind, old.framework, old.config, old.origin, old.name, old.bias, old.trainable, old.argument,
                old.argument_text, old.default, list(old.writes), list(old.weight_writes), [], old.eval_mode, old.escaped, old.texts,
                old.settings, old.axes,
            )  # fmt: skip
            made.layer.handed = old.handed
            interp.layers.append(made.layer)
        return made
    return value


def param_dims(param: Param) -> Dims | None:
    framework = of_name(param.layer.type)
    return framework.param_dims(param) if framework is not None else None
