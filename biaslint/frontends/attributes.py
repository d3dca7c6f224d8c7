"""Attributes and items: reading, writing and deleting them on every kind of value."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

from biaslint.frontends import calls, frameworks, hugging_face, operators, parameters, scopes, tensors
from biaslint.frontends.project import Module
from biaslint.frontends.values import (
    MISSING,
    Builtin,
    Class,
    DictV,
    External,
    Func,
    ListV,
    Method,
    Native,
    Obj,
    Param,
    Partial,
    Raised,
    Super,
    Unknown,
    Value,
    hashable,
    is_constant,
    key_of,
)
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.frontends.interpreter import Interpreter


def find_in_class(cls: Value, name: str, after: Class | None = None) -> Value:
    """What a class or its bases bind a name to: a value, an External's attribute, or None. `after` skips up to and with that class."""
    mro = cls.mro if isinstance(cls, Class) else [cls]
    started = after is None
    for base in mro:
        if not started:
            started = base is after
            continue
        if isinstance(base, Class) and name in base.attrs:
            return Found(base.attrs[name], base)
    return None


class Found:
    """A class attribute and the class that holds it."""

    __slots__ = ("owner", "value")

    def __init__(self, value: Value, owner: Class) -> None:
        self.value = value
        self.owner = owner


def external_base(cls: Value) -> External | None:
    """The framework's class that a class is built on, the most specific one."""
    if isinstance(cls, External):
        return cls
    best = None
    for base in cls.mro if isinstance(cls, Class) else ():
        if isinstance(base, External):
            rank = frameworks.specific(base.name)
            if best is None or rank > best[0]:
                best = (rank, base)
    return best[1] if best else None


def is_enum(cls: Class) -> bool:
    """Is it an enumeration? Its members stand for their values."""
    return any(isinstance(base, External) and base.name.rpartition(".")[2] in ENUMS for base in cls.mro)


ENUMS = {"Enum", "IntEnum", "StrEnum", "Flag", "IntFlag"}


def find_method(obj: Obj, name: str) -> Value:
    """A method of the project for an instance, bound; None where there is none."""
    found = find_in_class(obj.cls, name)
    if found is not None and isinstance(found.value, Func):
        return Method(obj, found.value)
    return None


def load(interp: Interpreter, base: Value, name: str) -> Value:
    """base.name"""
    if isinstance(base, Obj):
        return load_obj(interp, base, name)
    if isinstance(base, Module):
        if frameworks.knows(f"{base.name}.{name}"):
            return External(f"{base.name}.{name}")
        value = scopes.module_attribute(interp, base, name)
        if value is not MISSING:
            return value
        sub = interp.project.find(f"{base.name}.{name}", base.base)
        if sub is not None:
            return interp.project.open(sub) or External(f"{base.name}.{name}")
        return Unknown(("import", base.name, name), name)
    if isinstance(base, External):
        return load_external(interp, base, name)
    if isinstance(base, Node):
        return tensors.attribute(interp, base, name)
    if isinstance(base, Param):
        return parameters.attribute(interp, base, name)
    if isinstance(base, Unknown):
        if base.key and isinstance(base.key, tuple) and base.key[:1] == ("shape",) and name != "as_list":
            return Builtin(base, name)
        if base.tensors:
            return Unknown(("attr", base.key, name), f"{base.text}.{name}", base.tensors)
        return Unknown(("attr", base.key, name), f"{base.text}.{name}" if base.text else name)
    if isinstance(base, Class):
        found = find_in_class(base, name)
        if found is not None:
            value = found.value
            if isinstance(value, Func):
                return Method(base, value) if value.kind == "classmethod" else value
            return value
        if name == "__name__" or name == "__qualname__":
            return base.name
        if name == "__members__":
            return DictV({key: item for key, item in base.attrs.items() if not key.startswith("_")})
        outside = external_base(base)
        if outside is not None:
            return Native(f"{outside.name}.{name}", lambda *args, **kwargs: call_base(interp, outside, name, args, kwargs))
        return Unknown(("attr", base, name), f"{base.name}.{name}")
    if isinstance(base, Super):
        return load_super(interp, base, name)
    if isinstance(base, Func):
        if name in base.attrs:
            return base.attrs[name]
        if name in ("__name__", "__qualname__"):
            return base.name
        if name == "__module__":
            return base.module.name
        return interp.fresh(name)
    if isinstance(base, Method):
        if name in ("__name__", "__qualname__"):
            return base.func.name
        if name == "__self__":
            return base.self
        if name == "__func__":
            return base.func
        return load(interp, base.func, name)
    if isinstance(base, Partial):
        if name == "func":
            return base.func
        if name == "keywords":
            return DictV(dict(base.kwargs))
        if name == "args":
            return ListV(list(base.args), "tuple")
        return load(interp, base.func, name)
    if isinstance(base, (ListV, DictV)) or is_constant(base):
        if isinstance(base, (int, float, str)) and name in ("real", "imag", "value"):
            return base
        return Builtin(base, name)
    if isinstance(base, (Builtin, Native)):
        return interp.fresh(name)
    return interp.fresh(name)


