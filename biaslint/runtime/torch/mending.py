"""Inputs that a model refused, changed by what it said."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from biaslint.runtime.target.inputs import BATCH, Spec
from biaslint.runtime.torch.layer_inputs import LENGTH, tables

_PRODUCT = re.compile(r"mat1 and mat2 shapes cannot be multiplied \((\d+)x(\d+) and (\d+)x\d+\)")
_CHANNELS = re.compile(r"expected input\[[\d, ]*\] to have (\d+) channels")
_SIZE = re.compile(r"[Ii]nput (?:image )?(?:size|height) \(?\d+(?:\*\d+)?\)? doesn't match model \(?(\d+)")
_LAST = re.compile(r"(?:Expected|expected) (\d+), got \d+|expected input with shape \[\*, (\d+)\]")
_DIMENSIONS = re.compile(r"Expected (\d)D \(unbatched\) or (\d)D \(batched\) input to conv")
_INDICES = re.compile(
    r"(?:Expected tensor for argument #1 'indices'|must be (?:one of the )?(?:following types: )?(?:Long|Int)|tensors used as indices)"
)
_ADDITION = re.compile(
    r"(?:size of tensor a|expanded size of the tensor) \((\d+)\) must match the (?:size of tensor b|existing size) \((\d+)\)"
)
_ORDER = re.compile(r"sorted in decreasing order|enforce_sorted")
_OUT_OF_RANGE = re.compile(r"index out of range|index \d+ is out of bounds")


def mend(specs: list[Spec], failure: str, model: Any) -> list[Spec] | None:
    """The inputs changed by what the failure says, None where it says nothing that helps."""
    for pattern, change in _CHANGES:
        match = pattern.search(failure)
        if match is not None:
            changed = change(specs, match, model)
            return changed if changed != specs else None
    return None


def _floats(specs: list[Spec], change: Callable[[Spec], Spec]) -> list[Spec]:
    return [change(one) if one.type == "float" and one.shape else one for one in specs]


def _to_product(specs: list[Spec], match: re.Match[str], model: Any) -> list[Spec]:
    """A flattened image of another size, or a vector of another length."""
    had, wanted = int(match[2]), int(match[3])

    def change(spec: Spec) -> Spec:
        if len(spec.shape) == 3:
            size = round(spec.shape[-1] * (wanted / had) ** 0.5)
            return replace(spec, shape=(spec.shape[0], size, size))
        if spec.shape[-1] == had or len(spec.shape) == 1:
            return replace(spec, shape=(*spec.shape[:-1], wanted))
        if len(spec.shape) == 2 and had % spec.shape[0] == 0:
            return replace(spec, shape=(spec.shape[0], max(1, round(spec.shape[1] * wanted / had))))
        return spec

    return _floats(specs, change)


def _to_channels(specs: list[Spec], match: re.Match[str], model: Any) -> list[Spec]:
    return _floats(specs, lambda spec: replace(spec, shape=(int(match[1]), *spec.shape[1:])))


def _to_size(specs: list[Spec], match: re.Match[str], model: Any) -> list[Spec]:
    size = int(match[1])
    return _floats(specs, lambda spec: replace(spec, shape=(spec.shape[0], size, size)) if len(spec.shape) == 3 else spec)


def _to_last(specs: list[Spec], match: re.Match[str], model: Any) -> list[Spec]:
    return _floats(specs, lambda spec: replace(spec, shape=(*spec.shape[:-1], int(match[1] or match[2]))))


def _to_dimensions(specs: list[Spec], match: re.Match[str], model: Any) -> list[Spec]:
    wanted = int(match[1]) - 1  # in space

    def change(spec: Spec) -> Spec:
        size = spec.shape[-1] if len(spec.shape) > 1 else 64
        channels = spec.shape[0] if len(spec.shape) > 1 else 1
        return replace(spec, shape=(channels, *[size] * wanted))

    return _floats(specs, change)


def _to_indices(specs: list[Spec], match: re.Match[str], model: Any) -> list[Spec]:
    high = min(tables(model) or [2])
    return [replace(one, type="int", low=0, high=high, shape=one.shape[:1] or (LENGTH,)) for one in specs]


def _to_smaller(specs: list[Spec], match: re.Match[str], model: Any) -> list[Spec]:
    high = min(tables(model) or [2])
    return [replace(one, high=min(one.high or high, high)) if one.type == "int" else one for one in specs]


def _to_addition(specs: list[Spec], match: re.Match[str], model: Any) -> list[Spec]:
    """Positions, or masks, of another number: a longer or shorter sequence, or an image of another size."""
    sizes = (int(match[1]), int(match[2]))

    def change(spec: Spec) -> Spec:
        long = spec.shape[0] if spec.type == "int" or len(spec.shape) == 2 else 0
        for had, wanted in (sizes, sizes[::-1]):
            if long == had and had != BATCH:
                return replace(spec, shape=(wanted, *spec.shape[1:]))
            if len(spec.shape) == 3 and (side := _side(spec.shape[-1], had, wanted)):
                return replace(spec, shape=(spec.shape[0], side, side))
        return spec

    return [change(one) if one.shape and not one.fixed else one for one in specs]


def _side(side: int, had: int, wanted: int) -> int:
    """The side of a square image that makes `wanted` patches where this one makes `had`; class tokens are counted along."""
    for tokens in (0, 1, 2):
        before, after = math.isqrt(max(had - tokens, 0)), math.isqrt(max(wanted - tokens, 0))
        if before**2 == had - tokens and after**2 == wanted - tokens and before and after and side % before == 0:
            return side // before * after
    return 0


def _to_order(specs: list[Spec], match: re.Match[str], model: Any) -> list[Spec]:
    """Lengths that are all the same are in any order."""
    return [replace(one, low=LENGTH) if one.type == "int" and not one.shape and not one.nested else one for one in specs]


_CHANGES = (
    (_PRODUCT, _to_product),
    (_CHANNELS, _to_channels),
    (_SIZE, _to_size),
    (_LAST, _to_last),
    (_DIMENSIONS, _to_dimensions),
    (_INDICES, _to_indices),
    (_ADDITION, _to_addition),
    (_ORDER, _to_order),
    (_OUT_OF_RANGE, _to_smaller),
)
