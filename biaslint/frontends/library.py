"""Python's own functions, the methods of its own types, and the parts of the standard library that model code uses."""

from __future__ import annotations

import ast
import itertools
import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from biaslint.flow import Node
from biaslint.frontends import arrays, attributes, facts, operators
from biaslint.frontends.interpreter import BUILTIN_EXCEPTIONS
from biaslint.frontends.values import (
    MAX_ITEMS,
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
    Partial,
    Setting,
    Unknown,
    Value,
    hashable,
    is_constant,
    is_open,
    key_of,
    tensors_in,
)

if TYPE_CHECKING:
    from biaslint.frontends.interpreter import Interpreter

BUILTINS = set(vars(__import__("builtins")))


def builtin(interp: Interpreter, name: str) -> Value:
    """One of Python's own names."""
    return External(f"builtins.{name}") if name in BUILTINS else MISSING


def items(interp: Interpreter, value: Value, node: ast.AST | None = None) -> list[Value]:
    """The items of a value, in order. What has an unknown length has a few."""
    from biaslint.frontends import calls, frameworks, tensors

    if isinstance(value, ListV):
        return list(value.items)
    if isinstance(value, DictV):
        return list(value.items)
    if isinstance(value, str):
        return list(value)
    if isinstance(value, Node):
        return tensors.unpack(interp, value, None)
    if isinstance(value, Obj):
        method = attributes.find_method(value, "__iter__")
        if method is not None:
            return items(interp, calls.call(interp, method, [], {}, node))
        if value.items is not None:
            return frameworks.container_items(value)
        getter, length = attributes.find_method(value, "__getitem__"), attributes.find_method(value, "__len__")
        if getter is not None and length is not None:
            count = calls.call(interp, length, [], {}, node)
            if isinstance(count, int):
                return [calls.call(interp, getter, [index], {}, node) for index in range(min(count, 64))]
        return (
            list(value.attrs.values()) if isinstance(value.cls, Class) and calls.is_named_tuple(value.cls) else [interp.fresh()]
        )
    if isinstance(value, Class):
        return [item for name, item in value.attrs.items() if not name.startswith("_") and not isinstance(item, Func)]
    if isinstance(value, Unknown):
        if value.tensors:
            return [interp.opaque(value, name=value.text) for _ in range(2)]
        if isinstance(value.key, tuple) and value.key[:1] == ("shape",):
            return tensors.unpack_shape(interp, value, None)
        if isinstance(value.key, tuple) and value.key[:1] == ("lead",):
            return tensors.leading(interp, value)
        count = interp.choices.size(("len", value.key))
        return [interp.item_of(value, index) for index in range(count)]
    return [interp.fresh()]


def number(value: Value) -> bool:
    return isinstance(value, (int, float))


