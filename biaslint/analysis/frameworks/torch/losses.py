"""PyTorch's losses: what they take as the prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain.layers import Layer, LossCall
from biaslint.analysis.frameworks.common import construction, signatures
from biaslint.analysis.frameworks.torch import vocabulary as torch_vocabulary
from biaslint.analysis.tensors import nodes, reconstruction
from biaslint.theory.dataflow import VIEWS, Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Args, Kwargs, Value
    from biaslint.analysis.interpreter.execution import Execution


def function(ex: Execution, name: str, args: Args, kwargs: Kwargs) -> Node:
    """F.cross_entropy(input, target): remembered for what it says of the output layer."""
    signature = torch_vocabulary.LOSS_FUNCTIONS[name]
    names = signatures.positional_names(signature)
    config = {**dict(signatures.parameters(signature)), **dict(zip(names, args, strict=False)), **kwargs}
    type_ = f"torch.nn.{torch_vocabulary.LOSS_NAMES[name]}"
    layer = construction.note_fact(ex, type_, "loss", "torch", config, names, name=f"F.{name}")
    layer.callee = construction.callee(ex)
    x = nodes.tensor(ex, args[0] if args else kwargs.get("input"))
    node = ex.opaque(*args, *kwargs.values(), name=name)
    if x is not None:
        layer.calls.append(node)
        take(ex, layer, x, args[1] if len(args) > 1 else kwargs.get("target"))
    return node


def called(ex: Execution, layer: Layer, args: Args, kwargs: Kwargs) -> Node:
    """criterion(input, target)"""
    node = ex.opaque(*args, *kwargs.values(), name=layer.short_type)
    layer.calls.append(node)
    x = args[0] if args else kwargs.get("input")
    if isinstance(x, Node):
        take(ex, layer, x, args[1] if len(args) > 1 else kwargs.get("target"))
    return node


def take(ex: Execution, layer: Layer, x: Node, target: Value) -> None:
    """Note what the loss takes as the prediction, as it is by now."""
    known = torch_vocabulary.LOSS_TAKES.get(layer.short_type)
    if known is not None and ex.module is not None and ex.node is not None:
        takes, classes = known
        now, place = ex.flow.now(x), (ex.module, ex.node)
        rebuilds = reconstruction.is_own_input(now, target)
        layer.loss_calls.append(LossCall(now, takes, classes, 1, place, is_whole(ex, target), rebuilds))


WHOLE = {"long", "int", "argmax", "argmin", "argsort", "multinomial"}
UNCAST = {*VIEWS, "clone", "cuda", "cpu"} - {"to", "type", "type_as", "float", "double"}


def is_whole(ex: Execution, target: Value) -> bool:
    """Is it known that a target holds whole numbers? Probabilities of classes are none."""
    node = ex.flow.now(target) if isinstance(target, Node) else None
    while node is not None:
        if node.info.get("integer") or node.info.get("positions") or node.name in WHOLE:
            return True
        node = node.inputs[0] if node.name in UNCAST and node.inputs else None
    return False
