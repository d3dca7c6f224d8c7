"""The harness: an entry point is called with symbolic arguments, and the models that it builds are fed symbolic inputs."""

from __future__ import annotations

import ast
import contextlib
import re
import warnings
from typing import TYPE_CHECKING

from biaslint.analysis.domain import class_lookup, norm_guards, values
from biaslint.analysis.domain.path_condition import PathCondition
from biaslint.analysis.domain.values import (
    Class,
    DictValue,
    External,
    FunctionValue,
    Instance,
    Options,
    Raised,
    SequenceValue,
    Stopped,
    Unknown,
)
from biaslint.analysis.exploration import references
from biaslint.analysis.interpreter import framework, module_tree
from biaslint.analysis.interpreter.objects import attributes, instantiation, namespaces
from biaslint.analysis.project.environment import MISSING, Environment
from biaslint.theory import terms
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.exploration.results import Root
    from biaslint.analysis.interpreter.execution import Execution
    from biaslint.analysis.project.module import Module


def start(ex: Execution, root: Root) -> Value:
    """Build the model: call the function, instantiate the class, run the script."""
    module = root.module
    if root.node is None:
        module.scope.names["__name__"] = "__main__"
        namespaces.run_statement_level(ex, module)
        train_what_is_only_applied(ex, module)
        return fetched(ex, module)
    target = namespaces.module_attribute(ex, module, root.node.name)
    if isinstance(target, FunctionValue):
        args, kwargs = arguments(ex, target, skip=0)
        return ex.call(target, args, kwargs, root.node)
    if isinstance(target, Class):
        init = class_lookup.find_in_class(target, "__init__")
        if init is not None and isinstance(init.value, FunctionValue):
            args, kwargs = arguments(ex, init.value, skip=1)
        else:
            args, kwargs = [], field_arguments(ex, target) if framework.is_module(Instance(target)) else {}
        made = ex.call(target, args, kwargs, root.node)
        if isinstance(made, Instance) and not framework.is_module(made) and framework.built_by_functions(root.module.text):
            build_by_methods(ex, made)
        return made
    return None


BUILDING = re.compile(
    r"_*(build|create|make|construct|setup|define|add|init)?_*(\w+_)?(model|net|network|graph|nn|architecture|build|forward|inference)s?_*"
)


def build_by_methods(ex: Execution, obj: Instance) -> None:
    """Call the outermost methods with which a plain class builds its network, unless they were called already."""
    functions = {
        name: func
        for cls in (obj.cls.mro if isinstance(obj.cls, Class) else ())
        for name, func in (cls.attrs.items() if isinstance(cls, Class) else ())
        if isinstance(func, FunctionValue) and func not in ex.functions and (not name.startswith("__") or name == "__call__")
    }
    said = {name: references.mentioned([func.node]) for name, func in functions.items()}
    layered = {name for name, words in said.items() if any(map(framework.layer_names().fullmatch, words))}
    building = layered | {name for name in functions if BUILDING.fullmatch(name)}
    inner = {word for name in building for word in said[name] - {name}}
    for name in functions:
        func = functions[name]
        if name in building and name not in inner and func not in ex.functions:
            with contextlib.suppress(Raised):
                method = attributes.load(ex, obj, name)
                forward(ex, ex.call(method, *arguments(ex, func, skip=func.kind != "staticmethod"), func.node))


def train_what_is_only_applied(ex: Execution, module: Module) -> None:
    """A script that applies a model for inference only trains it in a function that it leaves to its reader to call."""
    names = {name for name, value in module.scope.names.items() if framework.only_applied(value)}
    for node in module.definitions if names else ():
        func = module.scope.names.get(node.name)
        if isinstance(func, FunctionValue) and func not in ex.functions and names & references.mentioned([node]):
            ex.call(func, *arguments(ex, func, skip=0), node)


def fetched(ex: Execution, module: Module) -> Value:
    """The results of a script that builds a graph: a session may return any of them, whatever names they have."""
    if framework.graph_builders().isdisjoint(layer.framework for layer in ex.layers):
        return None
    bound = [value for value in module.scope.names.values() if isinstance(value, Node) and value.op not in ("const", "input")]
    return SequenceValue([node for node in bound if not node.readers])


