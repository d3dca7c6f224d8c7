"""What the model is fed: `--input` specifications, guesses where there are none, and batches from a data loader."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from biaslint.runtime.target.targets import TargetError

_SPEC = re.compile(
    r"(?:(?P<name>[A-Za-z_]\w*)=)?(?P<shape>\d+(?:[x,]\d+)*|scalar)(?::(?P<type>float|int|bool)(?:\[(?P<low>[-\d.eE]+),(?P<high>[-\d.eE]+)\])?)?"
)
_LABELS = ("labels", "label", "targets", "target", "y")


@dataclass(frozen=True, slots=True)
class Spec:
    """One input: its shape without the batch, and what its values are."""

    shape: tuple[int, ...]
    name: str = ""
    type: str = "float"  # "float": standard normal, or uniform where low and high are given; "int": low <= value < high; "bool"
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        text = "x".join(map(str, self.shape)) or "scalar"
        text += f":{self.type}" if self.type != "float" or self.low is not None else ""
        text += f"[{self.low:g},{self.high:g}]" if self.low is not None and self.high is not None else ""
        return f"{self.name}={text}" if self.name else text


def parse(text: str) -> Spec:
    """`[NAME=]SHAPE[:TYPE[LOW,HIGH]]`: `3x224x224`, `tokens=20:int[0,1000]`, `mask=20:bool`."""
    match = _SPEC.fullmatch(text.strip().replace(" ", ""))
    if match is None:
        raise TargetError(
            f"--input {text}: expected [NAME=]SHAPE[:TYPE[LOW,HIGH]], as in 3x224x224, x=16:float[0,1] or tokens=20:int[0,1000]"
        )
    shape = () if match["shape"] == "scalar" else tuple(int(size) for size in re.split("[x,]", match["shape"]))
    kind = match["type"] or "float"
    low, high = (float(match["low"]), float(match["high"])) if match["low"] else (None, None)
    if kind == "int" and low is None:
        raise TargetError(f"--input {text}: say which whole numbers, as in {text}[0,1000]")
    return Spec(shape, match["name"] or "", kind, low, high)


def arrays(spec: Spec, batch: int, seed: int) -> Any:
    """Random values for an input, as a numpy array."""
    import numpy

    generator = numpy.random.default_rng(seed)
    shape = (batch, *spec.shape)
    if spec.type == "int":
        return generator.integers(int(spec.low or 0), int(spec.high or 2), shape, dtype=numpy.int64)
    if spec.type == "bool":
        return generator.random(shape) < 0.5
    if spec.low is not None and spec.high is not None:
        return generator.uniform(spec.low, spec.high, shape).astype(numpy.float32)
    return generator.standard_normal(shape).astype(numpy.float32)


def split_batch(batch: Any) -> tuple[list[Any], dict[str, Any], Any]:
    """Positional inputs, named inputs and labels of what a data loader yields."""
    if isinstance(batch, Mapping):
        named = dict(batch)
        labels = next((named.pop(key) for key in _LABELS if key in named), None)
        return [], named, labels
    if isinstance(batch, (list, tuple)):
        items = list(batch)
        if len(items) == 1:
            return (*_inputs(items[0]), None)
        return (*_inputs(items[0]), items[1]) if len(items) == 2 else (items[:-1], {}, items[-1])
    return [batch], {}, None


def _inputs(value: Any) -> tuple[list[Any], dict[str, Any]]:
    if isinstance(value, Mapping):
        return [], dict(value)
    if isinstance(value, (list, tuple)):
        return list(value), {}
    return [value], {}
