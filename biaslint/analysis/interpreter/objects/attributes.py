"""Attributes and items: reading, writing and deleting them on every kind of value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain import class_lookup, values
from biaslint.analysis.domain.values import (
    BoundNative,
    Class,
    DictValue,
    External,
    FunctionValue,
    Instance,
    Method,
    ModelFunction,
    Partial,
    SequenceValue,
    Super,
    Unknown,
)
from biaslint.analysis.interpreter import framework
from biaslint.analysis.interpreter.objects import arrays, instantiation, names as objects_names, namespaces
from biaslint.analysis.project.environment import MISSING
from biaslint.analysis.project.module import Module
from biaslint.theory import terms

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution


def load(ex: Execution, base: Value, name: str) -> Value:
    """base.name"""
    if isinstance(base, Instance):
        return load_obj(ex, base, name)
    if isinstance(base, Module):
        return load_from_module(ex, base, name)
    if isinstance(base, External):
        return load_external(ex, base, name)
    kind = ex.semantics.kinds.get(type(base))
    if kind is not None:
        return kind.attribute(ex, base, name)
    if isinstance(base, Unknown):
        if isinstance(base.key, terms.Shape) and name != "as_list":
            return BoundNative(base, name)
        if base.tensors:
            return Unknown(terms.Attribute(base.key, name), f"{base.text}.{name}", base.tensors)
        return Unknown(terms.Attribute(base.key, name), f"{base.text}.{name}" if base.text else name)
    if isinstance(base, Class):
        return load_from_class(base, name)
    if isinstance(base, Super):
        return load_super(ex, base, name)
    if isinstance(base, FunctionValue):
        return load_from_function(ex, base, name)
    if isinstance(base, Method):
        return load_from_method(ex, base, name)
    if isinstance(base, Partial):
        return load_from_partial(ex, base, name)
    if isinstance(base, SequenceValue) and base.kind == "array":
        found = arrays.attribute(base, name)
        return BoundNative(base, name) if found is MISSING else found
    if isinstance(base, SequenceValue) and name in ORDERED and len(base.items) == 2 and len(values.tensors_in(base)) == 2:
        return base.items[ORDERED[name]]
    if isinstance(base, (SequenceValue, DictValue)) or values.is_constant(base):
        if isinstance(base, (int, float, str)) and name in ("real", "imag", "value"):
            return base
        if base is None and not hasattr(base, name):
            ex.fault(f"None has no attribute `{name}`")
        return BoundNative(base, name)
    return ex.fresh(name)


ORDERED = {"values": 0, "indices": 1}  # the names of what a maximum or an order along an axis gives


def load_from_module(ex: Execution, base: Module, name: str) -> Value:
    if framework.knows(f"{base.name}.{name}"):
        return External(f"{base.name}.{name}")
    value = namespaces.module_attribute(ex, base, name)
    if value is not MISSING:
        return value
    sub = ex.project.find(f"{base.name}.{name}", base.base)
    if sub is not None:
        return ex.project.open(sub) or External(f"{base.name}.{name}")
    return Unknown(terms.Import(base.name, name), name)


def load_from_class(base: Class, name: str) -> Value:
    found = class_lookup.find_in_class(base, name)
    if found is not None:
        value = found.value
        if isinstance(value, FunctionValue):
            return Method(base, value) if value.kind == "classmethod" else value
        return value
    if name in ("__name__", "__qualname__"):
        return base.name
    if name == "__members__":
        return DictValue({key: item for key, item in base.attrs.items() if not key.startswith("_")})
    if framework.external_base(base) is not None:
        return BoundNative(base, name)  # which every execution may call: a class is defined once for all
    return Unknown(terms.Attribute(base, name), f"{base.name}.{name}")


def load_from_function(ex: Execution, base: FunctionValue, name: str) -> Value:
    if name in base.attrs:
        return base.attrs[name]
    if name in ("__name__", "__qualname__"):
        return base.name
    return base.module.name if name == "__module__" else ex.fresh(name)


def load_from_method(ex: Execution, base: Method, name: str) -> Value:
    if name in ("__name__", "__qualname__"):
        return base.func.name
    if name == "__self__":
        return base.self
    return base.func if name == "__func__" else load(ex, base.func, name)


def load_from_partial(ex: Execution, base: Partial, name: str) -> Value:
    if name == "func":
        return base.func
    if name == "keywords":
        return DictValue(dict(base.kwargs))
    if name == "args":
        return SequenceValue(list(base.args), "tuple")
    return load(ex, base.func, name)


def call_base(
    ex: Execution,
    outside: External,
    name: str,
    args: tuple[Value, ...],
    kwargs: dict[str, Value],
    through: Class | None = None,
) -> Value:
    """`nn.Module.__init__(self, ...)`: a framework's method called through the class, or `through` one that is built on it."""
    if through is not None:
        result = framework.class_method(ex, through, outside, name, list(args), kwargs)
        if result is not MISSING:
            return result
    if args and isinstance(args[0], Instance):
        return framework.base_method(ex, args[0], name, list(args[1:]), dict(kwargs))
    return ex.fresh(name)


