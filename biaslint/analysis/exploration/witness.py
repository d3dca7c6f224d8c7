"""What an execution shows of a model, as plain data that two executions can be compared by.

The flow of tensors is reduced to one text per tensor that nothing reads: what it was made from, step by step. Layers, the attributes
of objects and what the entry point gives back are listed in the order in which they were made. Nothing in it depends on where things
stand in the source.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain.layers import Layer, Param
from biaslint.analysis.domain.values import (
    Class,
    DictValue,
    External,
    FunctionValue,
    Instance,
    SequenceValue,
    Unknown,
    is_constant,
)
from biaslint.analysis.exploration import absorption, extraction, fates
from biaslint.analysis.interpreter import framework
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution


@dataclass(frozen=True, slots=True)
class Complaints:
    """What Python would raise, and which parameters and which None code elsewhere was given."""

    faults: frozenset[tuple[str, str, str]]  # file, function, and what
    handed: dict[tuple[str, str, str], frozenset[str]]  # function, what it calls, argument -> the kinds it was given


@dataclass(frozen=True, slots=True)
class LayerShown:
    """One layer: what it is, apart from its bias, and its bias."""

    what: tuple[Any, ...]
    config: dict[str, Any]
    weight: tuple[Any, ...]
    bias: bool | None
    idle: bool  # nothing sees its bias, or another one does the same
    start: tuple[Any, ...]  # what its bias starts with, what shares it, whether it is trained
    places: tuple[tuple[str, int, int, int | None], ...]  # the call that made it: path, line, column and cell


@dataclass(slots=True)
class Shown:
    """What one execution has shown."""

    ended: str | None
    flow: tuple[str, ...]
    layers: tuple[LayerShown, ...]
    state: tuple[Any, ...]


def shown(ex: Execution, value: Value, ended: str | None) -> Shown:
    """What an execution, whose entry point has given back `value`, has shown until now."""
    ordinals = {id(layer): index for index, layer in enumerate(ex.layers)}
    return Shown(
        ended=ended,
        flow=flow(ex, ordinals),
        layers=tuple(layer_shown(layer, ordinals) for layer in ex.layers),
        state=(shape(value), *((name_of(obj.cls), attributes(obj)) for obj in ex.objects)),
    )


def complaints(ex: Execution) -> Complaints:
    """What an execution would have raised, and what it handed out, until now."""
    return Complaints(frozenset(ex.faults or ()), {key: frozenset(kinds) for key, kinds in ex.handed.items()})


def name_of(cls: Value) -> str:
    return of_loss(str(getattr(cls, "name", "")))


def of_loss(name: str) -> str:
    """A name, one and the same for all losses: which loss it is says nothing of the model."""
    return "a loss" if name.rpartition(".")[2] in framework.loss_names() else name


# -- the flow ------------------------------------------------------------------------------------------------------------------------


def flow(ex: Execution, ordinals: dict[int, int]) -> tuple[str, ...]:
    """A text for each tensor that nothing reads, but for those that are made of constants and parameters alone.

    Such a one is looked at, as in a loop over all parameters that logs them; what leaves the model is read by its output.
    """
    texts: list[str] = []
    ends: list[str] = []
    varies: list[bool] = []  # is there an input behind it?
    for node in ex.flow.nodes:
        text = node_text(node, texts, ordinals)
        texts.append(text)
        varies.append(any(varies[one.id] for one in node.inputs) or (not node.inputs and node.op != "const"))
        if not node.readers and (varies[-1] or node.op == "output"):
            ends.append(text)
    return tuple(ends)


def node_text(node: Node, texts: list[str], ordinals: dict[int, int]) -> str:
    """How a tensor was made; `texts` are those of the tensors before it."""
    inputs = [texts[one.id] for one in node.inputs]
    if node.op == "const":
        return inputs[0] if len(inputs) == 1 else digest("const", dims_of(node) if not inputs else (), *inputs)
    if node.op == "keep" and node.inputs and node.inputs[0].op == "const":
        return inputs[0]
    layers = [ordinals.get(id(one)) for one in (node.bias_of, node.info.get("layer")) if one is not None]
    facts = sorted((key, plain(value)) for key, value in node.info.items() if is_plain(value))
    return digest(node.op, of_loss(node.name) if node.op == "opaque" and not layers else "", layers, facts, *inputs)


def digest(*parts: object) -> str:
    return hashlib.blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def dims_of(node: Node) -> tuple[Any, ...]:
    return tuple(one if isinstance(one, int) else "?" for one in node.dims or ())


def is_plain(value: object) -> bool:
    return is_constant(value) or (isinstance(value, (tuple, frozenset)) and all(is_plain(item) for item in value))


def plain(value: Any) -> str:
    return repr(sorted(map(plain, value))) if isinstance(value, frozenset) else repr(value)


# -- layers --------------------------------------------------------------------------------------------------------------------------


def layer_shown(layer: Layer, ordinals: dict[int, int]) -> LayerShown:
    """A layer without the things that a fix of its bias may change, and those."""
    modes = (
        layer.eval_mode,
        layer.passed_to_unknown_code,
        layer.model_passed_to_unknown_code,
        layer.reparametrized,
        len(layer.calls),
    )
    return LayerShown(
        what=(layer.type, layer.kind, modes),
        config={name: shape(value) for name, value in layer.config.items() if name not in (layer.argument, "made as")},
        weight=(written(layer.weight_writes), ordinals.get(id(layer.weight_of)), shape(layer.weight_trainable)),
        bias=layer.bias if isinstance(layer.bias, bool) else None,
        idle=is_idle(layer),
        start=(written(layer.writes), ordinals.get(id(layer.bias_of)), shape(layer.trainable)),
        places=tuple(
            (place.path, place.line, place.column, place.cell)
            for place in (extraction.place_of(module, node) for module, node in layer.origin.chain[:1])
        ),
    )


def is_idle(layer: Layer) -> bool:
    """Would nothing but the next layer's bias have to change if the layer had no bias?"""
    if layer.bias is not True or layer.kind not in ("conv", "linear", "bilinear"):
        return False
    fate = fates.fate_of(layer, extraction.place_of)
    return fate.kind in ("dead", "uncalled", "unread") or absorption.absorbed_by(layer) is not None