def arguments(ex: Execution, func: FunctionValue, skip: int) -> tuple[list[Value], dict[str, Value]]:
    """Symbolic arguments of an entry point. Flags are unknown with their defaults; a configuration is made where its class is known."""
    spec = func.node.args
    positional = [*spec.posonlyargs, *spec.args][skip:]
    defaults: dict[str, Value] = {}
    for parameter, default in zip(reversed(positional), reversed(func.defaults), strict=False):
        defaults[parameter.arg] = default
    defaults.update(func.kw_defaults)
    kwargs: dict[str, Value] = {}
    args: list[Value] = []
    for parameter in (*positional, *spec.kwonlyargs):
        name = parameter.arg
        if name in defaults:
            value = norm_guards.setting(ex.path, func, name, with_settings(ex, name, defaults[name]))
        else:
            value = with_settings(ex, name, configured(ex, func, parameter))
        if parameter in positional and len(args) == positional.index(parameter):
            args.append(value)
        else:
            kwargs[name] = value
    return args, Options(kwargs) if spec.kwarg else kwargs


def with_settings(ex: Execution, name: str, default: Value) -> Value:
    """A configuration that is a parameter's default: its fields are settings, which callers reach as `name.field`."""
    if not isinstance(default, (Class, Instance)) or not framework.is_plain(default):
        return default
    cls = default if isinstance(default, Class) else default.cls
    deciding = norm_guards.deciding_in(cls.node, cls.module).norms if isinstance(cls, Class) else frozenset[str]()
    given = {} if isinstance(cls, Class) and cls.dataclass else class_lookup.plain_attributes(cls)
    made: Class | Instance
    if isinstance(default, Class):
        made = default.without_attributes()
    else:
        made = Instance(default.cls, default.origin)
    for field, value in {**given, **default.attrs}.items():
        plain = (isinstance(value, (bool, str)) or value is None) and not field.startswith("__")
        key = terms.Parameter(cls.name, field)
        made.attrs[field] = ex.path.settable(value, key, f"{name}.{field}", field in deciding) if plain else value
    return made


def field_arguments(ex: Execution, cls: Class) -> dict[str, Value]:
    """Symbolic arguments of a dataclass: its fields are settings, which its methods read as `self.name`."""
    given: dict[str, Value] = {}
    bases = [base for base in cls.mro if isinstance(base, Class)]
    deciding = frozenset[str]().union(*(norm_guards.deciding_in(base.node, base.module).norms for base in bases))
    annotated = {
        statement.target.id: statement.annotation
        for base in reversed(bases)
        for statement in base.node.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    }
    for name, default in instantiation.fields_of(cls).items() if cls.dataclass else ():
        key, text = terms.Parameter(cls.name, name), f"self.{name}"
        if default is MISSING:
            scope = Environment(cls.module, cls.scope.parent if cls.scope is not None else None)
            given[name] = of_annotated_class(ex, scope, annotated[name], Unknown(key, text))
        elif not instantiation.is_field(default):
            given[name] = ex.path.settable(default, key, text, name in deciding)
    return given


OF_SIZES = re.compile(r"(typing\.)?(Sequence|List|list|Iterable|Tuple|tuple)\[int(, \.\.\.)?\]")
SIZES = 4  # how many sizes a list of them is given


def configured(ex: Execution, func: FunctionValue, parameter: ast.arg) -> Value:
    """A parameter without a default: its annotated class where that is a configuration of the project, else unknown."""
    unknown = Unknown(terms.Parameter(func.qualname, parameter.arg), parameter.arg)
    if parameter.annotation is None:
        return unknown
    return of_annotated_class(ex, Environment(func.module, func.scope), parameter.annotation, unknown)


def of_annotated_class(ex: Execution, scope: Environment, annotation: ast.expr, unknown: Unknown) -> Value:
    """The value that an annotation names, for a list of sizes or a configuration class; else `unknown`."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                annotation = ast.parse(annotation.value, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return unknown
    if isinstance(annotation, ast.BinOp):
        annotation = annotation.left
    if isinstance(annotation, ast.Subscript) and OF_SIZES.fullmatch(ast.unparse(annotation)):
        return SequenceValue([ex.item_of(unknown, index) for index in range(SIZES)])
    if not isinstance(annotation, (ast.Name, ast.Attribute)):
        return unknown
    value = ex.eval(annotation, scope)
    if isinstance(value, Class) and not framework.is_module(Instance(value)):
        outer = ex.path
        try:
            ex.path = PathCondition()
            return ex.call(value, [], {}, ex.node)
        except (Raised, Stopped):
            return unknown
        finally:
            ex.path = outer
    return unknown


def forward(ex: Execution, value: Value) -> None:
    """Call a model on symbolic inputs. Its result is the model's output."""
    if isinstance(value, SequenceValue):
        for item in value.items:
            forward(ex, item)
        return
    if isinstance(value, Instance) and framework.is_module(value) and not value.used:
        results = run_model(ex, value)
        ex.results[value] = SequenceValue(results)
        for result in results:
            leave(ex, result)
    elif not isinstance(value, Instance):
        leave(ex, value)


