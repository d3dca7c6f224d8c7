"""Shapes of the parameters of layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain import values
from biaslint.analysis.domain.values import SequenceValue
from biaslint.analysis.frameworks.common.construction import size_of
from biaslint.theory import term_arithmetic
from biaslint.theory.dataflow import Dims

if TYPE_CHECKING:
    from biaslint.analysis.domain.layers import Param


def param_dims(param: Param) -> Dims | None:
    """The dimensions of a layer's parameter."""
    layer = param.layer
    config = layer.config

    if layer.kind in ("rnn", "rnn_cell"):
        gates = {"lstm": 4, "gru": 3}.get(layer.spec.facts.get("cell", ""), 1)
        hidden = size_of(layer, "hidden_size")
        total: Any = term_arithmetic.multiply([gates, hidden])
        return (total,) if param.which.startswith("bias") else (total, size_of(layer, "input_size"))
    if layer.kind == "linear":
        return (
            (size_of(layer, "out_features"),)
            if param.which == "bias"
            else (size_of(layer, "out_features"), size_of(layer, "in_features"))
        )
    if layer.kind == "conv":
        if param.which == "bias":
            return (size_of(layer, "out_channels"),)
        dims = layer.spec.facts.get("dims", 2)
        kernel = config.get("kernel_size")
        sides = kernel.items if isinstance(kernel, SequenceValue) else [kernel] * dims
        head = (size_of(layer, "out_channels"), size_of(layer, "in_channels"))
        return (*head, *(side if isinstance(side, int) else values.term_of(side) for side in sides))
    if layer.kind == "norm":
        return (size_of(layer, "num_features", "num_channels", "normalized_shape"),)
    if layer.kind == "embedding":
        return (size_of(layer, "num_embeddings"), size_of(layer, "embedding_dim"))
    return None
