"""Python's builtin functions."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from biaslint.analysis.domain import class_lookup, values
from biaslint.analysis.domain.layers import Param
from biaslint.analysis.domain.values import (
    MAX_ITEMS,
    TOO_LARGE,
    TOO_LONG,
    Class,
    DictValue,
    External,
    FunctionValue,
    Instance,
    Options,
    SequenceValue,
    Unknown,
)
from biaslint.analysis.interpreter import containers, framework
from biaslint.analysis.interpreter.builtins import reflection
from biaslint.analysis.interpreter.objects import operators
from biaslint.analysis.project.environment import MISSING
from biaslint.theory import terms
from biaslint.theory.dataflow import Dims, Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution


def items(ex: Execution, value: Value, node: ast.AST | None = None) -> list[Value]:
    """The items of a value, in order. What has an unknown length has a few."""
    if isinstance(value, SequenceValue):
        return list(value.items)
    if isinstance(value, DictValue):
        return list(value.items)
    if isinstance(value, str):
        return list(value)
    if isinstance(value, Node):
        return ex.semantics.tensors.unpack(ex, value, None)
    if isinstance(value, Instance):
        method = class_lookup.find_method(value, "__iter__")
        if method is not None:
            return items(ex, ex.call(method, [], {}, node))
        if value.items is not None:
            return containers.container_items(value)
        getter, length = class_lookup.find_method(value, "__getitem__"), class_lookup.find_method(value, "__len__")
        if getter is not None and length is not None:
            count = ex.call(length, [], {}, node)
            if isinstance(count, int):
                return [ex.call(getter, [index], {}, node) for index in range(min(count, 64))]
        return (
            list(value.attrs.values())
            if isinstance(value.cls, Class) and class_lookup.is_named_tuple(value.cls)
            else [ex.fresh()]
        )
    if isinstance(value, Class):
        return [item for name, item in value.attrs.items() if not name.startswith("_") and not isinstance(item, FunctionValue)]
    if isinstance(value, Unknown):
        if value.tensors:
            return [ex.opaque(value, name=value.text) for _ in range(2)]
        if isinstance(value.key, terms.Shape):
            return ex.semantics.tensors.unpack_shape(ex, value, None)
        if isinstance(value.key, terms.LeadingShape):
            return ex.semantics.tensors.leading(ex, value)
        whole, part = sliced(value)
        if whole is not None:
            return items(ex, whole, node)[part]
        count = ex.path.size(terms.Length(value.key))
        return [ex.item_of(value, index) for index in range(count)]
    if value is None:
        ex.fault("None has no items")
    return [ex.fresh()]


def sliced(value: Unknown) -> tuple[Unknown | None, slice]:
    """What a part of an unknown sequence was cut from, and the part: `widths[:-1]` has one item less than `widths`."""
    key = value.key
    bounds = key.index.items if isinstance(key, terms.Item) and isinstance(key.index, terms.SequenceTerm) else ("",)
    if len(bounds) > 3 or not all(bound is None or type(bound) is int for bound in bounds) or key.index.kind != "slice":
        return None, slice(None)
    return Unknown(key.base, value.text.removesuffix("[...]")), slice(*bounds)


def is_number(value: Value) -> bool:
    return isinstance(value, (int, float))


def call(ex: Execution, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """Call one of Python's own functions by its full name. MISSING for any other name."""
    return call_builtin(ex, name[9:], args, kwargs) if name.startswith("builtins.") else MISSING


