"""Forget gates of recurrent cells that are written out: c' = f * c + i * g, where f is a sigmoid of an affine step.

A cell is known by what it computes, not by how it is written: the gates may have parameters of their own or be parts of one
projection. What multiplies the old state is the forget gate; its start is the sigmoid of what its biases add up to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain.layers import Layer, Origin, Write
from biaslint.analysis.domain.values import SequenceValue, Unknown
from biaslint.analysis.exploration.gate_biases import (
    PASSED,
    WHOLE,
    Biases,
    Cuts,
    Owner,
    Span,
    biases_of,
    initial_write,
    picked,
    writes_to,
)
from biaslint.analysis.interpreter import framework
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution


KIND = "forget_gate"
MISPLACED = "misplaced_gate_bias"
KINDS = (KIND, MISPLACED)
SIGMOIDS = {"sigmoid", "sigmoid_", "hard_sigmoid", "hardsigmoid"}
UNCHANGED = {"keep", "remap"}
CHANGES = {"plus", "times", "cut"}  # what a step that keeps the positions may do to the entries
STATE = {"keep", "remap", "mask", "concat"}  # what a state may pass on its way into the next step
LINEAR = STATE | {"affine", "norm", "add"}
# How a state is called that a step is given
STATES = re.compile(
    r"(prev(ious)?_?|old_?|last_?)?(h|hx|hid(den)?(_?state)?|states?|c|cx|mem(ory)?)(_?(prev|old|last|cur|t|tm1|0))?(\[\d\])?"
)
LERP = ("lerp", "lerp_")
SUBTRACTIONS = ("-", "sub", "sub_", "subtract")
MANY = 200  # nodes that are looked at for one question


@dataclass(frozen=True)
class Gate:
    """A sigmoid: its argument, the part of it that is this gate's, and whether one minus it is meant."""

    sigmoid: Node
    cuts: Cuts
    opposite: bool


Product = tuple[Gate, Node | None]  # a gate and what it is multiplied with; None is a value from outside


def gate_facts(ex: Execution) -> list[Layer]:
    """The forget gates of an execution, each as a fact with its start and the part of the bias that it is.

    Facts of the kind MISPLACED are the writes that raise another part of its bias, or another gate.
    """
    cells: set[int] = set()
    found: dict[Any, tuple[Layer, list[Layer]]] = {}
    for node in ex.flow.nodes:
        if node.op == "add" and len(node.inputs) == 2:
            gates = cell_gates(node, cells)
            if gates is None:
                continue
            cells.add(node.id)
            forget, enter = gates
            biases = biases_of(forget.sigmoid, forget.cuts)
            if biases.affine:
                fact = as_fact(forget, biases, node)
                key = (id(biases.owners[0][0]) if biases.owners else id(fact.origin), fact.config["part"])
                if key not in found or ("start" in fact.config and "start" not in found[key][0].config):
                    found[key] = (fact, list(misplaced(fact, biases, enter)))
    return [one for fact, others in found.values() for one in (fact, *others)]


# -- recognizing the cell ----------------------------------------------------------------------------------------------------------


def cell_gates(node: Node, cells: set[int]) -> tuple[Gate, Gate] | None:
    """The forget gate and the input gate of a sum that is a cell's update."""
    for (forget, state), (enter, candidate) in readings(node):
        if (state is not None and not is_state(state, cells)) or candidate is None or not is_candidate(candidate):
            continue
        if enter.sigmoid is not forget.sigmoid or enter.cuts != forget.cuts:
            if state is not None and sources(forget.sigmoid) == {state.id}:
                continue  # what the gate is worked out from is weighed, not remembered: two features are mixed
            return forget, enter
        if enter.opposite != forget.opposite and state is not None:
            if has_output_gate(node) and not reads(forget.sigmoid, state):
                return forget, enter  # coupled gates
            if is_minimal(forget, state, candidate):
                return forget, enter
    return None


