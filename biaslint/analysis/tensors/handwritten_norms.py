"""Norms that are written out: a tensor minus its own mean, and the spread around it.

What subtracts its mean over some axes loses every shift that varies along none of them, as a norm layer does; a variance over these axes
never saw it. A mean remembers what it was taken from, so that `x - mean` is recognized however far apart the two are written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from biaslint.analysis.tensors import nodes
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution


def behind(node: Node) -> Node:
    """The tensor behind copies and casts."""
    while node.op == "keep" and node.bias_of is None and len(node.inputs) == 1 and node.name not in ("*", "/"):
        node = node.inputs[0]
    return node


def remember(mean: Node, source: Node, axes: tuple[int, ...], kept: bool) -> Node:
    """`mean` is the mean of `source` over the axes, which are `kept` with size 1 or gone."""
    mean.info["mean_of"] = (source, axes, kept)
    return mean


def mean_of(node: Node, x: Node) -> tuple[int, ...] | None:
    """The axes over which a tensor is the mean of `x`, where it is subtracted from it axis by axis; None where it is not."""
    known: tuple[Node, tuple[int, ...], bool] | None = behind(node).info.get("mean_of")
    if known is None or behind(known[0]) is not behind(x):
        return None
    source, axes, kept = known
    rank = x.rank if x.rank is not None else source.rank
    if rank is not None:
        axes = tuple(sorted(axis % rank for axis in axes))
    return axes if kept or axes == tuple(range(len(axes))) else None  # without the axes, it is aligned at the back


def centered(ex: Execution, left: Node, right: Node) -> Node | None:
    """left - right, where that subtracts a tensor's own mean; None where it does not."""
    axes = mean_of(right, left)
    if axes is None:
        return None
    node = without_mean(ex, left, axes, "")
    node.info["own_mean"] = behind(right)
    return node


def without_mean(ex: Execution, x: Node, axes: tuple[int, ...], name: str) -> Node:
    """A tensor from which its mean over the axes has been taken."""
    means = of_rows if axes == (0,) and x.rank is None else axes
    return nodes.make(ex, "norm", [x], x.dims, name, style=style_of(x, axes), means=means, layer=None)


def of_rows(rank: int | None, shift: frozenset[int]) -> tuple[int, ...]:
    """The first axis, where that is not known to be the last as well: what is centered along it are the rows of a batch."""
    return () if rank is None and shift == {-1} else (0,)


def spread(ex: Execution, x: Node, axes: tuple[int, ...] | None, name: str) -> Node:
    """A variance or standard deviation over the axes (None: unknown), around the mean."""
    if x.op == "const":
        return nodes.const(ex, None, name)
    return ex.opaque(x if axes is None else without_mean(ex, x, axes, ""), name=name)


def style_of(x: Node, axes: tuple[int, ...]) -> str:
    """The name of a norm over these axes."""
    if 0 in axes:
        return "batch norm"
    rank: Any = x.rank
    return "layer norm" if rank is not None and len({axis % rank for axis in axes}) >= rank - 1 else "instance norm"
