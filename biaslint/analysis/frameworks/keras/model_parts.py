"""The parts of a model: its layers, tensors and parameters; and whether it is called in training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain import values
from biaslint.analysis.domain.layers import Layer, Param
from biaslint.analysis.domain.values import (
    Instance,
    PartlyKnown,
    SequenceValue,
    Value,
)
from biaslint.analysis.frameworks.keras import training_modes
from biaslint.analysis.interpreter import module_tree
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution


def add_layer(ex: Execution, obj: Instance, item: Value) -> None:
    if obj.items is None:
        obj.items = {}
    obj.items[str(len(obj.items))] = item
    values.adopt(obj, item, "")


def layers_of_model(ex: Execution, obj: Instance) -> list[Value]:
    """model.layers"""
    if obj.items is not None:
        return [item for item in obj.items.values() if isinstance(item, Instance)]
    if "outputs" in obj.attrs:
        by_layer = {id(other.layer): other for other in ex.objects if other.layer is not None}
        nodes = nodes_of(obj)
        places = {node.id for node in nodes}
        around = [other for other in ex.objects if not places.isdisjoint(other.attrs.get("applied=", ()))]
        for other in around:
            by_layer |= {id(layer): other for layer in module_tree.layers_of(other)}
        found: dict[int, Value] = {}
        for node in nodes:
            layer = node.info.get("layer") or node.bias_of
            if isinstance(layer, Layer) and id(layer) in by_layer:
                found.setdefault(id(by_layer[id(layer)]), by_layer[id(layer)])
        return list(found.values())
    return [child for _, child in module_tree.children(obj)]


def listed(ex: Execution, obj: Instance) -> SequenceValue:
    """model.layers, as a list that parts may be taken of. Of a functional model, other layers may stand between those that are known."""
    found = layers_of_model(ex, obj)
    if obj.items is not None or "outputs" not in obj.attrs:
        return SequenceValue(found)

    def on_pick(index: int | slice) -> None:
        """One may be frozen then. What is asked for by its number may be any but the last, and its output may be read."""
        if index == -1 and found:
            return
        nodes = nodes_of(obj)
        training_modes.picked(nodes)
        for node in nodes if isinstance(index, int) else ():
            if node.bias_of is not None:
                ex.opaque(node, name="a layer that is picked by its number")

    return PartlyKnown(found, on_pick)


def nodes_of(obj: Instance, trained: bool = False) -> list[Node]:
    """All tensors of a functional model, from its outputs back. `trained`: without those of models that it calls for inference."""
    todo = values.tensors_in(obj.attrs.get("outputs", obj.attrs.get("outputs=")), 6)
    stop = {node.id for node in values.tensors_in(obj.attrs.get("inputs"), 6)}
    seen: dict[int, Node] = {}
    while todo:
        node = todo.pop()
        if node.id not in seen:
            seen[node.id] = node
            if node.id not in stop and not (trained and node.info.get("applied")):
                todo.extend(node.inputs)
    return [seen[key] for key in sorted(seen)]


def all_layers(obj: Instance) -> list[Layer]:
    return list(module_tree.layers_of(obj))


def held_layers(ex: Execution, obj: Instance) -> list[Layer]:
    """All layers of a model, those between the tensors of a functional one among them."""
    parts = [obj, *(part for part in layers_of_model(ex, obj) if isinstance(part, Instance))]
    return list({id(layer): layer for part in parts for layer in all_layers(part)}.values())


def cloned(ex: Execution, model: Value) -> Value:
    """clone_model(model, clone_function=...): the model is a template, of which the function may replace each layer."""
    for layer in held_layers(ex, model) if isinstance(model, Instance) else ():
        layer.passed_to_unknown_code = True
    return ex.fresh("a changed copy of a model")


def params_of(layer: Layer) -> list[Param]:
    if layer.kind in ("conv", "linear", "rnn", "rnn_cell", "norm"):
        return [Param(layer, "weight"), *([Param(layer, "bias")] if layer.bias is not False else [])]
    return [Param(layer, "weight")] if layer.kind == "embedding" else []


def variables_of(obj: Instance) -> list[Value]:
    """model.weights: the parameters of its layers, and the variables that its own layers have made."""
    variables = [
        value
        for _, module in module_tree.walk(obj)
        for value in module.attrs.values()
        if isinstance(value, Node) and value.info.get("variable") is not None
    ]
    return [*(param for layer in all_layers(obj) for param in params_of(layer)), *variables]


def note_application(ex: Execution, obj: Instance, args: list[Value]) -> None:
    """A layer of the project's own is called by itself, not by another: it is one of the layers of a functional model."""
    if not any(frame.func.name == "call" for frame in ex.stack):
        taken = [node.id for node in values.tensors_in(SequenceValue(args), 6)]
        obj.attrs["applied="] = [*obj.attrs.get("applied=", ()), *taken]


def note_mode(obj: Instance, training: Value) -> None:
    if training is not False:
        obj.attrs["called="] = True
    else:
        obj.attrs.setdefault("called=", False)


def only_applied(obj: Instance) -> bool:
    """Has the model been called with `training=False`, and never without?"""
    return obj.attrs.get("called=") is False
