"""Which layers give the model's outputs, and what becomes of the outputs in the loss."""

from __future__ import annotations

import re
from dataclasses import dataclass

from biaslint.analysis.domain.layers import Layer
from biaslint.analysis.interpreter import framework
from biaslint.theory.dataflow import VIEWS, Node

KINDS = ("conv", "linear", "bilinear", "norm", "affine")
LAYERS = ("affine", "matmul", "attention", "norm")
PASSING = {"keep", "remap", "concat", "smooth"}
ACTIVATIONS = {"sigmoid", "softmax", "log_softmax", "logsigmoid", "tanh", "softplus", "exp"}
CLASSIFIES = {"sigmoid", "softmax", "log_softmax", "logsigmoid"}
SOFTMAX = ("softmax", "log_softmax")
ORDERED = re.compile(r"^arg(max|min|sort)$|^(?!.*(binary|sigmoid)).*cross_?entropy", re.IGNORECASE)
LOSS = re.compile(r"loss|criterion|cross_?entropy", re.IGNORECASE)
POWERS = {"**", "pow", "pow_", "square", "power"}
BOUNDED = {"clamp", "clamp_", "clip", "clip_by_value", "maximum", "minimum", "relu"}
FEW = 12  # steps between a power and the product with it
MANY = 400  # nodes that are looked at for one layer


@dataclass(frozen=True)
class Output:
    """Does a layer's result leave the model, through which activation, and does a focal loss weigh it?"""

    leaves: bool
    activation: str = ""
    focal: bool = False
    mixed: bool = False  # sees something a number that is added to all of the result?


def output_of(layer: Layer) -> Output:
    """Does the layer's result leave the model with nothing but shape changes, an output activation and decoding between?"""
    if layer.kind not in KINDS:
        return Output(False)
    todo = [(node, "", node) for node in layer.calls]
    seen: set[int] = set()
    leaves, activation = in_loss(layer), ""
    written_out = not leaves and in_written_loss(layer)
    compared = leaves or written_out
    while todo:
        node, passed, start = todo.pop()
        if node.id in seen:
            continue
        seen.add(node.id)
        for reader in node.readers:
            if reader.op == "output":
                leaves = True
                activation = activation or passed
            elif passes(reader):
                todo.append((reader, passed, start))
            elif reader.op == "softmax" or (reader.op == "opaque" and reader.name in ACTIVATIONS):
                todo.append((reader, reader.name, reader))
                activation = activation or (reader.name if written_out else "")
            elif is_loss(reader):
                leaves = True
            elif passed in CLASSIFIES and reader.op in ("mul", "add", "mask", "window") and decoded(start):
                leaves = True
                activation = activation or passed
            elif (
                reader.op != "opaque" and not orders(reader) and not (compared and (passed in CLASSIFIES or not feeds(reader)))
            ):
                return Output(False)  # else it is part of the loss, or measures the predictions
    leaves = leaves or written_out
    return Output(leaves, activation, leaves and weighed(layer), activation in SOFTMAX and mixed(layer))


def mixed(layer: Layer) -> bool:
    """Does anything but a softmax of the layer's own results read them? That sees what is added to all of them alike."""
    todo, seen = list(layer.calls), set[int]()
    while todo:
        node = todo.pop()
        if node.id in seen:
            continue
        seen.add(node.id)
        for reader in node.readers:
            if reader.op in ("keep", "remap") or (reader.op == "smooth" and not reader.info.get("padded")):
                todo.append(reader)
            elif reader.op not in ("softmax", "output") and not orders(reader):
                return True
    return False


def orders(node: Node) -> bool:
    """Does it give the same for results that are all greater by one number?"""
    return bool(node.info.get("positions")) or (node.op == "opaque" and ORDERED.search(node.name) is not None)


def feeds(node: Node) -> bool:
    """Does a layer take it, or what is made of it?"""
    todo, seen = [node], set[int]()
    while todo and len(seen) < MANY:
        node = todo.pop()
        if node.op in LAYERS:
            return True
        if node.id not in seen:
            seen.add(node.id)
            todo += node.readers
    return bool(todo)


def passes(node: Node) -> bool:
    """Does it change the shape alone, whether or not it is known to what?"""
    return node.op in PASSING or (node.op == "opaque" and node.name in VIEWS)


def is_loss(node: Node) -> bool:
    """Is it what a loss function makes, by its name?"""
    return node.op == "opaque" and (node.name in framework.loss_names() or LOSS.search(node.name) is not None)


def in_written_loss(layer: Layer) -> bool:
    """Does a loss that is written out take the layer's result, with no layer between?"""
    todo, seen = list(layer.calls), set[int]()
    while todo and len(seen) < MANY:
        node = todo.pop()
        if node.id not in seen:
            seen.add(node.id)
            if node.info.get("descended"):
                return True
            todo += [reader for reader in node.readers if reader.op not in LAYERS]
    return False


def in_loss(layer: Layer) -> bool:
    """Does a loss function take the layer's result itself?"""
    todo, seen = list(layer.calls), set[int]()
    while todo:
        node = todo.pop()
        if node.id not in seen:
            seen.add(node.id)
            if any(is_loss(reader) for reader in node.readers):
                return True
            todo += [reader for reader in node.readers if passes(reader)]
    return False


def decoded(start: Node) -> bool:
    """Does everything that is made of a prediction come from it alone, up to the model's outputs? (a non-maximum suppression, say)"""
    own, todo, leaves = {start.id}, sorted(start.readers, key=lambda node: node.id), False
    while todo and len(own) < MANY:
        node = todo.pop(0)
        if node.id in own:
            continue
        if node.op == "output":
            leaves = True
            continue
        if any(one.op != "const" and one.id not in own for one in node.inputs):
            if node.op != "opaque":
                return False
            continue
        if node.op in LAYERS:
            return False
        own.add(node.id)
        todo = sorted({*todo, *node.readers}, key=lambda one: one.id)
    return leaves


def weighed(layer: Layer) -> bool:
    """Is a loss on the result multiplied with a power of one minus a probability? That is a focal loss, written by hand."""
    todo, seen = list(layer.calls), set[int]()
    while todo and len(seen) < MANY:
        node = todo.pop()
        if node.id in seen:
            continue
        seen.add(node.id)
        if node.op == "opaque" and node.name in POWERS and node.inputs and is_rest(node.inputs[0]) and multiplied(node):
            return True
        todo += [reader for reader in node.readers if reader.op not in LAYERS]
    return False


def is_rest(node: Node) -> bool:
    """Is it one minus a probability, or the distance between a probability and its target?"""
    while node.inputs and (
        (node.op == "opaque" and node.name in BOUNDED) or (node.op == "keep" and not {"plus", "times"} & node.info.keys())
    ):
        node = node.inputs[0]
    if node.op == "opaque" and node.name in ("abs", "absolute"):
        return bool(node.inputs) and (node.inputs[0].op == "add" or "plus" in node.inputs[0].info)
    return node.op == "keep" and bool(node.info.get("subtracted")) and node.info.get("plus") == 1


def multiplied(node: Node) -> bool:
    """Is it, with a constant factor perhaps, multiplied with another tensor?"""
    todo, seen = [node], set[int]()
    while todo and len(seen) < FEW:
        node = todo.pop()
        seen.add(node.id)
        for reader in node.readers:
            if reader.op == "mul":
                return True
            if reader.op in ("keep", "remap") and reader.id not in seen:
                todo.append(reader)
    return False