def readings(node: Node) -> Iterator[tuple[Product, Product]]:
    """The ways to read a sum as gate times old state plus gate times new value."""
    one, two = (plain(term) for term in node.inputs)
    for kept, written in ((one, two), (two, one)):
        if kept.name == "sum":  # several states, each with a forget gate of its own: those of a tree
            kept = plain(kept.inputs[0])
        for old in gated(kept):
            for new in gated(written):
                yield old, new
    for first, second in mixtures(node):
        yield first, second
        yield second, first


def mixtures(node: Node) -> Iterator[tuple[Product, Product]]:
    """A mixture of two tensors written with one product: `a + gate * (b - a)`, `a - gate * (a - b)`, `torch.lerp(a, b, gate)`."""
    if node.name in LERP:
        for (gate, old), (_, new) in zip(*map(gated, node.inputs), strict=False):
            yield (rest_of(gate), old), (gate, new)
        return
    minus = node.name in SUBTRACTIONS
    for one, other in (node.inputs, node.inputs[::-1])[: 1 if minus else 2]:
        start = plain(one)
        for gate, difference in gated(plain(other)):
            if difference is None or difference.name not in SUBTRACTIONS or len(difference.inputs) != 2:
                continue
            end, again = (plain(term) for term in (difference.inputs[::-1] if minus else difference.inputs))
            if again is start:
                yield (rest_of(gate), start), (gate, end)


def rest_of(gate: Gate) -> Gate:
    """One minus the gate."""
    return replace(gate, opposite=not gate.opposite)


def gated(product: Node) -> Iterator[tuple[Gate, Node | None]]:
    """The ways to read a product as gate times value. None is a value from outside."""
    if product.op == "keep" and isinstance(product.info.get("times"), Unknown):
        gate = gate_of(product.inputs[0])
        if gate is not None:
            yield gate, None
    if product.op != "mul" or len(product.inputs) != 2:
        return
    for factor, other in (product.inputs, product.inputs[::-1]):
        gate = gate_of(factor)
        if gate is not None:
            yield gate, plain(other)


def gate_of(node: Node) -> Gate | None:
    """The sigmoid that a factor is, or one minus it, or a part of it."""
    cuts: Cuts = ()
    opposite = False
    while node.op in UNCHANGED and len(node.inputs) == 1:
        if "plus" in node.info:
            if not node.info.get("subtracted") or node.info["plus"] != 1 or opposite:
                return None
            opposite = True
        if isinstance(node.info.get("times"), Unknown):
            return None
        if "cut" in node.info:
            cuts = (*cuts, (node.info["cut"], node.info.get("axis")))
        part, node = picked(node)
        cuts = (*cuts, *part)
    if node.op == "opaque" and node.name in SIGMOIDS and node.inputs:
        return Gate(node, cuts, opposite)
    return None


def plain(node: Node) -> Node:
    """A tensor without the steps that change no entry."""
    while len(node.inputs) >= 1 and (
        (node.op == "keep" and not CHANGES & node.info.keys()) or (node.op == "opaque" and node.name in PASSED)
    ):
        node = node.inputs[0]
    return node


def is_state(node: Node, cells: set[int]) -> bool:
    """Does a tensor come from the step before: an input, a start value, or what a cell has made?"""
    todo, seen = [node], set[int]()
    while todo:
        current = todo.pop()
        if current.id in seen or current.id in cells or current.op in ("input", "const"):
            continue
        seen.add(current.id)
        unpacked = current.op == "opaque" and current.name not in SIGMOIDS and all(one.op == "input" for one in current.inputs)
        masked = current.op in ("add", "mul") and not any(gate_of(one) for one in current.inputs)
        if len(seen) > MANY or not (current.op in STATE or masked or (unpacked and current.info.get("unknown"))):
            return False
        todo += current.inputs
    return True


