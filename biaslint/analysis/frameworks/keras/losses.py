"""Keras's losses: what they take as the prediction, called or given to `compile`."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from biaslint.analysis.domain import class_lookup, values
from biaslint.analysis.domain.layers import Layer, LossCall
from biaslint.analysis.domain.values import (
    Class,
    DictValue,
    External,
    FunctionValue,
    Instance,
    Method,
    Partial,
    Raised,
    SequenceValue,
)
from biaslint.analysis.frameworks.common import construction
from biaslint.analysis.frameworks.keras import vocabulary as keras_vocabulary
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Args, Kwargs, Value
    from biaslint.analysis.interpreter.execution import Execution


ACTIVATION_STEPS = 3  # between what a layer's calls are known by and its result


def note(ex: Execution, short: str, args: Args, kwargs: Kwargs) -> Layer | None:
    """Remember a loss for what it says of the output layer; `args` are those of its class."""
    if short not in keras_vocabulary.LOSSES:
        return None
    names = ("from_logits",) if short in keras_vocabulary.CROSSENTROPIES else ()
    layer = construction.note_fact(ex, f"keras.losses.{short}", "loss", "keras", dict(kwargs), names, name=short)
    if args and short in keras_vocabulary.CROSSENTROPIES and not short.endswith("FocalCrossentropy"):
        layer.config.setdefault("from_logits", args[0])
    callee = construction.callee(ex)
    layer.callee = "" if callee.endswith(".compile") else callee
    return layer


def function(ex: Execution, name: str, args: Args, kwargs: Kwargs) -> Node:
    """keras.losses.binary_crossentropy(y_true, y_pred)"""
    fact = note(ex, keras_vocabulary.LOSS_NAMES[name], [], kwargs)
    if fact is not None:
        if len(args) > 2:
            fact.config.setdefault("from_logits", args[2])
        judge(ex, fact, args[1] if len(args) > 1 else kwargs.get("y_pred", kwargs.get("output")))
    node = ex.opaque(*args, *kwargs.values(), name=name)
    if fact is not None:
        fact.calls.append(node)
    return node


def called(ex: Execution, fact: Layer, args: Args, kwargs: Kwargs) -> Node:
    """loss(y_true, y_pred)"""
    judge(ex, fact, args[1] if len(args) > 1 else kwargs.get("y_pred"))
    node = ex.opaque(*args, *kwargs.values(), name=keras_vocabulary.LOSS_READERS.get(fact.name, fact.name))
    fact.calls.append(node)
    return node


def judge(ex: Execution, fact: Layer, value: Value) -> None:
    takes = taken_by(fact)
    if takes:
        take(ex, fact, value, takes, of_classes(fact))


def take(ex: Execution, fact: Layer, value: Value, takes: str, classes: bool) -> None:
    """Note what a loss takes as the prediction, as it is by now."""
    if isinstance(value, Node):
        value = ex.flow.now(value)
    elif not isinstance(value, Instance):
        return
    if ex.module is not None and ex.node is not None:
        fact.loss_calls.append(LossCall(value, takes, classes, -1, (ex.module, ex.node)))


def taken_by(fact: Layer) -> str:
    """Logits or probabilities? "" where that is not known."""
    if fact.name == "KLDivergence":
        return "probabilities"
    if fact.name not in keras_vocabulary.CROSSENTROPIES:
        return ""
    logits = fact.config.get("from_logits", False)
    return "" if not isinstance(logits, bool) else "logits" if logits else "probabilities"


def of_classes(fact: Layer) -> bool:
    return "Categorical" in fact.name or fact.name == "KLDivergence"


def compiled(ex: Execution, obj: Instance, loss: Value) -> None:
    """model.compile(loss=...) says which loss each output goes into."""
    for one, outputs in paired(ex, obj, loss):
        for output in outputs:
            written_out(ex, one, output)
        fact = fact_of(ex, one)
        if fact is not None:
            for output in outputs:
                judge(ex, fact, output)


def paired(ex: Execution, obj: Instance, loss: Value) -> list[tuple[Value, list[Value]]]:
    """Each loss with the outputs that it is for: by position, by the outputs' keys, or by the names of the layers that make them."""
    outputs = outputs_of(obj)
    if isinstance(loss, SequenceValue):
        fits = len(loss.items) == len(outputs)
        return [(one, [outputs[place]] if fits else []) for place, one in enumerate(loss.items)]
    if isinstance(loss, DictValue):
        by_key = obj.attrs.get("outputs", obj.attrs.get("outputs="))
        keyed = by_key.items if isinstance(by_key, DictValue) else {}
        if len(loss.items) == 1 == len(outputs):
            return [(one, outputs) for one in loss.items.values()]
        return [
            (one, [keyed[name]] if name in keyed else [output for output in outputs if named(ex, output) == name])
            for name, one in loss.items.items()
        ]
    return [(loss, outputs)]


def named(ex: Execution, output: Value) -> Value:
    """The name that the layer was given that makes an output; None where it has none."""
    node = ex.flow.now(output) if isinstance(output, Node) else None
    for _ in range(ACTIVATION_STEPS):
        for layer in ex.layers if node is not None else ():
            if any(call is node for call in layer.calls):
                return layer.config.get("name")
        node = node.inputs[0] if node is not None and node.inputs else None
    return None


def written_out(ex: Execution, loss: Value, output: Value) -> None:
    """Call a loss of the program's own with an output, as training does. What it raises ends it alone."""
    if isinstance(output, Instance):
        output = output.attrs.get("trained=")
    own = isinstance(loss, (FunctionValue, Method, Partial)) or (isinstance(loss, Instance) and isinstance(loss.cls, Class))
    if own and isinstance(output, Node):
        targets = ex.flow.add("input", (), output.dims, "the targets", ex.here())
        if isinstance(loss, Instance):
            found = class_lookup.find_method(loss, "call")
            if found is None:
                return
            loss = found
        with contextlib.suppress(Raised):
            ex.call(loss, [targets, ex.flow.now(output)], {}, ex.node)


def fact_of(ex: Execution, loss: Value) -> Layer | None:
    """The fact of a loss that is given by name, as a function or as an object."""
    if isinstance(loss, Instance):
        fact = loss.attrs.get("fact=")
        return fact if isinstance(fact, Layer) and fact.kind == "loss" else None
    short = loss.name.rpartition(".")[2] if isinstance(loss, External) else loss
    return note(ex, keras_vocabulary.LOSS_NAMES.get(short, short), [], {}) if isinstance(short, str) else None


def outputs_of(obj: Instance) -> list[Value]:
    """The outputs of a model that is built; the model itself where they come later."""
    outputs = obj.attrs.get("outputs", obj.attrs.get("outputs="))
    if outputs is None:
        return [obj]
    found: list[Value] = [*values.tensors_in(outputs, 3)]
    return found