def load_external(ex: Execution, base: External, name: str) -> Value:
    if base.name.startswith("project:"):
        full = f"{base.name[8:]}.{name}"
        if ex.module is not None:
            return namespaces.import_module(ex, full, ex.module)
    if name == "__name__":
        return base.name.rpartition(".")[2]
    if name == "__init__":
        return ModelFunction(f"{base.name}.{name}", lambda *args, **kwargs: call_base(ex, base, name, args, kwargs))
    if ex.patches:
        patched = ex.patches.get(f"{framework.canonical(base.name)}.{name}", MISSING)
        if patched is not MISSING:
            return patched
    if framework.holds_settings(base.name):
        return Unknown(terms.Attribute(terms.ExternalName(base.name), name), f"{base.name.rpartition('.')[2]}.{name}")
    value = framework.constant(f"{base.name}.{name}")
    return External(f"{base.name}.{name}") if value is None else value


def load_super(ex: Execution, base: Super, name: str) -> Value:
    self = base.self
    cls = self if isinstance(self, Class) else self.cls if isinstance(self, Instance) else base.after
    found = class_lookup.find_in_class(cls, name, after=base.after)
    if found is not None:
        if isinstance(self, Instance):
            native = framework.native_method(self, found.owner, name)
            if native is not None:
                return native
        if isinstance(found.value, FunctionValue):
            if found.value.kind == "property":
                return call_method(ex, Method(self, found.value))
            return Method(self, found.value) if found.value.kind != "staticmethod" else found.value
        return found.value
    if isinstance(self, Instance):
        if name == "__getattribute__":
            return ModelFunction(name, lambda attribute: load_obj(ex, self, attribute))
        return ModelFunction(
            f"super().{name}",
            lambda *args, **kwargs: framework.base_method(ex, self, name, list(args), dict(kwargs)),
        )
    if name == "__call__" and isinstance(self, Class):  # of a metaclass
        return ModelFunction(name, lambda *args, **kwargs: instantiation.make(ex, self, list(args), kwargs, ex.node))
    if name in ("__init_subclass__", "__new__"):
        return ModelFunction(name, lambda *args, **kwargs: None)
    return ex.fresh(f"super().{name}")


def call_method(ex: Execution, method: Method) -> Value:
    return ex.call(method, [], {}, ex.node)


def property_of(ex: Execution, method: Method) -> Value:
    """The value of a property; one that is cached is worked out once for each object."""
    if not method.func.remembers:
        return call_method(ex, method)
    key = (method.func, method.self)
    if key not in ex.remembered:
        ex.remembered[key] = call_method(ex, method)
    return ex.remembered[key]


def described(ex: Execution, base: Instance, value: Value) -> Value:
    """The attribute that a descriptor of the project gives; any other value itself."""
    getter = class_lookup.find_method(value, "__get__") if isinstance(value, Instance) else None
    return value if getter is None else ex.call(getter, [base, base.cls], {}, ex.node)


def load_obj(ex: Execution, base: Instance, name: str) -> Value:
    if isinstance(base.cls, Class) and base.cls.intercepts:
        own = class_lookup.find_in_class(base.cls, "__getattribute__")
        if own is not None and isinstance(own.value, FunctionValue) and all(frame.func is not own.value for frame in ex.stack):
            return ex.call(Method(base, own.value), [name], {}, ex.node)
    found = class_lookup.find_in_class(base.cls, name)
    if found is not None and isinstance(found.value, FunctionValue) and found.value.kind == "property":
        return property_of(ex, Method(base, found.value))
    if found is not None and isinstance(found.value, Instance) and class_lookup.find_method(found.value, "__set__"):
        return described(ex, base, found.value)
    if name in base.attrs:
        return base.attrs[name]
    if base.items is not None and name in base.items:
        return base.items[name]
    if name == "__class__":
        return base.cls
    if name == "__dict__":
        return DictValue(base.attrs)
    if name == "__dataclass_fields__":
        return DictValue(dict(base.attrs))
    if found is not None:
        native = framework.native_method(base, found.owner, name)
        if native is not None:
            return native
        value = found.value
        if isinstance(value, FunctionValue):
            if value.kind == "staticmethod":
                return value
            return Method(base.cls if value.kind == "classmethod" else base, value)
        return described(ex, base, value)
    value = framework.attribute(ex, base, name)
    nothing = isinstance(value, Unknown) and value.key == terms.Attribute(base, name)  # that is known of it
    if value is not MISSING and not nothing:
        return value
    getter = class_lookup.find_in_class(base.cls, "__getattr__")
    if getter is not None and isinstance(getter.value, FunctionValue) and not name.startswith("__"):
        asking = any(frame.func is getter.value for frame in ex.stack)
        if not asking:
            return ex.call(Method(base, getter.value), [name], {}, ex.node)
    if ex.try_depth and has(ex, base, name) is False:
        ex.may_raise("AttributeError")
    if nothing:
        return value
    if framework.external_base(base.cls) is not None:
        return BoundNative(base, name)
    return Unknown(terms.Attribute(base, name), f"self.{name}")