def is_candidate(node: Node) -> bool:
    """Is it a new value, worked out in this step?"""
    while node.op in UNCHANGED and node.bias_of is None and len(node.inputs) == 1:
        node = node.inputs[0]
    return node.op in ("affine", "norm", "add") or node.bias_of is not None or (node.op == "opaque" and bool(node.inputs))


def is_minimal(gate: Gate, state: Node, candidate: Node | None) -> bool:
    """Is it the only gate of a unit? The new value is made of the state without a reset gate, which a GRU has."""
    starts = state.op == "const" or STATES.fullmatch(state.name) is not None
    if not starts or candidate is None or not reads(gate.sigmoid, state) or sources(gate.sigmoid) == {state.id}:
        return False
    todo, seen, found = [candidate], {gate.sigmoid.id}, False
    while todo and len(seen) < MANY:
        node = todo.pop()
        found = found or plain(node) is state
        if node.id not in seen:
            seen.add(node.id)
            if (node.op == "opaque" and node.name in SIGMOIDS) or (node.op == "mul" and reset_by(node, gate)):
                return False
            todo += node.inputs
    return found


def reset_by(product: Node, gate: Gate) -> bool:
    """Is one of the factors another part of the gate's sigmoid?"""
    others = [one for one in map(gate_of, product.inputs) if one is not None and one.sigmoid is gate.sigmoid]
    return any(one.cuts != gate.cuts for one in others)


def has_output_gate(cell: Node) -> bool:
    """Is what a function makes of the new state, or the state itself, multiplied with a gate again?"""
    todo = [(reader, 0) for reader in cell.readers]
    while todo:
        node, functions = todo.pop()
        if node.op == "mul" and any(gate_of(one) is not None for one in node.inputs):
            return True
        if node.op in UNCHANGED:
            todo += [(reader, functions) for reader in node.readers]
        elif node.op in ("opaque", "norm") and functions < 2:
            todo += [(reader, functions + 1) for reader in node.readers]
    return False


def reads(sigmoid: Node, state: Node) -> bool:
    """Does an affine step before the sigmoid take the state?"""
    todo, seen = [(sigmoid, False)], set[int]()
    while todo:
        node, through = todo.pop()
        if plain(node) is state and through:
            return True
        if node.id in seen or len(seen) > MANY:
            continue
        seen.add(node.id)
        todo += [(one, through or node.op in ("affine", "matmul", "einsum")) for one in node.inputs]
    return False


def sources(sigmoid: Node) -> set[int]:
    """The inputs of the model that the gate is worked out from by linear steps alone."""
    todo, seen, found = list(sigmoid.inputs), set[int](), set[int]()
    while todo and len(seen) < MANY:
        node = todo.pop()
        if node.id in seen:
            continue
        seen.add(node.id)
        if node.op == "input":
            found.add(node.id)
        elif node.op in LINEAR or node.name == "mean":
            todo += node.inputs
    return found


# -- the fact ----------------------------------------------------------------------------------------------------------------------


def as_fact(gate: Gate, biases: Biases, cell: Node) -> Layer:
    """The gate as a fact for checks. Its place is that of its first bias."""
    placed = [(owner_origin(owner), owner, span) for owner, span in biases.owners]
    placed = [one for one in placed if one[0].chain] or []
    if placed:
        origin, owner, span = min(placed, key=lambda one: line(one[0]))
        name = name_of(owner)
        library = owner.framework if isinstance(owner, Layer) else framework_of(owner)
    else:
        layer = biases.bare[0] if biases.bare else None
        origin = layer.origin if layer is not None else origin_of(gate.sigmoid)
        name, span, library = (layer.name if layer is not None else "the gate"), WHOLE, framework.tensor_bias()[0]
    fact = Layer("a forget gate", KIND, library, {}, origin, name=name, bias=bool(biases.owners))
    fact.config["part"] = SequenceValue(list(span), "tuple")
    total = biases.total
    if total is not None:
        fact.config["start"] = -total if gate.opposite else total
    fact.config["raised"] = -1 if gate.opposite else 1
    if biases.number is not None:
        fact.config["added"] = biases.number
    fact.writes = [biases.write] if biases.write is not None else []
    owners = [one for one, _ in biases.owners if isinstance(one, Layer)] + biases.bare
    fact.passed_to_unknown_code = any(one.passed_to_unknown_code for one in owners)
    fact.model_passed_to_unknown_code = any(one.model_passed_to_unknown_code for one in owners)
    fact.calls = [cell]
    return fact


