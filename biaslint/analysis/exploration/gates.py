"""Forget gates of recurrent cells that are written out: c' = f * c + i * g, where f is a sigmoid of an affine step.

A cell is known by what it computes, not by how it is written: the gates may have parameters of their own or be parts of one
projection. What multiplies the old state is the forget gate; its start is the sigmoid of what its biases add up to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain.layers import Layer, Origin, Write
from biaslint.analysis.domain.values import SequenceValue, Unknown
from biaslint.analysis.interpreter import framework
from biaslint.theory import term_arithmetic
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution


KIND = "forget_gate"
SIGMOIDS = {"sigmoid", "sigmoid_", "hard_sigmoid", "hardsigmoid"}
UNCHANGED = {"keep", "remap"}
PASSED = {"dropout", "dropout1d", "dropout2d", "dropout3d", "clamp", "clip_by_value"}
CHANGES = {"plus", "times", "cut"}  # what a step that keeps the positions may do to the entries
STATE = {"keep", "remap", "mask", "concat"}  # what a state may pass on its way into the next step
UNCHANGED_NAMES = ("cuda", "cpu", "to", "float", "clone", "detach", "contiguous", "expand", "repeat", "unsqueeze")
MANY = 200  # nodes that are looked at for one question
WHOLE = (0.0, 1.0)
Span = tuple[float, float]


@dataclass
class Biases:
    """What is added before the sigmoid: the sum at the start, None where it is not known, and whose biases those are."""

    total: float | None = 0.0
    owners: list[tuple[Layer | Node, Span]] = field(default_factory=list)
    bare: list[Layer] = field(default_factory=list)  # affine layers without a bias
    affine: bool = False
    write: Write | None = None  # the last statement that sets one of them

    def add(self, value: float | None) -> None:
        self.total = None if value is None or self.total is None else self.total + value


@dataclass(frozen=True)
class Gate:
    """A sigmoid: its argument, the part of it that is this gate's, and whether one minus it is meant."""

    sigmoid: Node
    cut: Any
    opposite: bool


def forget_gates(ex: Execution) -> list[Layer]:
    """The forget gates of an execution, each as a fact with its start and the part of the bias that it is."""
    cells: set[int] = set()
    found: dict[Any, Layer] = {}
    for node in ex.flow.nodes:
        if node.op == "add" and len(node.inputs) == 2:
            gate = cell_gate(node, cells)
            if gate is None:
                continue
            cells.add(node.id)
            biases = Biases()
            collect(gate.sigmoid.inputs[0], gate.cut, biases)
            if biases.affine:
                fact = as_fact(gate, biases, node)
                found.setdefault((id(biases.owners[0][0]) if biases.owners else id(fact.origin), fact.config["part"]), fact)
    return list(found.values())


# -- recognizing the cell ----------------------------------------------------------------------------------------------------------


def cell_gate(node: Node, cells: set[int]) -> Gate | None:
    """The forget gate of a sum that is a cell's update."""
    one, two = (plain(term) for term in node.inputs)
    for kept, written in ((one, two), (two, one)):
        for forget, state in gated(kept):
            if state is not None and not is_state(state, cells):
                continue
            for enter, candidate in gated(written):
                if candidate is None or not is_candidate(candidate):
                    continue
                if enter.sigmoid is not forget.sigmoid or enter.cut != forget.cut:
                    return forget
                if (
                    enter.opposite != forget.opposite
                    and has_output_gate(node)
                    and state is not None
                    and not reads(forget.sigmoid, state)
                ):
                    return forget  # coupled gates; where the gate reads the state itself, it is a GRU's
    return None


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
    cut, opposite = None, False
    while node.op in UNCHANGED and len(node.inputs) == 1:
        if "plus" in node.info:
            if not node.info.get("subtracted") or node.info["plus"] != 1 or opposite:
                return None
            opposite = True
        if isinstance(node.info.get("times"), Unknown):
            return None
        if "cut" in node.info:
            if cut is not None:
                return None
            cut = (node.info["cut"], node.info.get("axis"))
        node = node.inputs[0]
    if node.op == "opaque" and node.name in SIGMOIDS and node.inputs:
        return Gate(node, cut, opposite)
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


# -- the biases --------------------------------------------------------------------------------------------------------------------


def collect(node: Node, cut: Any, biases: Biases) -> None:
    """Add up the biases before a sigmoid."""
    raw = node.info.get("raw_bias")
    if isinstance(raw, Node):
        own(raw, cut, biases)
        biases.affine = True
    elif isinstance(node.bias_of, Layer):
        layer_bias(node.bias_of, cut, biases)
        biases.affine = True
        if node.op == "keep":
            collect(node.inputs[0], cut, biases)
    elif node.op == "affine":
        biases.affine = True
    elif node.op == "norm":
        layer = node.info.get("layer")
        if isinstance(layer, Layer):
            layer_bias(layer, cut, biases)
        biases.affine = True
    elif node.op == "const" and not is_zero(node):
        own(node, cut, biases)
    elif node.op == "const":
        pass
    elif node.op == "add":
        for one in node.inputs:
            collect(one, cut, biases)
    elif node.op == "mul" and any(one.op == "const" for one in node.inputs):
        pass  # a peephole: the state is zero at the start
    elif node.op == "keep" or (node.op == "remap" and node.name == "[]") or (node.op == "opaque" and node.name in PASSED):
        through(node, cut, biases)
    else:
        biases.add(None)


