"""Calling things: functions and classes of the project, bound methods, partials, and what leads out of the project."""

from __future__ import annotations

import ast
import contextlib
import re
from typing import TYPE_CHECKING, Any

from biaslint.frontends import (
    attributes,
    builtin_functions,
    builtin_methods,
    frameworks,
    library,
    operators,
    parameters,
    remembered,
    scopes,
    tensor_methods,
    tensors,
    wrappers,
)
from biaslint.frontends.dependencies import Used
from biaslint.frontends.frames import MAX_DEPTH, Frame
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
    Options,
    Param,
    Partial,
    Raised,
    Scope,
    Unknown,
    Value,
    is_constructor,
    key_of,
    larger,
    tensors_in,
    together,
)
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.frontends.interpreter import Interpreter

MAX_RECURSIONS = 24
Args = list[Value]
Kwargs = dict[str, Value]


def call(interp: Interpreter, func: Value, args: Args, kwargs: Kwargs, node: ast.AST | None) -> Value:
    """func(*args, **kwargs)"""
    if isinstance(func, External):
        return call_external(interp, func, args, kwargs)
    if isinstance(func, Func):
        return call_function(interp, func, args, kwargs, node)
    if isinstance(func, Method):
        return call_function(interp, func.func, [func.self, *args], kwargs, node, func.self)
    if isinstance(func, Class):
        return instantiate(interp, func, args, kwargs, node)
    if isinstance(func, Obj):
        return call_instance(interp, func, args, kwargs, node)
    if isinstance(func, Builtin):
        return call_builtin(interp, func, args, kwargs)
    if isinstance(func, Partial):
        return call(interp, func.func, [*func.args, *args], together(func.kwargs, kwargs), node)
    if isinstance(func, Native):
        return func.call(*args, **kwargs)
    if isinstance(func, ListV) and func.kind == "tuple" and not func.items:
        return interp.fresh()
    return call_unknown(interp, func, args, kwargs)


def call_external(interp: Interpreter, func: External, args: Args, kwargs: Kwargs) -> Value:
    if func.name.startswith("builtins."):
        return builtin_functions.call_builtin(interp, func.name[9:], args, kwargs)
    if func.name in interp.project.layers:
        made = wrappers.construct(interp, func.name, args, kwargs)
        if made is not MISSING:
            return made
    result = frameworks.call(interp, func.name, args, kwargs)
    if result is not MISSING:
        return result
    result = library.call(interp, func.name, args, kwargs)
    if result is not MISSING:
        return result
    return call_unknown(interp, func, args, kwargs)


def call_unknown(interp: Interpreter, func: Value, args: Args, kwargs: Kwargs) -> Value:
    """Nobody knows what this does: it sees the tensors and may change the modules that it is given."""
    values = [*args, *kwargs.values()]
    if not values and isinstance(func, Unknown) and is_respelling(func.key):
        return Unknown(func.key[1], f"{func.text}()")  # the same setting
    name = attributes.describe(func)
    for value in values:
        escape(interp, value, name)
    found = [node for value in (func, *values) for node in tensors_in(value)]
    if isinstance(func, (External, Unknown)):
        interp.not_understood(f"call of {name}")
    if found:
        node = interp.opaque(func, *values, name=name)
        node.info["unknown"] = True
        return node
    if isinstance(func, Unknown) and len(values) < 4:
        key = ("call", func.key, *(key_of(value) for value in values))
        if larger(key, 60):  # calls of calls of calls: a loop, whose keys would grow for ever
            return interp.fresh(f"{name}(...)")
        return Unknown(key, f"{func.text}(...)" if func.text else "")
    return interp.fresh(f"{name}(...)")


def is_respelling(key: Any) -> bool:
    """Is it a method of a string after which comparisons mean the same as before?"""
    return isinstance(key, tuple) and len(key) == 3 and key[0] == "attr" and key[2] in ("lower", "casefold", "strip")


# What may put other parts into a model, or switch its norms off, by its name
REBUILDS = re.compile(r"norm|(?<![a-z])bn|freez|replac|convert|fus|swap|surgery|patch|inject|hook|prun|quant", re.IGNORECASE)
FOR_INFERENCE = ("torch.quantization.", "torch.ao.quantization.")  # what they put in changes nothing in training


