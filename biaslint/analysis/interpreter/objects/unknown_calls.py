"""Calls of unknown code."""

from __future__ import annotations

import ast
import contextlib
import re
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain import class_lookup, values as domain_values
from biaslint.analysis.domain.layers import Param
from biaslint.analysis.domain.values import (
    Class,
    DictValue,
    External,
    Generator,
    Instance,
    SequenceValue,
    Unknown,
    term_of,
)
from biaslint.analysis.interpreter import execution, framework, module_tree
from biaslint.theory import terms
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Args, Kwargs, Value
    from biaslint.analysis.interpreter.execution import Execution


def call_unknown(ex: Execution, func: Value, args: Args, kwargs: Kwargs) -> Value:
    """The result of unknown code. It reads the tensors and may change the modules that it is given."""
    values = [*args, *kwargs.values()]
    if not values and isinstance(func, Unknown) and is_respelling(func.key):
        return Unknown(func.key.base, f"{func.text}()")  # the same setting
    name = class_lookup.describe(func)
    if name.endswith("enter_context") and values and isinstance(values[0], Generator):
        return entered(ex, values[0])
    if framework.observes(name) and isinstance(func, (External, Unknown)):
        if any(isinstance(value, Instance) for value in values):
            return given_back(ex, name, values)
    else:
        argument = isinstance(func, Unknown) and isinstance(func.key, terms.Parameter)
        for value in values:
            escape(ex, value, name, argument)
    if "focal" in name.lower():
        execution.note_call(ex, name, "loss", "python")
    found = [node for value in (func, *values) for node in domain_values.tensors_in(value)]
    if isinstance(func, (External, Unknown)):
        ex.not_understood(f"call of {name}")
    if found or any(map(domain_values.params_in, values)):
        ex.doubts += 1
        node = ex.opaque(func, *values, name=name)
        node.info["unknown"] = True
        return node
    found_settings = settings_read(ex, name)
    if found_settings is not None:
        return found_settings
    if isinstance(func, Unknown) and len(values) < 4:
        key = terms.CallOf(func.key, *(term_of(value) for value in values))
        if terms.larger(key, 60):  # calls of calls of calls: a loop, whose keys would grow for ever
            return ex.fresh(f"{name}(...)")
        return Unknown(key, called(func.text, values))
    return ex.fresh(f"{name}(...)")


def called(name: str, values: Args) -> str:
    """How the source writes a call of something unknown with these arguments, where all of them are constants."""
    written = ", ".join(map(repr, values)) if all(map(domain_values.is_constant, values)) else "..."
    return f"{name}({written})" if name else ""


class Paused(Exception):
    """A generator has come to its `yield`."""


def entered(ex: Execution, context: Generator) -> Value:
    """stack.enter_context(context): the generator runs to its `yield`. What it does behind that, at the end of the stack, is left out."""

    def pause(value: Value) -> None:
        raise Paused

    if context.frame is None:
        return ex.fresh("a context")
    context.frame.resume = pause
    with contextlib.suppress(Paused):
        ex.iterate(context)
    return context.frame.yields[-1] if context.frame.yields else None


GIVES_BACK = ("prepare", "prepare_model", "setup", "setup_module", "initialize")  # the models that they were given, wrapped


def given_back(ex: Execution, name: str, values: list[Value]) -> Value:
    """The result of a library function that was handed models to watch or wrap."""
    short = name.rpartition(".")[2]
    models = [value for value in values if isinstance(value, Instance) and framework.is_module(value)]
    if short not in GIVES_BACK or not models:
        return ex.fresh(f"{name}(...)")
    if short == "initialize":
        return SequenceValue([models[0], *(ex.fresh(name) for _ in range(3))], "tuple")
    return SequenceValue(list(values), "tuple") if len(values) > 1 else values[0]


# What reads settings from a command line or a file
READS_SETTINGS = re.compile(
    r"parse_(known_)?args|hparams|(get|load|read|parse)_(config|cfg|hparams|settings|options|args|flags|params)|(safe|full)_load|config",
    re.IGNORECASE,
)


