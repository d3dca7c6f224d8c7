"""The methods of Python's own types: strings, numbers, lists, dictionaries and sets."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain import norm_guards, values
from biaslint.analysis.domain.setting import Setting
from biaslint.analysis.domain.values import (
    TOO_LARGE,
    DictValue,
    FunctionValue,
    Method,
    Options,
    SequenceValue,
    Unknown,
)
from biaslint.analysis.interpreter.builtins import functions as builtin_functions, list_methods, numpy_arrays
from biaslint.analysis.interpreter.objects import operators
from biaslint.theory import terms

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution


STRING_METHODS = {
    "split", "rsplit", "strip", "lstrip", "rstrip", "lower", "upper", "startswith", "endswith", "replace", "join", "partition",
    "rpartition", "title", "capitalize", "isdigit", "isalpha", "isalnum", "find", "rfind", "count", "index", "removeprefix",
    "removesuffix", "splitlines", "isnumeric", "islower", "isupper", "casefold", "format", "zfill",
}  # fmt: skip


def method(ex: Execution, self: Value, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """A method of a string, number, list, dict or set."""
    if isinstance(self, str):
        if isinstance(self, Setting) and name in ("lower", "upper", "casefold", "strip") and not args:
            spelled = getattr(str(self), name)()  # still the setting
            return self if spelled == self else Setting.of(spelled, terms.CallOf(terms.Attribute(self.key, name)))
        if isinstance(self, Setting) and name in ("startswith", "endswith") and all(map(values.is_constant, args)):
            asked = terms.CallOf(terms.Attribute(self.key, name), *map(values.term_of, args))
            return ex.condition(asked, string_method(ex, str(self), name, args, kwargs))
        return string_method(ex, self, name, args, kwargs)
    if isinstance(self, SequenceValue) and self.kind == "array":
        return numpy_arrays.method(ex, self, name, args, kwargs)
    if isinstance(self, SequenceValue):
        return list_methods.method(ex, self, name, args, kwargs)
    if isinstance(self, DictValue):
        return dict_method(ex, self, name, args, kwargs)
    if isinstance(self, float) and name == "is_integer":
        return self.is_integer()
    if isinstance(self, int) and name == "bit_length":
        return self.bit_length()
    if isinstance(self, (int, float)) and name in ("item", "tolist", "numpy"):  # of NumPy's numbers
        return self
    if isinstance(self, Unknown) and isinstance(self.key, terms.Shape):
        return ex.semantics.tensors.shape_method(ex, self, name, args)
    return ex.fresh(name)


def string_method(ex: Execution, self: str, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if name == "join" and args:
        parts = ex.iterate(args[0])
        known = all(isinstance(part, str) for part in parts)
        long = known and sum(map(len, parts)) + len(self) * len(parts) > 100_000
        if long:
            ex.give_up_here(TOO_LARGE)
        return self.join(parts) if known and not long else ex.fresh("a string")
    if name in STRING_METHODS:
        plain = [tuple(arg.items) if isinstance(arg, SequenceValue) else arg for arg in args]
        if all(values.is_constant(arg) or isinstance(arg, tuple) for arg in plain) and all(
            values.is_constant(arg) for arg in kwargs.values()
        ):
            if excessive(self, name, plain):
                ex.give_up_here(TOO_LARGE)
                return ex.fresh("a string")
            try:
                value = getattr(self, name)(*plain, **kwargs)
            except Exception:  # whatever Python makes of these values
                return ex.fresh("a string")
            return (
                SequenceValue(list(value), "list" if isinstance(value, list) else "tuple")
                if isinstance(value, (list, tuple))
                else value
            )
    return ex.fresh("a string")


def excessive(self: str, name: str, args: list[Any]) -> bool:
    """Could the string be too large to be made?"""
    if name in ("zfill", "format") and any(isinstance(arg, int) and arg > 1000 for arg in args):
        return True
    if name == "format":
        return not operators.modest(self)
    return name in ("replace", "join") and len(self) * max([len(str(arg)) for arg in args], default=0) > 100_000


def dict_method(ex: Execution, self: DictValue, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """A method of a dict. What it changes in a table that belongs to something else is changed there."""
    put, drop = getattr(self, "put", None), getattr(self, "drop", None)
    before = dict(self.items) if put is not None else {}
    result = plain_dict_method(ex, self, name, args, kwargs)
    if put is not None and drop is not None:
        for key in [*before, *(key for key in self.items if key not in before)]:
            if key not in self.items:
                drop(ex, key)
            elif key not in before or before[key] is not self.items[key]:
                put(ex, key, self.items[key])
    return result


def plain_dict_method(ex: Execution, self: DictValue, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if name == "items":
        return SequenceValue([SequenceValue([key, value], "tuple") for key, value in self.items.items()], open=self.open)
    if name == "keys":
        return SequenceValue(list(self.items), open=self.open)
    if name == "values":
        return SequenceValue(list(self.items.values()), open=self.open)
    if name in ("get", "pop", "setdefault") and args:
        return dict_get(ex, self, name, args)
    if name == "update":
        for arg in args:
            if isinstance(arg, Unknown) or (isinstance(arg, DictValue) and arg.options):
                builtin_functions.override(ex, self, arg, arg.text if isinstance(arg, Unknown) else "options")
            builtin_functions.fill_dict(ex, self, arg)
        self.items.update(kwargs)
        self.options = self.options or isinstance(kwargs, Options)
        return None
    if name == "copy":
        made = DictValue()
        made.take(self)
        return made
    if name == "clear":
        self.items.clear()
        return None
    if name == "fromkeys" and args:
        return DictValue({values.hashable(item): args[1] if len(args) > 1 else None for item in ex.iterate(args[0])})
    if name == "popitem" and self.items:
        key = next(reversed(self.items))
        return SequenceValue([key, self.items.pop(key)], "tuple")
    if name == "move_to_end" and args:
        key = values.hashable(args[0])
        last = args[1] if len(args) > 1 else kwargs.get("last", True)
        if key in self.items:
            moved = {key: self.items.pop(key)}
            rest = dict(self.items)
            self.items.clear()
            self.items.update(rest | moved if last else moved | rest)
        return None
    return ex.fresh(name)


def dict_get(ex: Execution, self: DictValue, name: str, args: list[Value]) -> Value:
    default = args[1] if len(args) > 1 else None
    if isinstance(args[0], Unknown):
        if isinstance(default, (FunctionValue, Method)) or not self.items:
            return default  # implementations behind one registry do the same thing; the fallback is one of them
        return Unknown(
            terms.Item(("object", self), args[0].key), f"the entry for {args[0].text}", tuple(values.tensors_in(self))
        )
    key = values.hashable(args[0])
    if key in self.items:
        value = self.items[key]
        if name == "pop":
            del self.items[key]
        return value
    if name == "setdefault":
        self.items[key] = default
    if self.open and default is None:
        return ex.fresh(str(args[0]))
    if self.options and isinstance(key, str) and name != "setdefault":
        return option(ex, default, key, taken=name == "pop")
    return default


def option(ex: Execution, default: Value, key: str, taken: bool = False) -> Value:
    """A constructor's parameter out of `**kwargs` or a dict: `bn = kwargs.pop("bn", True)`. One that is not `taken` can be asked for again."""
    func = ex.stack[-1].func
    if not isinstance(func, FunctionValue) or not values.is_constructor(func):
        return default
    statement = ex.statement
    bound = isinstance(statement, ast.Assign) and statement.value is ex.node and isinstance(statement.targets[0], ast.Name)
    text = key if bound or taken or not isinstance(ex.node, ast.Call) else ast.unparse(ex.node)
    decides = key in norm_guards.deciding(func).norms
    value = ex.path.settable(default, ("option", key), text, decides, tested=default is None)
    if isinstance(statement, ast.Assign) and bound and isinstance(statement.targets[0], ast.Name):
        ex.stack[-1].bound[statement.targets[0].id] = value
    return value
