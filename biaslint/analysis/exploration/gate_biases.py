"""The biases of a gate: what is added before a sigmoid, from which layers and parameters, and which part of them it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain.layers import Layer, Write
from biaslint.analysis.domain.values import Unknown
from biaslint.theory import term_arithmetic
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value


PASSED = {"dropout", "dropout1d", "dropout2d", "dropout3d", "clamp", "clip_by_value"}
UNCHANGED_NAMES = ("cuda", "cpu", "to", "float", "clone", "detach", "contiguous", "expand", "repeat", "unsqueeze")
PRODUCTS = ("*", "mul", "multiply", "@", "matmul", "mm", "bmm", "dot")
ZERO_OF_ZERO = frozenset((*PRODUCTS, *UNCHANGED_NAMES))  # zeros of zeros
MOVED = ("[]", "squeeze", "unsqueeze", "permute", "transpose", "expand", "repeat")  # what moves or repeats whole vectors
SHAPED = ("expand", "expand_as", "repeat", "unsqueeze", "reshape")  # what shows a vector in another shape
WHOLE = (0.0, 1.0)
Span = tuple[float, float]
Cuts = tuple[tuple[tuple[Any, ...], Any], ...]  # from the result back: which part, along which axis
Owner = Layer | Node


@dataclass
class Biases:
    """What is added before the sigmoid: the sum at the start, None where it is not known, and whose biases those are."""

    total: float | None = 0.0
    owners: list[tuple[Owner, Span]] = field(default_factory=list)
    bare: list[Layer] = field(default_factory=list)  # affine layers without a bias
    affine: bool = False
    write: Write | None = None  # the last statement that sets one of them
    number: float | None = None  # what the forward pass adds by itself

    def add(self, value: float | None) -> None:
        self.total = None if value is None or self.total is None else self.total + value


def biases_of(sigmoid: Node, cuts: Cuts) -> Biases:
    """The biases that are added up before a sigmoid, or before a part of it."""
    biases = Biases()
    collect(sigmoid.inputs[0], cuts, biases)
    return biases


def collect(node: Node, cuts: Cuts, biases: Biases) -> None:
    """Add up the biases before a sigmoid."""
    raw = node.info.get("raw_bias")
    if isinstance(raw, Node):
        own(raw, cuts, biases)
        biases.affine = True
    elif isinstance(node.bias_of, Layer):
        layer_bias(node.bias_of, cuts, biases)
        biases.affine = True
        if node.op == "keep":
            collect(node.inputs[0], cuts, biases)
    elif node.op == "affine":
        biases.affine = True
    elif node.op == "norm":
        layer = node.info.get("layer")
        if isinstance(layer, Layer):
            layer_bias(layer, cuts, biases)
        biases.affine = True
    elif node.op == "const" and not is_zero(node):
        own(node, cuts, biases)
    elif node.op == "const":
        pass
    elif node.op == "add":
        for one in node.inputs:
            collect(one, cuts, biases)
    elif node.op == "mul" and any(one.op == "const" for one in node.inputs):
        pass  # a peephole: the state is zero at the start
    elif node.op == "keep" or (node.op == "remap" and node.name in MOVED) or (node.op == "opaque" and node.name in PASSED):
        through(node, cuts, biases)
    else:
        biases.add(None)


def is_zero(node: Node, depth: int = 6) -> bool:
    """Is it a start of zeros, or a product with one?"""
    if "parameter" in node.info or not depth:
        return False
    written = node.info.get("write")
    if written is not None:
        return written[0] == "constant" and written[1] == 0
    return node.name in ZERO_OF_ZERO and any(is_zero(one, depth - 1) for one in node.inputs)


def through(node: Node, cuts: Cuts, biases: Biases) -> None:
    """A step that passes the bias on: a number added, or a part taken."""
    if "plus" in node.info:
        number = node.info["plus"]
        if isinstance(number, Unknown):  # a setting starts at its default
            number = number.default
        known = isinstance(number, (int, float)) and not node.info.get("subtracted")  # False and True are 0 and 1
        biases.number = (-number if node.name in ("-", "sub", "subtract") else number) if known else None
        biases.add(biases.number)
    elif node.name in ("-", "neg", "negative"):
        biases.add(None)
    if "cut" in node.info:
        cuts = (*cuts, (node.info["cut"], node.info.get("axis")))
    part, source = picked(node)
    collect(source, (*cuts, *part), biases)


def picked(node: Node) -> tuple[Cuts, Node]:
    """The part that an index takes along an axis of pieces, `x.view(-1, 4, n)[:, 1]`, and of what; else nothing, and the input."""
    axis: Any = node.info.get("axis")
    at, split = node.info.get("part"), node.inputs[0]
    while split.op == "remap" and split.name == "permute" and len(split.info["sources"].get(axis, ())) == 1:
        (axis,) = split.info["sources"][axis]
        split = split.inputs[0]
    count = split.info.get("pieces_along", {}).get(axis)
    if node.op != "remap" or count is None or not isinstance(at, int):
        return (), node.inputs[0]
    return ((("chunk", at % count, count), -1),), split.inputs[0]


def layer_bias(layer: Layer, cuts: Cuts, biases: Biases) -> None:
    """A layer's own bias, or the part of it that a cut takes."""
    if layer.bias is not True:
        biases.bare += [layer] if layer.bias is False else []
        biases.add(0.0 if layer.bias is False else None)
        return
    names = ("out_features", "out_channels", "units", "filters", "num_features")
    length = next((layer.config[name] for name in names if name in layer.config), None)
    span = share(cuts, length)
    default = layer.default.value if isinstance(layer.default, Write) else 0.0
    if span is None or layer.configured:
        biases.add(None)
        return
    biases.owners.append((layer, span))
    level(default, layer.writes, span, biases)