def is_zero(node: Node, depth: int = 6) -> bool:
    """Is it a start of zeros, or a product with one?"""
    if "parameter" in node.info or not depth:
        return False
    written = node.info.get("write")
    if written is not None:
        return written[0] == "constant" and written[1] == 0
    return node.name in ("*", "mul", *UNCHANGED_NAMES) and any(is_zero(one, depth - 1) for one in node.inputs)


def through(node: Node, cut: Any, biases: Biases) -> None:
    """A step that passes the bias on: a number added, or a part taken."""
    if "plus" in node.info:
        number = node.info["plus"]
        known = isinstance(number, (int, float)) and not isinstance(number, bool) and not node.info.get("subtracted")
        biases.add((-number if node.name in ("-", "sub", "subtract") else number) if known else None)
    elif node.name in ("-", "neg", "negative"):
        biases.add(None)
    if "cut" in node.info:
        if cut is not None:
            biases.add(None)
        cut = (node.info["cut"], node.info.get("axis"))
    collect(node.inputs[0], cut, biases)


def layer_bias(layer: Layer, cut: Any, biases: Biases) -> None:
    """A layer's own bias, or the part of it that a cut takes."""
    if layer.bias is not True:
        biases.bare += [layer] if layer.bias is False else []
        biases.add(0.0 if layer.bias is False else None)
        return
    names = ("out_features", "out_channels", "units", "filters", "num_features")
    length = next((layer.config[name] for name in names if name in layer.config), None)
    span = share(cut, length)
    default = layer.default.value if isinstance(layer.default, Write) else 0.0
    if span is None or layer.configured:
        biases.add(None)
        return
    biases.owners.append((layer, span))
    level(default, layer.writes, span, biases)


def own(node: Node, cut: Any, biases: Biases) -> None:
    """A vector that is added as a bias."""
    root, start, stop = node.info.get("part_of", (node, None, None))
    if root is not node:
        cut = (("slice", start, stop), -1)
    if "parameter" not in root.info:
        written = root.info.get("write")
        biases.add(written[1] if written is not None and written[0] == "constant" else None)
        return
    span = share(cut, root.dims[-1] if root.dims else None)
    if span is None or root.info.get("escaped"):
        biases.add(None)
        return
    biases.owners.append((root, span))
    made = root.info.get("variable")
    written = root.info.get("write")
    default = made.written.value if made is not None and made.written is not None else written[1] if written else None
    level(default, root.info.get("writes", []), span, biases)


def level(start: float | None, writes: list[Write], span: Span, biases: Biases) -> None:
    """What the writes leave in a part of the vector."""
    last = None
    for write in writes:
        low, high = write.span or WHOLE
        if write.span == (0.0, 0.0):
            start = None
        elif low < span[1] and high > span[0]:
            start = write.value if write.how in ("constant", "normal", "uniform") else 0.0 if write.how == "scaled" else None
            start = start if low <= span[0] and high >= span[1] else None
            last = write
    biases.add(start)
    biases.write = last or biases.write


def share(cut: Any, length: Value) -> Span | None:
    """The part that a cut takes of a vector of this length, as fractions of it; None where that is not known."""
    if cut is None:
        return WHOLE
    (how, first, second), axis = cut
    if axis == 0:
        return None
    if how == "chunk":
        return (first / second, (first + 1) / second)
    leaves: dict[Any, float] = {}
    whole = number(length, leaves, grow=True)
    if not whole:
        return None
    low: float | None
    high: float | None
    if how == "sizes":
        sizes = [number(size, leaves) for size in second]
        low, high = (None if None in sizes[:at] else sum(size or 0.0 for size in sizes[:at]) for at in (first, first + 1))
    elif how == "size":
        each = number(second, leaves)
        low, high = (None if each is None else at * each for at in (first, first + 1))
    else:
        low = 0.0 if first is None else number(first, leaves)
        high = whole if second is None else number(second, leaves)
    if low is None or high is None:
        return None
    low, high = (bound + whole if bound < 0 else bound for bound in (low, high))
    return (low / whole, high / whole) if 0 <= low < high <= whole else None


def number(value: Value, leaves: dict[Any, float], grow: bool = False) -> float | None:
    return None if value is None else term_arithmetic.evaluate(value.key if isinstance(value, Unknown) else value, leaves, grow)


# -- the fact ----------------------------------------------------------------------------------------------------------------------


def as_fact(gate: Gate, biases: Biases, cell: Node) -> Layer:
    """The gate as a fact for checks. Its place is that of its first bias."""
    placed = [(owner_origin(owner), owner, span) for owner, span in biases.owners]
    placed = [one for one in placed if one[0].chain] or []
    if placed:
        origin, owner, span = min(placed, key=lambda one: line(one[0]))
        name = owner.name if isinstance(owner, Layer) else str(owner.info.get("called", owner.name))
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
