"""Keras's layers: what calling one does to a tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain import values
from biaslint.analysis.domain.layers import Layer
from biaslint.analysis.domain.values import (
    Args,
    Class,
    DictValue,
    External,
    FunctionValue,
    Instance,
    Kwargs,
    ModelFunction,
    SequenceValue,
    Unknown,
    Value,
)
from biaslint.analysis.frameworks.common import construction
from biaslint.analysis.frameworks.keras import training_modes, vocabulary as keras_vocabulary
from biaslint.analysis.tensors import nodes, ops, reshaping
from biaslint.theory import terms
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from typing import TypeGuard

    from biaslint.analysis.interpreter.execution import Execution


def apply(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    """layer(x, ...)"""
    layer = obj.layer
    assert layer is not None
    result = computed(ex, obj, layer, args, kwargs)
    if layer.config.get("activity_regularizer") is not None:
        ex.opaque(result, name="the activity regularizer")
    return result


def computed(ex: Execution, obj: Instance, layer: Layer, args: Args, kwargs: Kwargs) -> Value:
    """What the layer makes of its inputs."""
    value = args[0] if args else next(iter(kwargs.values()), None)
    if layer.kind == "wrapper":
        return wrapped(ex, obj, layer, value, args, kwargs)
    if layer.kind == "merge":
        return merged(ex, layer, value)
    if layer.kind == "dot_attention" and is_plain_attention(value, layer, kwargs):
        parts = value.items
        masks = values.tensors_in(SequenceValue(list(kwargs.values())), 4)
        return ops.attention(ex, parts[0], parts[-1], parts[1], masks, layer.config.get("dropout"))
    if layer.kind in ("rnn", "rnn_cell", "attention", "dot_attention", "opaque"):
        node = ex.opaque(*args, *kwargs.values(), name=layer.name or layer.type)
        node.bias_of = layer
        layer.calls.append(node)
        if layer.kind == "rnn" and layer.config.get("return_state") is True:
            return SequenceValue([node, *(ex.opaque(node, name=layer.name) for _ in range(1 + ("LSTM" in layer.type)))])
        if layer.kind == "rnn_cell":
            return SequenceValue([node, ex.opaque(node, name=layer.name)], "tuple")
        return node
    x = construction.tensor(ex, value)
    if x is None:
        return ex.opaque(*args, *kwargs.values(), name=layer.name or layer.type)
    known_input(ex, layer, x)
    if layer.kind == "norm":
        return do_norm(ex, obj, layer, x, {"training": args[1], **kwargs} if len(args) > 1 else kwargs)
    result = KINDS[layer.spec.kind](ex, layer, x)
    if layer.kind in ("conv", "linear") and isinstance(result, Node):
        result = activated(ex, layer.config.get("activation"), result)
    if layer.kind in ACTIVATED and isinstance(result, Node) and result.op in ("softmax", "opaque"):
        result.info.setdefault("activation", layer)
    return result


def is_plain_attention(value: Value, layer: Layer, kwargs: Kwargs) -> TypeGuard[SequenceValue]:
    """Is it softmax(query · key) value of [query, value, key], and nothing but its result given back?"""
    known = isinstance(value, SequenceValue) and not value.open and len(value.items) in (2, 3)
    return known and layer.config.get("score_mode") == "dot" and kwargs.keys() <= {"mask", "training", "use_causal_mask"}


ACTIVATED = ("conv", "linear", "activation", "softmax")


def known_input(ex: Execution, layer: Layer, x: Node) -> None:
    """`input_shape=(28, 28, 1)` tells the input's dimensions."""
    if x.dims is not None:
        return
    shape = layer.config.get("input_shape", layer.config.get("batch_input_shape"))
    if isinstance(shape, SequenceValue) and not shape.open:
        sizes = shape.items if "input_shape" not in layer.config else [None, *shape.items]
        x.dims = construction.shape_dims(ex, sizes)
    elif isinstance(layer.config.get("input_dim"), (int, Unknown)) and layer.kind == "linear":
        x.dims = construction.shape_dims(ex, [None, layer.config["input_dim"]])


