"""PyTorch's layers: what a constructor call makes, and what calling the layer does to a tensor."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from biaslint.frontends import hugging_face, ops, reshaping, tensor_methods
from biaslint.frontends.values import Class, External, Layer, ListV, Obj, Unknown, Value, is_constant, key_of
from biaslint.theory.dataflow import Node
from biaslint.vocabulary import torch as vocabulary
from biaslint.vocabulary.spec import REQUIRED, LayerSpec, parameters, positional_names

if TYPE_CHECKING:
    from biaslint.frontends.interpreter import Interpreter


def construct(interp: Interpreter, short: str, args: list[Value], kwargs: dict[str, Value]) -> Obj:
    """torch.nn.<short>(...)"""
    obj = Obj(External(f"torch.nn.{short}"), interp.origin())
    interp.objects.append(obj)
    make(interp, obj, short, args, kwargs)
    return obj


def make(interp: Interpreter, obj: Obj, short: str, args: list[Value], kwargs: dict[str, Value]) -> None:
    """Turn an instance into the layer."""
    spec = vocabulary.LAYERS[short]
    config = bound(interp, spec, args, kwargs)
    origin = obj.origin or interp.origin()
    layer = Layer(f"torch.nn.{short}", spec.kind, "torch", config, origin)
    if spec.bias:
        layer.argument = spec.bias
        layer.bias = present(interp, config.get(spec.bias, True))
        layer.default = spec.default
    elif spec.kind == "norm":
        affine = config.get("affine", config.get("elementwise_affine", True))
        layer.bias = bool(affine) if is_constant(affine) else None
        layer.default = "zeros"
    else:
        layer.bias = False
    texts = argument_texts(interp, positional_names(spec.signature))
    layer.texts = texts
    layer.callee = interp.text(interp.node.func) if isinstance(interp.node, ast.Call) else ""
    layer.argument_text = texts.get(spec.bias, "") if spec.bias else ""
    layer.settings = settings(interp, obj)
    layer.configured = any(configured(frame.self) for frame in interp.stack) or hugging_face.is_part(interp)
    obj.layer = layer
    if spec.kind == "loss":
        interp.facts.append(layer)
    else:
        interp.layers.append(layer)


def bound(interp: Interpreter, spec: LayerSpec, args: list[Value], kwargs: dict[str, Value]) -> dict[str, Value]:
    """The constructor's arguments by name, defaults included."""
    config: dict[str, Value] = {name: default for name, default in parameters(spec.signature) if default is not REQUIRED}
    config.update(zip(positional_names(spec.signature), args, strict=False))
    config.update(kwargs)
    return config


def present(interp: Interpreter, value: Value) -> bool:
    """Is there a bias? An unknown flag is a choice of this execution."""
    return interp.truth(value)


def argument_texts(interp: Interpreter, names: tuple[str, ...]) -> dict[str, str]:
    """The arguments of the call that is being carried out, as written."""
    node = interp.node
    if not isinstance(node, ast.Call):
        return {}
    texts: dict[str, str] = {}
    for name, argument in zip(names, node.args, strict=False):
        if isinstance(argument, ast.Starred):
            break
        texts[name] = interp.text(argument)
    for keyword in node.keywords:
        if keyword.arg:
            texts[keyword.arg] = interp.text(keyword.value)
        else:
            texts["**"] = interp.text(keyword.value)
    return texts


def settings(interp: Interpreter, made: Obj | None = None) -> dict[str, Value]:
    """The parameters of the function that holds the call, with their values; constructors of what is being made are passed over."""
    for frame in reversed(interp.stack):
        if made is not None and frame.self is made:
            continue
        if frame.func is not None and frame.bound is not None:
            return {name: value for name, value in frame.bound.items() if name != "self"}
    return {}


def configured(owner: Value) -> bool:
    """Is it a module of a library that initializes what is in it from a configuration?"""
    bases = owner.cls.mro if isinstance(owner, Obj) and isinstance(owner.cls, Class) else ()
    return any(isinstance(base, External) and base.name.startswith(vocabulary.CONFIGURED) for base in bases)


# -- calling ---------------------------------------------------------------------------------------------------------------------


