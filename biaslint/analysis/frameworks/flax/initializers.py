"""What an initializer of JAX puts into a parameter. They are functions of a key, a shape and a type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain import layers
from biaslint.analysis.domain.values import (
    External,
    FunctionValue,
    Instance,
    Method,
    ModelFunction,
    Partial,
    SequenceValue,
    number,
)
from biaslint.analysis.frameworks.common import initializers as common_initializers
from biaslint.analysis.frameworks.common.initializers import NamedContent
from biaslint.analysis.frameworks.flax.names import INITIALIZERS, canonical
from biaslint.analysis.tensors import contents, nodes

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Args, Kwargs, Value
    from biaslint.analysis.interpreter.execution import Execution

# name -> the name that common initializers have it under, and the parameter that a first positional argument sets
NAMES = {
    "zeros": ("zeros", ""),
    "zeros_init": ("zeros", ""),
    "ones": ("ones", ""),
    "ones_init": ("ones", ""),
    "constant": ("constant", "value"),
    "normal": ("normal", "stddev"),
    "truncated_normal": ("truncated_normal", "stddev"),
    "uniform": ("uniform", "scale"),
}
SPREAD = 0.01  # the standard deviation and the scale that JAX's have by default
SCALED = {
    "xavier_uniform": "glorot_uniform", "xavier_normal": "glorot_normal", "kaiming_uniform": "he_uniform",
    "kaiming_normal": "he_normal", "delta_orthogonal": "orthogonal",
}  # fmt: skip


def make(ex: Execution, name: str, args: Args, kwargs: Kwargs) -> Value:
    """nn.initializers.normal(0.02): an instance that says what it draws. `zeros(key, shape)` is called itself."""
    short = name.rpartition(".")[2]
    if short in ("zeros", "ones") and (args or kwargs):
        shape = args[1] if len(args) > 1 else kwargs.get("shape")
        return filled(ex, External(name), shape)
    known, first = NAMES.get(short, (SCALED.get(short, short), ""))
    obj = Instance(External(INITIALIZERS + known), ex.origin())
    given = dict(kwargs)
    if args and first:
        given[first] = args[0]
    if known in ("normal", "truncated_normal"):
        given.setdefault("stddev", SPREAD)
    elif known == "uniform":
        given = {"minval": 0.0, "maxval": given.get("scale", SPREAD)}
    obj.attrs.update({key: value for key, value in given.items() if key != "dtype"})
    return obj


def content(ex: Execution, value: Value, shape: Value) -> NamedContent:
    """What a value that is given as an initializer puts there."""
    if isinstance(value, External) and canonical(value.name).startswith(INITIALIZERS):
        short = value.name.rpartition(".")[2]
        return common_initializers.named(short, [], {}, False) if short in ("zeros", "ones") else common_initializers.UNKNOWN
    if isinstance(value, (FunctionValue, Method, Partial, ModelFunction)):
        made = ex.call(
            value, [ex.fresh("key"), shape if shape is not None else ex.fresh("shape"), ex.fresh("dtype")], {}, ex.node
        )
        return (*contents.content_of(made), "")
    return common_initializers.content(ex, value, shape)


def as_write(ex: Execution, value: Value, text: str, which: str = "bias", shape: Value = None) -> Any:
    """The write that an initializer makes, at the call that is being carried out."""
    how, mean, spread, by = content(ex, value, shape)
    return layers.Write(how, which, mean, spread, None, by, text, "", ex.module, ex.node)


def filled(ex: Execution, initializer: Value, shape: Value) -> Value:
    """initializer(key, shape): a tensor with that content."""
    how, mean, spread, by = content(ex, initializer, shape)
    dims = None
    if isinstance(shape, SequenceValue) and not shape.open:
        dims = tuple(nodes.dim_of(ex, size) for size in shape.items)
    elif number(shape) is not None:
        dims = (nodes.dim_of(ex, shape),)
    write = (how, mean, spread) if how in ("constant", "normal", "uniform", "prior") else None
    return nodes.const(ex, dims, by or how, write=write, scaled=by)