def call_base(interp: Interpreter, outside: External, name: str, args: tuple[Value, ...], kwargs: dict[str, Value]) -> Value:
    """`nn.Module.__init__(self, ...)`: a framework's method called through the class."""
    if args and isinstance(args[0], Obj):
        return frameworks.base_method(interp, args[0], name, list(args[1:]), dict(kwargs), outside)
    return interp.fresh(name)


def load_external(interp: Interpreter, base: External, name: str) -> Value:
    if base.name.startswith("project:"):
        full = f"{base.name[8:]}.{name}"
        if interp.module is not None:
            return scopes.import_module(interp, full, interp.module)
    if name == "__name__":
        return base.name.rpartition(".")[2]
    if name == "__init__":
        return Native(f"{base.name}.{name}", lambda *args, **kwargs: call_base(interp, base, name, args, kwargs))
    value = frameworks.constant(f"{base.name}.{name}")
    return External(f"{base.name}.{name}") if value is None else value


def load_super(interp: Interpreter, base: Super, name: str) -> Value:
    self = base.self
    cls = self if isinstance(self, Class) else self.cls if isinstance(self, Obj) else base.after
    found = find_in_class(cls, name, after=base.after)
    if found is not None:
        if isinstance(self, Obj):
            native = hugging_face.method(self, found.owner, name)
            if native is not None:
                return native
        if isinstance(found.value, Func):
            if found.value.kind == "property":
                return call_method(interp, Method(self, found.value))
            return Method(self, found.value) if found.value.kind != "staticmethod" else found.value
        return found.value
    if isinstance(self, Obj):
        outside = external_base(cls)
        return Native(
            f"super().{name}",
            lambda *args, **kwargs: frameworks.base_method(interp, self, name, list(args), dict(kwargs), outside),
        )
    if name in ("__init_subclass__", "__new__"):
        return Native(name, lambda *args, **kwargs: None)
    return interp.fresh(f"super().{name}")


def call_method(interp: Interpreter, method: Method) -> Value:
    return calls.call(interp, method, [], {}, interp.node)


def load_obj(interp: Interpreter, base: Obj, name: str) -> Value:
    found = find_in_class(base.cls, name)
    if found is not None and isinstance(found.value, Func) and found.value.kind == "property":
        return call_method(interp, Method(base, found.value))
    if name in base.attrs:
        return base.attrs[name]
    if base.items is not None and name in base.items:
        return base.items[name]
    if name == "__class__":
        return base.cls
    if name == "__dict__":
        return DictV(base.attrs)
    if name == "__dataclass_fields__":
        return DictV(dict(base.attrs))
    if found is not None:
        native = hugging_face.method(base, found.owner, name)
        if native is not None:
            return native
        value = found.value
        if isinstance(value, Func):
            if value.kind == "staticmethod":
                return value
            return Method(base.cls if value.kind == "classmethod" else base, value)
        return value
    value = frameworks.attribute(interp, base, name)
    if value is not None:
        return value
    getter = find_in_class(base.cls, "__getattr__")
    if getter is not None and isinstance(getter.value, Func) and not name.startswith("__"):
        asking = any(frame.func is getter.value for frame in interp.stack)
        if not asking:
            return calls.call(interp, Method(base, getter.value), [name], {}, interp.node)
    if external_base(base.cls) is not None:
        return Builtin(base, name)
    return Unknown(("attr", base, name), f"self.{name}")


def has(interp: Interpreter, base: Value, name: str) -> bool | None:
    """hasattr(base, name), or None where that is not known."""
    if isinstance(base, Obj):
        if name in base.attrs or find_in_class(base.cls, name) is not None or (base.items is not None and name in base.items):
            return True
        known = frameworks.has_attribute(base, name)
        if known is not None:
            return known
        return None if base.layer is None and external_base(base.cls) is not None and not frameworks.is_module(base) else False
    if isinstance(base, Class):
        return find_in_class(base, name) is not None or (None if external_base(base) is not None else False)
    if isinstance(base, External):
        return True
    if isinstance(base, ListV):
        return hasattr({"list": list, "tuple": tuple, "set": set}.get(base.kind, list), name)
    if isinstance(base, DictV):
        return hasattr(dict, name)
    if is_constant(base):
        return hasattr(base, name)
    if isinstance(base, Func):
        return name in base.attrs or hasattr(Func, name) or name in ("__name__", "__module__", "__qualname__")
    if isinstance(base, Module):
        return scopes.module_attribute(interp, base, name) is not MISSING
    if isinstance(base, Partial):
        return name in ("func", "args", "keywords")
    return None