def call_builtin(interp: Interpreter, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """One of Python's own functions."""
    if len(args) < LEAST.get(name, 0):
        return interp.fresh(name)
    handler = HANDLERS.get(name)
    if handler is not None:
        return handler(interp, args, kwargs)
    if name in BUILTIN_EXCEPTIONS:
        return External(f"builtins.{name}")
    pure = PURE_BUILTINS.get(name)
    if pure is not None and not kwargs and all(is_constant(arg) for arg in args):
        try:
            return pure(*args)
        except Exception:  # whatever Python makes of these values
            return interp.fresh()
    found = [node for arg in args for node in tensors_in(arg)]
    if found:
        return interp.opaque(*args, name=name)
    if len(args) == 1 and isinstance(args[0], Unknown) and name in ("int", "float", "abs", "round", "bool", "str"):
        arg = args[0]
        known = interp.choices.number(arg.key)
        if known is not None and name in ("int", "float", "abs"):
            return PURE_BUILTINS[name](known)
        return arg if name in ("int", "float") else Unknown((name, arg.key), f"{name}({arg.text})", default=arg.default)
    return interp.fresh(name)


def do_range(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if all(isinstance(arg, int) for arg in args) and 1 <= len(args) <= 3 and (len(args) < 3 or args[2]):
        numbers = range(*args)
        return ListV(list(numbers[:MAX_ITEMS]), open=bool(numbers[MAX_ITEMS:]))
    if 1 <= len(args) <= 3:
        start = args[0] if len(args) > 1 else 0
        stop = args[1] if len(args) > 1 else args[0]
        if isinstance(stop, Unknown) and isinstance(start, int):
            count = interp.choices.size(stop.key)
            return ListV(list(range(start, max(count, start + 1 if start > count else count))[:MAX_ITEMS]))
        if isinstance(start, Unknown):
            first = interp.choices.number(start.key)
            last = interp.choices.number(key_of(stop))
            step = args[2] if len(args) > 2 and isinstance(args[2], int) and args[2] else 1
            if first is not None and last is not None:
                return ListV(list(range(int(first), int(last), step)[:64]))
            return ListV([interp.fresh() for _ in range(2)])
    return ListV([interp.fresh() for _ in range(2)], open=True)


def do_len(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    from biaslint.frontends import calls, tensors

    value = args[0] if args else None
    if isinstance(value, (ListV, DictV)):
        if isinstance(value, ListV) and value.kind == "set":
            return len({key_of(item) for item in value.items})
        return len(value.items)
    if isinstance(value, (str, bytes)):
        return len(value)
    if isinstance(value, Obj):
        method = attributes.find_method(value, "__len__")
        if method is not None:
            return calls.call(interp, method, [], {}, interp.node)
        if value.items is not None:
            return len(value.items)
    if isinstance(value, Unknown):
        if isinstance(value.key, tuple) and value.key[:1] == ("shape",):
            return tensors.rank_of_shape(interp, value)
        known = interp.choices.sizes.get(("len", value.key))
        return known if known is not None else Unknown(("len", value.key), f"len({value.text})")
    if isinstance(value, Node):
        return Unknown(("dim", value.id, 0), "len(...)")
    return interp.fresh("len")


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
    from biaslint.frontends import frameworks

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
    from biaslint.frontends.values import Super

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
    from biaslint.frontends import frameworks

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


def sequence(kind: str) -> Callable[[Interpreter, list[Value], dict[str, Value]], Value]:
    def make(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
        if not args:
            return ListV([], kind)
        if kind == "set" and isinstance(args[0], ListV):
            seen: dict[Any, Value] = {}
            for item in args[0].items:
                seen.setdefault(key_of(item), item)
            return ListV(list(seen.values()), kind, args[0].open)
        return ListV(interp.iterate(args[0]), kind, isinstance(args[0], ListV) and args[0].open)

    return make


def do_dict(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    result = DictV()
    if args:
        fill_dict(interp, result, args[0])
    result.items.update(kwargs)
    return result


def fill_dict(interp: Interpreter, result: DictV, source: Value) -> None:
    if isinstance(source, DictV):
        result.items.update(source.items)
        result.open = result.open or source.open
    elif isinstance(source, ListV):
        for pair in source.items:
            if isinstance(pair, ListV) and len(pair.items) == 2:
                result.items[hashable(pair.items[0])] = pair.items[1]
    elif isinstance(source, Obj) and source.items is not None:
        result.items.update(source.items)
    else:
        result.open = True


def do_zip(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    known = [arg for arg in args if not isinstance(arg, Unknown)]
    columns = []
    if known and len(known) < len(args):
        shortest = min(len(interp.iterate(arg)) for arg in known)
        for arg in args:
            if isinstance(arg, Unknown) and not arg.tensors:
                columns.append([interp.item_of(arg, index) for index in range(shortest)])
            else:
                columns.append(interp.iterate(arg))
    else:
        columns = [interp.iterate(arg) for arg in args]
    return ListV([ListV(list(row), "tuple") for row in zip(*columns, strict=False)])


def do_enumerate(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    start = args[1] if len(args) > 1 else kwargs.get("start", 0)
    start = start if isinstance(start, int) else 0
    return (
        ListV([ListV([index, item], "tuple") for index, item in enumerate(interp.iterate(args[0]), start)])
        if args
        else ListV([])
    )


def do_map(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    from biaslint.frontends import calls

    columns = [interp.iterate(arg) for arg in args[1:]]
    return ListV([calls.call(interp, args[0], list(row), {}, interp.node) for row in zip(*columns, strict=False)])


def do_filter(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    from biaslint.frontends import calls

    keep = []
    for item in interp.iterate(args[1]):
        test = item if args[0] is None else calls.call(interp, args[0], [item], {}, interp.node)
        if interp.truth(test):
            keep.append(item)
    return ListV(keep)


def do_sum(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    parts = interp.iterate(args[0])
    total: Value = args[1] if len(args) > 1 else kwargs.get("start", 0)
    for part in parts:
        if total == 0 and is_constant(total):
            total = part
        else:
            total = operators.binary(interp, ast.Add(), total, part, interp.node or ast.Pass())
    return total


def extreme(name: str) -> Callable[[Interpreter, list[Value], dict[str, Value]], Value]:
    function = {"min": min, "max": max}[name]

    def work(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
        parts = interp.iterate(args[0]) if len(args) == 1 else args
        if parts and all(number(part) for part in parts) and "key" not in kwargs:
            return function(parts)
        if parts and all(isinstance(part, str) for part in parts) and "key" not in kwargs:
            return function(parts)
        found = [node for part in parts for node in tensors_in(part)]
        if found:
            return interp.opaque(ListV(parts), name=name)
        return Unknown((name, *(key_of(part) for part in parts)), f"{name}(...)") if len(parts) < 5 else interp.fresh(name)

    return work


def do_sorted(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    parts = interp.iterate(args[0]) if args else []
    if (all(number(part) for part in parts) or all(isinstance(part, str) for part in parts)) and "key" not in kwargs:
        return ListV(sorted(parts, reverse=kwargs.get("reverse") is True))
    return ListV(parts)


def quantifier(stop: bool) -> Callable[[Interpreter, list[Value], dict[str, Value]], Value]:
    def work(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
        for item in interp.iterate(args[0]):
            if interp.truth(item) is stop:
                return stop
        return not stop

    return work


def do_reversed(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return ListV(list(reversed(interp.iterate(args[0]))))


def do_next(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    source = args[0] if args else None
    if isinstance(source, ListV) and source.items:
        return source.items.pop(0) if source.kind == "iterator" else source.items[0]
    if len(args) > 1:
        return args[1]
    return interp.fresh("next")


def do_iter(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return ListV(interp.iterate(args[0]), "iterator") if args else interp.fresh()


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
    from biaslint.frontends import frameworks

    if len(args) == 2:
        kinds = args[1].items if isinstance(args[1], ListV) else [args[1]]
        answers = [frameworks.is_subclass(args[0], kind) for kind in kinds]
        if True in answers:
            return True
        if None not in answers:
            return False
    return interp.fresh("issubclass")


def do_str(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if not args:
        return ""
    if is_constant(args[0]):
        return str(args[0])
    if isinstance(args[0], Unknown):
        return Unknown(("str", args[0].key), f"str({args[0].text})")
    return interp.fresh("str")


def do_nothing(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return None


def do_bool(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if args and isinstance(args[0], Unknown):
        return Unknown(args[0].key, args[0].text, default=args[0].default)
    return interp.truth(args[0]) if args else False


def do_open(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return interp.fresh("open")


HANDLERS: dict[str, Callable[[Interpreter, list[Value], dict[str, Value]], Value]] = {
    "range": do_range,
    "len": do_len,
    "isinstance": do_isinstance,
    "issubclass": do_issubclass,
    "super": do_super,
    "getattr": do_getattr,
    "setattr": do_setattr,
    "dir": do_dir,
    "hasattr": do_hasattr,
    "delattr": do_delattr,
    "list": sequence("list"),
    "tuple": sequence("tuple"),
    "set": sequence("set"),
    "frozenset": sequence("set"),
    "dict": do_dict,
    "zip": do_zip,
    "enumerate": do_enumerate,
    "map": do_map,
    "filter": do_filter,
    "sum": do_sum,
    "min": extreme("min"),
    "max": extreme("max"),
    "sorted": do_sorted,
    "any": quantifier(True),
    "all": quantifier(False),
    "reversed": do_reversed,
    "next": do_next,
    "iter": do_iter,
    "type": do_type,
    "callable": do_callable,
    "str": do_str,
    "repr": do_str,
    "print": do_nothing,
    "bool": do_bool,
    "open": do_open,
}
# how many arguments by position a function needs: with fewer, the program itself fails
LEAST = {
    "sum": 1, "min": 1, "max": 1, "any": 1, "all": 1, "reversed": 1, "map": 1, "filter": 2, "functools.reduce": 2, "itertools.repeat": 1,
    "itertools.chain.from_iterable": 1, "itertools.accumulate": 1, "itertools.islice": 1, "itertools.pairwise": 1,
    "collections.namedtuple": 1, "operator.mul": 2, "operator.add": 2,
}  # fmt: skip
PURE_BUILTINS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "int": lambda *args: int(*args) if not (args and isinstance(args[0], str) and len(args[0]) > 100) else 0,
    "float": float,
    "round": lambda number, digits=None: round(number, digits) if digits is None or abs(digits) < 400 else 1 / 0,
    "divmod": divmod,
    "chr": chr,
    "ord": ord,
    "hex": hex,
    "bin": bin,
    "pow": lambda a, b: a**b if abs(b) < 64 and abs(a) < 1 << 64 else 1 / 0,
}


# -- methods of Python's own types -------------------------------------------------------------------------------------------

STRING_METHODS = {
    "split", "rsplit", "strip", "lstrip", "rstrip", "lower", "upper", "startswith", "endswith", "replace", "join", "partition",
    "rpartition", "title", "capitalize", "isdigit", "isalpha", "isalnum", "find", "rfind", "count", "index", "removeprefix",
    "removesuffix", "splitlines", "isnumeric", "islower", "isupper", "casefold", "format", "zfill",
}  # fmt: skip


def method(interp: Interpreter, self: Value, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """A method of a string, number, list, dict or set."""
    if isinstance(self, str):
        if isinstance(self, Setting) and name in ("lower", "upper", "casefold", "strip") and getattr(str(self), name)() == self:
            return self  # still the setting
        return string_method(interp, self, name, args, kwargs)
    if isinstance(self, ListV):
        return list_method(interp, self, name, args, kwargs)
    if isinstance(self, DictV):
        return dict_method(interp, self, name, args, kwargs)
    if isinstance(self, float) and name == "is_integer":
        return self.is_integer()
    if isinstance(self, int) and name == "bit_length":
        return self.bit_length()
    if isinstance(self, (int, float)) and name in ("item", "tolist", "numpy"):
        return self
    if isinstance(self, Unknown) and isinstance(self.key, tuple) and self.key[:1] == ("shape",):
        from biaslint.frontends import tensors

        return tensors.shape_method(interp, self, name, args)
    return interp.fresh(name)


def string_method(interp: Interpreter, self: str, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if name == "join" and args:
        parts = interp.iterate(args[0])
        known = all(isinstance(part, str) for part in parts)
        long = known and sum(map(len, parts)) + len(self) * len(parts) > 100_000
        return self.join(parts) if known and not long else interp.fresh("a string")
    if name in STRING_METHODS:
        plain = [tuple(arg.items) if isinstance(arg, ListV) else arg for arg in args]
        if all(is_constant(arg) or isinstance(arg, tuple) for arg in plain) and all(
            is_constant(arg) for arg in kwargs.values()
        ):
            if name in ("zfill", "format") and any(isinstance(arg, int) and arg > 1000 for arg in plain):
                return interp.fresh("a string")
            if name == "format" and not operators.modest(self):
                return interp.fresh("a string")
            if name in ("replace", "join") and len(self) * max([len(str(arg)) for arg in plain], default=0) > 100_000:
                return interp.fresh("a string")
            try:
                value = getattr(self, name)(*plain, **kwargs)
            except Exception:  # whatever Python makes of these values
                return interp.fresh("a string")
            return (
                ListV(list(value), "list" if isinstance(value, list) else "tuple")
                if isinstance(value, (list, tuple))
                else value
            )
    return interp.fresh("a string")


def list_method(interp: Interpreter, self: ListV, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if name in ("append", "add") and args:
        if len(self.items) >= MAX_ITEMS:
            self.open = True
        elif not (name == "add" and any(key_of(item) == key_of(args[0]) for item in self.items)):
            self.items.append(args[0])
        return None
    if name in ("extend", "update") and args:
        self.items.extend(interp.iterate(args[0])[: max(MAX_ITEMS - len(self.items), 0)])
        self.open = self.open or is_open(args[0]) or len(self.items) >= MAX_ITEMS
        return None
    if name == "insert" and len(args) == 2:
        where = args[0] if isinstance(args[0], int) else len(self.items)
        if len(self.items) >= MAX_ITEMS:
            self.open = True
            return None
        self.items.insert(max(min(where, len(self.items)), -len(self.items)), args[1])
        return None
    if name == "pop":
        where = args[0] if args else -1
        if isinstance(where, int) and self.items and -len(self.items) <= where < len(self.items):
            return self.items.pop(where)
        return interp.fresh("pop")
    if name == "index" and args:
        for position, item in enumerate(self.items):
            if operators.equal(interp, item, args[0]):
                return position
        return interp.fresh("index")
    if name == "count" and args:
        return sum(1 for item in self.items if operators.equal(interp, item, args[0]))
    if name in ("remove", "discard") and args:
        for position, item in enumerate(self.items):
            if operators.equal(interp, item, args[0]):
                del self.items[position]
                break
        return None
    if name == "reverse":
        self.items.reverse()
        return None
    if name == "sort":
        if all(number(item) for item in self.items) and "key" not in kwargs:
            self.items.sort(reverse=kwargs.get("reverse") is True)
        return None
    if name == "copy":
        return ListV(list(self.items), self.kind, self.open)
    if name == "clear":
        self.items.clear()
        return None
    if name in ("popleft",):
        return self.items.pop(0) if self.items else interp.fresh("popleft")
    if name == "appendleft" and args:
        self.items.insert(0, args[0])
        return None
    if name in ("union", "difference", "intersection") and self.kind == "set":
        symbol = {"union": ast.BitOr(), "difference": ast.Sub(), "intersection": ast.BitAnd()}[name]
        result: Value = self
        for arg in args:
            result = operators.binary(interp, symbol, result, ListV(interp.iterate(arg), "set"), ast.Pass())
        return result
    if name in ("issubset", "issuperset") and args:
        other = interp.iterate(args[0])
        small, large = (self.items, other) if name == "issubset" else (other, self.items)
        keys = {key_of(item) for item in large}
        return all(key_of(item) in keys for item in small)
    if name in ("tolist", "numpy", "cpu", "detach", "to", "flatten"):
        return self
    if name in ("split", "chunk") and args:
        return split_list(interp, self, name, args[0])
    if name == "as_list":
        return ListV(list(self.items))
    if name == "numel":
        return do_product(interp, [self], {})
    if name == "_replace":
        return self
    return interp.fresh(name, tensors_in(self))


def split_list(interp: Interpreter, self: ListV, name: str, sizes: Value) -> Value:
    """`linspace(...).split(depths)`: a list of numbers in consecutive parts."""
    if isinstance(sizes, int) and sizes > 0:
        each = -(-len(self.items) // sizes) if name == "chunk" else sizes
        counts = [each] * (-(-len(self.items) // max(each, 1)))
    elif isinstance(sizes, ListV) and all(isinstance(item, int) for item in sizes.items):
        counts = list(sizes.items)
    else:
        return interp.fresh(name)
    parts, start = [], 0
    for count in counts:
        parts.append(ListV(self.items[start : start + count]))
        start += count
    return ListV(parts, "tuple")


def dict_method(interp: Interpreter, self: DictV, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if name == "items":
        return ListV([ListV([key, value], "tuple") for key, value in self.items.items()], open=self.open)
    if name == "keys":
        return ListV(list(self.items), open=self.open)
    if name == "values":
        return ListV(list(self.items.values()), open=self.open)
    if name in ("get", "pop", "setdefault") and args:
        return dict_get(interp, self, name, args)
    if name == "update":
        for arg in args:
            fill_dict(interp, self, arg)
        self.items.update(kwargs)
        return None
    if name == "copy":
        return DictV(dict(self.items), self.open)
    if name == "clear":
        self.items.clear()
        return None
    if name == "fromkeys" and args:
        return DictV({hashable(item): args[1] if len(args) > 1 else None for item in interp.iterate(args[0])})
    if name == "popitem" and self.items:
        key = next(reversed(self.items))
        return ListV([key, self.items.pop(key)], "tuple")
    if name in ("move_to_end",):
        return None
    return interp.fresh(name)


def dict_get(interp: Interpreter, self: DictV, name: str, args: list[Value]) -> Value:
    default = args[1] if len(args) > 1 else None
    if isinstance(args[0], Unknown):
        if isinstance(default, (Func, Method)) or not self.items:
            return default  # implementations behind one registry do the same thing; the fallback is one of them
        return Unknown(("item", ("object", self), args[0].key), f"the entry for {args[0].text}", tuple(tensors_in(self)))
    key = hashable(args[0])
    if key in self.items:
        value = self.items[key]
        if name == "pop":
            del self.items[key]
        return value
    if name == "setdefault":
        self.items[key] = default
    if self.open and default is None:
        return interp.fresh(str(args[0]))
    return default


# -- the standard library ------------------------------------------------------------------------------------------------------


def do_product(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    result: Value = 1
    for part in interp.iterate(args[0]) if args else []:
        result = operators.binary(interp, ast.Mult(), result, part, ast.Pass())
    return result


def do_partial(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if not args:
        return interp.fresh("partial")
    if isinstance(args[0], Partial):
        return Partial(args[0].func, [*args[0].args, *args[1:]], {**args[0].kwargs, **kwargs})
    return Partial(args[0], list(args[1:]), dict(kwargs))


def do_reduce(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    from biaslint.frontends import calls

    parts = interp.iterate(args[1])
    result = args[2] if len(args) > 2 else parts.pop(0) if parts else interp.fresh()
    for part in parts:
        result = calls.call(interp, args[0], [result, part], {}, interp.node)
    return result


def do_chain(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return ListV([item for arg in args for item in interp.iterate(arg)])


def do_chain_from(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return ListV([item for arg in interp.iterate(args[0]) for item in interp.iterate(arg)])


def do_repeat(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    count = args[1] if len(args) > 1 else kwargs.get("times", 3)
    return ListV([args[0]] * (min(count, MAX_ITEMS) if isinstance(count, int) else 3))


def do_cartesian(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    import itertools

    columns = [interp.iterate(arg) for arg in args]
    rows = itertools.islice(itertools.product(*columns), MAX_ITEMS)
    return ListV([ListV(list(row), "tuple") for row in rows])


def do_accumulate(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    total: Value = None
    results = []
    for part in interp.iterate(args[0]):
        total = part if total is None else operators.binary(interp, ast.Add(), total, part, ast.Pass())
        results.append(total)
    return ListV(results)


def do_islice(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    parts = interp.iterate(args[0])
    if all(arg is None or (isinstance(arg, int) and arg >= 0) for arg in args[1:]) and 1 < len(args) < 5 and args[3:] != [0]:
        return ListV(parts[slice(*args[1:])])
    return ListV(parts)


def do_pairwise(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    parts = interp.iterate(args[0])
    return ListV([ListV([one, two], "tuple") for one, two in itertools.pairwise(parts)])


def do_zip_longest(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    columns = [interp.iterate(arg) for arg in args]
    count = max((len(column) for column in columns), default=0)
    fill = kwargs.get("fillvalue")
    rows = [[column[index] if index < len(column) else fill for column in columns] for index in range(count)]
    return ListV([ListV(row, "tuple") for row in rows])


def do_deepcopy(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    from biaslint.frontends import frameworks

    return frameworks.copy(interp, args[0]) if args else interp.fresh()


def do_named_tuple(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    from biaslint.frontends.values import Class as Cls

    fields = args[1] if len(args) > 1 else None
    names = (
        fields.replace(",", " ").split()
        if isinstance(fields, str)
        else [item for item in interp.iterate(fields) if isinstance(item, str)]
    )
    node = ast.ClassDef(
        name=str(args[0]),
        bases=[],
        keywords=[],
        body=[ast.AnnAssign(ast.Name(name, ast.Store()), ast.Name("object", ast.Load()), None, 1) for name in names],
        decorator_list=[],
        lineno=1,
        col_offset=0,
    )
    assert interp.module is not None
    cls = Cls(str(args[0]), node, interp.module, [External("typing.NamedTuple")])
    cls.mro = [cls, External("typing.NamedTuple")]
    cls.dataclass = True
    return cls


def do_field(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    field = Obj(External("dataclasses.field"))
    field.attrs.update(kwargs)
    return field


def data_fields(obj: Value) -> dict[str, Value]:
    """The fields of a dataclass instance."""
    return dict(obj.attrs) if isinstance(obj, Obj) else {}


def do_replace(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """dataclasses.replace"""
    if not args or not isinstance(args[0], Obj):
        return interp.fresh("replace")
    made = Obj(args[0].cls, args[0].origin)
    made.attrs.update(args[0].attrs)
    made.attrs.update(kwargs)
    return made


def do_asdict(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """dataclasses.asdict"""
    if not args or not isinstance(args[0], Obj):
        return interp.fresh("asdict")
    return DictV(
        {name: do_asdict(interp, [value], {}) if plain_data(value) else value for name, value in data_fields(args[0]).items()}
    )


def plain_data(value: Value) -> bool:
    return isinstance(value, Obj) and isinstance(value.cls, Class) and value.cls.dataclass


def do_fields(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """dataclasses.fields: objects with a name and a default."""
    cls = args[0].cls if args and isinstance(args[0], Obj) else args[0] if args else None
    found = []
    for base in reversed(cls.mro) if isinstance(cls, Class) else ():
        if isinstance(base, Class):
            for statement in base.node.body:
                if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                    field = Obj(External("dataclasses.Field"))
                    field.attrs["name"] = statement.target.id
                    found.append(field)
    return ListV(found)


def do_signature(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """inspect.signature: an object with the parameters' names."""
    func = args[0] if args else None
    if isinstance(func, Class):
        found = attributes.find_in_class(func, "__init__")
        func = found.value if found is not None else None
    elif isinstance(func, Method):
        func = func.func
    if not isinstance(func, Func):
        return interp.fresh("signature")
    spec = func.node.args
    names = [item.arg for item in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs) if item.arg != "self"]
    signature = Obj(External("inspect.Signature"))
    signature.attrs["parameters"] = DictV({name: interp.fresh(name) for name in names}, open=spec.kwarg is not None)
    return signature


def do_environ(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return args[1] if len(args) > 1 else None


def do_counter(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return DictV(open=True)


def do_default_dict(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return DictV(open=True)


def do_linspace(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    start, stop, count = (*args, *[None] * 3)[:3]
    count = kwargs.get("steps", kwargs.get("num", count))
    if number(start) and number(stop) and isinstance(count, int) and 0 < count <= MAX_ITEMS:
        step = (stop - start) / max(count - 1, 1)
        return ListV([start + step * index for index in range(count)])
    return interp.fresh("linspace")


def do_arange(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if args and all(isinstance(arg, int) for arg in args):
        return do_range(interp, args, {})
    return interp.fresh("arange")


def do_regex(name: str) -> Callable[[Interpreter, list[Value], dict[str, Value]], Value]:
    function = {
        "split": re.split,
        "match": re.match,
        "search": re.search,
        "sub": re.sub,
        "findall": re.findall,
        "fullmatch": re.fullmatch,
    }[name]

    def work(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
        if kwargs or not all(isinstance(arg, str) for arg in args) or not harmless(args):
            return interp.fresh(f"re.{name}")
        try:
            result: Any = function(*args)  # type: ignore[operator]
        except Exception:  # a wrong pattern
            return interp.fresh(f"re.{name}")
        if result is None or isinstance(result, str):
            return result
        if isinstance(result, list):
            return ListV([ListV(list(item), "tuple") if isinstance(item, tuple) else item for item in result])
        found: re.Match[str] = result
        match = Obj(External("re.Match"))
        match.attrs["group"] = Native("group", lambda *which: group(found, which))
        match.attrs["groups"] = Native("groups", lambda: ListV(list(found.groups()), "tuple"))
        match.attrs["groupdict"] = Native("groupdict", lambda: DictV(dict(found.groupdict())))
        return match

    return work


def group(match: re.Match[str], which: tuple[Any, ...]) -> Value:
    try:
        result: Any = match.group(*which)
    except (IndexError, TypeError):
        return None
    return ListV(list(result), "tuple") if isinstance(result, tuple) else result


def harmless(args: list[str]) -> bool:
    """Short text, and a pattern without a repetition of a repetition, whose matching could take exponential time."""
    pattern, size = args[0], max(len(arg) for arg in args)
    repeats = len(re.findall(r"[*+?{]", pattern))
    return (
        len(pattern) < 80
        and size < 300
        and (repeats < 2 or size ** min(repeats, 9) < 10**8)
        and not re.search(r"[*+}][*+{]|[*+?}]\)+[*+?{]|\|.*\)[*+{]|\\[1-9]", pattern)
    )


def do_bincount(interp: Interpreter, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """numpy.bincount: somebody counts classes."""
    facts.noted(interp, "bincount", "counts")
    return interp.fresh("counts")


FUNCTIONS: dict[str, Callable[[Interpreter, list[Value], dict[str, Value]], Value]] = {
    "math.prod": do_product,
    "numpy.prod": do_product,
    "functools.partial": do_partial,
    "numpy.bincount": do_bincount,
    "functools.reduce": do_reduce,
    "functools.lru_cache": lambda interp, args, kwargs: (
        args[0] if args and isinstance(args[0], Func) else Native("cache", lambda func: func)
    ),
    "functools.wraps": lambda interp, args, kwargs: Native("wraps", lambda func: func),
    "itertools.chain": do_chain,
    "itertools.chain.from_iterable": do_chain_from,
    "itertools.repeat": do_repeat,
    "itertools.product": do_cartesian,
    "itertools.accumulate": do_accumulate,
    "itertools.islice": do_islice,
    "itertools.pairwise": do_pairwise,
    "itertools.zip_longest": do_zip_longest,
    "copy.deepcopy": do_deepcopy,
    "copy.copy": do_deepcopy,
    "collections.OrderedDict": do_dict,
    "typing.OrderedDict": do_dict,
    "collections.namedtuple": do_named_tuple,
    "collections.deque": sequence("list"),
    "collections.Counter": do_counter,
    "collections.defaultdict": do_default_dict,
    "types.SimpleNamespace": lambda interp, args, kwargs: namespace(kwargs),
    "easydict.EasyDict": lambda interp, args, kwargs: do_dict(interp, args, kwargs),
    "dataclasses.field": do_field,
    "dataclasses.replace": do_replace,
    "dataclasses.asdict": do_asdict,
    "dataclasses.fields": do_fields,
    "inspect.signature": do_signature,
    "dataclasses.dataclass": lambda interp, args, kwargs: args[0] if args else Native("dataclass", lambda cls: cls),
    "os.environ.get": do_environ,
    "os.getenv": do_environ,
    "numpy.linspace": do_linspace,
    "torch.linspace": do_linspace,
    "numpy.arange": do_arange,
    "typing.cast": lambda interp, args, kwargs: args[1] if len(args) > 1 else interp.fresh(),
    "warnings.warn": do_nothing,
    "operator.mul": lambda interp, args, kwargs: operators.binary(interp, ast.Mult(), args[0], args[1], ast.Pass()),
    "operator.add": lambda interp, args, kwargs: operators.binary(interp, ast.Add(), args[0], args[1], ast.Pass()),
    "random.random": lambda interp, args, kwargs: interp.fresh("random"),
}
for _name in ("split", "match", "search", "sub", "findall", "fullmatch"):
    FUNCTIONS[f"re.{_name}"] = do_regex(_name)
for _name in ("debug", "info", "warning", "warn", "error"):
    FUNCTIONS[f"logging.{_name}"] = do_nothing
MATH = {
    name: getattr(math, name)
    for name in (
        "sqrt",
        "log",
        "exp",
        "ceil",
        "floor",
        "log2",
        "log10",
        "gcd",
        "pow",
        "sin",
        "cos",
        "tan",
        "fabs",
        "isclose",
        "log1p",
        "tanh",
    )
}


def namespace(kwargs: dict[str, Value]) -> Value:
    result = Obj(External("types.SimpleNamespace"))
    result.attrs.update(kwargs)
    return result


def call(interp: Interpreter, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """A function of the standard library, or MISSING where it is not known."""
    if arrays.knows(name):
        return arrays.make(interp, name, args, kwargs)
    handler = FUNCTIONS.get(name)
    if handler is not None:
        if len(args) < LEAST.get(name, 0):
            return interp.fresh(name)
        return handler(interp, args, kwargs)
    head, _, short = name.rpartition(".")
    if head in ("math", "numpy", "np") and short in MATH:
        if all(number(arg) for arg in args) and not kwargs:
            if short == "log" and len(args) == 1:
                facts.logarithm(interp, args[0])
            try:
                if short == "pow" and (abs(args[1]) > 64 or abs(args[0]) > 1 << 64):
                    return interp.fresh(name)
                return MATH[short](*args)
            except (ArithmeticError, ValueError, TypeError, IndexError):
                return interp.fresh(name)
        if all(number(arg) or (isinstance(arg, Unknown) and not arg.tensors) for arg in args):
            return Unknown(("math", short, *(key_of(arg) for arg in args)), f"{short}(...)")
    if head == "logging" or name.startswith(("logging.", "warnings.")):
        return interp.fresh(name)
    return MISSING