def has(ex: Execution, base: Value, name: str) -> bool | None:
    """hasattr(base, name), or None where that is not known."""
    if isinstance(base, Instance):
        if (
            name in base.attrs
            or class_lookup.find_in_class(base.cls, name) is not None
            or (base.items is not None and name in base.items)
        ):
            return True
        known = framework.has_attribute(base, name)
        if known is not None:
            return known
        return (
            None
            if base.layer is None and framework.external_base(base.cls) is not None and not framework.is_module(base)
            else False
        )
    if isinstance(base, Class):
        return class_lookup.find_in_class(base, name) is not None or (
            None if framework.external_base(base) is not None else False
        )
    if isinstance(base, External):
        return True
    if isinstance(base, SequenceValue):
        return None if base.kind == "array" else hasattr({"list": list, "tuple": tuple, "set": set}.get(base.kind, list), name)
    if isinstance(base, DictValue):
        return hasattr(dict, name)
    if values.is_constant(base):
        return hasattr(base, name)
    if isinstance(base, FunctionValue):
        return name in base.attrs or hasattr(FunctionValue, name) or name in ("__name__", "__module__", "__qualname__")
    if isinstance(base, Module):
        return namespaces.module_attribute(ex, base, name) is not MISSING
    if isinstance(base, Partial):
        return name in ("func", "args", "keywords")
    return None


def store(ex: Execution, base: Value, name: str, value: Value, text: str = "") -> None:
    """base.name = value"""
    if ex.on_store is not None:
        ex.on_store(ex, base, name, value)
    if isinstance(base, Instance):
        setter = class_lookup.find_in_class(base.cls, f"{name}=setter")
        if setter is not None and isinstance(setter.value, FunctionValue):
            ex.call(Method(base, setter.value), [value], {}, ex.node)
            return
        if name == "__class__":
            base.cls = value
            if not isinstance(value, (Class, External)):
                base.layer = None
            return
        there = class_lookup.find_in_class(base.cls, name)
        describes = class_lookup.find_method(there.value, "__set__") if there and isinstance(there.value, Instance) else None
        if describes is not None:
            ex.call(describes, [base, value], {}, ex.node)
            return
        own = class_lookup.find_in_class(base.cls, "__setattr__") if framework.is_module(base) else None
        if own is not None and isinstance(own.value, FunctionValue) and all(frame.func is not own.value for frame in ex.stack):
            ex.call(Method(base, own.value), [name, value], {}, ex.node)
            return
        if framework.store(ex, base, name, value):
            return
        if base.items is not None and name in base.items:  # a named part of a sequence or list
            base.items[name] = value
        else:
            base.attrs[name] = value
        values.adopt(base, value, f"{text or name}")
    elif isinstance(base, (Class, FunctionValue)):
        table = base.attrs
        if base.module.scope.names.get(base.name) is base:
            objects_names.change(ex, table, name, value)
        else:
            table[name] = value
    elif isinstance(base, Module):
        objects_names.change(ex, base.scope.names, name, value)
    elif type(base) in ex.semantics.kinds:
        ex.semantics.kinds[type(base)].store(ex, base, name, value)
    elif isinstance(base, External):
        ex.patches[f"{framework.canonical(base.name)}.{name}"] = value
    elif isinstance(base, Unknown) and base.tensors:
        ex.opaque(value)
    elif base is None:
        ex.fault(f"None has no attribute `{name}` to set")


def delete(ex: Execution, base: Value, name: str) -> None:
    if isinstance(base, Instance):
        base.attrs.pop(name, None)
        if base.items is not None:
            base.items.pop(name, None)