def own(node: Node, cuts: Cuts, biases: Biases) -> None:
    """A vector that is added as a bias."""
    root, start, stop = node.info.get("part_of", (node, None, None))
    if root is not node:
        cuts = (*cuts, (("slice", start, stop), -1))
    while root.name in SHAPED and "parameter" not in root.info and len(root.inputs) == 1:
        root = root.inputs[0]
    if "parameter" not in root.info:
        written = root.info.get("write")
        biases.add(written[1] if written is not None and written[0] == "constant" else None)
        return
    span = share(cuts, root.dims[-1] if root.dims else None)
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


def share(cuts: Cuts, length: Value) -> Span | None:
    """The part that cuts take of a vector of this length, as fractions of it; None where that is not known. The last cut is made first."""
    leaves: dict[Any, float] = {}
    whole = number(length, leaves, grow=True)
    span: Span | None = (0.0, whole or 1.0)
    for cut, axis in reversed(cuts):
        if span is None or axis == 0 or (not whole and cut[0] != "chunk"):
            return None
        span = taken(cut, span, leaves)
    return (span[0] / (whole or 1.0), span[1] / (whole or 1.0)) if span is not None else None


def taken(cut: tuple[Any, ...], span: Span, leaves: dict[Any, float]) -> Span | None:
    """What a cut takes of a part of a vector."""
    how, first, second = cut
    length = span[1] - span[0]
    low: float | None
    high: float | None
    if how == "chunk":
        low, high = first / second * length, (first + 1) / second * length
    elif how == "sizes":
        sizes = [number(size, leaves) for size in second]
        low, high = (None if None in sizes[:at] else sum(size or 0.0 for size in sizes[:at]) for at in (first, first + 1))
    elif how == "size":
        each = number(second, leaves)
        low, high = (None if each is None else at * each for at in (first, first + 1))
    else:
        low = 0.0 if first is None else number(first, leaves)
        high = length if second is None else number(second, leaves)
    if low is None or high is None:
        return None
    low, high = (bound + length if bound < 0 else bound for bound in (low, high))
    return (span[0] + low, span[0] + high) if 0 <= low < high <= length else None


def number(value: Value, leaves: dict[Any, float], grow: bool = False) -> float | None:
    return None if value is None else term_arithmetic.evaluate(value.key if isinstance(value, Unknown) else value, leaves, grow)


def writes_to(owner: Owner) -> list[Write]:
    """What is written to a bias after it is made."""
    return list(owner.writes if isinstance(owner, Layer) else owner.info.get("writes", []))


def initial_write(owner: Owner) -> Write | None:
    """What a parameter of the program's own is filled with where it is made."""
    if isinstance(owner, Layer):
        return owner.default if isinstance(owner.default, Write) else None
    variable, content, made = owner.info.get("variable"), owner.info.get("write"), owner.info.get("made")
    if variable is not None:
        return variable.written if isinstance(variable.written, Write) else None
    if content is None or made is None or not made.chain:
        return None
    how, value, spread = content
    return Write(how, "bias", value, spread, None, "", "", made.owner, *made.chain[0])
