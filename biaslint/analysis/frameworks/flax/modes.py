"""Training or inference: Flax's modules are told by flags, which whoever calls a model sets."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from biaslint.analysis.domain.layers import Layer
from biaslint.analysis.domain.values import FunctionValue, Unknown
from biaslint.analysis.frameworks.common import construction
from biaslint.theory import terms

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution

TRAINS = re.compile(r"(is_?)?(train|training)(_?mode)?|trainable_mode|update_stats|enable_dropout")
INFERS = re.compile(
    r"(is_?)?(eval|evaluate|evaluation|inference|infer|testing|test|deterministic)(_?mode)?|use_running_average|use_running_avg|eval_mode|test_mode"
)


def in_training(name: str) -> bool | None:
    """The value that a flag of this name has in training; None where it is no such flag."""
    return True if TRAINS.fullmatch(name) else False if INFERS.fullmatch(name) else None


def stored(ex: Execution, told: Value) -> bool | None:
    """Does a norm that is told so take stored statistics? None where nobody has told it."""
    if isinstance(told, bool):
        return told
    if not isinstance(told, Unknown) or told.tensors or isinstance(told.key, terms.Fresh):
        return None
    return ex.path.branch(told.key, told.text, False if told.default is None else told.default)


def inverted(ex: Execution, layer: Layer, argument: str, told: Value, at_call: bool) -> None:
    """Remember a norm or dropout that takes the flag of training for that of inference: `use_running_average=train`.

    The flag has to be a parameter of the function, or a field of the module, in whose body that is written: only of these does the name
    say what they stand for.
    """
    frame = ex.stack[-1] if ex.stack else None
    func = frame.func if frame is not None else None
    if told is not True or frame is None or not isinstance(func, FunctionValue):
        return
    given = [one.value for one in ex.node.keywords if one.arg == argument] if at_call and isinstance(ex.node, ast.Call) else []
    text = ex.text(given[0]) if given else "" if at_call else layer.texts.get(argument, "")
    spec = func.node.args
    parameters = {one.arg for one in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)} | construction.fields_of(frame).keys()
    if text not in parameters or not TRAINS.fullmatch(text.rpartition(".")[2]) or text in construction.assignments(func.node):
        return
    origin = ex.origin() if at_call else layer.origin
    fact = Layer(layer.type, "mode", "flax", {"argument": argument, "flag": text}, origin, name=layer.name, bias=False)
    ex.facts.append(fact)
