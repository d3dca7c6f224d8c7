"""Optax's optimizers: which of them decay all parameters alike. A mask, or a transformation that is for some parameters, says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain.layers import Layer
from biaslint.analysis.domain.values import DictValue, External, Instance, SequenceValue, number
from biaslint.analysis.frameworks.common import construction, raw_layers
from biaslint.analysis.project.environment import MISSING

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Args, Kwargs, Value
    from biaslint.analysis.interpreter.execution import Execution

# name -> where the decay stands among positional arguments, and what it is by default
DECAYS = {
    "adamw": (6, 1e-4),
    "nadamw": (6, 1e-4),
    "adamaxw": (4, 1e-4),
    "lion": (4, 1e-3),
    "lamb": (5, 0.0),
    "add_decayed_weights": (0, 0.0),
}
OF_SOME = {"masked", "multi_transform", "partition", "selective_transform"}
FACT, COVERED = "fact=", "covered"


def call(ex: Execution, name: str, args: Args, kwargs: Kwargs) -> Value:
    """optax.adamw(...), optax.chain(...). MISSING for a name that has nothing to do with decay."""
    short = name.rpartition(".")[2]
    if short in OF_SOME:
        for fact in facts_in(*args, *kwargs.values()):
            fact.config[COVERED] = None
            fact.covers.clear()
        return Instance(External(name), ex.origin())
    if short in ("chain", "named_chain"):
        obj = Instance(External(name), ex.origin())
        obj.attrs["parts"] = SequenceValue([*args, *kwargs.values()])
        return obj
    if short not in DECAYS:
        return MISSING
    obj = Instance(External(name), ex.origin())
    place, default = DECAYS[short]
    decay = number(kwargs.get("weight_decay", args[place] if len(args) > place else default))
    masked = kwargs.get("mask") is not None or len(args) > place + 1 or "**" in construction.argument_texts(ex, ())
    if decay and not masked:
        fact = Layer(f"optax.{short}", "optimizer", "flax", {COVERED: decay}, ex.origin(), bias=False)
        fact.texts, fact.settings = construction.argument_texts(ex, ()), construction.settings(ex)
        fact.name = raw_layers.named(ex)
        ex.facts.append(fact)
        obj.attrs[FACT] = fact
        for layer in ex.layers:
            cover(fact, layer)
    return obj


def facts_in(*values: Value) -> list[Layer]:
    """The optimizers within a value that decay what they are given."""
    found: list[Layer] = []
    for value in values:
        if isinstance(value, Instance):
            fact = value.attrs.get(FACT)
            found += [fact] if isinstance(fact, Layer) else facts_in(value.attrs.get("parts"))
        elif isinstance(value, (SequenceValue, DictValue)):
            found += facts_in(*(value.items if isinstance(value, SequenceValue) else value.items.values()))
    return found


def made(ex: Execution, layer: Layer) -> None:
    """A layer was made: the optimizers of the execution decay its bias as well."""
    for fact in ex.facts:
        if fact.kind == "optimizer" and fact.config.get(COVERED):
            cover(fact, layer)


def cover(fact: Layer, layer: Layer) -> None:
    if layer.framework == "flax" and layer.bias is True:
        fact.covers.append((layer, "bias", fact.config[COVERED]))
