"""Layers, their parameters, and where in the source they were made."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.project.environment import Value
    from biaslint.analysis.project.module import Module


@dataclass(eq=False, slots=True)
class Layer:
    """A framework's layer, a raw one made of functions and variables, or a fact: a loss, an optimizer, a training.

    One record, since a copy of a layer copies all of it and most readers want several of its parts. Each part says who writes it.
    """

    # -- what the call makes: written once, where the layer is made
    type: str
    kind: str
    framework: str
    config: dict[str, Value]  # the arguments by name, defaults included
    origin: Origin
    name: str = ""
    spec: Any = None  # the entry of the framework's vocabulary that describes it
    default: Any = None  # how the framework starts the bias
    configured: bool = False  # a configuration or a model that is not looked at may initialize it

    # -- how the source writes the call, for messages and fixes: written once, where the layer is made
    callee: str = ""
    argument: str = ""  # which argument switches the bias
    argument_text: str = ""
    texts: dict[str, str] = field(default_factory=dict)  # the arguments as written
    positions: dict[str, int] = field(default_factory=dict)  # where the call has an argument by position
    settings: dict[str, Value] = field(default_factory=dict)  # the parameters of the function that holds the call
    outer_settings: tuple[dict[str, Value], ...] = ()  # of a raw layer, which helpers make: those of the calls further out

    # -- what its parameters hold: written by assignments and initializers
    bias: Value = None  # True, False or unknown
    trainable: Value = True
    weight_trainable: Value = True
    writes: list[Any] = field(default_factory=list)
    weight_writes: list[Any] = field(default_factory=list)
    rewritten: bool = False  # its bias is set in the forward pass, or after the layer was called
    # the `if` statements that asked for layers of other types, each with its module
    turned_away: dict[ast.stmt, Module] = field(default_factory=dict)
    weight_of: Layer | None = None
    tied: Any = None  # the write that made it share that weight
    bias_of: Layer | None = None
    shared_with: list[Layer] = field(default_factory=list)  # whose biases are this one's
    doubles: Layer | None = None  # a raw bias: the layer to whose own bias it is added

    # -- where it is used: written by calls
    calls: list[Node] = field(default_factory=list)
    axes: tuple[int, ...] = ()  # along which its result varies with the channels
    eval_mode: bool = False
    measured: bool = False  # the whole model is in evaluation mode, as it is for measuring it
    reads: list[tuple[str, Node]] = field(default_factory=list)  # which parameter is read as a tensor, and that tensor

    missed_by: Layer | None = None  # the optimizer that had taken the model's parameters before this layer came into it

    # -- what code that is not followed may have done to it
    passed_to_unknown_code: bool = False  # it may have been changed there
    passed_within_container: bool = False  # ... where a caller's own code got it with the layers around it
    handed_at: Any = None  # where it was handed over: module and syntax node
    model_passed_to_unknown_code: bool = False  # part of a model that may have been initialized there
    reparametrized: bool = False  # a hook or a norm of the weight changes its parameters before each call

    # -- facts
    covers: list[tuple[Layer, str, Value]] = field(default_factory=list)  # an optimizer's: layer, parameter, weight decay
    covers_all: bool = False  # the optimizer's parameters are all known
    loss_calls: list[LossCall] = field(default_factory=list)  # of a loss: each call of it

    @property
    def short_type(self) -> str:
        """The last part of the type: "Conv2d" of "torch.nn.Conv2d"."""
        return self.type.rpartition(".")[2]


@dataclass(eq=False, slots=True)
class LossCall:
    """One call of a loss: the tensors, or the model, that it takes as the prediction, and as what.

    `takes` is "logits", "probabilities" or "log-probabilities", `classes` whether they are those of exclusive classes, which stand
    along `axis`. `whole`: is the target known to hold whole numbers, the classes' own? `rebuilds`: is it what the model was given?
    """

    value: Value
    takes: str
    classes: bool
    axis: int
    place: tuple[Module, ast.AST] | None
    whole: bool = False
    rebuilds: bool = False


@dataclass(eq=False, slots=True)
class Origin:
    """The origin of a value: the calls that made it, innermost first, and the function of the innermost."""

    chain: tuple[tuple[Module, ast.AST], ...]
    owner: str = ""
    statement: ast.stmt | None = None
    rounds: tuple[dict[str, bool], ...] = ()  # of the loops around it: the conditions of that round, as written
    frame: Any = None  # the `Frame` of that function


@dataclass(eq=False, slots=True)
class Param:
    """A parameter of a layer, or a part of one: `span` is the part as a pair of abstract bounds."""

    layer: Layer
    which: str
    span: tuple[Value, Value] | None = None


@dataclass(eq=False, slots=True)
class Write:
    """One write, as the interpreter saw it; `biaslint.theory.program.BiasWrite` is what becomes of it."""

    how: str
    which: str
    value: float | None
    spread: float | None
    span: tuple[float, float] | None
    by: str
    text: str
    where: str
    module: Module | None
    node: ast.AST | None
    target: str = ""
    call: ast.AST | None = None
    func: str = ""
    grows: bool = False
    used: int = 0  # how often the layer had been called, or a model trained, before
    via: tuple[tuple[str, Module, ast.AST], ...] = ()  # the calls around it, each with the function that holds it
    parts: tuple[Write, ...] = ()  # of a vector that is put together of others