def store(interp: Interpreter, base: Value, name: str, value: Value, text: str = "") -> None:
    """base.name = value"""
    if isinstance(base, Obj):
        setter = find_in_class(base.cls, f"{name}=setter")
        if setter is not None and isinstance(setter.value, Func):
            calls.call(interp, Method(base, setter.value), [value], {}, interp.node)
            return
        if frameworks.store(interp, base, name, value):
            return
        if base.items is not None and name in base.items:  # a named part of a sequence or list
            base.items[name] = value
        else:
            base.attrs[name] = value
        adopt(base, value, f"{text or name}")
    elif isinstance(base, (Class, Func)):
        table = base.attrs
        if base.module.scope.names.get(base.name) is base:
            scopes.change(interp, table, name, value)
        else:
            table[name] = value
    elif isinstance(base, Module):
        scopes.change(interp, base.scope.names, name, value)
    elif isinstance(base, Param):
        parameters.store(interp, base, name, value)
    elif isinstance(base, Unknown) and base.tensors:
        interp.opaque(value)


def adopt(owner: Obj, value: Value, text: str) -> None:
    """The value has become a part of `owner` and is called so."""
    if isinstance(value, Obj):
        if value.layer is not None and not value.layer.name:
            value.layer.name = text
        if value is not owner:
            value.owner = owner
    elif isinstance(value, Node):
        if value.op == "const":
            value.info.setdefault("called", text)
    elif isinstance(value, ListV):
        for item in value.items:
            if isinstance(item, Obj) and item is not owner:
                item.owner = owner


def delete(interp: Interpreter, base: Value, name: str) -> None:
    if isinstance(base, Obj):
        base.attrs.pop(name, None)
        if base.items is not None:
            base.items.pop(name, None)


def load_item(interp: Interpreter, base: Value, index: Value, node: ast.AST | None = None) -> Value:
    """base[index]"""
    index = operators.taken(interp, index)
    if isinstance(base, Node):
        return tensors.index(interp, base, index)
    if isinstance(base, Param):
        return parameters.index(interp, base, index)
    if isinstance(base, ListV):
        return list_item(interp, base, index)
    if isinstance(base, DictV):
        return dict_item(interp, base, index)
    if isinstance(base, (str, bytes)):
        if isinstance(index, int) and -len(base) <= index < len(base):
            return base[index]
        bounds = slice_of(index)
        return base[bounds] if bounds is not None else interp.fresh()
    if isinstance(base, Obj):
        return obj_item(interp, base, index)
    if isinstance(base, Unknown):
        if base.key and isinstance(base.key, tuple) and base.key[:1] == ("shape",):
            return tensors.shape_item(interp, base, index)
        return interp.item_of(base, key_of(index), (index.text if isinstance(index, Unknown) else "") or "...")
    if isinstance(base, (Class, External)):
        found = find_in_class(base, "__class_getitem__") if isinstance(base, Class) else None
        if found is None and isinstance(base, Class) and isinstance(index, str) and index in base.attrs:
            return base.attrs[index]  # Enum["NAME"]
        return base  # Generic[T]
    return interp.fresh()


def slice_of(index: Value) -> slice | None:
    if (
        isinstance(index, ListV)
        and index.kind == "slice"
        and all(part is None or isinstance(part, int) for part in index.items)
    ):
        return slice(*index.items)
    return None


def list_item(interp: Interpreter, base: ListV, index: Value) -> Value:
    if isinstance(index, (bool, int)):
        if -len(base.items) <= index < len(base.items):
            return base.items[index]
        if (base.open or interp.shortened) and base.items:
            return base.items[-1]
        return interp.fresh()
    bounds = slice_of(index)
    if bounds is not None:
        return ListV(base.items[bounds], base.kind, base.open)
    if isinstance(index, Unknown):
        number = interp.choices.number(index.key)
        if number is not None and -len(base.items) <= int(number) < len(base.items):
            return base.items[int(number)]
        if base.items and all(is_constant(item) for item in base.items) and len({key_of(item) for item in base.items}) == 1:
            return base.items[0]
        return of_any_rank(base.items) or interp.fresh(tensors=tensors.all_in(base))
    if isinstance(index, ListV) and index.kind == "slice":
        bounds_known = [None if part is None else interp.choices.number(key_of(part)) for part in index.items]
        if all(known is not None or part is None for known, part in zip(bounds_known, index.items, strict=True)):
            start, stop, step = [None if part is None else int(part) for part in bounds_known]
            return ListV(base.items[start : stop : step or None], base.kind, base.open)
        return ListV(list(base.items), base.kind, True)
    return interp.fresh(tensors=tensors.all_in(base))


