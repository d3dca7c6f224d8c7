"""Layers of a project's own that the configuration describes: `"mylib.ConvBN" = { like = "torch.nn.Conv2d", norm = "after" }`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain.values import Instance
from biaslint.analysis.interpreter import framework
from biaslint.analysis.project.environment import MISSING

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution


def construct(ex: Execution, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """A call of a configured name: the layer that it is like, with its norm and activation."""
    told = ex.project.layers.get(name)
    if told is None:
        return MISSING
    like = full_name(told["like"])
    owner = framework.of_name(like)
    if owner is None or owner.composition is None:
        return MISSING
    composition, given = owner.composition, dict(kwargs)
    if "bias" in told:
        given.setdefault(composition.bias_argument, told["bias"])
    layer = framework.call(ex, like, args, given)
    if not isinstance(layer, Instance) or layer.layer is None:
        return MISSING
    norm = told.get("norm", "")
    if not norm and "activation" not in told:
        return layer
    parts: list[Value] = [layer]
    if norm:
        after = norm == "after"
        parts.insert(1 if after else 0, composition.batch_norm(ex, layer.layer, after))
    if "activation" in told:
        name = told["activation"]
        parts.append(framework.call(ex, name if "." in name else f"{composition.layers}.{name}", [], {}))
    return composition.sequence(ex, parts)


def full_name(like: str) -> str:
    """The name of a framework's layer as imports lead to it."""
    return f"tensorflow.{like[3:]}" if like.startswith("tf.") else like
