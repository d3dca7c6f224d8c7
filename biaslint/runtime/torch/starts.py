"""Giving biases of a built PyTorch model another start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from biaslint.runtime.compare.changes import FORGET


def apply(model: Any, changes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Make the changes; says of each that could not be made why not."""
    import torch

    modules, notes = dict(model.named_modules()), []
    for change in changes:
        module, values = modules.get(change["layer"]), change["values"]
        with torch.no_grad():
            made = _forget(module, values[0]) if change["part"] == FORGET else _bias(module, values)
        if not made:
            notes.append(f"`{change['layer']}` has no {change['part']} that takes {len(values)} values")
    return notes


def _bias(module: Any, values: Sequence[float]) -> bool:
    import torch

    bias = getattr(module, "bias", None)
    if not isinstance(bias, torch.Tensor) or len(values) not in (1, bias.numel()):
        return False
    bias.copy_(torch.tensor(list(values), dtype=bias.dtype).expand(bias.numel()).reshape(bias.shape))
    return True


def _forget(module: Any, value: float) -> bool:
    """An LSTM adds two biases up: one gets the value, the other zero."""
    made = False
    for name, parameter in getattr(module, "_parameters", {}).items():
        if parameter is not None and name.startswith("bias_"):
            quarter = parameter.numel() // 4
            parameter[quarter : 2 * quarter] = value if name.startswith("bias_ih") else 0.0
            made = True
    return made
