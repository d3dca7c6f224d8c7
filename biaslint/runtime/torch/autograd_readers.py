"""What reads a layer's output, as autograd recorded it.

The autograd graph of the outputs, turned round: from the node that a layer's output came out of, forward to the first norms or
softmaxes on every path. A layer whose bias is dead is cancelled by exactly these.
"""

from __future__ import annotations

from typing import Any

_STOPS = (
    ("InstanceNorm", "instance norm"),
    ("BatchNorm", "batch norm"),
    ("GroupNorm", "group norm"),
    ("LayerNorm", "layer norm"),
    ("RmsNorm", "RMS norm"),
    ("RMSNorm", "RMS norm"),
    ("Softmax", "softmax"),
    ("ScaledDotProduct", "softmax"),
)
# Straight on either side of a bend: on a batch that stays on one side, gradients cancel as if it were not there.
_BENT = (
    "Relu",
    "LeakyRelu",
    "Prelu",
    "Rrelu",
    "Threshold",
    "Hardtanh",
    "Hardsigmoid",
    "Hardswish",
    "Hardshrink",
    "Softshrink",
    "Clamp",
    "Abs",
)
_SHAPES = (
    "View",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
    "Transpose",
    "Permute",
    "TBackward",
    "Alias",
    "Clone",
    "Slice",
    "Select",
    "Expand",
)
_READERS = {
    "Relu": "relu",
    "LeakyRelu": "leaky_relu",
    "Gelu": "gelu",
    "Silu": "silu",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Hardtanh": "relu6",
    "Hardswish": "hardswish",
    "BatchNorm": "batch_norm",
    "GroupNorm": "group_norm",
    "LayerNorm": "layer_norm",
    "Softmax": "softmax",
    "Convolution": "conv",
    "Addmm": "linear",
}


def _stop_kind(name: str) -> str:
    return next((kind for part, kind in _STOPS if part in name), "")


class Flow:
    """The record of one forward pass."""

    def __init__(self) -> None:
        self._makers: dict[str, list[Any]] = {}
        self._named: dict[int, tuple[str, str]] = {}
        self._kept: list[Any] = []  # nodes must stay alive for their identity to mean anything
        self._readers: dict[int, list[Any]] = {}
        self._roots: list[Any] = []
        self._leaves: dict[int, list[Any]] = {}

    def made(self, layer: str, output: Any) -> None:
        """`output` came out of `layer`."""
        if output.grad_fn is not None:
            self._makers.setdefault(layer, []).append(output.grad_fn)

    def cancels(self, kind: str, where: str, output: Any) -> None:
        """`output` came out of a norm or softmax in the module `where`."""
        node, steps = output.grad_fn, 0
        while node is not None and steps < 6:
            self._kept.append(node)
            if _stop_kind(node.name()):
                self._named[id(node)] = (kind, where)
                return
            following = [parent for parent, _ in node.next_functions if parent is not None]
            node, steps = (following[0] if following else None), steps + 1

    def close(self, roots: list[Any]) -> None:
        """The pass is over; these are the outputs' nodes."""
        self._roots = roots
        pending, seen = list(roots), {id(root) for root in roots}
        while pending:
            node = pending.pop()
            self._kept.append(node)
            for parent, _ in node.next_functions:
                if parent is None:
                    continue
                self._readers.setdefault(id(parent), []).append(node)
                variable = getattr(parent, "variable", None)
                if variable is not None:
                    self._leaves.setdefault(variable.data_ptr(), []).append(node)
                if id(parent) not in seen:
                    seen.add(id(parent))
                    pending.append(parent)

    def takers(self, layer: str, bias: Any) -> list[Any]:
        """The nodes that add this bias, where no call of the layer was seen: scripted code, and functions that do all at once."""
        nodes = self._leaves.get(bias.data_ptr(), [])
        self._makers.setdefault(layer, []).extend(nodes)
        return nodes

    def cancellers(self, layer: str) -> list[tuple[str, str]]:
        """The first norms or softmaxes on every path from the layer's output: their kind and the module they stand in."""
        pending = list(self._makers.get(layer, ()))
        seen = {id(node) for node in pending}
        found: list[tuple[str, str]] = []
        while pending:
            node = pending.pop(0)
            for reader in self._readers.get(id(node), ()):
                if id(reader) in seen:
                    continue
                seen.add(id(reader))
                kind = _stop_kind(reader.name())
                if kind:
                    found.append(self._named.get(id(reader), (kind, "")))
                else:
                    pending.append(reader)
        return list(dict.fromkeys(found))

    def bends(self, layer: str) -> bool:
        """Whether a ReLU or its like stands between the layer's output and the first norm or softmax on some path."""
        pending = list(self._makers.get(layer, ()))
        seen = {id(node) for node in pending}
        while pending:
            for reader in self._readers.get(id(pending.pop()), ()):
                name = reader.name()
                if name.startswith(_BENT):
                    return True
                if id(reader) not in seen and not _stop_kind(name):
                    seen.add(id(reader))
                    pending.append(reader)
        return False

    def readers(self, layer: str) -> list[str]:
        """What reads the layer's output next, shape changes apart, in the words of `LayerUse.readers`."""
        pending = list(self._makers.get(layer, ()))
        roots = {id(root) for root in self._roots}
        seen = {id(node) for node in pending}
        found: list[str] = []
        while pending:
            node = pending.pop(0)
            if id(node) in roots:
                found.append("output")
            for reader in self._readers.get(id(node), ()):
                name = reader.name()
                if id(reader) in seen:
                    continue
                seen.add(id(reader))
                if name.startswith(_SHAPES):
                    pending.append(reader)
                else:
                    word = next(
                        (word for part, word in _READERS.items() if part in name), name.removesuffix("Backward0").lower()
                    )
                    found.append(word)
        return list(dict.fromkeys(found))

    def output_layers(self) -> dict[str, str]:
        """The layers whose result leaves the model with nothing but shape changes or an output activation between."""
        layer_of = {id(node): layer for layer, nodes in self._makers.items() for node in nodes}
        found: dict[str, str] = {}
        for root in self._roots:
            node, activation, steps = root, "", 0
            while node is not None and steps < 20:
                if id(node) in layer_of:
                    found[layer_of[id(node)]] = activation
                    break
                name = node.name()
                if name.startswith(("Sigmoid", "Softmax", "LogSoftmax")) and not activation:
                    activation = {"S": "softmax", "L": "log_softmax"}[name[0]] if "Softmax" in name else "sigmoid"
                elif not name.startswith(_SHAPES):
                    break
                parents = [parent for parent, _ in node.next_functions if parent is not None]
                node, steps = (parents[0] if parents else None), steps + 1
        return found
