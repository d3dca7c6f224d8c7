"""What is known of a tensor beside its operation and dimensions."""

from __future__ import annotations

from typing import Any, TypedDict

# A constant start value: how ("constant", "normal", "uniform", "prior", "unknown" ...), the number or mean, the spread
Content = tuple[str, float | None, float | None]


class TensorInfo(TypedDict, total=False):
    """Each key belongs to the operations named first; a tensor has those that its makers have set.

    Tensors, layers and writes are those of one execution; they are typed `Any` where this folder does not know their classes.
    """

    # -- norm: the layer whose running statistics it keeps
    statistics: Any
    # -- layer, affine: a step that adds a bias
    layer: Any  # the layer that made the tensor
    axes: tuple[int, ...]  # along which the result varies with the channels
    padded: tuple[int, ...]  # affine, smooth: axes along which zeros enter
    raw: tuple[str, str, int, Any]  # a convolution or product without a layer: name, kind, channel axis, weight
    raw_layer: Any  # const: the layer that was made of functions around this bias
    raw_weight: Any  # the tensor that a functional layer took as its weight
    raw_bias: Any  # the tensor that a functional layer took as its bias
    # -- norm
    style: str  # "batch norm", "instance norm", "layer norm" ...
    means: Any  # from a rank to the axes over which the mean is taken
    own_mean: Any  # the tensor that a norm which is written out subtracts
    calls: list[Any]  # all tensors that the same layer has made
    frozen: bool  # made by a layer that was frozen then
    inference: bool  # made by a call for inference
    trained: bool  # a use that trains reads it
    untrained: bool  # a use that does not train reads it
    picked: bool  # made by one of the layers of which some are frozen or trained, it is not known which
    raises: bool  # the tensor does not have the axes that it needs
    stored: bool  # subtracts a stored mean, in no use that trains
    descended: bool  # a loss: the gradient of it is what training goes down
    measured: bool  # a norm whose whole model is in evaluation mode, as it is for measuring it
    mean_of: tuple[Any, tuple[int, ...], bool]  # a mean: of which tensor, over which axes, and whether they are kept
    # -- softmax, concat, attention
    axis: Any  # an integer; of a softmax None where it is not known
    cast: bool  # rounds to another precision
    dropout: bool
    # -- mask
    low: bool  # the entries put in are minus infinity, or close to it
    # -- opaque
    elementwise: bool  # it has the axes of its first input
    # -- window, smooth
    mixes: tuple[int, ...]  # axes along which positions are combined
    positions: bool  # of a window: it is where the entries stand in order, and not these
    # -- remap and what else takes parts
    sources: Any  # axis of the result -> axes of the input
    part: Any  # which part of `axis` was taken
    cut: tuple[
        Any, ...
    ]  # which part, as it was asked for: ("chunk", index, count), ("size", index, size), ("slice", start, stop)
    pieces_along: dict[int, Any]  # remap: axes along which the pieces of an axis that was split stand, and how many
    pieces: Any  # a split: what the parts are, `biaslint.analysis.tensors.ops.Pieces`
    unbind: int  # the axis that unpacking takes apart
    items: dict[str, Any]  # the parts of an input of unknown structure that were taken, by index
    # -- einsum
    terms: Any
    # -- const: parameters, buffers, numbers
    parameter: bool  # is it trained?
    integer: bool  # const: it holds integers or truths, which have no gradient
    buffer: bool
    variable: Any  # the variable of TensorFlow that it is read from
    made: Any  # where the parameter was made
    called: str  # how the source names it
    write: Content | None  # what it was filled with
    unfilled: bool  # made without values: it holds what the memory held
    writes: list[Any]  # what was written to it later
    scaled: str  # the initializer that draws by fan-in and fan-out, which a vector has not
    read: Any  # the layer's parameter that it shows
    part_of: tuple[Any, Any, Any]  # a part of a parameter: of which one, from where, up to where
    escaped: bool  # handed to code that is not known: it may have been initialized there
    joins: Any  # told when it is added to another tensor
    # -- input: a graph that carries tensors
    tables: dict[str, Any]  # the features of its nodes and edges
    numbers: tuple[Any, ...]  # its entries, where all are known
    # -- opaque, keep
    plus: Any  # keep: the number that is added
    subtracted: bool  # keep: the tensor is subtracted from `plus`
    times: Any  # keep: the number that it is multiplied with
    activation: Any  # opaque, softmax: the layer that made the tensor
    unknown: bool  # made by code that is not known
    applied: bool  # the result of a whole model
    # -- any
    outcomes: dict[Any, Any]  # what has become of a shift along these axes: see `biaslint.theory.shift.follow`