def escape(interp: Interpreter, value: Value, name: str) -> None:
    """Unknown code, called `name`, may change the layers that it can reach.

    A whole model is handed on to be trained, exported, measured or initialized: its values may change, what it is made of does not.
    """
    rebuilt = REBUILDS.search(name) and not name.startswith(FOR_INFERENCE)
    inside = frameworks.within_model(interp)
    todo, seen = [(value, 3)], set()
    while todo:
        part, depth = todo.pop()
        if isinstance(part, Obj):
            whole = part.layer is None and (isinstance(part.cls, Class) or not inside) and not rebuilt
            for layer in frameworks.layers_of(part):
                if whole:
                    layer.handed = True
                else:
                    layer.escaped = True
        elif isinstance(part, (ListV, DictV)) and depth and (id(part), depth) not in seen:
            seen.add((id(part), depth))
            items = part.items if isinstance(part, ListV) else part.items.values()
            todo.extend((item, depth - 1) for item in items if isinstance(item, (Obj, ListV, DictV)))


def call_function(
    interp: Interpreter, func: Func, args: Args, kwargs: Kwargs, node: ast.AST | None, self_: Value = None
) -> Value:
    if len(interp.stack) > MAX_DEPTH:
        interp.stop("calls nested too deeply")
    if len(interp.stack) > 2 and endless(interp, func, args):
        interp.cut(f"recursion of {func.qualname}")
        return interp.opaque(*args, *kwargs.values(), name=func.qualname) if tensors.all_in(*args) else interp.fresh()
    names = bind(interp, func, args, kwargs)
    scope = Scope(func.module, func.scope, names)
    if self_ is None and func.owner is not None and args and func.kind != "staticmethod":
        self_ = args[0]
    frame = Frame(interp.module or func.module, node or interp.node or func.node, func, self_, names.copy())
    frame.chain = ((frame.caller, frame.call), *interp.stack[-1].chain) if interp.stack else ((frame.caller, frame.call),)
    generator = not isinstance(func.node, ast.Lambda) and yields(func.node)
    if generator:
        frame.yields = []
    if interp.defining:  # on behalf of all that use what is made here
        interp.project.ledger.asked.add(Used("function", interp.project.identity(func.module, func.node)))
    else:
        interp.functions.add(func)
    outer = interp.module, interp.node, interp.statement
    interp.stack.append(frame)
    interp.module = func.module
    try:
        if isinstance(func.node, ast.Lambda):
            return interp.eval(func.node.body, scope)
        signal = interp.block(func.node.body, scope)
    finally:
        interp.stack.pop()
        interp.module, interp.node, interp.statement = outer
    if generator:
        return ListV(frame.yields or [], "list")
    return signal[1] if signal is not None and signal[0] == "return" else None


def endless(interp: Interpreter, func: Func, args: Args) -> bool:
    """Does a function call itself again and again? On something unknown it might do so several times in each call."""
    depth = [frame.func for frame in interp.stack].count(func)
    if depth > 2 and any(isinstance(arg, Unknown) for arg in args):
        interp.recursions[func] = interp.recursions.get(func, 0) + 1
        return depth > 6 or interp.recursions[func] > MAX_RECURSIONS
    return depth > 6


_YIELDS = remembered.table()


def yields(node: ast.AST) -> bool:
    """Is the function a generator?"""
    known: bool | None = _YIELDS.get(node)
    if known is None:
        known = False
        todo = list(ast.iter_child_nodes(node))
        while todo and not known:
            part = todo.pop()
            if isinstance(part, (ast.Yield, ast.YieldFrom)):
                known = True
            elif not isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
                todo.extend(ast.iter_child_nodes(part))
        _YIELDS[node] = known
    return known


