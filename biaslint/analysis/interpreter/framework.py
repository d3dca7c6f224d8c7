"""Which framework does a name belong to? Passes calls and attributes on to the framework's own module.

A framework module offers the functions used below; adding a framework means writing one and naming it in `FRAMEWORKS`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain import class_lookup, values
from biaslint.analysis.domain.values import Class, DictValue, External, Instance, SequenceValue, Unknown
from biaslint.analysis.interpreter.framework_record import Framework
from biaslint.analysis.project.environment import MISSING
from biaslint.theory.dataflow import Dims

if TYPE_CHECKING:
    from biaslint.analysis.domain.layers import Param
    from biaslint.analysis.domain.values import Args, FunctionValue, Kwargs, Value
    from biaslint.analysis.interpreter.execution import Execution
    from biaslint.analysis.project.module import Module


FRAMEWORKS: list[Framework] = []  # filled by `register`
ARRAY_NAMES: set[str] = set()  # the methods and attributes of tensors that mean something else in some framework


def register(frameworks: Sequence[Framework]) -> None:
    """Name the frameworks; a dotted name belongs to the first that owns it."""
    FRAMEWORKS[:] = frameworks
    ARRAY_NAMES.clear()
    ARRAY_NAMES.update(name for one in frameworks for name in (*one.array_methods, *one.array_attributes))
    for table in (
        of_name,
        loss_names,
        update_methods,
        configuration_arguments,
        holds_settings,
        layer_names,
        bias_may_be_none,
        for_inference,
        mentioned_in,
    ):
        table.cache_clear()


@lru_cache(maxsize=16)  # each entry point of a file asks
def mentioned_in(text: str) -> tuple[Framework, ...]:
    """The frameworks whose packages a file's text names."""
    return tuple(framework for framework in FRAMEWORKS if any(name in text for name in framework.import_names))


def built_by_functions(text: str) -> bool:
    """Does a file's text name a framework whose models are built by functions?"""
    return any(framework.builds_by_functions for framework in mentioned_in(text))


def built_by_functions_alone(text: str) -> bool:
    """Does it name no framework of another kind besides?"""
    mentioned = mentioned_in(text)
    return bool(mentioned) and all(framework.builds_by_functions for framework in mentioned)


def import_names(frameworks: Sequence[Framework]) -> tuple[str, ...]:
    """The packages that model code imports, without names that hold another: a text has those where it has the other."""
    names = frozenset().union(*(framework.import_names for framework in frameworks))
    return tuple(sorted(name for name in names if not any(other in name for other in names - {name})))


@lru_cache(maxsize=1 << 16)
def of_name(name: str) -> Framework | None:
    """The framework a dotted name belongs to, or None."""
    for framework in FRAMEWORKS:
        if framework.owns(name):
            return framework
    return None


def of_object(obj: Instance) -> Framework | None:
    if isinstance(obj.cls, External):
        return of_name(obj.cls.name)
    for base in obj.cls.mro if isinstance(obj.cls, Class) else ():  # asked for most attributes: without a list
        if isinstance(base, External):
            framework = of_name(base.name)
            if framework is not None:
                return framework
    return None


def canonical(name: str) -> str:
    """The public name of a thing that a framework offers under several."""
    framework = of_name(name)
    return framework.canonical(name) if framework is not None else name


def knows(name: str) -> bool:
    framework = of_name(name)
    return framework is not None and framework.knows(name)


def specificity(name: str) -> int:
    """How much a base class tells of what an instance is: a layer class more than a plain module, that more than `object`."""
    framework = of_name(name)
    return framework.specificity(name) if framework is not None else 0


def constant(name: str) -> Value:
    """A framework's or library's constant: None where the name is not one."""
    return CONSTANTS.get(name)


CONSTANTS: dict[str, Value] = {
    "math.pi": 3.141592653589793,
    "math.e": 2.718281828459045,
    "math.inf": float("inf"),
    "numpy.inf": float("inf"),
    "typing.TYPE_CHECKING": False,
}


