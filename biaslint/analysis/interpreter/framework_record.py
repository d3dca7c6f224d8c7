"""A framework as the interpreter sees it: the record that each framework's folder fills in."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain.values import Class, External, Instance
from biaslint.analysis.project.environment import MISSING
from biaslint.theory.dataflow import Dims, Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.layers import Layer, Param
    from biaslint.analysis.domain.values import Args, FunctionValue, Kwargs, Value
    from biaslint.analysis.interpreter.execution import Execution
    from biaslint.analysis.project.module import Module


def _nothing(*_: Any) -> None:
    return None


def _false(*_: Any) -> bool:
    return False


def _missing(*_: Any) -> Value:
    return MISSING


def _fresh_method(ex: Execution, obj: Instance, name: str, args: Args, kwargs: Kwargs) -> Value:
    return ex.fresh(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition:
    """How a layer of several parts is put together."""

    bias_argument: str  # of a layer's constructor
    layers: str  # the module of the layers
    sequential: str  # the container that calls one part after the other
    sequence: Callable[[Execution, list[Value]], Value]  # that container with these parts
    batch_norm: Callable[[Execution, Layer, bool], Value]  # for what enters the layer, or (True) for what leaves it


@dataclass(frozen=True, slots=True, kw_only=True)
class Framework:
    """A framework, as the interpreter sees it: a record of functions. What is left out is answered as the default says.

    Names are full dotted names of the framework's; `call` gets them in the `canonical` spelling.
    """

    name: str  # as rules and reports have it
    import_names: frozenset[str]  # the top-level packages that a file imports to use it
    owns: Callable[[str], bool]  # does a dotted name belong to the framework?
    canonical: Callable[[str], str]  # the public name of a thing that is offered under several
    knows: Callable[
        [str], bool
    ]  # is it a public name whose meaning is known, also where the framework's own sources are linted?
    # How much a base class tells of what an instance is: a layer class (4) more than a container, a module, anything else (0).
    specificity: Callable[[str], int]
    call: Callable[[Execution, str, Args, Kwargs], Value]  # name(*args, **kwargs); MISSING where the name is not known
    call_methods: tuple[str, ...] = ("__call__",)  # the methods that calling an instance runs: the first that there is

    is_module: Callable[[Instance], bool] = _false  # is an instance a layer or a model?
    only_applied: Callable[[Instance], bool] = _false  # has a model been called for inference, and never in training?
    is_instance: Callable[[Value, External], bool | None] = _nothing  # isinstance(value, kind); None where that is not known
    is_subclass: Callable[[External, External], bool] = operator.eq
    before_init: Callable[[Execution, Instance], None] = _nothing  # an instance was made; its constructor runs next
    attribute: Callable[[Execution, Instance, str], Value] = (
        _nothing  # that the framework gives to an instance; None where it gives none
    )
    has_attribute: Callable[[Instance, str], bool | None] = _nothing
    store: Callable[[Execution, Instance, str, Value], bool] = _false  # obj.name = value; false where that is left to Python
    method: Callable[[Execution, Instance, str, Args, Kwargs], Value] = (
        _fresh_method  # of an instance of one of the framework's classes
    )
    base_method: Callable[[Execution, Instance, str, Args, Kwargs], Value] = (
        _fresh_method  # inherited by an instance of a project class
    )
    # Class.method(...) of a project class where a class of the framework has the method; MISSING where that is not known.
    class_method: Callable[[Execution, Class, External, str, Args, Kwargs], Value] = _missing
    # A method of a base class in the project that is known better than its source tells; None for all others.
    native_method: Callable[[Instance, Value, str], Value] = _nothing
    call_object: Callable[[Execution, Instance, Args, Kwargs], Value] = (
        _missing  # obj(...) where no method of the project's is run
    )
    # What happens between `obj(...)` and the method that it runs: building the layer, setting flags.
    before_call: Callable[[Execution, Instance, FunctionValue, Args, Kwargs], tuple[Args, Kwargs]] = (
        lambda ex, obj, func, args, kwargs: (
            args,
            kwargs,
        )
    )
    enter: Callable[[Execution, Instance], Value] = lambda ex, obj: obj  # what `with obj as name` gives
    leave: Callable[[Execution, Instance], None] = _nothing
    update_methods: frozenset[str] = frozenset()  # methods that carry out a step of training
    settings_names: str = ""  # a regular expression for names of objects that hold settings from a command line
    layer_names: str = ""  # a regular expression for names of layers, models and functions with parameters
    changes_tensors: bool = False  # does `x += 1` change the tensor that other names stand for as well?
    builds_by_functions: bool = False  # are models functions as often as classes?
    forward_method: str = ""  # the method that a model's class defines
    module_class: str = ""  # the class that a model's class is built on
    tensor_bias: str = (
        ""  # the name for a tensor of the program's own that is added as a bias; "" where variables stand for all
    )
    uncallable: tuple[str, ...] = ()  # the last names of containers that cannot be called themselves
    for_inference: tuple[str, ...] = ()  # how the names of functions begin that rebuild a model after training
    observes: Callable[[str], bool] = _false  # does a function elsewhere leave the parameters of models that it is given alone?
    builds_graphs: bool = False  # does a script only describe what is computed, for a session to fetch?
    bias_may_be_none: str = ""  # a regular expression for functions that take None for a bias
    composition: Composition | None = None  # of layers that the configuration describes
    loss_names: frozenset[str] = frozenset()  # functions and classes that compare what leaves a model with the targets
    configuration_arguments: frozenset[str] = frozenset()  # constructor arguments that name an initialization elsewhere
    # Does a file's text have something that bears on how all of its classes are executed?
    module_trait: Callable[[Module], bool] = _false
    parameter_shape: Callable[[Param], Dims | None] = _nothing  # the dimensions of a layer's parameter
    parameter_contents: frozenset[str] = frozenset({"data"})  # attributes of a parameter that are its numbers
    public_layers: tuple[str, ...] = ()  # the full names of its layers, in the spellings that a configuration may use
    # Is a class that is built on this one a dataclass, although no decorator says so?
    fills_fields: Callable[[str], bool] = _false
    fields: Callable[[str], Mapping[str, Value]] = lambda name: {}  # of its own class, which one built on it takes as well
    fields_filled: Callable[[Execution, Instance], None] = (
        _nothing  # what such a constructor does when it has filled the fields
    )
    # Methods and attributes of its tensors that do something else than the names in `tensors/methods.py`.
    array_methods: Mapping[str, Callable[[Execution, Node, Args, Kwargs], Value]] = field(default_factory=dict)
    array_attributes: Mapping[str, Callable[[Execution, Node], Value]] = field(default_factory=dict)
