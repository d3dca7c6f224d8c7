"""Layers of a project's own that the configuration describes: `"mylib.ConvBN" = { like = "torch.nn.Conv2d", norm = "after" }`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain.values import Instance, SequenceValue
from biaslint.analysis.interpreter import framework
from biaslint.analysis.project.environment import MISSING

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution


def construct(ex: Execution, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """What a call of the configured name makes: the layer it is like, with the norm and the activation that belong to it."""
    told = ex.project.layers.get(name)
    if told is None:
        return MISSING
    like: str = told["like"]
    keras = not like.startswith("torch.")
    argument = "use_bias" if keras else "bias"
    given = dict(kwargs)
    if "bias" in told:
        given.setdefault(argument, told["bias"])
    layer = framework.call(ex, like, args, given)
    if not isinstance(layer, Instance) or layer.layer is None:
        return MISSING
    norm = told.get("norm", "")
    if not norm and "activation" not in told:
        return layer
    parts = [layer]
    if norm:
        parts.insert(1 if norm == "after" else 0, normalization(ex, like, layer, norm, keras))
    if "activation" in told:
        parts.append(framework.call(ex, activation(told["activation"], keras), [], {}))
    if keras:
        return framework.call(ex, "keras.Sequential", [SequenceValue(parts)], {})
    return framework.call(ex, "torch.nn.Sequential", parts, {})


def normalization(ex: Execution, like: str, layer: Instance, where: str, keras: bool) -> Value:
    if keras:
        return framework.call(ex, "keras.layers.BatchNormalization", [], {})
    dims = next((digit for digit in "123" if like.endswith(f"{digit}d")), "1")
    config: dict[str, Any] = layer.layer.config if layer.layer is not None else {}
    side = ("out_channels", "out_features") if where == "after" else ("in_channels", "in_features")
    channels = next((config[name] for name in side if name in config), None)
    return framework.call(ex, f"torch.nn.BatchNorm{dims}d", [channels], {})


def activation(name: str, keras: bool) -> str:
    return name if "." in name else f"keras.layers.{name}" if keras else f"torch.nn.{name}"