def bind(interp: Interpreter, func: Func, args: Args, kwargs: Kwargs) -> dict[str, Value]:
    """The parameters' values. A parameter that nobody sets is unknown."""
    positional, first_named, keyword_only, rest, extra_name = signature(func.node.args)
    names: dict[str, Value] = dict(zip(positional, args, strict=False))
    if rest:
        names[rest] = ListV(args[len(positional) :], "tuple")
    extra: Kwargs = {}
    options = isinstance(kwargs, Options)
    asked = options and is_constructor(func)  # a helper's flags choose what to do with a model, not what it is made of
    named = {*positional[first_named:], *keyword_only} if extra_name or kwargs else ()
    for name, value in kwargs.items():
        if name in named:
            names[name] = value
        else:
            extra[name] = value
    by_default: list[str] = []
    missing = len(positional) - len(func.defaults)
    for index in range(len(args), len(positional)):
        name = positional[index]
        if name not in names:
            if index >= missing:
                names[name] = func.defaults[index - missing]
                by_default.append(name)
            else:
                names[name] = Unknown(("param", func.qualname, name), name)
    for name in keyword_only:
        if name not in names:
            if name in func.kw_defaults:
                names[name] = func.kw_defaults[name]
                by_default.append(name)
            else:
                names[name] = Unknown(("param", func.qualname, name), name)
    for name in by_default if asked else ():
        names[name] = interp.choices.settable(names[name], ("param", func.qualname, name), name)
    if extra_name:
        names[extra_name] = given = DictV(extra)
        given.options = options
    return names


Signature = tuple[tuple[str, ...], int, tuple[str, ...], str, str]


_SIGNATURES = remembered.table()


def signature(spec: ast.arguments) -> Signature:
    """Positional names, how many of them are positional only, keyword-only names, the names of `*args` and `**kwargs` or ""."""
    known: Signature | None = _SIGNATURES.get(spec)
    if known is None:
        known = _SIGNATURES[spec] = _signature(spec)
    return known


def _signature(spec: ast.arguments) -> Signature:
    return (
        tuple(parameter.arg for parameter in (*spec.posonlyargs, *spec.args)),
        len(spec.posonlyargs),
        tuple(parameter.arg for parameter in spec.kwonlyargs),
        spec.vararg.arg if spec.vararg else "",
        spec.kwarg.arg if spec.kwarg else "",
    )


def instantiate(interp: Interpreter, cls: Class, args: Args, kwargs: Kwargs, node: ast.AST | None) -> Value:
    """cls(*args, **kwargs)"""
    if len(interp.stack) > 8 and [frame.func for frame in interp.stack].count(cls) > 8:
        interp.stop(f"{cls.name} makes itself")
    if interp.defining:
        interp.project.ledger.asked.add(Used("class", interp.project.identity(cls.module, cls.node)))
    else:
        interp.classes.add(cls)
    if interp.project.layers:
        made = wrappers.construct(interp, f"{cls.module.name}.{cls.name}", args, kwargs)
        if made is not MISSING:
            return made
    if interp.on_model is not None and frameworks.is_module(Obj(cls)):
        told, interp.on_model = interp.on_model, None
        told(cls, args, kwargs)
    outside = attributes.external_base(cls)
    if args and attributes.is_enum(cls):
        return enum_member(interp, cls, args[0])
    new = attributes.find_in_class(cls, "__new__")
    if new is not None and isinstance(new.value, Func):
        Frame(interp.module or cls.module, node or interp.node or cls.node, cls, None, {})
        result = call_function(interp, new.value, [cls, *args], kwargs, node)
        if not (isinstance(result, Obj) and result.cls is cls):
            return result
        obj = result
    else:
        obj = Obj(cls, interp.origin())
    interp.objects.append(obj)
    frameworks.prepare(interp, obj)
    init = None if fills_fields(cls) else attributes.find_in_class(cls, "__init__")
    if init is not None and isinstance(init.value, Func):
        call_function(interp, init.value, [obj, *args], kwargs, node, obj)
        frameworks.finished(interp, obj)
        return obj
    if cls.dataclass or is_named_tuple(cls):
        fill_fields(interp, obj, cls, args, kwargs)
        post = attributes.find_method(obj, "__post_init__")
        if post is not None and not frameworks.is_mapping(obj):
            call(interp, post, [], {}, node)
        return obj
    if outside is not None:
        result = frameworks.base_method(interp, obj, "__init__", args, kwargs, outside)
        frameworks.finished(interp, obj)
        if isinstance(result, Obj):
            return result
    return obj


def fills_fields(cls: Class) -> bool:
    """Is the constructor the one that `@dataclass` writes, of the class or a base before any that has one of its own?"""
    for base in cls.mro:
        if isinstance(base, Class) and ("__init__" in base.attrs or base.generated):
            return "__init__" not in base.attrs
    return False