def activated(ex: Execution, activation: Value, x: Node) -> Value:
    """activation(x), for a name, a function, a layer or None."""
    if activation is None or activation in ("linear", "identity", ""):
        return x
    if isinstance(activation, str):
        if activation in keras_vocabulary.SOFTMAX:
            return ops.softmax(ex, x, -1, activation)
        return construction.nonlinear(ex, x, activation)
    if isinstance(activation, (External, FunctionValue, ModelFunction, Instance, Class)) or not isinstance(activation, Unknown):
        return ex.call(activation, [x], {}, ex.node)
    if not ex.truth(activation):
        return x
    return construction.nonlinear(ex, x, activation.text or "activation")


def do_conv(ex: Execution, layer: Layer, x: Node) -> Value:
    facts = layer.spec.facts
    dims = facts["dims"]
    if x.rank is not None and x.rank > dims + 2:
        node = construction.nonlinear(ex, x, layer.name or layer.type)
        return construction.biased(layer, node, (-1,))
    config = layer.config
    first = construction.is_first(ex, config.get("data_format"))
    padding = config.get("padding", "valid")
    padding = padding.lower() if isinstance(padding, str) else padding
    if padding == "causal" or padding == "full":
        padding = "same"
    multiplier = config.get("depth_multiplier", 1)
    if facts.get("depthwise"):
        channels = x.dims[1 if first else -1] if x.dims else None
        out = (
            channels * multiplier
            if isinstance(channels, int) and isinstance(multiplier, int)
            else channels
            if multiplier == 1 and channels
            else ex.fresh().key
        )
    else:
        out = nodes.dim_of(ex, config.get("filters"))
    node = ops.conv(
        ex,
        x,
        dims,
        out,
        padding=padding,
        kernel=config.get("kernel_size"),
        stride=config.get("strides", 1),
        transposed=bool(facts.get("transposed")),
        channels_last=not first,
        name=layer.name or layer.short_type,
    )
    return construction.biased(layer, node, (1,) if first else (-1,))


def do_linear(ex: Execution, layer: Layer, x: Node) -> Value:
    node = ops.linear(ex, x, nodes.dim_of(ex, layer.config.get("units")), layer.name or "a dense layer")
    return construction.biased(layer, node, (-1,))


def do_einsum_dense(ex: Execution, layer: Layer, x: Node) -> Value:
    """output = einsum(equation, x, kernel) + bias, whose axes are named in `bias_axes`."""
    equation, letters = layer.config.get("equation"), layer.config.get("bias_axes")
    if not isinstance(equation, str) or "->" not in equation or "..." in equation:
        node = construction.nonlinear(ex, x, layer.name or "EinsumDense")
        node.dims = None
        return construction.biased(layer, node, (-1,))
    left, _, result = equation.replace(" ", "").partition("->")
    weight = left.partition(",")[2]
    if x.dims is None:
        ex.flow.learn_rank(x, len(left.partition(",")[0]))
    value = ops.einsum(ex, equation, [x, nodes.const(ex, tuple(ex.fresh().key for _ in weight), "a kernel")])
    axes = (
        tuple(result.index(letter) for letter in letters if letter in result)
        if isinstance(letters, str)
        else (len(result) - 1,)
    )
    return construction.biased(layer, value, axes) if isinstance(value, Node) else value


def do_norm(ex: Execution, obj: Instance, layer: Layer, x: Node, kwargs: Kwargs) -> Value:
    """Normalisation. A batch norm that is frozen or told `training=False` only scales and shifts."""
    style = layer.spec.facts["style"]
    training = kwargs.get("training", kwargs.get("is_training", not training_modes.is_outside(ex)))
    node = normalize(ex, x, style, layer)
    layer.calls.append(node)
    if style == "batch":
        frozen = training_modes.is_off(ex, obj.attrs.get("trainable", True)) or training_modes.is_off(ex, layer.trainable)
        training_modes.called(node, layer.calls, frozen=frozen, inference=training_modes.is_off(ex, training))
    return node


