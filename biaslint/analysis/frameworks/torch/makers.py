"""Tensors that PyTorch makes: `torch.zeros`, `torch.full`, `torch.Tensor` and their like."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from biaslint.analysis.domain import values
from biaslint.analysis.domain.values import Args, Kwargs, SequenceValue, Unknown, Value, argument
from biaslint.analysis.tensors import contents, methods as tensor_methods, nodes
from biaslint.theory import terms
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution


FILLED: dict[str, tuple[str, float, float | None]] = {
    "zeros": ("constant", 0.0, None),
    "zeros_like": ("constant", 0.0, None),
    "ones": ("constant", 1.0, None),
    "ones_like": ("constant", 1.0, None),
    "randn": ("normal", 0.0, 1.0),
    "randn_like": ("normal", 0.0, 1.0),
    "rand": ("uniform", 0.5, 0.5),
    "rand_like": ("uniform", 0.5, 0.5),
}
MAKERS = {
    "empty",
    "full",
    "tensor",
    "as_tensor",
    "arange",
    "eye",
    "from_numpy",
    "FloatTensor",
    "Tensor",
    "LongTensor",
    "empty_like",
    "full_like",
    "randint",
    "normal",
}
UNFILLED = {"empty", "empty_like", "Tensor", "FloatTensor"}  # with sizes: they hold what the memory held


def made(ex: Execution, name: str, args: Args, kwargs: Kwargs) -> Value:
    """torch.full, torch.tensor and their like."""
    if name == "arange" and args and all(isinstance(item, int) for item in args):
        return nodes.const(ex, (len(range(*args[:3])),), name)
    if name == "normal":
        mean, std = argument(args, kwargs, 0, "mean"), argument(args, kwargs, 1, "std")
        if isinstance(mean, (int, float)) and isinstance(std, (int, float)):
            return nodes.const(ex, None, name, write=("normal", float(mean), float(std)))
    if name in ("full", "full_like"):
        size, value = (
            argument(args, kwargs, 0, "size", "input"),
            argument(args, kwargs, 1, "fill_value"),
        )
        dims = tensor_methods.size_dims(ex, [size]) if name == "full" else size.dims if isinstance(size, Node) else None
        write = ("constant", float(value), None) if isinstance(value, (int, float)) else None
        return nodes.const(ex, dims, name, write=write)
    if name in ("tensor", "as_tensor", "FloatTensor", "Tensor") and args:
        value = args[0]
        if isinstance(value, Node):
            return tensor_methods.apply(ex, "to", value, [], kwargs)
        found = values.tensors_in(value)
        if found:
            return ex.opaque(value, name=name)
        if isinstance(value, (int, float)) and name in ("tensor", "as_tensor"):
            return nodes.const(ex, (), name, write=("constant", float(value), None))
        if isinstance(value, SequenceValue):
            numbers = [item for item in value.items if isinstance(item, (int, float))]
            same = len(numbers) == len(value.items) and len(set(numbers)) == 1
            counted = not value.open and bool(numbers)  # of numbers that are not known as many are assumed
            length = len(value.items) if counted else ex.fresh().key
            return nodes.const(ex, (length,), name, write=("constant", float(numbers[0]), None) if same else None)
        if isinstance(value, Unknown) and not is_size(ex, name, args):
            return nodes.const(ex, None, name, write=contents.content_of(value))
    if name == "from_numpy":
        return nodes.const(ex, None, name)
    unfilled = name in UNFILLED and kwargs.get("device") != "meta"
    return nodes.const(ex, tensor_methods.size_dims(ex, args), name, unfilled=unfilled)


SIZE = re.compile(
    r"n|d|c|k|h|(.*_)?(in|out|num|dims?|size|width|features|channels|units|hidden|embed|classes|experts|heads)(_.*)?"
)


def is_size(ex: Execution, name: str, args: Args) -> bool:
    """Is what `torch.Tensor` is given a number of entries, and not the entries?

    It is where there are several numbers, where the name of the parameter says so, and where a constructor works it out: `4 * hidden`.
    """
    key = args[0].key if isinstance(args[0], Unknown) else None
    if name not in UNFILLED or len(args) > 1:
        return name in UNFILLED
    if isinstance(key, terms.Operation):
        return key.symbol in ("*", "+", "//") and bool(ex.stack) and ex.stack[-1].func.name == "__init__"
    return isinstance(key, (terms.Parameter, terms.Attribute)) and SIZE.fullmatch(str(key.name)) is not None