# ... with a method of a class of configurations
MAKES_SETTINGS = re.compile(
    r"(.*\.)?\w*(conf|config|cfg)(ig|node|dict)?\.(load|open|read|create|structured|merge|from\w*)", re.IGNORECASE
)


SETTINGS_FILES = {"json.load", "json.loads", "yaml.load", "toml.load", "tomllib.load", "tomllib.loads"}


def settings_read(ex: Execution, name: str) -> Value:
    """`args = parser.parse_args()`: settings that are the same ones in every execution, called as the source calls them; else None."""
    target = ex.statement.targets[0] if isinstance(ex.statement, ast.Assign) and ex.statement.value is ex.node else None
    known = (
        name in SETTINGS_FILES or READS_SETTINGS.fullmatch(name.rpartition(".")[2] or name) or MAKES_SETTINGS.fullmatch(name)
    )
    if not known or ex.module is None:
        return None
    first = target.elts[0] if isinstance(target, ast.Tuple) and target.elts else target
    if not isinstance(first, ast.Name):
        return None
    found = Unknown(terms.FreeName(f"{ex.module.name}:{getattr(ex.node, 'lineno', 0)}", first.id), first.id)
    return SequenceValue([found, ex.fresh("the rest")], "tuple") if isinstance(target, ast.Tuple) else found


def is_respelling(key: Any) -> bool:
    """Is it a method of a string after which comparisons mean the same as before?"""
    return isinstance(key, terms.Attribute) and key.name in ("lower", "casefold", "strip")


# What may put other parts into a model, or switch its norms off, by its name
REBUILDS = re.compile(
    r"norm|(?<![a-z])bn|freez|replac|convert|fus|swap|surgery|patch|inject|hook|prun|quant|\bfx\.", re.IGNORECASE
)


# What may give the parameter that it is called with other entries, by its name
INITIALIZES = re.compile(r"init|reset|fill|copy|(?<![a-z])set|_$", re.IGNORECASE)


def escape_parameter(value: Value) -> None:
    """Unknown code that sets parameters is called with one."""
    if isinstance(value, Param):
        value.layer.passed_to_unknown_code = True
    while isinstance(value, Node) and value.op == "const":
        if "parameter" in value.info:
            value.info["escaped"] = True
        value = value.info.get("part_of", value.inputs or (None,))[0]


def own_parameters(obj: Instance) -> list[Node]:
    """The parameters that modules hold themselves."""
    return [
        value
        for _, module in module_tree.walk(obj)
        for value in module.attrs.values()
        if isinstance(value, Node) and "parameter" in value.info
    ]


def escape(ex: Execution, value: Value, name: str, argument: bool = False) -> None:
    """Unknown code, called `name`, may change the layers that it can reach. `argument`: it is what a caller would give.

    A whole model is handed on to be trained, exported, measured or initialized: its values may change, what it is made of does not.
    """
    rebuilt = REBUILDS.search(name) and not name.startswith(framework.for_inference())
    inside = framework.within_model(ex)
    todo, seen = [(value, 3)], set()
    while todo:
        part, depth = todo.pop()
        if part is value and INITIALIZES.search(name):
            escape_parameter(part)
        if isinstance(part, Instance):
            whole = part.layer is None and (isinstance(part.cls, Class) or not inside) and not rebuilt
            for parameter in own_parameters(part):
                parameter.info["escaped"] = True
            for layer in module_tree.layers_of(part):
                layer.handed_at = layer.handed_at or ex.here()
                if whole:
                    layer.model_passed_to_unknown_code = True
                else:
                    within = argument and not rebuilt and part.layer is None and framework.has_forward(part)
                    layer.passed_within_container = within and layer.passed_within_container >= layer.passed_to_unknown_code
                    layer.passed_to_unknown_code = True
        elif isinstance(part, (SequenceValue, DictValue)) and depth and (id(part), depth) not in seen:
            seen.add((id(part), depth))
            items = part.items if isinstance(part, SequenceValue) else part.items.values()
            todo.extend((item, depth - 1) for item in items if isinstance(item, (Instance, SequenceValue, DictValue)))