def written(writes: list[Any]) -> tuple[Any, ...]:
    return tuple((write.how, write.which, write.value, write.spread, write.span, write.by, write.where) for write in writes)


# -- values --------------------------------------------------------------------------------------------------------------------------


def attributes(obj: Instance) -> tuple[Any, ...]:
    """An object's attributes and entries, in order. A layer's hyperparameters count as such, also where they are its fields."""
    own = obj.layer.config if obj.layer is not None else {}
    held = [*((name, value) for name, value in obj.attrs.items() if name not in own), *(obj.items or {}).items()]
    return (*((name, shape(value)) for name, value in held), plain_mode(obj))


def plain_mode(obj: Instance) -> Any:
    return (obj.training if is_constant(obj.training) else "?", obj.eval_mode)


def shape(value: Value, depth: int = 3) -> Any:
    """What a value is: constants as they are, everything else by its kind."""
    if is_constant(value):
        return repr(value)
    if isinstance(value, Node):
        return "tensor"
    if isinstance(value, Param):
        return f"parameter {value.which}"
    if isinstance(value, (Instance, Class, External, FunctionValue)):
        return f"{type(value).__name__} {name_of(value.cls if isinstance(value, Instance) else value)}"
    if isinstance(value, (SequenceValue, DictValue)):
        items = value.items if isinstance(value, SequenceValue) else list(value.items.values())
        return (type(value).__name__, *(shape(item, depth - 1) for item in items)) if depth else len(items)
    return "unknown" if isinstance(value, Unknown) else type(value).__name__
