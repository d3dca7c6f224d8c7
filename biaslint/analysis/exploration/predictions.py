"""The predictions that losses take: from a loss back to the step that made its argument."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain import values
from biaslint.analysis.domain.layers import Layer
from biaslint.analysis.domain.values import Instance
from biaslint.theory.dataflow import VIEWS
from biaslint.theory.program import Place, Prediction

if TYPE_CHECKING:
    from biaslint.analysis.domain.layers import LossCall
    from biaslint.analysis.interpreter.execution import Execution
    from biaslint.theory.dataflow import Node

Placing = Callable[[Any, Any], Place]
Axes = frozenset[int] | None  # those that the classes stand along, None where that is not known

# functions whose results are entries of what they take, or, for probabilities, as good as that
SAME = {*VIEWS, "clamp", "clamp_", "clip", "clip_by_value", "nan_to_num", "gather", "masked_select", "index_select", "take"}
NEGATED = {"-", "neg", "neg_", "negative", "negative_"}
STEPS = {
    "sigmoid", "hardsigmoid", "hard_sigmoid", "logsigmoid", "log_sigmoid", "tanh", "relu", "relu6", "softplus", "leaky_relu", "elu",
    "selu", "gelu", "silu", "swish", "mish", "log",
}  # fmt: skip
FARTHEST = 60  # how many tensors are looked at for one prediction


def predictions_of(ex: Execution, loss: Layer, place: Placing) -> tuple[Prediction, ...]:
    """What the calls of a loss are given, each kind once."""
    found: dict[Prediction, None] = {}
    for loss_call in loss.loss_calls:
        value = loss_call.value
        if isinstance(value, Instance):
            value = ex.results.get(value)
        for node in values.tensors_in(value, 4):
            axis = loss_call.axis if node.rank is None or node.rank > 1 else 0
            axes = None if axis < 0 and node.rank is None else frozenset([axis + node.rank if axis < 0 and node.rank else axis])
            made = [prediction(loss_call, step, along, place) for step, along in last_steps(node, axes)]
            if len({one.by for one in made}) > 1:  # as likely a choice that is not understood as a mixture
                made = [prediction(loss_call, None, None, place)]
            found.update(dict.fromkeys(made))
    return tuple(found)


def last_steps(node: Node, axes: Axes) -> Iterator[tuple[Node | None, Axes]]:
    """The steps before any change of shape; None for what is not followed."""
    todo, seen = [(node, axes)], set[int]()
    while todo and len(seen) < FARTHEST:
        node, axes = todo.pop()
        if node.id in seen:
            continue
        seen.add(node.id)
        before = unshaped(node, axes)
        if before is None:
            yield (node if is_step(node) else None), axes
        else:
            todo += before


def unshaped(node: Node, axes: Axes) -> list[tuple[Node, Axes]] | None:
    """What a change of shape was made from; None where the tensor is none."""
    if node.op == "keep":
        scaled = "times" in node.info or "plus" in node.info or node.name in NEGATED
        return None if scaled or not node.inputs else [(node.inputs[0], axes)]
    if node.op == "remap":
        return [(node.inputs[0], sources_of(node, axes))]
    if node.op == "concat" or (node.op == "smooth" and node.info.get("mixes")):
        return [(one, axes) for one in node.inputs]
    if node.op == "opaque" and node.name in SAME:
        return [(node.inputs[0], None)] if node.inputs else None
    return None


def sources_of(node: Node, axes: Axes) -> Axes:
    """Where the axes were before a change of shape."""
    before = node.inputs[0]
    if axes is None or before.rank is None or node.rank is None:
        return None
    found: set[int] = set()
    for axis in axes:
        sources = node.info["sources"].get(axis)
        if not sources:
            return None
        found.update(one % before.rank for one in sources)
    return frozenset(found)


def is_step(node: Node) -> bool:
    """Is it a step whose kind of result is known?"""
    if node.op == "opaque":
        return node.name.rstrip("_") in STEPS and len(node.inputs) == 1
    return node.op in ("softmax", "norm") or (node.op == "affine" and isinstance(node.bias_of, Layer))


def prediction(loss_call: LossCall, step: Node | None, axes: Axes, place: Placing) -> Prediction:
    """The argument of a loss as plain facts."""
    where = place(*loss_call.place) if loss_call.place is not None else Place("", 1, 1, 1, 1)
    if step is None:
        return Prediction(where, loss_call.takes, loss_call.classes)
    layer = affine_before(step)
    maker = step.info.get("activation") if step.op != "affine" else step.bias_of
    if step.op == "norm":
        maker = step.info.get("layer")
    return Prediction(
        place=where,
        takes=loss_call.takes,
        classes=loss_call.classes,
        by="norm" if step.op == "norm" else "affine" if step.op == "affine" else step.name.rstrip("_"),
        made=made_at(maker, step, place),
        name=(maker.name or maker.type.rpartition(".")[2]) if isinstance(maker, Layer) else step.name.rstrip("_"),
        layer=place(*layer.origin.chain[0]) if layer is not None and layer.origin.chain else None,
        of=layer.name if layer is not None else "",
        size=size_of(step) if step.op == "softmax" else None,
        astray=astray(step, axes) if step.op == "softmax" and loss_call.classes else "",
        aligned=step.op == "softmax" and aligned(step, axes),
        whole=loss_call.whole,
    )


def made_at(maker: Any, step: Node, place: Placing) -> Place | None:
    """Where the layer is made that is the step, or the step is called."""
    if isinstance(maker, Layer):
        return place(*maker.origin.chain[0]) if maker.origin.chain else None
    origin: Any = step.origin
    return place(*origin) if isinstance(origin, tuple) and origin[0] is not None and origin[1] is not None else None


def affine_before(step: Node) -> Layer | None:
    """The layer whose result the step takes."""
    todo, seen = [step], set[int]()
    while todo and len(seen) < FARTHEST:
        node = todo.pop(0)
        if isinstance(node.bias_of, Layer):
            return node.bias_of
        if node.id not in seen and node.op in ("keep", "remap", "softmax", "opaque", "norm", "smooth"):
            seen.add(node.id)
            todo += node.inputs[:1]
    return None


def size_of(step: Node) -> int | None:
    """Over how many entries a softmax is."""
    axis, dims, layer = step.info.get("axis"), step.dims, step.inputs[0].bias_of
    if axis == -1 and dims is None and isinstance(layer, Layer) and layer.kind == "linear":
        known = layer.config.get("out_features", layer.config.get("units"))
        return known if isinstance(known, int) else None
    size = dims[axis] if dims is not None and isinstance(axis, int) and -len(dims) <= axis < len(dims) else None
    return size if isinstance(size, int) else None


def astray(step: Node, axes: Axes) -> str:
    """The axis that a softmax is over, where the classes are known to stand along others."""
    axis, rank = step.info.get("axis"), step.rank
    if axes is None or not isinstance(axis, int):
        return ""
    if rank is None:
        return str(axis) if axis == 0 and 0 not in axes else ""
    return str(axis) if -rank <= axis < rank and axis % rank not in axes else ""


def aligned(step: Node, axes: Axes) -> bool:
    """Is a softmax known to be over the only axis that the classes stand along?"""
    axis, rank = step.info.get("axis"), step.rank
    if axes is None or len(axes) != 1 or not isinstance(axis, int) or (axis < 0 and rank is None):
        return False
    return axis % (rank or axis + 1) in axes
