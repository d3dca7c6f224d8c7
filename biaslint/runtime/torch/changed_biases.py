"""Whether another bias makes other outputs: what reads a bias itself, or stored statistics that hold it, passes no gradient on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

TOLERANCE = 1e-6  # relative to the largest entry: what rounding in float64 may come to behind many layers
Outputs = Callable[[], list[Any]]  # what a forward pass puts out


def seen(biases: Mapping[str, tuple[Any, Sequence[int]]], outputs: Outputs) -> set[str]:
    """The layers whose bias changes an output, of those given by name with their bias and the channels in question.

    None of them where passes differ by themselves: then this tells nothing.
    """
    before = outputs()
    if _same(before, _with_others(biases, outputs)) or not _same(before, outputs()):
        return set()
    return {name for name, one in biases.items() if not _same(before, _with_others({name: one}, outputs))}


def _with_others(biases: Mapping[str, tuple[Any, Sequence[int]]], outputs: Outputs) -> list[Any]:
    """The outputs with other values in these channels."""
    import torch

    kept = {name: bias.detach().clone() for name, (bias, _) in biases.items()}
    generator = torch.Generator().manual_seed(len(kept))
    try:
        with torch.no_grad():
            for bias, channels in biases.values():
                bias[list(channels)] += torch.randn(len(channels), generator=generator, dtype=torch.float64).to(bias) + 1
        return outputs()
    finally:
        with torch.no_grad():
            for name, (bias, _) in biases.items():
                bias.copy_(kept[name])


def _same(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Equal to rounding."""
    if [item.shape for item in one] != [item.shape for item in other]:
        return False
    for left, right in zip(one, other, strict=True):
        if not left.numel() or bool((left == right).all()):
            continue
        known = left.isfinite() & right.isfinite()
        if bool((left.isfinite() != right.isfinite()).any()):
            return False
        change, size = (left - right)[known].abs(), left[known].abs()
        if change.numel() and float(change.max()) > TOLERANCE * (1 + float(size.max())):
            return False
    return True