def call_builtin(ex: Execution, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """One of Python's own functions."""
    if len(args) < LEAST.get(name, 0):
        return ex.fresh(name)
    handler = HANDLERS.get(name) or reflection.HANDLERS.get(name)
    if handler is not None:
        return handler(ex, args, kwargs)
    if name in BUILTIN_EXCEPTIONS:
        return External(f"builtins.{name}")
    pure = PURE_BUILTINS.get(name)
    if pure is not None and not kwargs and all(values.is_constant(arg) for arg in args):
        try:
            return pure(*args)
        except Huge:
            ex.give_up_here(TOO_LARGE)
            return ex.fresh()
        except Exception:  # whatever Python makes of these values
            return ex.fresh()
    found = [node for arg in args for node in values.tensors_in(arg)]
    if found:
        return ex.opaque(*args, name=name)
    if len(args) == 1 and isinstance(args[0], Unknown) and name in ("int", "float", "abs", "round", "bool", "str"):
        arg = args[0]
        known = ex.path.number(arg.key)
        if known is not None and name in ("int", "float", "abs"):
            return PURE_BUILTINS[name](known)
        return (
            arg
            if name in ("int", "float")
            else Unknown(terms.BuiltinCall(name, arg.key), f"{name}({arg.text})", default=arg.default)
        )
    return ex.fresh(name)


def do_range(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if all(isinstance(arg, int) for arg in args) and 1 <= len(args) <= 3 and (len(args) < 3 or args[2]):
        numbers = range(*args)
        if numbers[MAX_ITEMS:]:
            ex.give_up_here(TOO_LONG)
        return SequenceValue(list(numbers[:MAX_ITEMS]), open=bool(numbers[MAX_ITEMS:]))
    if 1 <= len(args) <= 3:
        start = args[0] if len(args) > 1 else 0
        stop = args[1] if len(args) > 1 else args[0]
        if isinstance(stop, Unknown) and isinstance(start, int):
            return SequenceValue(list(range(start, ex.path.count(stop, start))[:MAX_ITEMS]))
        if isinstance(start, Unknown):
            first = ex.path.number(start.key)
            last = ex.path.number(values.term_of(stop))
            step = args[2] if len(args) > 2 and isinstance(args[2], int) and args[2] else 1
            if first is not None and last is not None:
                return SequenceValue(list(range(int(first), int(last), step)[:64]))
            return SequenceValue([ex.fresh() for _ in range(2)])
    return SequenceValue([ex.fresh() for _ in range(2)], open=True)


def constant_dims(value: Value) -> Dims | None:
    """The dimensions of a tensor that does not depend on the inputs."""
    return value.dims if isinstance(value, Node) and value.op == "const" else None


def do_len(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    value = args[0] if args else None
    if isinstance(value, (SequenceValue, DictValue)):
        if isinstance(value, SequenceValue) and value.kind == "set":
            return len({values.term_of(item) for item in value.items})
        return len(value.items)
    if isinstance(value, (str, bytes)):
        return len(value)
    if isinstance(value, Instance):
        method = class_lookup.find_method(value, "__len__")
        if method is not None:
            return ex.call(method, [], {}, ex.node)
        if value.items is not None:
            return len(value.items)
    if isinstance(value, Unknown):
        if isinstance(value.key, terms.Shape):
            return ex.semantics.tensors.rank_of_shape(ex, value)
        known = ex.path.sizes.get(terms.Length(value.key))
        return known if known is not None else Unknown(terms.Length(value.key), f"len({value.text})")
    dims = framework.param_dims(value) if isinstance(value, Param) else constant_dims(value)
    if dims:
        return dims[0] if isinstance(dims[0], int) else Unknown(dims[0], "len(...)")
    if isinstance(value, Node):
        return Unknown(terms.Dimension(value.id, 0), "len(...)")
    return ex.fresh("len")


def sequence(kind: str) -> Callable[[Execution, list[Value], dict[str, Value]], Value]:
    def make(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
        if not args:
            return SequenceValue([], kind)
        if kind == "set" and isinstance(args[0], SequenceValue):
            seen: dict[Any, Value] = {}
            for item in args[0].items:
                seen.setdefault(values.term_of(item), item)
            return SequenceValue(list(seen.values()), kind, args[0].open)
        return SequenceValue(ex.iterate(args[0]), kind, isinstance(args[0], SequenceValue) and args[0].open)

    return make


def do_dict(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    result = DictValue()
    if args:
        fill_dict(ex, result, args[0])
    result.items.update(kwargs)
    result.options = result.options or isinstance(kwargs, Options)
    return result


def override(ex: Execution, result: DictValue, given: Value, text: str) -> None:
    """Entries are added that are not known: where callers give them, each flag and string of the dict is a setting."""
    func = ex.stack[-1].func if ex.stack else None
    if not isinstance(func, FunctionValue) or not values.is_constructor(func):
        return
    for name, value in result.items.items():
        if isinstance(name, str) and isinstance(value, (bool, str)):
            key = terms.Item(given.key, name) if isinstance(given, Unknown) else ("option", name)
            result.items[name] = ex.path.settable(value, key, f"{text}[{name!r}]")


def fill_dict(ex: Execution, result: DictValue, source: Value) -> None:
    if isinstance(source, DictValue):
        result.take(source)
    elif isinstance(source, SequenceValue):
        for pair in source.items:
            if isinstance(pair, SequenceValue) and len(pair.items) == 2:
                result.items[values.hashable(pair.items[0])] = pair.items[1]
    elif isinstance(source, Instance) and source.items is not None:
        result.items.update(source.items)
    else:
        result.open = True


def do_zip(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    known = [arg for arg in args if not isinstance(arg, Unknown)]
    columns = []
    if known and len(known) < len(args):
        shortest = min(len(ex.iterate(arg)) for arg in known)
        for arg in args:
            if isinstance(arg, Unknown) and not arg.tensors:
                columns.append([ex.item_of(arg, index) for index in range(shortest)])
            else:
                columns.append(ex.iterate(arg))
    else:
        columns = [ex.iterate(arg) for arg in args]
    if kwargs.get("strict") is True and len({len(column) for column in columns}) > 1:
        ex.fault("zip of unequal lengths")
    return SequenceValue([SequenceValue(list(row), "tuple") for row in zip(*columns, strict=False)])


def do_enumerate(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    start = args[1] if len(args) > 1 else kwargs.get("start", 0)
    start = start if isinstance(start, int) else 0
    return (
        SequenceValue([SequenceValue([index, item], "tuple") for index, item in enumerate(ex.iterate(args[0]), start)])
        if args
        else SequenceValue([])
    )


def do_map(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    columns = [ex.iterate(arg) for arg in args[1:]]
    return SequenceValue([ex.call(args[0], list(row), {}, ex.node) for row in zip(*columns, strict=False)])


def do_filter(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    keep = []
    for item in ex.iterate(args[1]):
        test = item if args[0] is None else ex.call(args[0], [item], {}, ex.node)
        if ex.truth(test):
            keep.append(item)
    return SequenceValue(keep)


def do_sum(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    parts = ex.iterate(args[0])
    total: Value = args[1] if len(args) > 1 else kwargs.get("start", 0)
    for part in parts:
        if total == 0 and values.is_constant(total):
            total = part
        else:
            total = operators.binary(ex, ast.Add(), total, part, ex.node or ast.Pass())
    return total


def extreme(name: str) -> Callable[[Execution, list[Value], dict[str, Value]], Value]:
    function = {"min": min, "max": max}[name]

    def work(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
        parts = ex.iterate(args[0]) if len(args) == 1 else args
        if parts and all(is_number(part) for part in parts) and "key" not in kwargs:
            return function(parts)
        if parts and all(isinstance(part, str) for part in parts) and "key" not in kwargs:
            return function(parts)
        found = [node for part in parts for node in values.tensors_in(part)]
        if found:
            return ex.opaque(SequenceValue(parts), name=name)
        return (
            Unknown(terms.BuiltinCall(name, *(values.term_of(part) for part in parts)), f"{name}(...)")
            if len(parts) < 5
            else ex.fresh(name)
        )

    return work


def do_sorted(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    parts = ex.iterate(args[0]) if args else []
    if (all(is_number(part) for part in parts) or all(isinstance(part, str) for part in parts)) and "key" not in kwargs:
        return SequenceValue(sorted(parts, reverse=kwargs.get("reverse") is True))
    return SequenceValue(parts)


def quantifier(stop: bool) -> Callable[[Execution, list[Value], dict[str, Value]], Value]:
    def work(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
        for item in ex.iterate(args[0]):
            if ex.truth(item) is stop:
                return stop
        return not stop

    return work


def do_reversed(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return SequenceValue(list(reversed(ex.iterate(args[0]))))


def do_next(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    source = args[0] if args else None
    if isinstance(source, SequenceValue) and source.items:
        return source.items.pop(0) if source.kind == "iterator" else source.items[0]
    if len(args) > 1:
        return args[1]
    if isinstance(source, SequenceValue) and not source.open and not ex.shortened:
        ex.fault("no next item")
    return ex.fresh("next")


def do_iter(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return SequenceValue(ex.iterate(args[0]), "iterator") if args else ex.fresh()


def do_str(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if not args:
        return ""
    if values.is_constant(args[0]):
        return str(args[0])
    if isinstance(args[0], Unknown):
        return Unknown(terms.Text(args[0].key), f"str({args[0].text})")
    return ex.fresh("str")


def do_nothing(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return None


def do_bool(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if args and isinstance(args[0], Unknown):
        return Unknown(args[0].key, args[0].text, default=args[0].default)
    return ex.truth(args[0]) if args else False


def do_open(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return ex.fresh("open")


HANDLERS: dict[str, Callable[[Execution, list[Value], dict[str, Value]], Value]] = {
    "range": do_range,
    "len": do_len,
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
    "str": do_str,
    "repr": do_str,
    "print": do_nothing,
    "bool": do_bool,
    "open": do_open,
}


# how many arguments by position a function needs: with fewer, the program itself fails
LEAST = {
    "sum": 1,
    "min": 1,
    "max": 1,
    "any": 1,
    "all": 1,
    "reversed": 1,
    "map": 1,
    "filter": 2,
}


class Huge(Exception):
    """A value that is not worked out."""


def huge() -> NoReturn:
    raise Huge


PURE_BUILTINS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "int": lambda *args: int(*args) if not (args and isinstance(args[0], str) and len(args[0]) > 100) else huge(),
    "float": float,
    "round": lambda number, digits=None: round(number, digits) if digits is None or abs(digits) < 400 else huge(),
    "divmod": divmod,
    "chr": chr,
    "ord": ord,
    "hex": hex,
    "bin": bin,
    "pow": lambda a, b: a**b if abs(b) < 64 and abs(a) < 1 << 64 else huge(),
}

BUILTIN_EXCEPTIONS: dict[str, type[BaseException]] = {
    name: kind
    for name, kind in vars(__import__("builtins")).items()
    if isinstance(kind, type) and issubclass(kind, BaseException)
}
