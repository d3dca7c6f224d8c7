"""Making instances of classes."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from biaslint.analysis.domain import class_lookup, node_cache
from biaslint.analysis.domain.values import Class, External, FunctionValue, Instance, Method, Unknown
from biaslint.analysis.interpreter import framework, target_statistics
from biaslint.analysis.interpreter.objects import functions, operators
from biaslint.analysis.project.dependencies import Used
from biaslint.analysis.project.environment import MISSING
from biaslint.theory import terms

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Args, Kwargs, Value
    from biaslint.analysis.interpreter.execution import Execution


def instantiate(ex: Execution, cls: Class, args: Args, kwargs: Kwargs, node: ast.AST | None) -> Value:
    """cls(*args, **kwargs)"""
    if cls.meta is not None:
        own = class_lookup.find_in_class(cls.meta, "__call__")
        if own is not None and isinstance(own.value, FunctionValue):
            return ex.call(Method(cls, own.value), args, kwargs, node)
    return make(ex, cls, args, kwargs, node)


def make(ex: Execution, cls: Class, args: Args, kwargs: Kwargs, node: ast.AST | None) -> Value:
    """A new instance, as `type.__call__` makes it."""
    if ex.definition_depth:
        ex.project.tracker.asked.add(Used("class", ex.project.identity(cls.module, cls.node)))
    else:
        ex.classes.add(cls)
    target_statistics.given(ex, cls.name, args, kwargs)
    if ex.project.layers:
        made = ex.semantics.configured(ex, f"{cls.module.name}.{cls.name}", args, kwargs)
        if made is not MISSING:
            return made
    if ex.on_model is not None and framework.is_module(Instance(cls)):
        told, ex.on_model = ex.on_model, None
        told(cls, args, kwargs)
    outside = framework.external_base(cls)
    if args and class_lookup.is_enum(cls):
        return enum_member(ex, cls, args[0])
    new = class_lookup.find_in_class(cls, "__new__")
    if new is not None and isinstance(new.value, FunctionValue):
        result = functions.call_function(ex, new.value, [cls, *args], kwargs, node)
        if not (isinstance(result, Instance) and result.cls is cls):
            return result
        obj = result
    else:
        obj = Instance(cls, ex.origin())
    ex.objects.append(obj)
    framework.before_init(ex, obj)
    init = None if fills_fields(cls) else class_lookup.find_in_class(cls, "__init__")
    if init is not None and isinstance(init.value, FunctionValue):
        functions.call_function(ex, init.value, [obj, *args], kwargs, node, obj)
        return obj
    if cls.dataclass or class_lookup.is_named_tuple(cls):
        fill_fields(ex, obj, cls, args, kwargs)
        framework.fields_filled(ex, obj)
        post = class_lookup.find_method(obj, "__post_init__")
        if post is not None and not framework.is_mapping(obj):
            ex.call(post, [], {}, node)
        return obj
    if outside is not None:
        result = framework.base_method(ex, obj, "__init__", args, kwargs)
        if isinstance(result, Instance):
            return result
    return obj


def fills_fields(cls: Class) -> bool:
    """Is the constructor the one that `@dataclass` writes, of the class or a base before any that has one of its own?"""
    for base in cls.mro:
        if isinstance(base, Class) and ("__init__" in base.attrs or base.generated):
            return "__init__" not in base.attrs
    return False


def enum_member(ex: Execution, cls: Class, value: Value) -> Value:
    for name, item in list(cls.attrs.items()):
        if not name.startswith("_") and operators.equal(ex, item, value):
            return item
    return value


_FIELDS = node_cache.per_node_cache()


def field_names(node: ast.ClassDef) -> tuple[str, ...]:
    """The annotated names in a class body, class variables aside."""
    known: tuple[str, ...] | None = _FIELDS.get(node)
    if known is None:
        known = _FIELDS[node] = tuple(
            statement.target.id
            for statement in node.body
            if isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and "ClassVar" not in ast.unparse(statement.annotation)
        )
    return known


def fields_of(cls: Class) -> dict[str, Value]:
    """A dataclass's fields and their defaults, those of its bases first; MISSING where there is none."""
    fields: dict[str, Value] = {}
    for base in reversed(cls.mro):
        if isinstance(base, Class):
            fields.update((name, base.attrs.get(name, MISSING)) for name in field_names(base.node))
        else:
            fields.update(framework.fields(base))
    return fields


def is_field(value: Value) -> bool:
    """Is it `dataclasses.field(...)`?"""
    return isinstance(value, Instance) and isinstance(value.cls, External) and value.cls.name.endswith(".field")


def fill_fields(ex: Execution, obj: Instance, cls: Class, args: Args, kwargs: Kwargs) -> None:
    """The generated constructor of a dataclass or named tuple."""
    fields = fields_of(cls)
    positional = iter(args)
    for name, default in fields.items():
        value = next(positional, MISSING)
        if name in kwargs:
            value = kwargs[name]
        if value is MISSING:
            value = default
            if is_field(value):
                factory = value.attrs.get("default_factory")
                value = value.attrs.get("default", MISSING) if factory is None else ex.call(factory, [], {}, ex.node)
        obj.attrs[name] = Unknown(terms.Parameter(cls.name, name), name) if value is MISSING else value
    for name, value in kwargs.items():
        if name not in fields:
            ex.fault(f"{cls.name}: unexpected keyword `{name}`")
            obj.attrs[name] = value