def leave(ex: Execution, result: Value) -> None:
    """Mark the tensors and parameters within a result as outputs of the model."""
    read = [ex.read(param, None) for param in values.params_in(result, 6)]
    for node in (*values.tensors_in(result, 6), *read):
        ex.flow.add("output", (node,), node.dims, "output")


NOT_FORWARD = re.compile(
    r"^_|^(configure|on_|train|val|test|predict_|load|save|get_|set_|init|reset|from_|num_|freeze|group|no_|is_|summary|backward)"
)


def set_training(ex: Execution, obj: Instance) -> None:
    """model.train(), also as a class of the project defines it."""
    module_tree.set_measured(obj, False)
    seen: set[int] = set()
    todo = [obj]
    while todo:
        part = todo.pop()
        train = class_lookup.find_method(part, "train")
        if train is not None:
            ex.call(train, [True], {}, ex.node)
        elif id(part) not in seen:
            seen.add(id(part))
            todo += [child for _, child in module_tree.children(part) if isinstance(child, Instance)]


def run_model(ex: Execution, obj: Instance) -> list[Value]:
    """Call a model as training would. A class without a forward pass has its other public methods called."""
    results: list[Value] = []
    set_training(ex, obj)
    for name in framework.call_methods(obj):
        found = class_lookup.find_in_class(obj.cls, name)
        if found is not None and isinstance(found.value, FunctionValue):
            args, kwargs = inputs(ex, found.value)
            obj.used = True
            results.append(ex.call(obj, args, kwargs, found.value.node))
            take_step(ex, obj)
            return [*results, *other_passes(ex, obj)]
    if obj.layer is not None or obj.items is not None or framework.is_graph(obj):
        if obj.items is not None and not framework.has_forward(obj):
            obj.used = True  # it may contain itself
            return [
                result
                for item in list(obj.items.values())
                if isinstance(item, Instance) and framework.is_module(item) and not item.used
                for result in run_model(ex, item)
            ]
        node = ex.flow.add("input", (), None, "the input", ex.here())
        results.append(ex.call(obj, [node], {}, ex.node))
        return results
    if isinstance(obj.cls, Class):
        methods = {name: func for name, func in obj.cls.attrs.items() if isinstance(func, FunctionValue)}
        inner = {word for name, func in methods.items() for word in references.mentioned([func.node]) - {name}}
        for name, func in sorted(methods.items(), key=lambda method: method[0] in inner):  # under what the others set for them
            if func.kind == "function" and (name == "training_step" or not NOT_FORWARD.match(name)):
                if name in inner and func in ex.functions:
                    continue
                args, kwargs = inputs(ex, func)
                results.append(ex.call(attributes.load(ex, obj, name), args, kwargs, func.node))
    return results


STEPS = ("training_step", "train_step")


def take_step(ex: Execution, obj: Instance) -> None:
    """Carry out a model's own step of training, which says which loss its output goes into. What it raises ends it alone."""
    found = (class_lookup.find_in_class(obj.cls, name) for name in STEPS)
    step = next((one.value for one in found if one is not None and isinstance(one.value, FunctionValue)), None)
    if step is not None:
        with contextlib.suppress(Raised):
            args, kwargs = inputs(ex, step)
            ex.call(attributes.load(ex, obj, step.name), args, kwargs, step.node)


PREDICTS = re.compile(
    r"(.*_)?(predict|infer|inference|sample|generate|eval|evaluate|test|val|validate|validation)(_.*|ion)?|__\w+__"
)
MANY = 8  # how many tensors `*args` stand for


def other_passes(ex: Execution, obj: Instance) -> list[Value]:
    """The results of the methods that use parts of a model which its forward pass leaves out, as a loss with a discriminator does."""
    idle = {name for name, part in obj.attrs.items() if isinstance(part, Instance) and is_idle(part)}
    results: list[Value] = []
    for base in obj.cls.mro if idle and isinstance(obj.cls, Class) else ():
        for name, func in list(base.attrs.items()) if isinstance(base, Class) else ():
            if (
                not isinstance(func, FunctionValue)
                or func.kind != "function"
                or func in ex.functions
                or PREDICTS.fullmatch(name)
            ):
                continue
            if not idle.isdisjoint(references.mentioned([func.node])):
                args, kwargs = inputs(ex, func)
                if func.node.args.vararg:
                    args += [ex.flow.add("input", (), None, func.node.args.vararg.arg, ex.here()) for _ in range(MANY)]
                with contextlib.suppress(Raised):
                    results.append(ex.call(attributes.load(ex, obj, name), args, kwargs, func.node))
    return results