def enum_member(interp: Interpreter, cls: Class, value: Value) -> Value:
    for name, item in list(cls.attrs.items()):
        if not name.startswith("_") and operators.equal(interp, item, value):
            return item
    return value


def is_named_tuple(cls: Class) -> bool:
    return any(isinstance(base, External) and base.name.rpartition(".")[2] in ("NamedTuple", "TypedDict") for base in cls.mro)


_FIELDS = remembered.table()


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


def fill_fields(interp: Interpreter, obj: Obj, cls: Class, args: Args, kwargs: Kwargs) -> None:
    """What a dataclass's or named tuple's generated constructor does."""
    fields: dict[str, Value] = {}
    for base in reversed(cls.mro):
        if not isinstance(base, Class):
            continue
        for name in field_names(base.node):
            fields[name] = base.attrs.get(name, MISSING)
    positional = iter(args)
    for name, default in fields.items():
        value = next(positional, MISSING)
        if name in kwargs:
            value = kwargs[name]
        if value is MISSING:
            value = default
            if isinstance(value, Obj) and isinstance(value.cls, External) and value.cls.name.endswith(".field"):
                factory = value.attrs.get("default_factory")
                value = value.attrs.get("default", MISSING) if factory is None else call(interp, factory, [], {}, interp.node)
        obj.attrs[name] = Unknown(("param", cls.name, name), name) if value is MISSING else value
    for name, value in kwargs.items():
        if name not in fields:
            obj.attrs[name] = value


def call_instance(interp: Interpreter, obj: Obj, args: Args, kwargs: Kwargs, node: ast.AST | None) -> Value:
    """obj(*args, **kwargs)"""
    obj.used = True
    for name in frameworks.call_methods(obj):
        found = attributes.find_in_class(obj.cls, name)
        if found is not None and isinstance(found.value, Func):
            args, kwargs = frameworks.before_call(interp, obj, found.value, args, kwargs)
            return call_function(interp, found.value, [obj, *args], kwargs, node, obj)
        if name in obj.attrs:
            return call(interp, obj.attrs[name], args, kwargs, node)
    result = frameworks.call_object(interp, obj, args, kwargs)
    if result is not MISSING:
        return result
    return call_unknown(interp, Unknown(("object", obj), getattr(obj.cls, "name", "")), args, kwargs)


def call_builtin(interp: Interpreter, func: Builtin, args: Args, kwargs: Kwargs) -> Value:
    """A method of a known value."""
    self = func.self
    if isinstance(self, Node):
        return tensor_methods.method(interp, self, func.name, args, kwargs)
    if isinstance(self, Param):
        return parameters.method(interp, self, func.name, args, kwargs)
    if isinstance(self, Obj):
        return frameworks.method(interp, self, func.name, args, kwargs)
    return builtin_methods.method(interp, self, func.name, args, kwargs)


def enter(interp: Interpreter, context: Value, node: ast.AST) -> Value:
    """What `with context as name` gives."""
    if isinstance(context, Obj):
        method = attributes.find_method(context, "__enter__")
        if method is not None:
            return call(interp, method, [], {}, node)
        return frameworks.enter(interp, context)
    return context


def leave(interp: Interpreter, context: Value) -> None:
    if isinstance(context, Obj):
        frameworks.leave(interp, context)


def run_statement_level(interp: Interpreter, module: Module) -> None:
    """Execute a whole file from top to bottom, as a script."""
    interp.module = module
    ledger = interp.project.ledger
    asking = ledger.asked
    asking.add(module.path)
    for statement in module.tree.body:
        asking.update((module, name) for name in module.binds.get(statement, ()))
        if not module.begin(statement):
            continue
        interp.project.touched.add(module)
        if statement in module.lasting:  # what it does to definitions lasts, too
            with scopes.shared(interp, statement), contextlib.suppress(Raised):
                interp.execute(statement, module.scope)
            asking.update(ledger.leads[statement])
            continue
        ledger.on_behalf_of(statement)
        try:
            interp.execute(statement, module.scope)
        except Raised:
            continue
        finally:
            asking.update(ledger.asked)
            ledger.back_to(asking)