def normalize(ex: Execution, x: Node, style: str, layer: Layer) -> Node:
    config = layer.config
    name = layer.name or layer.short_type
    axis = config.get("axis", -1)
    axes = nodes.axes_of(axis) if not isinstance(axis, Unknown) else None
    if style == "batch":
        if config.get("renorm") is True:
            return ops.norm(ex, x, "batch renorm", None, name, layer=layer)
        return ops.norm(ex, x, "batch norm", all_but(axes) if axes else unknown_axis(axis), name, layer=layer)
    if style == "instance":
        if axis is None:
            return ops.norm(ex, x, "layer norm", ops.all_but(0), name, layer=layer)
        return ops.norm(ex, x, "instance norm", ops.all_but(0, *axes) if axes else None, name, layer=layer)
    if style == "group":
        groups = config.get("groups", 32)
        channel = axes[0] if axes else -1
        channels = x.dims[channel] if x.dims is not None and -len(x.dims) <= channel < len(x.dims) else None
        if groups == -1 or (channels is not None and values.term_of(groups) == channels):
            return ops.norm(ex, x, "group norm with one channel per group", ops.all_but(0, channel), name, layer=layer)
        return ops.norm(ex, x, "group norm", None, name, layer=layer)
    if style == "layer":
        if config.get("rms_scaling") is True or axes is None:
            return ops.norm(ex, x, "layer norm", None, name, layer=layer)
        return ops.norm(ex, x, "layer norm", tuple(axes), name, layer=layer)
    return ops.norm(ex, x, "RMS norm" if style == "rms" else "unit norm", None, name, layer=layer)


def all_but(kept: Sequence[int]) -> Any:
    """The axes of a batch norm's mean: all but these. Any axis fits any rank, so where that is not known, 1 need not be -1."""
    counted = ops.all_but(*kept)
    return lambda rank, shift: shift - set(kept) if rank is None else counted(rank, shift)


def unknown_axis(axis: Value) -> Any:
    """The axes of a batch norm's mean where its own axis is a setting that is not known: it is the channels', which layers write."""
    if not isinstance(axis, Unknown) or axis.tensors:
        return None
    return lambda rank, shift: frozenset(range(rank)) - shift if rank is not None and len(shift) == 1 else frozenset()


def do_keep(ex: Execution, layer: Layer, x: Node) -> Value:
    return x if layer.type.endswith("Identity") else nodes.keep(ex, x, layer.short_type)


def do_penalty(ex: Execution, layer: Layer, x: Node) -> Value:
    """ActivityRegularization: the tensor goes on as it is, and its size into the loss."""
    ex.opaque(x, name=layer.short_type)
    return nodes.keep(ex, x, layer.short_type)


def do_activation(ex: Execution, layer: Layer, x: Node) -> Value:
    function = layer.spec.facts.get("function")
    if function is not None:
        return construction.nonlinear(ex, x, function)
    return activated(ex, layer.config.get("activation"), x)


def do_softmax(ex: Execution, layer: Layer, x: Node) -> Value:
    return ops.softmax(ex, x, layer.config.get("axis", -1))


def do_dropout(ex: Execution, layer: Layer, x: Node) -> Value:
    rate = layer.config.get("rate", 0.5)
    if values.is_constant(rate) and rate == 0:
        return nodes.keep(ex, x, "dropout")
    return construction.nonlinear(ex, x, "dropout")


def do_embedding(ex: Execution, layer: Layer, x: Node) -> Value:
    node = ex.opaque(x, name=layer.name or "an embedding")
    node.dims = None if x.dims is None else (*x.dims, nodes.dim_of(ex, layer.config.get("output_dim")))
    layer.calls.append(node)
    return node


def do_flatten(ex: Execution, layer: Layer, x: Node) -> Value:
    return reshaping.flatten(ex, x, 1, -1)


def do_reshape(ex: Execution, layer: Layer, x: Node) -> Value:
    target = layer.config.get("target_shape")
    if not isinstance(target, SequenceValue) or target.open:
        return ex.opaque(x, name="reshape")
    first = nodes.value_of(x.dims[0] if x.dims else terms.Dimension(x.id, 0))
    return reshaping.reshape(ex, x, [first, *(-1 if item is None else item for item in target.items)])