def is_idle(part: Instance) -> bool:
    """Is it a module that nothing has called?"""
    if part.layer is not None:
        return not part.layer.calls
    return framework.is_module(part) and not part.used


def compute_losses(ex: Execution) -> None:
    """Carry out the step of a trainer's own class, which is given the one model that the execution has built."""
    models = [obj for obj in ex.objects if framework.is_module(obj) and isinstance(obj.cls, Class)]
    models = [obj for obj in models if obj.owner is None or not framework.is_module(obj.owner)]
    if len(models) != 1:
        return
    for obj in [one for one in ex.objects if isinstance(one.cls, Class) and not framework.is_module(one)]:
        found = class_lookup.find_in_class(obj.cls, "compute_loss")
        if found is not None and isinstance(found.value, FunctionValue) and found.value not in ex.functions:
            with contextlib.suppress(Raised):
                ex.call(attributes.load(ex, obj, "compute_loss"), [models[0], DictValue(open=True)], {}, found.value.node)


def inputs(ex: Execution, func: FunctionValue) -> tuple[list[Value], dict[str, Value]]:
    """Symbolic inputs of a forward pass: a tensor for the first parameter and for each without a default.

    A flag (`return_features=False`) is one that some callers give the other value.
    """
    spec = func.node.args
    positional = [*spec.posonlyargs, *spec.args][1:]
    required = len(positional) - len(func.defaults)
    args: list[Value] = []
    for index, parameter in enumerate(positional):
        if index < max(required, 1):
            args.append(input_for(ex, func, parameter))
    kwargs: dict[str, Value] = {}
    for parameter in spec.kwonlyargs:
        if parameter.arg not in func.kw_defaults:
            kwargs[parameter.arg] = input_for(ex, func, parameter)
    named = [
        *zip(positional[required:], func.defaults, strict=True),
        *((one, func.kw_defaults.get(one.arg)) for one in spec.kwonlyargs),
    ]
    for parameter, default in named[max(1 - required, 0) :]:
        if isinstance(default, bool) and not MODE.fullmatch(parameter.arg):
            kwargs[parameter.arg] = Unknown(terms.InputParameter(func.qualname, parameter.arg), parameter.arg, default=default)
        elif default is None and parameter.arg in norm_guards.deciding(func).parts:  # one that some callers give
            key = terms.InputParameter(func.qualname, parameter.arg)
            if key in ex.path.released:
                kwargs[parameter.arg] = input_for(ex, func, parameter)
            else:
                ex.path.releasable[key] = None
    if spec.vararg and not positional:
        args.append(ex.flow.add("input", (), None, spec.vararg.arg, ex.here()))
    return args, kwargs


MODE = re.compile(r"(is_)?(train|training|eval|inference|test|predict|infer|testing)|mode")  # the pass is the one of training
SCALARS = {"int", "bool", "float", "str"}


def input_for(ex: Execution, func: FunctionValue, parameter: ast.arg) -> Value:
    annotation = ast.unparse(parameter.annotation) if parameter.annotation is not None else ""
    if annotation in SCALARS:
        return Unknown(terms.InputParameter(func.qualname, parameter.arg), parameter.arg)
    return ex.flow.add("input", (), None, parameter.arg, ex.here())


def called_elsewhere(ex: Execution, root: Root, obj: Instance) -> bool:
    """Do other executions call it in the mode that the module's top level leaves it in?

    What a function finds there is called by the module's own execution; what was put into evaluation mode there, by functions.
    """
    if isinstance(root.node, ast.FunctionDef):
        return obj.origin is not None and bool(obj.origin.chain) and obj.origin.chain[-1][1] is not root.node
    if root.node is not None or not any(one is obj for one in ex.evaluated):
        return False
    names = {name for name, value in root.module.scope.names.items() if value is obj}
    functions = [one for one in root.module.definitions if isinstance(one, ast.FunctionDef)]
    return not names.isdisjoint(references.mentioned(functions))


def unused_models(ex: Execution, value: Value, root: Root) -> list[Instance]:
    """Models that the execution built and neither called nor put into others, but for those that other executions call as they are."""
    found = []
    for obj in ex.objects:
        if obj is value or obj.used or not framework.is_module(obj) or called_elsewhere(ex, root, obj):
            continue
        owner = obj.owner
        if owner is not None and framework.is_module(owner):
            continue
        if obj.layer is not None and owner is None and obj.items is None and isinstance(obj.cls, External):
            continue  # a layer made to be looked at, and no model
        if obj.layer is not None and (obj.layer.calls or obj.layer.kind in ("loss", "activation")):
            continue
        found.append(obj)
    return found
