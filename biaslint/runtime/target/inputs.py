"""Random inputs of a stated shape and type, and the parts of a batch of data."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from biaslint.runtime.target.targets import TargetError

_NAME = re.compile(r"(?:(?P<name>[A-Za-z_]\w*)=(?!=))?(?P<rest>.*)", re.DOTALL)
_TYPES = ("float", "float64", "float16", "bfloat16", "int", "int32", "bool", "complex", "ones", "zeros")
_ONE = re.compile(
    rf"(?P<shape>(?:\d+|B)(?:[x,](?:\d+|B))*|scalar)(?P<fixed>!)?(?::(?P<type>{'|'.join(sorted(_TYPES, key=len, reverse=True))})"
    r"(?:\[(?P<low>[-+\d.eE]+),(?P<high>[-+\d.eE]+)\])?)?"
)
BATCH = -1  # a size in a shape: that of the batch
_LABELS = ("labels", "label", "targets", "target", "y")
_WANTED = (
    "expected [NAME=]SHAPE[:TYPE[LOW,HIGH]], as in 3x224x224, x=16:float[0,1] or tokens=20:int[0,1000]; B in a shape stands for the "
    "batch, ! for none; (SPEC;SPEC) is a tuple, {KEY=SPEC;KEY=SPEC} a dictionary, NAME:=VALUE a Python value"
)


@dataclass(frozen=True, slots=True)
class Spec:
    """One input: its shape without the batch, and what its values are."""

    shape: tuple[int, ...]
    name: str = ""
    type: str = "float"  # "float": standard normal, or uniform where low and high are given; "int": low <= value < high; "bool"
    low: float | None = None
    high: float | None = None
    fixed: bool = False  # without a batch
    parts: tuple[Spec, ...] = ()  # of a tuple, or of a dictionary where they have names
    nested: str = ""  # "tuple" or "dict"
    value: str = ""  # of a plain value, as written

    def __str__(self) -> str:
        if self.value:
            return f"{self.name}:={self.value}"
        if self.nested:
            inside = ";".join(map(str, self.parts))
            text = f"({inside})" if self.nested == "tuple" else f"{{{inside}}}"
        else:
            text = "x".join("B" if size == BATCH else str(size) for size in self.shape) or "scalar"
            text += "!" * self.fixed
            text += f":{self.type}" if self.type != "float" or self.low is not None else ""
            text += f"[{self.low:g},{self.high:g}]" if self.low is not None and self.high is not None else ""
        return f"{self.name}={text}" if self.name else text


def has_plain_batch(spec: Spec) -> bool:
    """Whether the batch is the first axis of everything in it."""
    return not (spec.fixed or BATCH in spec.shape or spec.value) and all(map(has_plain_batch, spec.parts))


def parse(text: str) -> Spec:
    """`3x224x224`, `tokens=20:int[0,1000]`, `mask=20:bool`, `h=(1xBx8;1xBx8)`, `x={ids=20:int[0,9];mask=20:ones}`, `deep:=True`."""
    text = text.strip()
    name, separator, value = text.partition(":=")
    if separator and name.strip().isidentifier():
        return Spec((), name.strip(), value=value.strip())
    found = _spec(text.replace(" ", ""))
    if found is None:
        raise TargetError(f"--input {text}: {_WANTED}")
    if found.type in ("int", "int32") and found.low is None and not found.nested:
        raise TargetError(f"--input {text}: say which whole numbers, as in {text}[0,1000]")
    return found


def _spec(text: str) -> Spec | None:
    match = _NAME.fullmatch(text)
    assert match is not None
    name, rest = match["name"] or "", match["rest"]
    for opening, closing, kind in (("(", ")", "tuple"), ("{", "}", "dict")):
        if rest.startswith(opening) and rest.endswith(closing):
            parts = [_spec(part) for part in _split(rest[1:-1])]
            if any(part is None or (kind == "dict" and not part.name) for part in parts):
                return None
            return Spec((), name, parts=tuple(part for part in parts if part is not None), nested=kind)
    one = _ONE.fullmatch(rest)
    if one is None:
        return None
    shape = (
        ()
        if one["shape"] == "scalar"
        else tuple(BATCH if size == "B" else int(size) for size in re.split("[x,]", one["shape"]))
    )
    low, high = (float(one["low"]), float(one["high"])) if one["low"] else (None, None)
    return Spec(shape, name, one["type"] or "float", low, high, fixed=bool(one["fixed"]))


def _split(text: str) -> list[str]:
    """At the semicolons that stand in no inner brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "({") - (letter in ")}")
        if letter == ";" and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def arrays(spec: Spec, batch: int, seed: int) -> Any:
    """Random values for an input: a numpy array, or several in a tuple or dictionary."""
    import numpy

    if spec.value:
        try:
            return ast.literal_eval(spec.value)
        except (ValueError, SyntaxError):
            return spec.value
    if spec.nested:
        made = [arrays(part, batch, seed + index) for index, part in enumerate(spec.parts)]
        return {part.name: one for part, one in zip(spec.parts, made, strict=True)} if spec.nested == "dict" else tuple(made)
    generator = numpy.random.default_rng(seed)
    if spec.fixed or BATCH in spec.shape:
        shape = tuple(batch if size == BATCH else size for size in spec.shape)
    else:
        shape = (batch, *spec.shape)
    return _values(spec, shape, generator)


def _values(spec: Spec, shape: tuple[int, ...], generator: Any) -> Any:
    import numpy

    if spec.type in ("int", "int32"):
        whole = numpy.int64 if spec.type == "int" else numpy.int32
        return generator.integers(int(spec.low or 0), int(spec.high or 2), shape, dtype=whole)
    if spec.type == "bool":
        return generator.random(shape) < 0.5
    if spec.type in ("ones", "zeros"):
        return numpy.full(shape, int(spec.type == "ones"), dtype=numpy.int64)
    if spec.type == "string":
        return numpy.full(shape, "a few words", dtype=object)
    if spec.type == "complex":
        return (generator.standard_normal(shape) + 1j * generator.standard_normal(shape)).astype(numpy.complex64)
    kind = {"float64": numpy.float64, "float16": numpy.float16}.get(spec.type, numpy.float32)
    if spec.low is not None and spec.high is not None:
        return generator.uniform(spec.low, spec.high, shape).astype(kind)
    return generator.standard_normal(shape).astype(kind)


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