def apply(interp: Interpreter, obj: Obj, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """layer(x, ...)"""
    layer = obj.layer
    assert layer is not None
    value = args[0] if args else next(iter(kwargs.values()), None)
    x = ops.tensor(interp, value)
    if x is None:
        if isinstance(value, Unknown):
            x = interp.flow.add("input", (), None, value.text or "an unknown value", interp.here())
        else:
            return interp.opaque(*args, *kwargs.values(), name=layer.name or layer.type)
    handler = KINDS.get(layer.kind)
    if handler is None:
        node = interp.opaque(*args, *kwargs.values(), name=layer.name or layer.type)
        layer.calls.append(node)
        return node
    return handler(interp, obj, layer, x, args, kwargs)


def biased(layer: Layer, node: Node) -> Node:
    """The node at which the layer's bias comes in."""
    node.bias_of = layer
    node.info["layer"] = layer
    layer.calls.append(node)
    return node


def size(interp: Interpreter, layer: Layer, name: str) -> Any:
    value = layer.config.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return value.key if isinstance(value, Unknown) else interp.fresh().key


def do_conv(interp: Interpreter, obj: Obj, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    facts = vocabulary.LAYERS[layer.type.rpartition(".")[2]].facts
    mode = layer.config.get("padding_mode", "zeros")
    node = ops.conv(
        interp,
        x,
        facts["dims"],
        size(interp, layer, "out_channels"),
        padding=layer.config.get("padding", 0),
        kernel=layer.config.get("kernel_size"),
        transposed=facts["transposed"],
        zero_padding=not isinstance(mode, str) or mode == "zeros",
        name=layer.name or layer.type,
    )
    layer.axes = (1,) if node.rank == facts["dims"] + 2 else (0,)
    return biased(layer, node)


def do_linear(interp: Interpreter, obj: Obj, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    layer.axes = (-1,)
    return biased(layer, ops.linear(interp, x, size(interp, layer, "out_features"), layer.name or "a linear layer"))


def do_bilinear(interp: Interpreter, obj: Obj, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    layer.axes = (-1,)
    node = interp.opaque(*args, *kwargs.values(), name=layer.name or "a bilinear layer")
    return biased(layer, node)


def of_other_size(x: Node, norm: Layer) -> bool:
    """Does a linear layer make another number of features than the norm takes? Then the norm's are on another axis."""
    made = x.bias_of.config.get("out_features") if isinstance(x.bias_of, Layer) else None
    taken = norm.config.get("num_features")
    return isinstance(made, int) and isinstance(taken, int) and made != taken


def do_norm(interp: Interpreter, obj: Obj, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    spec = vocabulary.LAYERS[layer.type.rpartition(".")[2]]
    style, dims = spec.facts["style"], spec.facts["dims"]
    if x.dims is None and dims in (2, 3):
        interp.flow.learn_rank(x, dims + 2)
    elif x.dims is None and dims == 1 and (style == "instance" or of_other_size(x, layer)):
        interp.flow.learn_rank(x, 3)
    node = normalize(interp, x, style, layer.config, layer.name or layer.type, layer, obj.eval_mode)
    layer.calls.append(node)
    return node


def normalize(
    interp: Interpreter, x: Node, style: str, config: dict[str, Value], name: str, layer: Layer | None, frozen: bool
) -> Node:
    """What a norm of this style does; one that is frozen or in eval mode only scales and shifts."""
    if style == "batch":
        if frozen:
            return ops.keep(interp, x, name)
        return ops.norm(interp, x, "batch norm", ops.all_but(1), name, layer=layer)
    if style == "instance":
        if frozen and config.get("track_running_stats") is True:
            return ops.keep(interp, x, name)
        return ops.norm(interp, x, "instance norm", ops.all_but(0, 1), name, layer=layer)
    if style == "group":
        groups, channels = config.get("num_groups"), config.get("num_channels")
        if groups is not None and key_of(groups) == key_of(channels):
            return ops.norm(interp, x, "group norm with one channel per group", ops.all_but(0, 1), name, layer=layer)
        if isinstance(groups, int) and isinstance(channels, int):
            return ops.norm(interp, x, "group norm", ops.all_but(0), name, layer=layer)
        return ops.norm(interp, x, "group norm", None, name, layer=layer)
    if style == "layer":
        shape = config.get("normalized_shape")
        count = len(shape.items) if isinstance(shape, ListV) and not shape.open else 1
        last = shape.items[-1] if isinstance(shape, ListV) and shape.items else shape
        if x.dims is None or not x.dims or x.dims[-1] != key_of(last):
            # it does not fit as far as can be seen: another choice was meant on the way here
            return ops.norm(interp, x, "layer norm", None, name, layer=layer)
        return ops.norm(interp, x, "layer norm", tuple(range(-count, 0)), name, layer=layer)
    return ops.norm(interp, x, "RMS norm", None, name, layer=layer)


def do_activation(interp: Interpreter, obj: Obj, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    node = interp.opaque(
        x, name=vocabulary.LAYERS[layer.type.rpartition(".")[2]].facts.get("function", layer.type.rpartition(".")[2])
    )
    node.dims = x.dims
    return node


def do_identity(interp: Interpreter, obj: Obj, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return x


def do_dropout(interp: Interpreter, obj: Obj, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return tensor_methods.do_dropout(interp, x, [layer.config.get("p", 0.5)], {"training": False} if obj.eval_mode else {})


def do_shape(interp: Interpreter, obj: Obj, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    op = vocabulary.LAYERS[layer.type.rpartition(".")[2]].facts["op"]
    if op == "flatten":
        return reshaping.flatten(interp, x, layer.config.get("start_dim", 1), layer.config.get("end_dim", -1))
    if op == "unflatten":
        return reshaping.unflatten(interp, x, layer.config.get("dim"), layer.config.get("unflattened_size"))
    return reshaping.pixel_shuffle(interp, x) if op == "pixel_shuffle" else reshaping.pixel_unshuffle(interp, x)


def do_resize(interp: Interpreter, obj: Obj, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return ops.smooth(interp, x, (x.rank or 4) - 2, "upsample")


def do_max_pool(interp: Interpreter, obj: Obj, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    dims = vocabulary.LAYERS[layer.type.rpartition(".")[2]].facts["dims"]
    node = ops.window(interp, x, dims, "max_pool")
    return ListV([node, interp.opaque(x, name="indices")], "tuple") if layer.config.get("return_indices") is True else node


def do_average_pool(interp: Interpreter, obj: Obj, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    dims = vocabulary.LAYERS[layer.type.rpartition(".")[2]].facts["dims"]
    padding, counted = layer.config.get("padding", 0), layer.config.get("count_include_pad", True)
    padded = ops.pads(padding, None) and counted is not False
    return ops.smooth(interp, x, dims, "avg_pool", padded)


def do_adaptive(interp: Interpreter, obj: Obj, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    dims = vocabulary.LAYERS[layer.type.rpartition(".")[2]].facts["dims"]
    return tensor_methods.adaptive(interp, x, dims, layer.config.get("output_size"))


def do_pad(interp: Interpreter, obj: Obj, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    facts = vocabulary.LAYERS[layer.type.rpartition(".")[2]].facts
    widths = layer.config.get("padding")
    return ops.pad(interp, x, widths if isinstance(widths, ListV) else ListV([widths] * (2 * facts["dims"])), facts["zero"])


def do_softmax(interp: Interpreter, obj: Obj, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    return ops.softmax(interp, x, layer.config.get("dim"))


def do_embedding(interp: Interpreter, obj: Obj, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    dims = None if x.dims is None else (*x.dims, size(interp, layer, "embedding_dim"))
    node = interp.opaque(x, name=layer.name or "an embedding")
    node.dims = dims
    layer.calls.append(node)
    return node


def do_rnn(interp: Interpreter, obj: Obj, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    node = interp.opaque(*args, *kwargs.values(), name=layer.name or "a recurrent layer")
    node.bias_of = layer
    layer.calls.append(node)
    state: Value = interp.opaque(node, name=layer.name)
    if layer.type.endswith("LSTM"):
        state = ListV([state, interp.opaque(node, name=layer.name)], "tuple")
    return ListV([node, state], "tuple")


def do_rnn_cell(interp: Interpreter, obj: Obj, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    node = interp.opaque(*args, *kwargs.values(), name=layer.name or "a recurrent cell")
    node.bias_of = layer
    layer.calls.append(node)
    if layer.type.endswith("LSTMCell"):
        return ListV([node, interp.opaque(node, name=layer.name)], "tuple")
    return node


def do_attention(interp: Interpreter, obj: Obj, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    node = interp.opaque(*args, *kwargs.values(), name=layer.name or "attention")
    node.dims = x.dims
    layer.calls.append(node)
    return ListV([node, interp.opaque(node, name="attention weights")], "tuple")


def do_transformer(interp: Interpreter, obj: Obj, layer: Layer, x: Node, args: list[Value], kwargs: dict[str, Value]) -> Value:
    node = interp.opaque(*args, *kwargs.values(), name=layer.name or "a transformer layer")
    node.dims = x.dims
    layer.calls.append(node)
    return node


KINDS = {
    "conv": do_conv,
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
