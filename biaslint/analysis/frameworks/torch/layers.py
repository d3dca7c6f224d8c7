"""PyTorch's layers: what a constructor call makes, and what calling the layer does to a tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain import class_lookup, values
from biaslint.analysis.domain.layers import Layer
from biaslint.analysis.domain.values import Class, External, FunctionValue, Instance, Raised, SequenceValue, Unknown
from biaslint.analysis.frameworks.common import construction, signatures
from biaslint.analysis.frameworks.common.signatures import REQUIRED
from biaslint.analysis.frameworks.torch import hugging_face, sparse, vocabulary as torch_vocabulary
from biaslint.analysis.interpreter.objects import attributes
from biaslint.analysis.tensors import methods as tensor_methods, nodes, ops, pooling, reshaping
from biaslint.theory import terms
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.frameworks.common.signatures import LayerSpec
    from biaslint.analysis.interpreter.execution import Execution


def construct(ex: Execution, short: str, args: list[Value], kwargs: dict[str, Value]) -> Instance:
    """torch.nn.<short>(...)"""
    obj = Instance(External(f"torch.nn.{short}"), ex.origin())
    ex.objects.append(obj)
    make(ex, obj, short, args, kwargs)
    return obj


def make(ex: Execution, obj: Instance, short: str, args: list[Value], kwargs: dict[str, Value]) -> None:
    """Turn an instance into the layer."""
    spec = torch_vocabulary.LAYERS[short]
    config = bound(ex, spec, args, kwargs)
    origin = obj.origin or ex.origin()
    kind = "conv" if spec.kind == "sparse_conv" else spec.kind
    layer = Layer(f"torch.nn.{short}", kind, "torch", config, origin)
    layer.spec = spec
    if spec.bias:
        layer.argument = spec.bias
        layer.bias = present(ex, config.get(spec.bias, True))
        layer.default = spec.default
    elif spec.kind == "norm":
        affine = config.get("affine", config.get("elementwise_affine", True))
        layer.bias = bool(affine) if values.is_constant(affine) else None
        layer.default = "zeros"
    else:
        layer.bias = False
    names = signatures.positional_names(spec.signature)
    texts = construction.argument_texts(ex, names, len(args))
    construction.note_size(ex, texts)
    layer.texts = texts
    layer.positions = construction.own_positions(ex, layer, names, len(args))
    layer.callee = construction.callee(ex)
    layer.argument_text = texts.get(spec.bias, "") if spec.bias else ""
    layer.settings = construction.settings(ex, obj)
    layer.configured = any(configured(frame.self) for frame in ex.stack) or hugging_face.is_unwrapped_part(ex)
    obj.layer = layer
    if spec.kind == "loss":
        ex.facts.append(layer)
    else:
        ex.layers.append(layer)


def bound(ex: Execution, spec: LayerSpec, args: list[Value], kwargs: dict[str, Value]) -> dict[str, Value]:
    """The constructor's arguments by name, defaults included."""
    what = construction.misfit(spec, len(args), kwargs) if ex.faults is not None else ""
    if what:
        ex.fault(f"{ex.text(ex.node) if ex.node is not None else ''}: {what}")
    config: dict[str, Value] = {
        name: default for name, default in signatures.parameters(spec.signature) if default is not REQUIRED
    }
    config.update(zip(signatures.positional_names(spec.signature), args, strict=False))
    config.update(kwargs)
    return config


def present(ex: Execution, value: Value) -> bool:
    """Is there a bias? An unknown flag is a choice of this execution."""
    return ex.truth(value)


def configured(owner: Value) -> bool:
    """Is it a module of a library that initializes what is in it from a configuration?"""
    bases = class_lookup.external_bases(owner.cls) if isinstance(owner, Instance) and isinstance(owner.cls, Class) else []
    return any(base.name.startswith(torch_vocabulary.CONFIGURED) for base in bases)


# -- calling ---------------------------------------------------------------------------------------------------------------------


WIDTHS = {"in_channels": "conv", "num_features": "norm", "in_features": "linear", "num_channels": "norm"}


