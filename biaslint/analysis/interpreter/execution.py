"""One execution: its state, and the doors through which its parts reach each other."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from biaslint.analysis.domain import class_lookup, node_cache, values as domain_values
from biaslint.analysis.domain.layers import Layer, Origin, Param
from biaslint.analysis.domain.setting import Setting
from biaslint.analysis.domain.values import (
    BoundNative,
    Class,
    DictValue,
    External,
    FunctionValue,
    Instance,
    ModelFunction,
    Raised,
    SequenceValue,
    Stopped,
    Unknown,
    Value,
)
from biaslint.analysis.interpreter.doors import Semantics, Signal
from biaslint.analysis.project import private_names
from biaslint.theory import terms
from biaslint.theory.dataflow import Dims, Flow, Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.call_stack import Frame
    from biaslint.analysis.domain.path_condition import PathCondition
    from biaslint.analysis.domain.values import Args, Kwargs
    from biaslint.analysis.project.environment import Environment
    from biaslint.analysis.project.module import Module
    from biaslint.analysis.project.project import Project


def note_call(ex: Execution, name: str, kind: str, library: str) -> None:
    """Note a call that tells of the targets or the loss."""
    ex.facts.append(Layer(name, kind, library, {}, ex.origin(), name=name.rpartition(".")[2]))


HOLDING = (Param, SequenceValue, DictValue)  # what may be or hold parameters


def parameters_in(value: Value, depth: int = 4) -> set[str]:
    """The kinds of parameters within a value, "None" among them."""
    if value is None:
        return {"None"}
    if isinstance(value, Param):
        return {value.which}
    items = (
        value.items if isinstance(value, SequenceValue) else list(value.items.values()) if isinstance(value, DictValue) else []
    )
    return {kind for item in items for kind in parameters_in(item, depth - 1)} if depth else set()


class Execution:
    """One execution. Holds what it made: the flow of tensors, the layers, and what it did not understand."""

    def __init__(self, semantics: Semantics, project: Project, path: PathCondition, max_steps: int) -> None:
        self.semantics = semantics
        self.statements, self.expressions, self.calls = semantics.statements, semantics.expressions, semantics.calls
        self.project = project
        self.path = path
        path.asking = lambda: self.module.shown if self.module is not None else ""
        self.flow = Flow()
        self.layers: list[Layer] = []
        self.objects: list[Instance] = []
        self.unknowns: dict[tuple[Module, int, int], str] = {}
        self.stack: list[Frame] = []
        self.steps = 0
        self.shortened = False  # a loop was cut short: there are fewer layers in lists than the program would make
        self.definition_depth = 0  # how many top-level statements are being executed for the names that they bind
        self.shared_steps = 0  # those of such statements
        self.try_depth = 0  # how many `try` blocks with handlers surround what is executed
        self.updates = 0  # steps of training that were carried out
        self.evaluated: list[Instance] = []  # the models that were put into evaluation mode as a whole
        self.descended: list[Node] = []  # losses of steps of training, until `mark_trained` has looked at them
        self.doubts = 0  # how many operations may have raised, for all that is known of the sizes of tensors
        self.max_steps = max_steps
        self.serial = 0
        self.module: Module | None = None
        self.node: ast.AST | None = None
        self.statement: ast.stmt | None = None
        self.classes: set[Class] = set()  # project classes that were instantiated
        self.functions: set[FunctionValue] = set()  # project functions that were called
        self.recursions: dict[FunctionValue, int] = {}  # how often a function went deeper into something unknown
        self.importing: set[tuple[Module, ast.ImportFrom, str]] = set()  # the imports that are being followed
        self.asked: dict[str, set[Module]] = {}  # a name that is looked for -> whose star imports have been searched
        self.patches: dict[str, Value] = {}  # what the program has put in the place of a framework's names
        self.rounds: tuple[dict[str, bool], ...] = ()  # of the loops in progress: which way their conditions went in this round
        self.contexts: list[Any] = []  # what the `with` statements that are being executed have set, for frameworks
        # where a fix is proved: what would raise, and what calls of code elsewhere were given (see `fault` and `hand`)
        self.faults: set[tuple[str, str, str]] | None = None
        self.initialized: set[int] = set()  # the identities of the modules whose framework's constructor has run
        self.remembered: dict[Any, Value] = {}  # what cached properties and functions have given
        self.handed: dict[tuple[str, str, str], set[str]] = {}
        self.results: dict[Instance, Value] = {}  # what the models have given back that were called as their users would
        self.target_means: dict[object, Layer] = {}  # a value that is the mean of the targets -> the fact that says so
        self.facts: list[Layer] = []  # losses, optimisers and other calls that checks want to know of
        self.optimizers: list[tuple[Layer, object]] = []  # those that have taken parameters, and of which model elsewhere
        # told of each attribute that is set, once there is an optimizer
        self.on_store: Callable[[Execution, Value, str, Value], None] | None = None
        self.on_model: Callable[[Class, list[Value], dict[str, Value]], None] | None = (
            None  # told of the first model that is built
        )

    # -- the outside ----------------------------------------------------------------------------------------------------------

    def fresh(self, text: str = "", tensors: Sequence[Node] = ()) -> Unknown:
        """An unknown that equals nothing else."""
        return Unknown(terms.Fresh(next(_SERIAL)), text, tuple(tensors))

    def not_understood(self, what: str, node: ast.AST | None = None) -> None:
        """Count something that the analysis does not know."""
        node = node or self.node
        if node is None or self.module is None:
            return
        line, offset = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        if self.definition_depth:  # others, too, use what is made here
            self.project.tracker.asked.add(self.module.unknown(line, offset, what))
        else:
            self.unknowns.setdefault((self.module, line, offset), what)

    def fault(self, what: str) -> None:
        """Python would raise an exception here. The execution goes on, as if the value were another; this is noted for proofs only."""
        if self.faults is not None:
            place = self.stack[-1].func if self.stack else None
            name = place.qualname if isinstance(place, FunctionValue) else ""
            self.faults.add((self.module.shown if self.module is not None else "", name, what))

    def may_raise(self, kind: str) -> None:
        """Within a `try`: this execution takes one of the branches on whether the statement raises this exception."""
        if not self.definition_depth and self.module is not None:
            line = getattr(self.node, "lineno", 0)
            key = terms.DataTest((self.module.name, line, kind))
            if not self.path.branch(key, f"no {kind} at line {line}", default=True):
                raise Raised(External(f"builtins.{kind}"), f"{self.module.name}:{line}")

    def hand(self, callee: str, args: Sequence[Value], kwargs: Mapping[str, Value]) -> None:
        """Note, for proofs, which parameters and which None code elsewhere is given."""
        if self.faults is None:
            return
        place = self.stack[-1].func if self.stack else None
        name = place.qualname if isinstance(place, FunctionValue) else ""
        for slot, value in (*enumerate(args), *kwargs.items()):
            for kind in parameters_in(value) if value is None or isinstance(value, HOLDING) else ():
                self.handed.setdefault((name, callee, str(slot)), set()).add(kind)

    def witness(self, func: Value, args: Args, kwargs: Kwargs) -> None:
        """Note, for proofs, what a call gives to code elsewhere, and a call of what cannot be called."""
        if domain_values.is_constant(func):
            self.fault(f"call of {func!r}")
        elif isinstance(func, (External, Unknown, ModelFunction)) or (
            isinstance(func, BoundNative) and not domain_values.is_constant(func.self)
        ):
            self.hand(func.text if isinstance(func, Unknown) else func.name, args, kwargs)

    def give_up_here(self, why: str, node: ast.AST | None = None) -> None:
        """Tell that something is given up here, because it is too much; the execution goes on without it."""
        self.not_understood(f"analysis stopped here: {why}", node)

    def end_execution(self, why: str) -> NoReturn:
        """End this execution, and tell where: what it found until now counts, as far as that is certain."""
        self.give_up_here(why, self.statement or self.node)
        raise Stopped(why)

    def origin(self) -> Origin:
        """The origin of the current call: its place and the calls around it."""
        chain: tuple[tuple[Module, ast.AST], ...] = self.stack[-1].chain if self.stack else ()
        if self.node is not None and self.module is not None:
            chain = ((self.module, self.node), *chain)
        owner = self.stack[-1].owner if self.stack else ""
        return Origin(chain, owner, self.statement, self.rounds, self.stack[-1] if self.stack else None)

    def text(self, node: ast.AST) -> str:
        """The source of an expression, on one line; "" for a long one."""
        known: str | None = _TEXTS.get(node)
        if known is None:
            try:
                known = private_names.as_written(ast.unparse(node))
            except (ValueError, RecursionError):
                known = ""
            known = _TEXTS[node] = known if len(known) <= 60 else ""
        return known

    def text_of_call(self, origin: Origin) -> str:
        """What the call calls that made something; "" where it was no call."""
        node = origin.chain[0][1] if origin.chain else None
        return self.text(node.func) if isinstance(node, ast.Call) else ""

    # -- executing ------------------------------------------------------------------------------------------------------------

    def block(self, statements: Sequence[ast.stmt], scope: Environment) -> Signal:
        for statement in statements:
            signal = self.execute(statement, scope)
            if signal is not None:
                return signal
        return None

    def execute(self, statement: ast.stmt, scope: Environment) -> Signal:
        self.steps += 1
        if self.steps > self.max_steps:
            self.end_execution("too many steps")
        handler = self.statements.get(type(statement))
        if handler is None:
            return None
        outer = self.statement
        self.statement = statement
        try:
            return handler(self, statement, scope)
        finally:
            self.statement = outer

    def eval(self, node: ast.expr, scope: Environment) -> Value:
        handler = self.expressions.get(type(node))
        if handler is None:
            return self.fresh(self.text(node))
        return handler(self, node, scope)

    def call(self, func: Value, args: Args, kwargs: Kwargs, node: ast.AST | None = None) -> Value:
        """func(*args, **kwargs)"""
        if self.faults is not None:
            self.witness(func, args, kwargs)
        handler = self.calls.get(type(func), self.semantics.call_unknown)
        return handler(self, func, args, kwargs, node)

    # -- what values are ------------------------------------------------------------------------------------------------------

    def item_of(self, value: Unknown, index: Any, spelled: str = "...") -> Value:
        """An item of something unknown; `index` is the key of the index where that is not a number or text itself."""
        if value.tensors:
            return self.opaque(value, name=value.text)
        written = spelled if isinstance(index, tuple) else repr(index) if isinstance(index, str) else index
        text = f"{value.text}[{written}]" if value.text else ""
        return self.fresh(text) if terms.larger(value.key, 60) else Unknown(terms.Item(value.key, index), text)

    def truth(self, value: Value, node: ast.AST | None = None) -> bool:
        """Is it true? Where that is not known, this execution takes one side."""
        if isinstance(value, Setting) and value.key in self.path.flags:
            return self.path.branch(value.key, self.text(node) if isinstance(node, ast.expr) else "", default=bool(value))
        if domain_values.is_constant(value):
            return bool(value)
        if isinstance(value, Unknown):
            if not value.text and node is not None:
                value = Unknown(value.key, self.text(node), value.tensors, value.default)
            return self.path.truth_of(value)
        if isinstance(value, Node):
            where = (self.module.name if self.module else "", getattr(node, "lineno", 0), getattr(node, "col_offset", 0))
            return self.path.branch(terms.DataTest(where), self.text(node) if node is not None else "")
        if isinstance(value, (SequenceValue, DictValue)):
            if value.items or not value.open:
                return bool(value.items)
            return True
        if isinstance(value, Instance):
            if value.items is not None:
                return bool(value.items)
            for name in ("__bool__", "__len__"):
                method = class_lookup.find_method(value, name)
                if method is not None:
                    return self.truth(self.call(method, [], {}, node or self.node))
        return True

    def condition(self, key: Any, default: Value) -> Value:
        """The truth of a condition on a setting: what is known of it, or what holds by default and callers may change."""
        known = self.path.known(key)
        if known is not None:
            return known
        return Unknown(key, self.text(self.node) if isinstance(self.node, ast.expr) else "", default=default)

    def iterate(self, value: Value, node: ast.AST | None = None) -> list[Value]:
        """The items of a value, in order. What has an unknown length has a few."""
        return self.semantics.iterate(self, value, node)

    def opaque(self, *values: Value, name: str = "") -> Node:
        """A tensor made by something unknown from whatever tensors are in these values."""
        found: dict[int, Node] = {}
        for value in values:
            for node in domain_values.tensors_in(value):
                found[node.id] = node
            for param in domain_values.params_in(value):
                node = self.read(param, None)
                found[node.id] = node
        return self.flow.add("opaque", tuple(found.values()), None, name or "an unknown function", self.here())

    def read(self, param: Param, dims: Dims | None) -> Node:
        """A layer's parameter as a tensor: reading the tensor reads the parameter."""
        node = self.flow.add("const", (), dims, param.which, self.here(), read=param)
        param.layer.reads.append((param.which, node))
        return node

    def here(self) -> tuple[Module | None, ast.AST | None]:
        return (self.module, self.node)


_TEXTS = node_cache.per_node_cache()
_SERIAL = itertools.count(1)  # over all executions: defaults and class attributes outlive the one that worked them out