def call(ex: Execution, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """Call a framework's name. MISSING where no framework knows it."""
    framework = of_name(name)
    return framework.call(ex, framework.canonical(name), args, kwargs) if framework is not None else MISSING


def base_method(ex: Execution, obj: Instance, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """A method that an instance of a project class inherits from a framework's class."""
    framework = of_object(obj)
    if framework is None:
        if is_mapping(obj) and name in MAPPING:
            filled = {key: value for key, value in obj.attrs.items() if value is not None}
            return SequenceValue(MAPPING[name](filled))
        if name == "get" and args:  # dict-like classes
            return args[1] if len(args) > 1 else None
        if name == "__getitem__" and args and isinstance(args[0], str):
            return obj.attrs.get(args[0], ex.fresh())
        if name == "__setitem__" and len(args) == 2 and isinstance(args[0], str):
            obj.attrs[args[0]] = args[1]
        if name == "_replace":
            made = Instance(obj.cls, obj.origin)
            made.attrs.update({**obj.attrs, **kwargs})
            return made
        if name == "_asdict":
            return DictValue(dict(obj.attrs))
        return None if name == "__init__" else ex.fresh(name, values.tensors_in(SequenceValue(list(obj.attrs.values()))))
    return framework.base_method(ex, obj, name, args, kwargs)


def class_method(ex: Execution, cls: Class, outside: External, name: str, args: Args, kwargs: Kwargs) -> Value:
    """A method of a framework's class, called through a project class that is built on it."""
    framework = of_name(outside.name)
    return framework.class_method(ex, cls, outside, name, args, kwargs) if framework is not None else MISSING


MAPPING: dict[str, Any] = {
    "keys": list,
    "__iter__": list,
    "values": lambda filled: list(filled.values()),
    "items": lambda filled: [SequenceValue([key, value], "tuple") for key, value in filled.items()],
}


def is_mapping(obj: Instance) -> bool:
    """Is its class built on a dict? Its entries are kept as attributes."""
    return isinstance(obj.cls, Class) and class_lookup.is_built_on(obj.cls, "dict", "OrderedDict", "UserDict")


def before_init(ex: Execution, obj: Instance) -> None:
    framework = of_object(obj)
    if framework is not None:
        framework.before_init(ex, obj)


def fields_filled(ex: Execution, obj: Instance) -> None:
    framework = of_object(obj)
    if framework is not None:
        framework.fields_filled(ex, obj)


def attribute(ex: Execution, obj: Instance, name: str) -> Value:
    framework = of_object(obj)
    return framework.attribute(ex, obj, name) if framework is not None else MISSING


def has_attribute(obj: Instance, name: str) -> bool | None:
    framework = of_object(obj)
    return framework.has_attribute(obj, name) if framework is not None else None


def is_module(value: Value) -> bool:
    """Is it a layer or a model?"""
    if not isinstance(value, Instance):
        return False
    framework = of_object(value)
    return framework is not None and framework.is_module(value)


def is_plain(value: Class | Instance) -> bool:
    """Is it a class of the project, or an instance, that no framework knows, nor is an enumeration?"""
    cls = value if isinstance(value, Class) else value.cls
    if isinstance(cls, Class) and class_lookup.is_enum(cls):
        return False
    return of_object(value if isinstance(value, Instance) else Instance(value)) is None


def only_applied(value: Value) -> bool:
    """Is it a model that has been called for inference, and never in training?"""
    framework = of_object(value) if isinstance(value, Instance) else None
    return framework is not None and framework.only_applied(value)


def within_model(ex: Execution) -> bool:
    """Is what runs now a method of a layer or model, or called by one?"""
    return any(isinstance(frame.self, Instance) and is_module(frame.self) for frame in ex.stack)


def store(ex: Execution, obj: Instance, name: str, value: Value) -> bool:
    framework = of_object(obj)
    return framework is not None and framework.store(ex, obj, name, value)


def method(ex: Execution, obj: Instance, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    framework = of_object(obj)
    if framework is None:
        return base_method(ex, obj, name, args, kwargs)
    return framework.method(ex, obj, name, args, kwargs)


def call_methods(obj: Instance) -> tuple[str, ...]:
    """The methods that calling an instance runs: the first that there is."""
    framework = of_object(obj)
    return framework.call_methods if framework is not None else ("__call__",)


def call_object(ex: Execution, obj: Instance, args: list[Value], kwargs: dict[str, Value]) -> Value:
    framework = of_object(obj)
    return framework.call_object(ex, obj, args, kwargs) if framework is not None else MISSING


def before_call(
    ex: Execution, obj: Instance, func: FunctionValue, args: list[Value], kwargs: dict[str, Value]
) -> tuple[list[Value], dict[str, Value]]:
    """What a framework does between `obj(...)` and the method that it runs: building the layer, setting flags."""
    framework = of_object(obj)
    return framework.before_call(ex, obj, func, args, kwargs) if framework is not None else (args, kwargs)


def is_graph(obj: Instance) -> bool:
    """Is it a model that was given its inputs and outputs instead of a forward pass?"""
    return "outputs" in obj.attrs and is_module(obj)


def has_forward(obj: Instance) -> bool:
    """Can a container be called itself? A sequence of layers can, a list of modules cannot."""
    framework, outside = of_object(obj), external_base(obj.cls)
    return framework is None or outside is None or not outside.name.endswith(framework.uncallable or "\0")


def sequential_of(obj: Instance) -> External:
    """The class of a part of a container: that of a sequence of layers in the container's framework."""
    framework = of_object(obj)
    return External(framework.composition.sequential if framework is not None and framework.composition is not None else "")


def enter(ex: Execution, obj: Instance) -> Value:
    framework = of_object(obj)
    return framework.enter(ex, obj) if framework is not None else obj


def leave(ex: Execution, obj: Instance) -> None:
    framework = of_object(obj)
    if framework is not None:
        framework.leave(ex, obj)


def is_instance(value: Value, kind: External) -> bool | None:
    framework = of_name(kind.name)
    if framework is None:
        if isinstance(value, Instance) and isinstance(value.cls, Class):
            return kind in value.cls.mro
        if isinstance(value, Instance):
            return bool(value.cls == kind)
        return False
    answer: bool | None = framework.is_instance(value, kind)
    return answer


def is_subclass(cls: Value, kind: Value) -> bool | None:
    if isinstance(cls, Unknown) or isinstance(kind, Unknown):
        return None
    if isinstance(cls, Class):
        return (
            kind in cls.mro
            if isinstance(kind, Class)
            else any(is_subclass(base, kind) for base in class_lookup.external_bases(cls))
        )
    if isinstance(cls, External) and isinstance(kind, External):
        if canonical(cls.name) == canonical(kind.name):
            return True
        framework = of_name(kind.name)
        return framework.is_subclass(cls, kind) if framework is not None else False
    return False


def param_dims(param: Param) -> Dims | None:
    framework = of_name(param.layer.type)
    return framework.parameter_shape(param) if framework is not None else None


def holds(param: Param, name: str) -> bool:
    """Is the attribute of a parameter what it holds?"""
    framework = of_name(param.layer.type)
    return name in framework.parameter_contents if framework is not None else name == "data"


def fields(base: Value) -> Mapping[str, Value]:
    """The fields of a framework's dataclass and their defaults; MISSING where there is none."""
    framework = of_name(base.name) if isinstance(base, External) else None
    return framework.fields(base.name) if framework is not None and isinstance(base, External) else {}


def external_base(cls: Value) -> External | None:
    """The framework's class that a class is built on, the most specific one."""
    if isinstance(cls, External):
        return cls
    best, rank = None, -1
    for base in cls.mro if isinstance(cls, Class) else ():
        if isinstance(base, External):
            how = specificity(base.name)
            if how > rank:
                best, rank = base, how
    return best


@cache
def loss_names() -> frozenset[str]:
    """The loss functions of all frameworks, by their last name."""
    return frozenset().union(*(framework.loss_names for framework in FRAMEWORKS))


@cache
def update_methods() -> frozenset[str]:
    """The methods of all frameworks that carry out a step of training."""
    return frozenset().union(*(framework.update_methods for framework in FRAMEWORKS))


@cache
def configuration_arguments() -> frozenset[str]:
    """The constructor arguments of all frameworks that name an initialization elsewhere."""
    return frozenset().union(*(framework.configuration_arguments for framework in FRAMEWORKS))


def observes(name: str) -> bool:
    """Does a function elsewhere leave the parameters of models that it is given alone?"""
    return any(framework.observes(name) for framework in FRAMEWORKS)


def graph_builders() -> set[str]:
    """The frameworks whose scripts only describe what is computed."""
    return {framework.name for framework in FRAMEWORKS if framework.builds_graphs}


@cache
def for_inference() -> tuple[str, ...]:
    """How the names of functions begin that rebuild a model after training, of all frameworks."""
    return tuple(prefix for framework in FRAMEWORKS for prefix in framework.for_inference)


@cache
def bias_may_be_none() -> re.Pattern[str]:
    """Functions that take None for a bias, of all frameworks."""
    return re.compile("|".join(framework.bias_may_be_none for framework in FRAMEWORKS if framework.bias_may_be_none))


@lru_cache(maxsize=1 << 12)
def holds_settings(name: str) -> bool:
    """Is it an object that holds settings from a command line?"""
    return any(re.fullmatch(framework.settings_names, name) for framework in FRAMEWORKS if framework.settings_names)


@cache
def layer_names() -> re.Pattern[str]:
    """Names of layers, models and functions with parameters, of all frameworks."""
    return re.compile("|".join(framework.layer_names for framework in FRAMEWORKS if framework.layer_names))


def fills_fields(base: Value) -> bool:
    """Is a class that is built on this one a dataclass, although no decorator says so?"""
    framework = of_name(base.name) if isinstance(base, External) else None
    return framework is not None and framework.fills_fields(base.name)


def module_traits(module: Module) -> tuple[bool, ...]:
    """What each framework finds in a file that bears on how all of its definitions are executed."""
    mentioned = mentioned_in(module.text)
    return tuple(trait for one in FRAMEWORKS for trait in (one in mentioned, one.module_trait(module)))


def tensor_bias() -> tuple[str, str]:
    """The framework in which a tensor of the program's own becomes a bias, and the name it has there."""
    return next((framework.name, framework.tensor_bias) for framework in FRAMEWORKS if framework.tensor_bias)


def native_method(obj: Instance, owner: Value, name: str) -> Value:
    """A method of a base class in the project that a framework knows better than its source tells; None for all others."""
    for framework in FRAMEWORKS:
        method = framework.native_method(obj, owner, name)
        if method is not None:
            return method
    return None
