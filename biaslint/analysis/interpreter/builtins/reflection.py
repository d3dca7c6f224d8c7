"""Reflection: isinstance, super, getattr, setattr, type and the like."""

from __future__ import annotations

import ast
from collections.abc import Callable
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
from biaslint.analysis.interpreter import framework, module_tree
from biaslint.analysis.interpreter.objects import attributes, unknown_calls
from biaslint.theory import terms

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution


def do_isinstance(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return is_instance(ex, args[0], args[1]) if len(args) == 2 else ex.fresh()


def is_instance(ex: Execution, value: Value, kind: Value, depth: int = 8) -> Value:
    """isinstance(value, kind), or an unknown. Tuples of kinds may hold further ones, so many deep."""
    kinds = kind.items if isinstance(kind, SequenceValue) else [kind]
    answers: list[bool | None] = []
    for one in kinds:
        if isinstance(one, SequenceValue) and not depth:
            ex.give_up_here("kinds nested too deeply")
            answers.append(None)
        elif isinstance(one, SequenceValue):
            inner = is_instance(ex, value, one, depth - 1)
            answers.append(inner if isinstance(inner, bool) else None)
        else:
            answers.append(instance_of(value, one))
    if True in answers:
        return True
    if None not in answers:
        if (
            isinstance(value, Instance)
            and value.layer is not None
            and isinstance(ex.statement, ast.If)
            and ex.module is not None
        ):
            value.layer.turned_away[ex.statement] = ex.module
        return False
    text = f"isinstance({value.text}, ...)" if isinstance(value, Unknown) else ""
    return Unknown(terms.IsInstance(values.term_of(value), *(values.term_of(one) for one in kinds)), text)


PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (float,),
    "str": (str,),
    "bool": (bool,),
    "bytes": (bytes,),
    "complex": (complex,),
}


ABSTRACT: dict[str, tuple[str, ...]] = {
    "Sequence": ("list", "tuple"),
    "MutableSequence": ("list",),
    "Iterable": ("list", "tuple", "set", "dict", "str"),
    "Iterator": (),
    "Collection": ("list", "tuple", "set", "dict", "str"),
    "Mapping": ("dict",),
    "MutableMapping": ("dict",),
    "OrderedDict": ("dict",),
    "Container": ("list", "tuple", "set", "dict"),
    "Number": ("int", "float"),
    "Integral": ("int",),
    "Real": ("int", "float"),
    "Callable": ("function",),
    "list": ("list",),
    "tuple": ("tuple",),
    "set": ("set",),
    "dict": ("dict",),
    "List": ("list",),
    "Tuple": ("tuple",),
    "Dict": ("dict",),
}


def python_kind(value: Value) -> str:
    if isinstance(value, SequenceValue):
        return value.kind
    if isinstance(value, DictValue):
        return "dict"
    if isinstance(value, (FunctionValue, Method, ModelFunction, Partial, BoundNative)):
        return "function"
    return type(value).__name__ if values.is_constant(value) else "object"


def instance_of(value: Value, kind: Value) -> bool | None:
    if isinstance(value, Unknown) or isinstance(kind, Unknown):
        return None
    if kind is None:
        return value is None
    if isinstance(kind, Class):
        if isinstance(value, Instance) and isinstance(value.cls, Class):
            return kind in value.cls.mro
        return False
    if isinstance(kind, External):
        short = kind.name.rpartition(".")[2]
        if kind.name == "builtins.type":
            return isinstance(value, (Class, External))
        if kind.name.startswith("builtins.") and short in PYTHON_TYPES:
            return isinstance(value, PYTHON_TYPES[short])
        if short in ABSTRACT and framework.of_name(kind.name) is None:
            kinds = ABSTRACT[short]
            if isinstance(value, (Class, External)):
                return short == "Callable"
            return python_kind(value) in kinds
        if short == "partial":
            return isinstance(value, Partial)
        if short in ("EnumMeta", "EnumType"):
            return isinstance(value, Class) and class_lookup.is_enum(value)
        if short == "Hashable":
            return python_kind(value) not in ("list", "dict", "set")
        if short in ("FunctionType", "LambdaType"):
            return isinstance(value, FunctionValue)
        return framework.is_instance(value, kind)
    return None


