"""Calls of functions and classes of the project, bound methods, partials and external names."""

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
    Unknown,
)
from biaslint.analysis.interpreter import framework, target_statistics
from biaslint.analysis.interpreter.objects import attributes, functions, instantiation, unknown_calls
from biaslint.analysis.project.environment import MISSING
from biaslint.theory import terms

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Args, Kwargs, Value
    from biaslint.analysis.interpreter.execution import Execution


def call_external(ex: Execution, func: External, args: Args, kwargs: Kwargs, node: ast.AST | None) -> Value:
    if func.name in ex.project.layers:
        made = ex.semantics.configured(ex, func.name, args, kwargs)
        if made is not MISSING:
            return made
    for library in ex.semantics.libraries:
        result = library(ex, func.name, args, kwargs)
        if result is not MISSING:
            return noted(ex, func, kwargs, result)
    return noted(ex, func, kwargs, unknown_calls.call_unknown(ex, func, args, kwargs))


def noted(ex: Execution, func: Value, kwargs: Kwargs, result: Value) -> Value:
    """The result of a call, which may be a statistic of the targets."""
    short = target_statistics.concerned(func)
    if short:
        target_statistics.note(ex, short, func, kwargs, result)
    return result


def call_method(ex: Execution, func: Method, args: Args, kwargs: Kwargs, node: ast.AST | None) -> Value:
    return functions.call_function(ex, func.func, [func.self, *args], kwargs, node, func.self)


def call_partial(ex: Execution, func: Partial, args: Args, kwargs: Kwargs, node: ast.AST | None) -> Value:
    return ex.call(func.func, [*func.args, *args], values.together(func.kwargs, kwargs), node)


def call_native(ex: Execution, func: ModelFunction, args: Args, kwargs: Kwargs, node: ast.AST | None) -> Value:
    try:
        return func.call(*args, **kwargs)
    except TypeError as error:
        if error.__traceback__ is not None and error.__traceback__.tb_next is not None:
            raise
        return unknown_calls.call_unknown(ex, func, args, kwargs)  # the arguments do not fit


def call_sequence(ex: Execution, func: SequenceValue, args: Args, kwargs: Kwargs, node: ast.AST | None) -> Value:
    """A call of an empty tuple, which stands for no function: the result is unknown."""
    return ex.fresh() if func.kind == "tuple" and not func.items else unknown_calls.call_unknown(ex, func, args, kwargs)


def call_anything(ex: Execution, func: Value, args: Args, kwargs: Kwargs, node: ast.AST | None) -> Value:
    if isinstance(func, Unknown) and isinstance(func.key, terms.Attribute) and func.key.name in framework.update_methods():
        ex.updates += 1
    return noted(ex, func, kwargs, unknown_calls.call_unknown(ex, func, args, kwargs))


def call_instance(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs, node: ast.AST | None) -> Value:
    """obj(*args, **kwargs)"""
    obj.used = True
    if not obj.hooks:
        return run_instance(ex, obj, args, kwargs, node)
    for hook in [one for one in obj.hooks if one.before]:
        given = [obj, SequenceValue(list(args), "tuple"), *([DictValue(dict(kwargs))] if hook.with_kwargs else [])]
        replaced = ex.call(hook.function, given, {}, node)
        if replaced is not None:
            args, kwargs = replaced_arguments(ex, replaced, hook.with_kwargs, kwargs)
    result = run_instance(ex, obj, args, kwargs, node)
    for hook in [one for one in obj.hooks if not one.before]:
        given = [obj, SequenceValue(list(args), "tuple"), *([DictValue(dict(kwargs))] if hook.with_kwargs else []), result]
        replaced = ex.call(hook.function, given, {}, node)
        result = result if replaced is None else replaced
    return result


def replaced_arguments(ex: Execution, value: Value, with_kwargs: bool, kwargs: Kwargs) -> tuple[Args, Kwargs]:
    """The arguments that a hook returns in place of the given ones."""
    if with_kwargs and isinstance(value, SequenceValue) and len(value.items) == 2:
        named = value.items[1]
        kwargs = {str(key): item for key, item in named.items.items()} if isinstance(named, DictValue) else kwargs
        value = value.items[0]
    return (list(value.items) if isinstance(value, SequenceValue) and value.kind == "tuple" else [value]), kwargs


def run_instance(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs, node: ast.AST | None) -> Value:
    """obj(*args, **kwargs), without its hooks."""
    for name in framework.call_methods(obj):
        if name in obj.attrs and not name.startswith("__"):  # Python looks at the instance before its class
            return ex.call(obj.attrs[name], args, kwargs, node)
        found = class_lookup.find_in_class(obj.cls, name)
        if found is not None and isinstance(found.value, FunctionValue):
            args, kwargs = framework.before_call(ex, obj, found.value, args, kwargs)
            return functions.call_function(ex, found.value, [obj, *args], kwargs, node, obj)
    result = framework.call_object(ex, obj, args, kwargs)
    if result is not MISSING:
        return result
    return unknown_calls.call_unknown(ex, Unknown(terms.Object(obj), getattr(obj.cls, "name", "")), args, kwargs)


def call_builtin(ex: Execution, func: BoundNative, args: Args, kwargs: Kwargs, node: ast.AST | None) -> Value:
    """A method of a known value."""
    self = func.self
    if func.name in framework.update_methods():
        ex.updates += 1
    kind = ex.semantics.kinds.get(type(self))
    if kind is not None:
        return noted(ex, func, kwargs, kind.method(ex, self, func.name, args, kwargs))
    if isinstance(self, Instance):
        return framework.method(ex, self, func.name, args, kwargs)
    outside = framework.external_base(self) if isinstance(self, Class) else None
    if outside is not None:  # a method of a framework's class, called through a class of the project
        return attributes.call_base(ex, outside, func.name, tuple(args), kwargs, self)
    return ex.semantics.methods(ex, self, func.name, args, kwargs)


def enter(ex: Execution, context: Value, node: ast.AST) -> Value:
    """The value of `name` in `with context as name`."""
    if isinstance(context, Instance):
        method = class_lookup.find_method(context, "__enter__")
        if method is not None:
            return ex.call(method, [], {}, node)
        return framework.enter(ex, context)
    return context


def leave(ex: Execution, context: Value) -> None:
    if isinstance(context, Instance):
        method = class_lookup.find_method(context, "__exit__")
        if method is not None:
            ex.call(method, [None, None, None], {}, ex.node)
        framework.leave(ex, context)


CALLS: dict[type, Callable[..., Value]] = {
    External: call_external,
    FunctionValue: functions.call_function,
    Method: call_method,
    Class: instantiation.instantiate,
    Instance: call_instance,
    BoundNative: call_builtin,
    Partial: call_partial,
    ModelFunction: call_native,
    SequenceValue: call_sequence,
}