def of_any_rank(items: list[Value]) -> Value:
    """Of classes that differ only in the number of spatial axes, the one for images: their biases are alike. None of others."""
    names = [item.name for item in items if isinstance(item, External)]
    if len(names) < 2 or len(names) < len(items) or len({re.sub(r"[123]d$", "", name) for name in names}) > 1:
        return None
    return next((item for item in items if item.name.endswith("2d")), None)


def dict_item(interp: Interpreter, base: DictV, index: Value) -> Value:
    if isinstance(index, Unknown):
        for key in base.items:
            if is_constant(key) and interp.choices.known(("cmp", "==", index.key, key_of(key))):
                return base.items[key]
        if len(base.items) == 1 and not base.open:
            return next(iter(base.items.values()))
        known = None if base.open else of_any_rank(list(base.items.values()))
        if known is not None:
            return known
        same = {key_of(value) for value in base.items.values()}
        if len(same) == 1 and not base.open:
            return next(iter(base.items.values()))
        return Unknown(("item", ("object", base), index.key), f"the entry for {index.text}", tuple(tensors.all_in(base)))
    key = hashable(index)
    if key in base.items:
        return base.items[key]
    for other, value in base.items.items():
        if operators.identical(interp, other, index):
            return value
    if base.open or any(isinstance(key, Unknown) for key in base.items):
        return interp.fresh(str(index))
    if interp.trying:
        raise Raised(External("builtins.KeyError"))
    interp.not_understood("a missing entry")  # entered by something that was not seen: authors do not mean to raise this
    return interp.fresh("the entry")


def obj_item(interp: Interpreter, base: Obj, index: Value) -> Value:
    found = find_in_class(base.cls, "__getitem__")
    if found is not None and isinstance(found.value, Func):
        return calls.call(interp, Method(base, found.value), [index], {}, interp.node)
    if base.items is not None:
        return frameworks.container_item(interp, base, index)
    if isinstance(index, str) and index in base.attrs:
        return base.attrs[index]
    if isinstance(base.cls, Class) and (
        base.cls.dataclass or any(isinstance(item, External) and "Tuple" in item.name for item in base.cls.mro)
    ):
        fields = list(base.attrs.values())
        if isinstance(index, int) and -len(fields) <= index < len(fields):
            return fields[index]
    return interp.fresh(tensors=tensors.all_in(base))


def store_item(interp: Interpreter, base: Value, index: Value, value: Value, text: str = "") -> None:
    """base[index] = value"""

    if isinstance(base, ListV):
        if isinstance(index, int) and -len(base.items) <= index < len(base.items):
            base.items[index] = value
        elif isinstance(index, ListV) and isinstance(value, ListV) and slice_of(index) is not None:
            base.items[slice_of(index)] = value.items  # type: ignore[index]
        else:
            base.open = True
    elif isinstance(base, DictV):
        if base.shared:
            scopes.change(interp, base.items, hashable(index), value)
        else:
            base.items[hashable(index)] = value
        if isinstance(value, Obj) and value.layer is not None and not value.layer.name:
            value.layer.name = text
    elif isinstance(base, Obj):
        if base.items is not None:
            frameworks.container_store(interp, base, index, value)
        else:
            method = find_method(base, "__setitem__")
            if method is not None:
                calls.call(interp, method, [index, value], {}, interp.node)
            elif isinstance(index, str):
                base.attrs[index] = value
    elif isinstance(base, Param):
        parameters.store_item(interp, base, index, value)
    elif isinstance(base, Node):
        tensors.store_index(interp, base, index, value)


def delete_item(interp: Interpreter, base: Value, index: Value) -> None:

    if isinstance(base, ListV) and isinstance(index, int) and -len(base.items) <= index < len(base.items):
        del base.items[index]
    elif isinstance(base, ListV) and slice_of(index) is not None:
        del base.items[slice_of(index)]  # type: ignore[arg-type]
    elif isinstance(base, DictV):
        base.items.pop(hashable(index), None)
    elif isinstance(base, Obj) and base.items is not None:
        frameworks.container_delete(interp, base, index)


def describe(value: Any) -> str:
    """A short name of a value, for lists of what was not understood."""
    if isinstance(value, External):
        return value.name
    if isinstance(value, Unknown):
        return value.text or "an unknown value"
    return type(value).__name__