def do_super(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if len(args) == 2 and isinstance(args[0], Class):
        return Super(args[1], args[0])
    return ex.fresh("super()")


def do_getattr(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if len(args) >= 2 and isinstance(args[1], str):
        if len(args) == 3:
            present = attributes.has(ex, args[0], args[1])
            if present is False:
                return args[2]
            if present is None and isinstance(args[0], Unknown) and isinstance(args[2], (bool, int, float, str, type(None))):
                value = attributes.load(ex, args[0], args[1])
                if isinstance(value, Unknown) and isinstance(args[2], bool):
                    value.default = args[2]
                return value
        return attributes.load(ex, args[0], args[1])
    if args and isinstance(args[0], Instance) and args[0].layer is not None:
        args[0].layer.passed_to_unknown_code = True  # it may be any of its parameters, which may be written to
    elif len(args) > 1 and isinstance(args[0], Instance) and isinstance(args[1], Unknown) and ex.path.is_other(args[1].key):
        return some_part(ex, args[0])
    return ex.fresh("getattr", tensors=values.tensors_in(args[0]) if args else ())


def some_part(ex: Execution, obj: Instance) -> Value:
    """A part of a model that a setting names, at another value than its default: it may be any, and any may be what sees its result."""

    def call(*args: Value, **kwargs: Value) -> Value:
        parts = [part for _, part in module_tree.children(obj) if isinstance(part, Instance)]
        return ex.opaque(*(ex.call(part, list(args), kwargs, ex.node) for part in parts), name="a part of the model")

    return ModelFunction("getattr", call)


def do_vars(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """vars(object): its attributes, which are changed where the result is."""
    return attributes.load(ex, args[0], "__dict__") if args and isinstance(args[0], Instance) else ex.fresh("vars")


def do_exec(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """exec(text): it may change whatever the function around it is given."""
    for frame in ex.stack[-1:]:
        for value in frame.bound.values():
            unknown_calls.escape(ex, value, "patch")
    return None


def do_dir(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """The names of a layer's parameters are all that is asked for."""
    layer = args[0].layer if args and isinstance(args[0], Instance) else None
    if layer is None:
        return ex.fresh("dir")
    known = framework.attribute(ex, args[0], "_parameters")
    return SequenceValue(list(known.items)) if isinstance(known, DictValue) else ex.fresh("dir")


def do_setattr(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if len(args) == 3 and isinstance(args[1], str):
        attributes.store(ex, args[0], args[1], args[2], f"self.{args[1]}")
    elif len(args) == 3 and isinstance(args[0], Instance):
        ex.serial += 1
        attributes.store(ex, args[0], f"?{ex.serial}", args[2])
    return None


def do_object_setattr(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """object.__setattr__(self, name, value), without the class's own `__setattr__`."""
    if len(args) == 3 and isinstance(args[0], Instance) and isinstance(args[1], str):
        args[0].attrs[args[1]] = args[2]
        values.adopt(args[0], args[2], f"self.{args[1]}")
    return None


def do_hasattr(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if len(args) == 2 and isinstance(args[1], str):
        present = attributes.has(ex, args[0], args[1])
        if present is not None:
            return present
        if isinstance(args[0], Unknown):
            return Unknown(terms.HasAttribute(args[0].key, args[1]), f"hasattr({args[0].text}, {args[1]!r})")
    return ex.fresh("hasattr")


def do_delattr(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if len(args) == 2 and isinstance(args[1], str):
        attributes.delete(ex, args[0], args[1])
    return None


def do_type(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if len(args) == 1:
        if isinstance(args[0], Instance):
            return args[0].cls
        if isinstance(args[0], Partial):
            return External("functools.partial")
        kind = python_kind(args[0])
        if kind not in ("object", "function"):
            return External(f"builtins.{kind}")
    return ex.fresh("type")


def do_callable(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    value = args[0] if args else None
    if isinstance(value, Unknown):
        return Unknown(terms.IsCallable(value.key), f"callable({value.text})")
    return isinstance(value, (FunctionValue, Class, External, Method, Partial, ModelFunction, BoundNative)) or (
        isinstance(value, Instance) and framework.external_base(value.cls) is not None
    )


def do_issubclass(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if len(args) == 2:
        kinds = args[1].items if isinstance(args[1], SequenceValue) else [args[1]]
        answers = [framework.is_subclass(args[0], kind) for kind in kinds]
        if True in answers:
            return True
        if None not in answers:
            return False
    return ex.fresh("issubclass")


HANDLERS: dict[str, Callable[[Execution, list[Value], dict[str, Value]], Value]] = {
    "isinstance": do_isinstance,
    "issubclass": do_issubclass,
    "super": do_super,
    "getattr": do_getattr,
    "setattr": do_setattr,
    "object.__setattr__": do_object_setattr,
    "dir": do_dir,
    "vars": do_vars,
    "exec": do_exec,
    "hasattr": do_hasattr,
    "delattr": do_delattr,
    "type": do_type,
    "callable": do_callable,
}
