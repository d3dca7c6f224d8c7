"""What an entry of a vocabulary table looks like."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cache
from typing import Any


class Required:
    """The default of a parameter that has none."""

    def __repr__(self) -> str:
        return "<required>"


REQUIRED = Required()


@dataclass(frozen=True, slots=True)
class LayerSpec:
    """A layer class: its kind, its parameters in order (`"in_channels, out_channels, stride=1"`), and how its bias is switched.

    `bias` names the switching argument ("" where the layer has no bias). `default` is how the framework starts the bias: "zeros",
    "uniform" (PyTorch's U(-1/sqrt(fan_in), 1/sqrt(fan_in))) or "". `facts` hold what else the kind needs, such as the number of
    spatial dimensions.
    """

    kind: str
    signature: str = ""
    bias: str = ""
    default: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


@cache
def parameters(signature: str) -> tuple[tuple[str, Any], ...]:
    """The parameters of a signature with their defaults, `REQUIRED` where there is none."""
    if not signature:
        return ()
    arguments = ast.parse(f"lambda {signature}: 0", mode="eval").body.args  # type: ignore[attr-defined]
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: list[Any] = [REQUIRED] * (len(positional) - len(arguments.defaults)) + [
        ast.literal_eval(item) for item in arguments.defaults
    ]
    result = [(item.arg, default) for item, default in zip(positional, defaults, strict=True)]
    for item, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        result.append((item.arg, REQUIRED if default is None else ast.literal_eval(default)))
    return tuple(result)


@cache
def positional_names(signature: str) -> tuple[str, ...]:
    """The names of the parameters that can be passed by position, in order."""
    if not signature:
        return ()
    arguments = ast.parse(f"lambda {signature}: 0", mode="eval").body.args  # type: ignore[attr-defined]
    return tuple(item.arg for item in (*arguments.posonlyargs, *arguments.args))