def do_permute(ex: Execution, layer: Layer, x: Node) -> Value:
    axes = nodes.axes_of(layer.config.get("dims"))
    return reshaping.permute(ex, x, [0, *axes]) if axes else ex.opaque(x, name="permute")


def do_repeat(ex: Execution, layer: Layer, x: Node) -> Value:
    if x.dims is None:
        ex.flow.learn_rank(x, 2)
    assert x.dims is not None
    return reshaping.remap(
        ex, x, {0: (0,), 2: (1,)}, (x.dims[0], nodes.dim_of(ex, layer.config.get("n")), x.dims[-1]), "repeat"
    )


def do_crop(ex: Execution, layer: Layer, x: Node) -> Value:
    dims = None
    if x.dims is not None:
        channel = 1 if construction.is_first(ex, layer.config.get("data_format")) else len(x.dims) - 1
        dims = tuple(dim if axis in (0, channel) else ex.fresh().key for axis, dim in enumerate(x.dims))
    return nodes.make(ex, "keep", [x], dims, "crop")


def spatial_axes(ex: Execution, layer: Layer, x: Node) -> tuple[int, ...]:
    """The axes other than the batch's and the channels'."""
    rank = layer.spec.facts["dims"] + 2
    if x.dims is None:
        ex.flow.learn_rank(x, rank)
    rank = x.rank or rank
    channel = 1 if construction.is_first(ex, layer.config.get("data_format")) else rank - 1
    return tuple(axis for axis in range(1, rank) if axis != channel)


def do_pad(ex: Execution, layer: Layer, x: Node) -> Value:
    """Zeros enter in space."""
    axes = spatial_axes(ex, layer, x)
    dims = tuple(ex.fresh().key if axis in axes else dim for axis, dim in enumerate(x.dims or ()))
    width = layer.config.get("padding", 1)
    if values.is_constant(width) and width == 0:
        return nodes.keep(ex, x, "pad")
    return nodes.make(ex, "smooth", [x], dims, "zero padding", mixes=(), padded=axes)


def do_resize(ex: Execution, layer: Layer, x: Node) -> Value:
    return ops.smooth(
        ex,
        x,
        layer.spec.facts["dims"],
        "upsampling",
        channels_last=not construction.is_first(ex, layer.config.get("data_format")),
    )


def do_max_pool(ex: Execution, layer: Layer, x: Node) -> Value:
    last = not construction.is_first(ex, layer.config.get("data_format"))
    return ops.window(ex, x, layer.spec.facts["dims"], "max_pool", channels_last=last)


def do_average_pool(ex: Execution, layer: Layer, x: Node) -> Value:
    # zeros that "same" adds are not counted
    last = not construction.is_first(ex, layer.config.get("data_format"))
    return ops.smooth(ex, x, layer.spec.facts["dims"], "avg_pool", channels_last=last)


def do_global_pool(ex: Execution, layer: Layer, x: Node) -> Value:
    axes = SequenceValue(list(spatial_axes(ex, layer, x)))
    averages = layer.kind == "global_average_pool"
    return ops.reduce(ex, x, axes, layer.config.get("keepdims", False), "mean" if averages else layer.short_type, averages)


def do_lambda(ex: Execution, layer: Layer, x: Node) -> Value:
    given = layer.config.get("arguments")
    extra = {key: item for key, item in given.items.items() if isinstance(key, str)} if isinstance(given, DictValue) else {}
    function = layer.config.get("function")
    if isinstance(function, Unknown) or function is None:
        return ex.opaque(x, name="a lambda layer")
    return ex.call(function, [x], extra, ex.node)


def do_input(ex: Execution, layer: Layer, x: Node) -> Value:
    return x


def merged(ex: Execution, layer: Layer, value: Value) -> Value:
    parts = value.items if isinstance(value, SequenceValue) else [value]
    return merge(ex, layer.spec.facts["op"], parts, layer.config)