def fits(layer: Layer, x: Node) -> bool | None:
    """Does a layer take a tensor of this shape? None where that is not known. What does not fit raises, as authors may expect.

    What nothing is known of fits.
    """
    if x.dims is None:
        return True
    spatial = layer.spec.facts.get("dims")
    if layer.kind == "norm" and isinstance(spatial, int) and spatial > 1:
        without_batch = len(x.dims) == spatial + 1 and "Instance" in layer.type
        if len(x.dims) != spatial + 2 and not without_batch:
            return False
    for name, kind in WIDTHS.items():
        wanted = layer.config.get(name)
        if layer.kind != kind or not isinstance(wanted, int):
            continue
        axis = -1 if kind == "linear" else len(x.dims) - spatial - 1 if isinstance(spatial, int) and kind == "conv" else 1
        found = x.dims[axis] if -len(x.dims) <= axis < len(x.dims) else wanted
        if found != wanted:
            return False if isinstance(found, int) else None
    return True


def apply(ex: Execution, obj: Instance, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """layer(x, ...)"""
    layer = obj.layer
    assert layer is not None
    value = args[0] if args else next(iter(kwargs.values()), None)
    x = nodes.tensor(ex, value)
    if x is None:
        if isinstance(value, Unknown) or value is None:  # None: an optional input that has to be given where a layer takes it
            text = value.text if isinstance(value, Unknown) else ""
            x = ex.flow.add("input", (), None, text or "an unknown value", ex.here())
        else:
            return ex.opaque(*args, *kwargs.values(), name=layer.name or layer.type)
    if ex.try_depth:
        fitting = fits(layer, x)
        if fitting is False:
            raise Raised(External("builtins.RuntimeError"), layer.name)
        ex.doubts += fitting is None and x.op != "input"
    spec = layer.spec
    handler = KINDS.get(spec.kind if spec is not None else layer.kind)
    if handler is None:
        node = ex.opaque(*args, *kwargs.values(), name=layer.name or layer.type)
        layer.calls.append(node)
        return node
    return handler(ex, obj, layer, x, args, kwargs)


def biased(layer: Layer, node: Node) -> Node:
    """The node at which the layer's bias comes in."""
    node.bias_of = layer
    node.info["layer"] = layer
    layer.calls.append(node)
    return node


def do_conv(ex: Execution, obj: Instance, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    facts = layer.spec.facts
    mode = layer.config.get("padding_mode", "zeros")
    node = ops.conv(
        ex,
        x,
        facts["dims"],
        nodes.dim_of(ex, layer.config.get("out_channels")),
        padding=layer.config.get("padding", 0),
        kernel=layer.config.get("kernel_size"),
        stride=layer.config.get("stride", 1),
        transposed=facts["transposed"],
        zero_padding=not isinstance(mode, str) or mode == "zeros",
        name=layer.name or layer.type,
    )
    layer.axes = (1,) if node.rank == facts["dims"] + 2 else (0,)
    return biased(layer, node)


def do_sparse_conv(ex: Execution, obj: Instance, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    layer.axes = (1,)
    out = "in_channels" if "out_channels" not in layer.config else "out_channels"
    return biased(layer, sparse.convolve(ex, x, layer, nodes.dim_of(ex, layer.config.get(out))))


def do_linear(ex: Execution, obj: Instance, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    layer.axes = (-1,)
    return biased(layer, ops.linear(ex, x, nodes.dim_of(ex, layer.config.get("out_features")), layer.name or "a linear layer"))


def do_bilinear(ex: Execution, obj: Instance, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    layer.axes = (-1,)
    node = ex.opaque(*args, *kwargs.values(), name=layer.name or "a bilinear layer")
    return biased(layer, node)


def of_other_size(x: Node, norm: Layer) -> bool:
    """Does a linear layer make another number of features than the norm takes? Then the norm's are on another axis."""
    made = x.bias_of.config.get("out_features") if isinstance(x.bias_of, Layer) else None
    taken = norm.config.get("num_features")
    return isinstance(made, int) and isinstance(taken, int) and made != taken


def do_norm(ex: Execution, obj: Instance, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    spec = layer.spec
    style, dims = spec.facts["style"], spec.facts["dims"]
    if x.dims is None and dims in (2, 3):
        ex.flow.learn_rank(x, dims + 2)
    elif x.dims is None and dims == 1 and (style == "instance" or of_other_size(x, layer)):
        ex.flow.learn_rank(x, 3)
    own = class_lookup.find_in_class(obj.cls, "training")
    computed = "training" in obj.attrs or (own is not None and isinstance(own.value, FunctionValue))
    mode = attributes.load(ex, obj, "training") if computed else not obj.eval_mode
    if not values.is_constant(mode):
        return ex.opaque(x, name=layer.name or layer.type)
    node = normalize(ex, x, style, {**layer.config, "dims": dims}, layer.name or layer.type, layer, not mode)
    if layer.measured and layer.config.get("track_running_stats", style == "batch") is True:
        node.info["measured"] = True
    layer.calls.append(node)
    return node


RANKS = {1: (2, 3), 2: (4,), 3: (5,)}  # how many axes a batch norm for so many dimensions takes


def normalize(
    ex: Execution, x: Node, style: str, config: dict[str, Value], name: str, layer: Layer | None, frozen: bool
) -> Node:
    """What a norm of this style does; one that is frozen or in eval mode only scales and shifts."""
    if style == "batch":
        wanted = config.get("dims")
        if isinstance(wanted, int) and x.rank is not None and x.rank not in RANKS[wanted]:
            node = ops.norm(ex, x, "batch norm", None, name, layer=layer)
            node.info["raises"] = True
            return node
        if frozen and config.get("track_running_stats", True) is not False:
            return ops.scaled(ex, x, 1, name)
        return ops.norm(ex, x, "batch norm", ops.all_but(1), name, layer=layer)
    if style == "points":  # those of each sample
        return ops.norm(ex, x, "instance norm", ops.all_but(1), name, layer=layer)
    if style == "instance":
        spatial = config.get("dims")
        channel = max(x.rank - spatial - 1, 0) if isinstance(spatial, int) and x.rank is not None else 1
        if frozen and config.get("track_running_stats") is True:
            return ops.scaled(ex, x, channel, name)
        return ops.norm(ex, x, "instance norm", ops.all_after(channel), name, layer=layer)
    if style == "group":
        groups, channels = config.get("num_groups"), config.get("num_channels")
        if x.rank is None and groups is not None and values.term_of(groups) == values.term_of(channels):
            return ops.norm(ex, x, "group norm with one channel per group", ops.all_after(1), name, layer=layer)
        if groups is not None and values.term_of(groups) == values.term_of(channels):
            return ops.norm(ex, x, "group norm with one channel per group", ops.all_but(0, 1), name, layer=layer)
        if isinstance(groups, int) and isinstance(channels, int):
            return ops.norm(ex, x, "group norm", ops.all_after(0), name, layer=layer)
        return ops.norm(ex, x, "group norm", None, name, layer=layer)
    if style == "layer":
        shape = config.get("normalized_shape")
        count = len(shape.items) if isinstance(shape, SequenceValue) and not shape.open else 1
        last = shape.items[-1] if isinstance(shape, SequenceValue) and shape.items else shape
        width = x.dims[-1] if x.dims else None
        if width is None or not (width == values.term_of(last) or (isinstance(last, int) and isinstance(width, terms.Fresh))):
            # it does not fit as far as can be seen: another choice was meant on the way here
            return ops.norm(ex, x, "layer norm", None, name, layer=layer)
        return ops.norm(ex, x, "layer norm", tuple(range(-count, 0)), name, layer=layer)
    return ops.norm(ex, x, "RMS norm", None, name, layer=layer)


def do_activation(ex: Execution, obj: Instance, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    node = ex.opaque(x, name=layer.spec.facts.get("function", layer.short_type))
    node.dims = x.dims
    node.info["activation"] = layer
    node.info["elementwise"] = True
    if layer.config.get("inplace") is True:
        ex.flow.change(x, node)
    return node


def do_identity(ex: Execution, obj: Instance, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return x


def do_dropout(ex: Execution, obj: Instance, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return tensor_methods.do_dropout(ex, x, [layer.config.get("p", 0.5)], {"training": False} if obj.eval_mode else {})


def do_shape(ex: Execution, obj: Instance, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    op = layer.spec.facts["op"]
    if op == "flatten":
        return reshaping.flatten(ex, x, layer.config.get("start_dim", 1), layer.config.get("end_dim", -1))
    if op == "unflatten":
        return reshaping.unflatten(ex, x, layer.config.get("dim"), layer.config.get("unflattened_size"))
    return reshaping.pixel_shuffle(ex, x) if op == "pixel_shuffle" else reshaping.pixel_unshuffle(ex, x)


def do_resize(ex: Execution, obj: Instance, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return pooling.do_interpolate(ex, x, [], {})


def do_max_pool(ex: Execution, obj: Instance, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    dims = layer.spec.facts["dims"]
    node = ops.window(ex, x, dims, "max_pool")
    return SequenceValue([node, ex.opaque(x, name="indices")], "tuple") if layer.config.get("return_indices") is True else node


def do_average_pool(ex: Execution, obj: Instance, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    dims = layer.spec.facts["dims"]
    padding, counted = layer.config.get("padding", 0), layer.config.get("count_include_pad", True)
    padded = (ops.pads(padding, None) and counted is not False) or layer.config.get("divisor_override") is not None
    return ops.smooth(ex, x, dims, "avg_pool", padded)


def do_adaptive(ex: Execution, obj: Instance, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    dims = layer.spec.facts["dims"]
    return pooling.adaptive(ex, x, dims, layer.config.get("output_size"))


def do_pad(ex: Execution, obj: Instance, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    facts = layer.spec.facts
    widths = layer.config.get("padding")
    return ops.pad(
        ex, x, widths if isinstance(widths, SequenceValue) else SequenceValue([widths] * (2 * facts["dims"])), facts["zero"]
    )


def do_softmax(ex: Execution, obj: Instance, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    node = ops.softmax(ex, x, layer.config.get("dim"), "log_softmax" if layer.type.endswith("LogSoftmax") else "softmax")
    node.info["activation"] = layer
    return node


def do_embedding(ex: Execution, obj: Instance, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    dims = None if x.dims is None else (*x.dims, nodes.dim_of(ex, layer.config.get("embedding_dim")))
    node = ex.opaque(x, name=layer.name or "an embedding")
    node.dims = dims
    layer.calls.append(node)
    return node


def do_rnn(ex: Execution, obj: Instance, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    node = ex.opaque(*args, *kwargs.values(), name=layer.name or "a recurrent layer")
    node.dims = nodes.fresh_dims(ex, 2 if x.rank == 2 else 3)
    node.bias_of = layer
    layer.calls.append(node)
    state: Value = ex.opaque(node, name=layer.name)
    if layer.type.endswith("LSTM"):
        state = SequenceValue([state, ex.opaque(node, name=layer.name)], "tuple")
    return SequenceValue([node, state], "tuple")


def do_rnn_cell(ex: Execution, obj: Instance, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    node = ex.opaque(*args, *kwargs.values(), name=layer.name or "a recurrent cell")
    node.bias_of = layer
    layer.calls.append(node)
    if layer.type.endswith("LSTMCell"):
        return SequenceValue([node, ex.opaque(node, name=layer.name)], "tuple")
    return node


def do_attention(ex: Execution, obj: Instance, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    node = ex.opaque(*args, *kwargs.values(), name=layer.name or "attention")
    node.dims = x.dims
    layer.calls.append(node)
    return SequenceValue([node, ex.opaque(node, name="attention weights")], "tuple")


def do_transformer(ex: Execution, obj: Instance, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    node = ex.opaque(*args, *kwargs.values(), name=layer.name or "a transformer layer")
    node.dims = x.dims
    layer.calls.append(node)
    return node


KINDS = {
    "conv": do_conv,
    "sparse_conv": do_sparse_conv,
    "linear": do_linear,
    "bilinear": do_bilinear,
    "norm": do_norm,
    "activation": do_activation,
    "identity": do_identity,
    "dropout": do_dropout,
    "shape": do_shape,
    "resize": do_resize,
    "max_pool": do_max_pool,
    "average_pool": do_average_pool,
    "adaptive_average_pool": do_adaptive,
    "pad": do_pad,
    "softmax": do_softmax,
    "embedding": do_embedding,
    "rnn": do_rnn,
    "rnn_cell": do_rnn_cell,
    "attention": do_attention,
    "transformer": do_transformer,
}
