"""Functions on images: pooling, padding, resizing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain import values
from biaslint.analysis.domain.values import (
    Args,
    Kwargs,
    SequenceValue,
    Value,
    argument,
)
from biaslint.analysis.frameworks.common import construction
from biaslint.analysis.frameworks.keras.arguments import Handler, first
from biaslint.analysis.tensors import (
    nodes,
    ops,
    reshaping,
)

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution


def pool(kind: str, spatial: int | None) -> Handler:
    def work(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
        x = construction.tensor(ex, first(args, kwargs))
        if x is None:
            return ex.fresh("pool")
        dims = spatial if spatial is not None else (x.rank - 2 if x.rank is not None and x.rank > 2 else 2)
        last = not construction.is_first(ex, kwargs.get("data_format"))
        mode = kwargs.get("pool_mode", kwargs.get("pooling_type", kind))
        if kind == "max" and not (isinstance(mode, str) and mode.lower() == "avg"):
            return ops.window(ex, x, dims, "max_pool", channels_last=last)
        return ops.smooth(ex, x, dims, "avg_pool", channels_last=last)

    return work


def do_crop(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """tf.image.central_crop(image, fraction): a part of (H, W, C) or (N, H, W, C)."""
    x = construction.tensor(ex, argument(args, kwargs, 0, "image", "images"))
    if x is None:
        return ex.fresh("crop")
    rank = x.rank or 0
    dims = x.dims and tuple(ex.fresh().key if axis in (rank - 3, rank - 2) else dim for axis, dim in enumerate(x.dims))
    return nodes.make(ex, "keep", [x], dims, "crop")


def do_pad(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], mode)"""
    x = construction.tensor(ex, first(args, kwargs))
    widths = argument(args, kwargs, 1, "paddings", "pad_width", "padding")
    mode = argument(args, kwargs, 2, "mode", default="CONSTANT")
    if x is None:
        return ex.fresh("pad")
    if not isinstance(widths, SequenceValue) or widths.open:
        return nodes.make(ex, "opaque", [x], x.dims, "pad")
    if x.dims is None:
        ex.flow.learn_rank(x, len(widths.items))
    axes = []
    for axis, pair in enumerate(widths.items):
        sides = pair.items if isinstance(pair, SequenceValue) else [pair]
        if not all(values.is_constant(side) and side == 0 for side in sides):
            axes.append(axis)
    dims = None if x.dims is None else tuple(ex.fresh().key if axis in axes else dim for axis, dim in enumerate(x.dims))
    zeros = not isinstance(mode, str) or mode.upper() == "CONSTANT"
    return nodes.make(ex, "smooth", [x], dims, "pad", mixes=(), padded=tuple(axes) if zeros else ())


def do_spatial_pad(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = construction.tensor(ex, first(args, kwargs))
    return ex.fresh() if x is None else nodes.make(ex, "smooth", [x], x.dims, "pad", mixes=(), padded=(1, 2))


def do_resize(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = construction.tensor(ex, first(args, kwargs))
    if x is None:
        return ex.fresh("resize")
    return ops.smooth(ex, x, 2, "resize", channels_last=not construction.is_first(ex, kwargs.get("data_format")))


def regrouped(sources: dict[int, tuple[int, ...]], name: str) -> Handler:
    """Positions become channels, or channels positions: `sources` are the axes that each axis of the result is made of."""

    def work(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
        x = construction.tensor(ex, first(args, kwargs))
        if x is None:
            return ex.fresh()
        if x.dims is None:
            ex.flow.learn_rank(x, 4)
        dims = (x.dims[0] if x.dims else ex.fresh().key, *(ex.fresh().key for _ in range(3)))
        return reshaping.remap(ex, x, sources, dims, name)

    return work


do_pixel_shuffle = regrouped({0: (0,), 1: (1, 3), 2: (2, 3), 3: (3,)}, "depth_to_space")
do_pixel_unshuffle = regrouped({0: (0,), 1: (1,), 2: (2,), 3: (3, 1, 2)}, "space_to_depth")