def owner_origin(owner: Layer | Node) -> Origin:
    if isinstance(owner, Layer):
        return owner.origin
    made = owner.info.get("variable")
    found = made.origin if made is not None else owner.info.get("made")
    return found if isinstance(found, Origin) else origin_of(owner)


def framework_of(owner: Node) -> str:
    made = owner.info.get("variable")
    return made.framework if made is not None else framework.tensor_bias()[0]


def origin_of(node: Node) -> Origin:
    """The origin of a tensor."""
    origin: Any = node.origin
    return Origin((origin,) if isinstance(origin, tuple) and None not in origin else ())


def line(origin: Origin) -> tuple[str, int]:
    module, node = origin.chain[0]
    return (module.shown, getattr(node, "lineno", 0))


# -- writes that raise something else -----------------------------------------------------------------------------------------------


def misplaced(fact: Layer, biases: Biases, enter: Gate) -> Iterator[Layer]:
    """The writes of a constant to another part of the forget gate's bias, or to the input gate's, each as a fact.

    Of a forget gate that is opened no fact is made, but for writes to the whole vector.
    """
    closed = "start" in fact.config and fact.config["start"] <= 0
    for owner, span in biases.owners:
        writes = writes_to(owner)
        for at, write in enumerate(writes):
            if write.how != "constant" or not write.value or write.span == (0.0, 0.0):
                continue
            whole = write.span is None or write.span == WHOLE
            if whole and span != WHOLE and at == len(writes) - 1:
                yield about(fact, owner, span, write, "every")
            elif closed and not whole and write.span is not None and (write.span[0] >= span[1] or write.span[1] <= span[0]):
                yield about(fact, owner, span, write, "other")
            elif closed and span != WHOLE and any(resets(one, span) for one in writes[at + 1 :]):
                yield about(fact, owner, span, write, "reset")
    entered = biases_of(enter.sigmoid, enter.cuts) if enter.sigmoid.inputs else Biases()
    own = {id(owner) for owner, _ in biases.owners}
    if not closed or not own or own & {id(owner) for owner, _ in entered.owners} or entered.total is None:
        return
    for owner, span in entered.owners:
        written = entered.write or initial_write(owner)
        if written is not None and written.how == "constant" and written.value:
            yield about(fact, owner, span, written, "input")


def name_of(owner: Owner) -> str:
    """A bias's layer, or the bias that stands for itself, as the source calls it."""
    return owner.name or owner.short_type if isinstance(owner, Layer) else str(owner.info.get("called", owner.name))


def resets(write: Write, span: Span) -> bool:
    """Does a write set all of this part to zero?"""
    low, high = write.span or WHOLE
    return write.how == "constant" and write.value == 0 and low <= span[0] and high >= span[1]


def about(fact: Layer, owner: Owner, span: Span, write: Write, what: str) -> Layer:
    """A write that raises something else than the forget gate, as a fact."""
    made = Layer("a gate's bias", MISPLACED, fact.framework, {}, fact.origin, name=name_of(owner), bias=True)
    written = write.span or WHOLE
    made.config = {"part": SequenceValue(list(span), "tuple"), "written": SequenceValue(list(written), "tuple"), "what": what}
    made.config["raised"] = fact.config["raised"]
    made.writes = [write]
    made.passed_to_unknown_code, made.model_passed_to_unknown_code = (
        fact.passed_to_unknown_code,
        fact.model_passed_to_unknown_code,
    )
    made.calls = fact.calls
    return made
