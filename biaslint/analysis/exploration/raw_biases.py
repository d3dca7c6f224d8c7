"""Raw biases: variables of the program that are added as biases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain.layers import Layer, Origin, Param, Write
from biaslint.analysis.frameworks.common.construction import SIZE
from biaslint.analysis.interpreter import framework
from biaslint.theory import shift
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution


def raw_biases(ex: Execution) -> list[Layer]:
    """Vectors of the program's own that are added to an affine step: `x @ w + b`, F.linear(x, w, b), layer(x) + b."""
    found: dict[int, Layer] = {}
    doubled: dict[int, list[Layer | None]] = {}
    for node in ex.flow.nodes:
        bias: Node | None = node.info.get("raw_bias")
        step: Node | None = node
        doubles: Layer | None = None
        if bias is None:
            if node.op != "add" or len(node.inputs) != 2:
                continue
            one, two = node.inputs
            bias, step = (two, one) if two.op == "const" else (one, two) if one.op == "const" else (None, None)
            if bias is None or step is None:
                continue
            while step.op == "keep" and len(step.inputs) == 1 and len(step.readers) == 1:
                step = step.inputs[0]
            if step.op != "affine":
                continue
            if isinstance(step.bias_of, Layer) and step.bias_of.bias is not False:
                if step.bias_of.bias is not True or len(step.readers) != 1:
                    continue
                doubles = step.bias_of
        if not is_vector(bias) or "called" not in bias.info:
            continue
        layer = found.get(bias.id)
        if layer is None:
            layer = found[bias.id] = raw(ex, bias, step)
        layer.calls.append(node)
        doubled.setdefault(bias.id, []).append(doubles)
        layer.doubles = doubles if covers(layer, bias, doubled[bias.id]) else None
    return list(found.values())


def covers(layer: Layer, bias: Node, doubled: list[Layer | None]) -> bool:
    """Do the vector, and the bias of the layer to whose results it is added, say the same?

    It is added in the same way to all results of that one layer, along its channels, and nothing else reads it.
    """
    other = doubled[0]
    if other is None or any(one is not other for one in doubled) or len({node.name for node in layer.calls}) > 1:
        return False
    if len(bias.readers) != len(layer.calls) or len(other.calls) != len(layer.calls) or other.shared_with or other.bias_of:
        return False
    return all(
        shift.aligned(along(bias), bias, node) == shift.front(other.axes, node.rank)
        for node in layer.calls
        if node.rank is not None
    ) and (layer.calls[0].rank is not None or tuple(other.axes) == (-1,))


def along(bias: Node) -> frozenset[int]:
    """The axis along which a vector varies."""
    return frozenset(axis for axis, size in enumerate(bias.dims or ()) if size != 1)


def is_vector(bias: Node) -> bool:
    """Does it hold a number per channel? (n,), or (1, n, 1, 1)."""
    dims = bias.dims
    return dims is not None and (
        len(dims) == 1 or (len(dims) in (3, 4) and dims[0] == 1 and dims[1] != 1 and all(dim == 1 for dim in dims[2:]))
    )


def learns(step: Node | None) -> bool | None:
    """Is the weight of an affine step trained? None where that is not known."""
    if step is None:
        return None
    if isinstance(step.bias_of, Layer):
        return step.bias_of.weight_trainable is True or None
    weight = step.info.get("raw_weight", step.inputs[1] if len(step.inputs) == 2 else None)
    if isinstance(weight, Param):
        return weight.layer.weight_trainable is True or None
    return bool(weight.info["parameter"]) if isinstance(weight, Node) and "parameter" in weight.info else None


def size_text(ex: Execution, made: Origin, step: Node | None) -> str:
    """How the source says the number of outputs: where the layer before is made, or the bias."""
    before = step.bias_of.texts if step is not None and isinstance(step.bias_of, Layer) else {}
    said = next((before[name] for name in (SIZE, "out_features", "out_channels", "units", "filters") if name in before), "")
    return said or (ex.text(made.chain[0][1]) if made.chain else "")


def framework_of(step: Node | None) -> str:
    """The framework of the weight that an affine step multiplies with; "" where it is not known."""
    if step is None or isinstance(step.bias_of, Layer):
        return step.bias_of.framework if step is not None and isinstance(step.bias_of, Layer) else ""
    variables = (one.info.get("variable") for one in step.inputs)
    return next((str(one.framework) for one in variables if one is not None), "")


def raw(ex: Execution, bias: Node, step: Node | None) -> Layer:
    made = bias.info.get("made") or Origin((bias.origin,) if isinstance(bias.origin, tuple) else ())
    library, type_ = framework.tensor_bias()
    layer = Layer(type_, "affine", framework_of(step) or library, {}, made, name=bias.info["called"], bias=True)
    layer.callee = ex.text_of_call(made)
    layer.texts = {SIZE: size_text(ex, made, step)}
    layer.trainable = bool(bias.info.get("parameter"))
    layer.weight_trainable = learns(step)
    kind = "frozen" if "variable" in bias.info else "parameter" if "parameter" in bias.info else "tensor"
    layer.config["made as"] = "buffer" if bias.info.get("buffer") else kind
    written = bias.info.get("write")
    if written is not None and made.chain:
        how, value, spread = written
        layer.writes.append(Write(how, "bias", value, spread, None, "", "", made.owner, *made.chain[0]))
    layer.writes.extend(bias.info.get("writes", ()))
    return layer
