"""What asks a value or class for its nature and its attributes: isinstance, super, getattr, setattr, type and the like."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from biaslint.frontends import attributes, frameworks
from biaslint.frontends.values import (
    Builtin,
    Class,
    DictV,
    External,
    Func,
    ListV,
    Method,
    Native,
    Obj,
    Partial,
    Super,
    Unknown,
    Value,
    is_constant,
    key_of,
    tensors_in,
)

if TYPE_CHECKING:
    from biaslint.frontends.interpreter import Interpreter


def do_isinstance(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return is_instance(interp, args[0], args[1]) if len(args) == 2 else interp.fresh()


def is_instance(interp: Interpreter, value: Value, kind: Value) -> Value:
    """isinstance(value, kind), or an unknown."""
    kinds = kind.items if isinstance(kind, ListV) else [kind]
    answers: list[bool | None] = []
    for one in kinds:
        if isinstance(one, ListV):
            inner = is_instance(interp, value, one)
            answers.append(inner if isinstance(inner, bool) else None)
        else:
            answers.append(instance_of(value, one))
    if True in answers:
        return True
    if None not in answers:
        return False
    text = f"isinstance({value.text}, ...)" if isinstance(value, Unknown) else ""
    return Unknown(("isinstance", key_of(value), *(key_of(one) for one in kinds)), text)


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
    if isinstance(value, ListV):
        return value.kind
    if isinstance(value, DictV):
        return "dict"
    if isinstance(value, (Func, Method, Native, Partial, Builtin)):
        return "function"
    return type(value).__name__ if is_constant(value) else "object"


def instance_of(value: Value, kind: Value) -> bool | None:
    if isinstance(value, Unknown) or isinstance(kind, Unknown):
        return None
    if kind is None:
        return value is None
    if isinstance(kind, Class):
        if isinstance(value, Obj) and isinstance(value.cls, Class):
            return kind in value.cls.mro
        return False
    if isinstance(kind, External):
        short = kind.name.rpartition(".")[2]
        if kind.name == "builtins.type":
            return isinstance(value, (Class, External))
        if kind.name.startswith("builtins.") and short in PYTHON_TYPES:
            return isinstance(value, PYTHON_TYPES[short])
        if short in ABSTRACT and not kind.name.startswith(("torch.", "keras.", "tensorflow.")):
            kinds = ABSTRACT[short]
            if isinstance(value, (Class, External)):
                return short == "Callable"
            return python_kind(value) in kinds
        if short == "partial":
            return isinstance(value, Partial)
        if short in ("EnumMeta", "EnumType"):
            return isinstance(value, Class) and attributes.is_enum(value)
        if short == "Hashable":
            return python_kind(value) not in ("list", "dict", "set")
        if short in ("FunctionType", "LambdaType"):
            return isinstance(value, Func)
        return frameworks.is_instance(value, kind)
    return None


def do_super(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if len(args) == 2 and isinstance(args[0], Class):
        return Super(args[1], args[0])
    return interp.fresh("super()")


def do_getattr(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if len(args) >= 2 and isinstance(args[1], str):
        if len(args) == 3:
            present = attributes.has(interp, args[0], args[1])
            if present is False:
                return args[2]
            if present is None and isinstance(args[0], Unknown) and isinstance(args[2], (bool, int, float, str, type(None))):
                value = attributes.load(interp, args[0], args[1])
                if isinstance(value, Unknown) and isinstance(args[2], bool):
                    value.default = args[2]
                return value
        return attributes.load(interp, args[0], args[1])
    if args and isinstance(args[0], Obj) and args[0].layer is not None:
        args[0].layer.escaped = True  # it may be any of its parameters, which may be written to
    return interp.fresh("getattr", tensors=tensors_in(args[0]) if args else ())


def do_dir(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """The names of a layer's parameters are all that is asked for."""
    layer = args[0].layer if args and isinstance(args[0], Obj) else None
    if layer is None:
        return interp.fresh("dir")
    known = frameworks.attribute(interp, args[0], "_parameters")
    return ListV(list(known.items)) if isinstance(known, DictV) else interp.fresh("dir")


def do_setattr(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if len(args) == 3 and isinstance(args[1], str):
        attributes.store(interp, args[0], args[1], args[2], f"self.{args[1]}")
    elif len(args) == 3 and isinstance(args[0], Obj):
        interp.serial += 1
        attributes.store(interp, args[0], f"?{interp.serial}", args[2])
    return None


def do_hasattr(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if len(args) == 2 and isinstance(args[1], str):
        present = attributes.has(interp, args[0], args[1])
        if present is not None:
            return present
        if isinstance(args[0], Unknown):
            return Unknown(("hasattr", args[0].key, args[1]), f"hasattr({args[0].text}, {args[1]!r})")
    return interp.fresh("hasattr")


def do_delattr(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if len(args) == 2 and isinstance(args[1], str):
        attributes.delete(interp, args[0], args[1])
    return None


def do_type(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if len(args) == 1:
        if isinstance(args[0], Obj):
            return args[0].cls
        kind = python_kind(args[0])
        if kind not in ("object", "function"):
            return External(f"builtins.{kind}")
    return interp.fresh("type")


def do_callable(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    value = args[0] if args else None
    if isinstance(value, Unknown):
        return Unknown(("callable", value.key), f"callable({value.text})")
    return isinstance(value, (Func, Class, External, Method, Partial, Native, Builtin)) or (
        isinstance(value, Obj) and attributes.external_base(value.cls) is not None
    )


def do_issubclass(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if len(args) == 2:
        kinds = args[1].items if isinstance(args[1], ListV) else [args[1]]
        answers = [frameworks.is_subclass(args[0], kind) for kind in kinds]
        if True in answers:
            return True
        if None not in answers:
            return False
    return interp.fresh("issubclass")


HANDLERS: dict[str, Callable[[Interpreter, list[Value], dict[str, Value]], Value]] = {
    "isinstance": do_isinstance,
    "issubclass": do_issubclass,
    "super": do_super,
    "getattr": do_getattr,
    "setattr": do_setattr,
    "dir": do_dir,
    "hasattr": do_hasattr,
    "delattr": do_delattr,
    "type": do_type,
    "callable": do_callable,
}