def merge(ex: Execution, op: str, parts: list[Value], config: Kwargs) -> Value:
    """Add, multiply, concatenate ... a list of tensors."""
    nodes = [node for node in (construction.tensor(ex, part) for part in parts) if node is not None]
    if op == "mode":
        mode = config.get("mode", "sum")
        op = {"sum": "add", "ave": "add", "mul": "mul", "concat": "concat", "max": "max"}.get(
            mode if isinstance(mode, str) else "", "opaque"
        )
    if not nodes:
        return ex.fresh("a merge")
    if op == "concat":
        return ops.concat(ex, SequenceValue(list(nodes)), config.get("axis", -1))
    if op in ("add", "mul"):
        result: Value = nodes[0]
        for node in nodes[1:]:
            result = ops.add(ex, result, node) if op == "add" else ops.mul(ex, result, node)
        return result
    node = ex.opaque(SequenceValue(list(nodes)), name="maximum" if op == "max" else "a merge")
    node.dims = nodes[0].dims if op == "max" else None
    return node


def wrapped(ex: Execution, obj: Instance, layer: Layer, value: Value, args: Args, kwargs: Kwargs) -> Value:
    """TimeDistributed, Bidirectional, RNN(cell) and other layers around a layer."""
    inner = obj.attrs.get("layer")
    style = layer.spec.facts["style"]
    if inner is None or isinstance(inner, Unknown):
        return ex.opaque(*args, *kwargs.values(), name=layer.short_type)
    if style == "time":
        x = construction.tensor(ex, value)
        if x is None:
            return ex.opaque(*args, name="TimeDistributed")
        if x.dims is None and isinstance(inner, Instance) and inner.layer is not None and inner.layer.kind == "conv":
            ex.flow.learn_rank(x, inner.layer.spec.facts["dims"] + 3)
        if x.dims is None and isinstance(inner, Instance) and inner.layer is not None and inner.layer.spec.kind == "linear":
            return ex.call(inner, [x], {}, ex.node)
        if x.dims is None:
            known_input(ex, layer, x)
        if x.dims is None:
            ex.flow.learn_rank(x, 3)
        return at_each_step(ex, inner, x)
    if style == "rnn":
        inners = inner.items if isinstance(inner, SequenceValue) else [inner]
        node = ex.opaque(*args, *kwargs.values(), name=layer.short_type)
        for one in inners:
            if isinstance(one, Instance):
                one.used = True
                if one.layer is not None:
                    one.layer.calls.append(node)
                elif isinstance(one.cls, Class):
                    ex.call(one, [node, SequenceValue([ex.opaque(node, name="a state")])], {}, ex.node)
        return node
    return ex.call(inner, args, kwargs, ex.node)


def at_each_step(ex: Execution, inner: Value, x: Node) -> Value:
    """What a layer makes of each step in time: the steps are entries of one batch, and apart again afterwards."""
    dims = x.dims or ()
    rest = {axis - 1: (axis,) for axis in range(2, len(dims))}
    merged = reshaping.remap(ex, x, {0: (0, 1), **rest}, (ex.fresh().key, *dims[2:]), "TimeDistributed")
    result = ex.call(inner, [merged], {}, ex.node)
    if not isinstance(result, Node) or result.dims is None:
        return result
    apart = {axis + 1: (axis,) for axis in range(1, len(result.dims))}
    return reshaping.remap(ex, result, {0: (0,), 1: (0,), **apart}, (*dims[:2], *result.dims[1:]), "TimeDistributed")


KINDS: dict[str, Any] = {
    "conv": do_conv,
    "linear": do_linear,
    "einsum_dense": do_einsum_dense,
    "keep": do_keep,
    "penalty": do_penalty,
    "activation": do_activation,
    "softmax": do_softmax,
    "dropout": do_dropout,
    "embedding": do_embedding,
    "flatten": do_flatten,
    "reshape": do_reshape,
    "permute": do_permute,
    "repeat": do_repeat,
    "crop": do_crop,
    "pad": do_pad,
    "resize": do_resize,
    "max_pool": do_max_pool,
    "average_pool": do_average_pool,
    "global_max_pool": do_global_pool,
    "global_average_pool": do_global_pool,
    "lambda": do_lambda,
    "input": do_input,
}
