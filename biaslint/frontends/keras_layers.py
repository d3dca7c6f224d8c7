"""Keras's layers: what a constructor call makes, and what calling the layer does to a tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from biaslint.frontends import calls, keras_initializers, ops, reshaping
from biaslint.frontends.values import (
    Class,
    DictV,
    External,
    Func,
    Layer,
    ListV,
    Native,
    Obj,
    Unknown,
    Value,
    is_constant,
    key_of,
)
from biaslint.theory.dataflow import Dim, Node
from biaslint.vocabulary import keras as vocabulary
from biaslint.vocabulary import tensorflow as functions
from biaslint.vocabulary import tensorpack
from biaslint.vocabulary.spec import REQUIRED, LayerSpec, parameters, positional_names

if TYPE_CHECKING:
    from biaslint.frontends.interpreter import Interpreter

Args = list[Value]
Kwargs = dict[str, Value]


def spec_of(layer: Layer) -> LayerSpec:
    """The entry of the vocabulary; `tf.layers.conv2d` and `slim.conv2d` make Keras's layers under names of their own."""
    short = layer.type.rpartition(".")[2]
    if short in vocabulary.LAYERS:
        return vocabulary.LAYERS[short]
    table = functions.FUNCTION_LAYERS
    if layer.type.startswith(("tf_slim.", "tensorpack.")):
        table = functions.SLIM if layer.type.startswith("tf_slim.") else tensorpack.LAYERS
    return vocabulary.LAYERS[table[short][0]]


def construct(interp: Interpreter, short: str, args: Args, kwargs: Kwargs) -> Obj:
    """keras.layers.<short>(...)"""
    obj = Obj(External(f"keras.layers.{short}"), interp.origin())
    interp.objects.append(obj)
    make(interp, obj, short, args, kwargs)
    return obj


def make(
    interp: Interpreter, obj: Obj, short: str, args: Args, kwargs: Kwargs, type_: str = "", framework: str = "keras"
) -> None:
    """Turn an instance into the layer."""
    from biaslint.frontends import attributes, torch_layers

    name = vocabulary.RENAMED_LAYERS.get(short, short)
    spec = vocabulary.LAYERS[name]
    config = bound(interp, spec, short, args, kwargs)
    layer = Layer(type_ or f"keras.layers.{name}", spec.kind, framework, config, obj.origin or interp.origin())
    layer.texts = torch_layers.argument_texts(interp, positional_names(spec.signature))
    set_bias(interp, layer, spec, config, name)
    if {"kernel_initializer", "weights_initializer"} & layer.texts.keys():
        given = keras_initializers.as_write(interp, config.get("kernel_initializer"), which="weight")
        layer.weight_writes += [given] if given.how == "normal" else []
    layer.trainable = layer.weight_trainable = config.get("trainable", True)
    layer.settings = torch_layers.settings(interp)
    obj.layer = layer
    if config.get("trainable") is False:
        obj.attrs["trainable"] = False
    if spec.kind == "wrapper":
        inner = config.get("layer", config.get("cell", config.get("cells")))
        obj.attrs["layer"] = inner
        attributes.adopt(obj, inner, "")
    interp.layers.append(layer)


def set_bias(interp: Interpreter, layer: Layer, spec: LayerSpec, config: Kwargs, name: str) -> None:
    """Is there a bias, what switches it, and what does it start at?"""
    if spec.kind == "norm":
        layer.bias = config.get("center", True) if is_constant(config.get("center", True)) else None
        layer.default = "zeros"
        return
    if not spec.default:
        layer.bias = False
        return
    if spec.bias == "bias_axes":
        layer.argument, layer.kind = spec.bias, "linear"
        axes = config.get("bias_axes")
        layer.bias = interp.truth(axes) if isinstance(axes, Unknown) else axes is not None
        text = layer.texts.get(spec.bias, "")
        layer.argument_text = "True" if isinstance(axes, str) and text[:1] in ("'", '"') else text
    elif spec.bias:
        layer.argument = spec.bias
        layer.bias = interp.truth(config.get(spec.bias, True))
        layer.argument_text = layer.texts.get(spec.bias, layer.texts.get("bias", ""))
        if "bias" in layer.texts and "use_bias" not in layer.texts:
            layer.argument = "bias"
    else:
        layer.bias = True
    given = config.get("bias_initializer", "zeros")
    layer.default = "zeros"
    if given is not None and given != "zeros":
        shape = ListV([config.get("units", config.get("filters", interp.fresh()))], "tuple")
        layer.writes.append(keras_initializers.as_write(interp, given, layer.texts.get("bias_initializer", ""), shape=shape))


def bound(interp: Interpreter, spec: LayerSpec, short: str, args: Args, kwargs: Kwargs) -> Kwargs:
    """The constructor's arguments by name, defaults included; old names become today's."""
    config: Kwargs = {name: default for name, default in parameters(spec.signature) if default is not REQUIRED}
    names = positional_names(spec.signature)
    old = short.startswith(("Convolution", "AtrousConvolution", "Deconvolution")) and (
        (len(args) > 2 and all(isinstance(item, (int, Unknown)) for item in args[1:3]))
        or not {"nb_row", "border_mode", "nb_filter", "init"}.isdisjoint(kwargs)
    )
    if old and spec.kind == "conv":
        rest = args[1:]
        sides = spec.facts["dims"]
        config.update(zip(names, args[:1], strict=False))
        if rest:
            config["kernel_size"] = ListV(list(rest[:sides]), "tuple")
        config.update(zip(("kernel_initializer", "activation"), rest[sides:], strict=False))
    else:
        config.update(zip(names, args, strict=False))
    for name, value in kwargs.items():
        config[vocabulary.RENAMED_ARGUMENTS.get(name, name) if name not in names else name] = value
    if "nb_row" in kwargs:
        config["kernel_size"] = ListV([kwargs["nb_row"], kwargs.get("nb_col", kwargs["nb_row"])], "tuple")
    if config.get("data_format") in ("tf", "th"):
        config["data_format"] = "channels_last" if config["data_format"] == "tf" else "channels_first"
    return config


# -- calling ---------------------------------------------------------------------------------------------------------------------


def tensor(interp: Interpreter, value: Value) -> Node | None:
    """A value as a tensor; what nobody knows is taken for an input of the model."""
    node = ops.tensor(interp, value)
    if node is None and isinstance(value, Unknown):
        return interp.flow.add("input", (), None, value.text or "an unknown value", interp.here())
    return node


def apply(interp: Interpreter, obj: Obj, args: Args, kwargs: Kwargs) -> Value:
    """layer(x, ...)"""
    layer = obj.layer
    assert layer is not None
    value = args[0] if args else next(iter(kwargs.values()), None)
    if layer.kind == "wrapper":
        return wrapped(interp, obj, layer, value, args, kwargs)
    if layer.kind == "merge":
        return merged(interp, layer, value)
    if layer.kind in ("rnn", "rnn_cell", "attention", "opaque"):
        node = interp.opaque(*args, *kwargs.values(), name=layer.name or layer.type)
        node.bias_of = layer
        layer.calls.append(node)
        if layer.kind == "rnn" and layer.config.get("return_state") is True:
            return ListV([node, *(interp.opaque(node, name=layer.name) for _ in range(1 + ("LSTM" in layer.type)))])
        if layer.kind == "rnn_cell":
            return ListV([node, interp.opaque(node, name=layer.name)], "tuple")
        return node
    x = tensor(interp, value)
    if x is None:
        return interp.opaque(*args, *kwargs.values(), name=layer.name or layer.type)
    known_input(interp, layer, x)
    if layer.kind == "norm":
        return do_norm(interp, obj, layer, x, {"training": args[1], **kwargs} if len(args) > 1 else kwargs)
    result = KINDS[spec_of(layer).kind](interp, layer, x)
    if layer.kind in ("conv", "linear") and isinstance(result, Node):
        return activated(interp, layer.config.get("activation"), result)
    return result


def known_input(interp: Interpreter, layer: Layer, x: Node) -> None:
    """`input_shape=(28, 28, 1)` tells the input's dimensions."""
    if x.dims is not None:
        return
    shape = layer.config.get("input_shape", layer.config.get("batch_input_shape"))
    if isinstance(shape, ListV) and not shape.open:
        sizes = shape.items if "input_shape" not in layer.config else [None, *shape.items]
        x.dims = shape_dims(interp, sizes)
    elif isinstance(layer.config.get("input_dim"), (int, Unknown)) and layer.kind == "linear":
        x.dims = shape_dims(interp, [None, layer.config["input_dim"]])


def shape_dims(interp: Interpreter, sizes: list[Value]) -> tuple[Dim, ...]:
    return tuple(interp.fresh().key if size is None else ops.dim_of(interp, size) for size in sizes)


def biased(layer: Layer, node: Node, axes: tuple[int, ...]) -> Node:
    """The node at which the layer's bias comes in."""
    node.bias_of = layer
    node.info["layer"] = layer
    layer.axes = axes
    layer.calls.append(node)
    return node


def activated(interp: Interpreter, activation: Value, x: Node) -> Value:
    """activation(x), for a name, a function, a layer or None."""
    if activation is None or activation in ("linear", "identity", ""):
        return x
    if isinstance(activation, str):
        if activation in vocabulary.SOFTMAX:
            return ops.softmax(interp, x, -1)
        return nonlinear(interp, x, activation)
    if isinstance(activation, (External, Func, Native, Obj, Class)) or not isinstance(activation, Unknown):
        return calls.call(interp, activation, [x], {}, interp.node)
    if not interp.truth(activation):
        return x
    return nonlinear(interp, x, activation.text or "activation")


def nonlinear(interp: Interpreter, x: Node, name: str) -> Node:
    if x.op == "const":
        return x
    node = interp.opaque(x, name=name)
    node.dims = x.dims
    return node


def size(interp: Interpreter, value: Value) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return value.key if isinstance(value, Unknown) else interp.fresh().key


def is_first(interp: Interpreter, value: Value) -> bool:
    """channels_first? What is not known is not."""
    return isinstance(value, str) and (value in ("channels_first", "th") or value.startswith("NC"))


def do_conv(interp: Interpreter, layer: Layer, x: Node) -> Value:
    facts = spec_of(layer).facts
    dims = facts["dims"]
    if x.rank is not None and x.rank > dims + 2:
        node = nonlinear(interp, x, layer.name or layer.type)
        return biased(layer, node, (-1,))
    config = layer.config
    first = is_first(interp, config.get("data_format"))
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
            else interp.fresh().key
        )
    else:
        out = size(interp, config.get("filters"))
    node = ops.conv(
        interp,
        x,
        dims,
        out,
        padding=padding,
        kernel=config.get("kernel_size"),
        transposed=bool(facts.get("transposed")),
        channels_last=not first,
        name=layer.name or layer.type.rpartition(".")[2],
    )
    return biased(layer, node, (1,) if first else (-1,))


def do_linear(interp: Interpreter, layer: Layer, x: Node) -> Value:
    node = ops.linear(interp, x, size(interp, layer.config.get("units")), layer.name or "a dense layer")
    return biased(layer, node, (-1,))


def do_einsum_dense(interp: Interpreter, layer: Layer, x: Node) -> Value:
    """output = einsum(equation, x, kernel) + bias, whose axes are named in `bias_axes`."""
    equation, letters = layer.config.get("equation"), layer.config.get("bias_axes")
    if not isinstance(equation, str) or "->" not in equation or "..." in equation:
        node = nonlinear(interp, x, layer.name or "EinsumDense")
        node.dims = None
        return biased(layer, node, (-1,))
    left, _, result = equation.replace(" ", "").partition("->")
    weight = left.partition(",")[2]
    if x.dims is None:
        interp.flow.learn_rank(x, len(left.partition(",")[0]))
    value = ops.einsum(interp, equation, [x, ops.const(interp, tuple(interp.fresh().key for _ in weight), "a kernel")])
    axes = (
        tuple(result.index(letter) for letter in letters if letter in result)
        if isinstance(letters, str)
        else (len(result) - 1,)
    )
    return biased(layer, value, axes) if isinstance(value, Node) else value


def do_norm(interp: Interpreter, obj: Obj, layer: Layer, x: Node, kwargs: Kwargs) -> Value:
    """Normalisation. A batch norm that is frozen or told `training=False` only scales and shifts."""
    style = spec_of(layer).facts["style"]
    training = kwargs.get("training", kwargs.get("is_training", True))
    frozen = obj.attrs.get("trainable") is False or layer.trainable is False or training is False
    node = normalize(interp, x, style, layer, frozen)
    layer.calls.append(node)
    return node


def normalize(interp: Interpreter, x: Node, style: str, layer: Layer, frozen: bool) -> Node:
    config = layer.config
    name = layer.name or layer.type.rpartition(".")[2]
    axis = config.get("axis", -1)
    axes = ops.axes_of(axis) if not isinstance(axis, Unknown) else None
    if style == "batch":
        if frozen:
            return ops.keep(interp, x, name)
        if config.get("renorm") is True:
            return ops.norm(interp, x, "batch renorm", None, name, layer=layer)
        return ops.norm(interp, x, "batch norm", ops.all_but(*axes) if axes else None, name, layer=layer)
    if style == "instance":
        return ops.norm(interp, x, "instance norm", ops.all_but(0, *axes) if axes else None, name, layer=layer)
    if style == "group":
        groups = config.get("groups", 32)
        channel = axes[0] if axes else -1
        channels = x.dims[channel] if x.dims is not None and -len(x.dims) <= channel < len(x.dims) else None
        if groups == -1 or (channels is not None and key_of(groups) == channels):
            return ops.norm(interp, x, "group norm with one channel per group", ops.all_but(0, channel), name, layer=layer)
        return ops.norm(interp, x, "group norm", None, name, layer=layer)
    if style == "layer":
        if config.get("rms_scaling") is True or axes is None:
            return ops.norm(interp, x, "layer norm", None, name, layer=layer)
        return ops.norm(interp, x, "layer norm", tuple(axes), name, layer=layer)
    return ops.norm(interp, x, "RMS norm" if style == "rms" else "unit norm", None, name, layer=layer)


def do_keep(interp: Interpreter, layer: Layer, x: Node) -> Value:
    return x if layer.type.endswith("Identity") else ops.keep(interp, x, layer.type.rpartition(".")[2])


def do_activation(interp: Interpreter, layer: Layer, x: Node) -> Value:
    function = spec_of(layer).facts.get("function")
    if function is not None:
        return nonlinear(interp, x, function)
    return activated(interp, layer.config.get("activation"), x)


def do_softmax(interp: Interpreter, layer: Layer, x: Node) -> Value:
    return ops.softmax(interp, x, layer.config.get("axis", -1))


def do_dropout(interp: Interpreter, layer: Layer, x: Node) -> Value:
    rate = layer.config.get("rate", 0.5)
    if is_constant(rate) and rate == 0:
        return ops.keep(interp, x, "dropout")
    return nonlinear(interp, x, "dropout")


def do_embedding(interp: Interpreter, layer: Layer, x: Node) -> Value:
    node = interp.opaque(x, name=layer.name or "an embedding")
    node.dims = None if x.dims is None else (*x.dims, size(interp, layer.config.get("output_dim")))
    layer.calls.append(node)
    return node


def do_flatten(interp: Interpreter, layer: Layer, x: Node) -> Value:
    return reshaping.flatten(interp, x, 1, -1)


def do_reshape(interp: Interpreter, layer: Layer, x: Node) -> Value:
    target = layer.config.get("target_shape")
    if not isinstance(target, ListV) or target.open:
        return interp.opaque(x, name="reshape")
    first = ops.value_of(x.dims[0] if x.dims else ("dim", x.id, 0))
    return reshaping.reshape(interp, x, [first, *(-1 if item is None else item for item in target.items)])


def do_permute(interp: Interpreter, layer: Layer, x: Node) -> Value:
    axes = ops.axes_of(layer.config.get("dims"))
    return reshaping.permute(interp, x, [0, *axes]) if axes else interp.opaque(x, name="permute")


def do_repeat(interp: Interpreter, layer: Layer, x: Node) -> Value:
    if x.dims is None:
        interp.flow.learn_rank(x, 2)
    assert x.dims is not None
    return reshaping.remap(
        interp, x, {0: (0,), 2: (1,)}, (x.dims[0], size(interp, layer.config.get("n")), x.dims[-1]), "repeat"
    )


def do_crop(interp: Interpreter, layer: Layer, x: Node) -> Value:
    dims = None
    if x.dims is not None:
        channel = 1 if is_first(interp, layer.config.get("data_format")) else len(x.dims) - 1
        dims = tuple(dim if axis in (0, channel) else interp.fresh().key for axis, dim in enumerate(x.dims))
    return ops.make(interp, "keep", [x], dims, "crop")


def do_pad(interp: Interpreter, layer: Layer, x: Node) -> Value:
    """Zeros enter in space."""
    spatial = spec_of(layer).facts["dims"]
    if x.dims is None:
        interp.flow.learn_rank(x, spatial + 2)
    rank = x.rank or spatial + 2
    channel = 1 if is_first(interp, layer.config.get("data_format")) else rank - 1
    axes = tuple(axis for axis in range(1, rank) if axis != channel)
    dims = tuple(interp.fresh().key if axis in axes else dim for axis, dim in enumerate(x.dims or ()))
    width = layer.config.get("padding", 1)
    if is_constant(width) and width == 0:
        return ops.keep(interp, x, "pad")
    return ops.make(interp, "smooth", [x], dims, "zero padding", mixes=(), padded=axes)


def do_resize(interp: Interpreter, layer: Layer, x: Node) -> Value:
    return ops.smooth(
        interp,
        x,
        spec_of(layer).facts["dims"],
        "upsampling",
        channels_last=not is_first(interp, layer.config.get("data_format")),
    )


def do_max_pool(interp: Interpreter, layer: Layer, x: Node) -> Value:
    last = not is_first(interp, layer.config.get("data_format"))
    return ops.window(interp, x, spec_of(layer).facts["dims"], "max_pool", channels_last=last)


def do_average_pool(interp: Interpreter, layer: Layer, x: Node) -> Value:
    # zeros that "same" adds are not counted
    last = not is_first(interp, layer.config.get("data_format"))
    return ops.smooth(interp, x, spec_of(layer).facts["dims"], "avg_pool", channels_last=last)


def do_global_pool(interp: Interpreter, layer: Layer, x: Node) -> Value:
    spatial = spec_of(layer).facts["dims"]
    if x.dims is None:
        interp.flow.learn_rank(x, spatial + 2)
    rank = x.rank or spatial + 2
    channel = 1 if is_first(interp, layer.config.get("data_format")) else rank - 1
    axes = ListV([axis for axis in range(1, rank) if axis != channel])
    return ops.reduce(
        interp, x, axes, layer.config.get("keepdims", False), layer.type.rpartition(".")[2], layer.kind == "global_average_pool"
    )


def do_lambda(interp: Interpreter, layer: Layer, x: Node) -> Value:
    given = layer.config.get("arguments")
    extra = {key: item for key, item in given.items.items() if isinstance(key, str)} if isinstance(given, DictV) else {}
    function = layer.config.get("function")
    if isinstance(function, Unknown) or function is None:
        return interp.opaque(x, name="a lambda layer")
    return calls.call(interp, function, [x], extra, interp.node)


def do_input(interp: Interpreter, layer: Layer, x: Node) -> Value:
    return x


def merged(interp: Interpreter, layer: Layer, value: Value) -> Value:
    parts = value.items if isinstance(value, ListV) else [value]
    return merge(interp, spec_of(layer).facts["op"], parts, layer.config)


def merge(interp: Interpreter, op: str, parts: list[Value], config: Kwargs) -> Value:
    """Add, multiply, concatenate ... a list of tensors."""
    nodes = [node for node in (tensor(interp, part) for part in parts) if node is not None]
    if op == "mode":
        mode = config.get("mode", "sum")
        op = {"sum": "add", "ave": "add", "mul": "mul", "concat": "concat", "max": "max"}.get(
            mode if isinstance(mode, str) else "", "opaque"
        )
    if not nodes:
        return interp.fresh("a merge")
    if op == "concat":
        return ops.concat(interp, ListV(list(nodes)), config.get("axis", -1))
    if op in ("add", "mul"):
        result: Value = nodes[0]
        for node in nodes[1:]:
            result = ops.add(interp, result, node) if op == "add" else ops.mul(interp, result, node)
        return result
    node = interp.opaque(ListV(list(nodes)), name="maximum" if op == "max" else "a merge")
    node.dims = nodes[0].dims if op == "max" else None
    return node


def wrapped(interp: Interpreter, obj: Obj, layer: Layer, value: Value, args: Args, kwargs: Kwargs) -> Value:
    """TimeDistributed, Bidirectional, RNN(cell) and other layers around a layer."""
    inner = obj.attrs.get("layer")
    style = spec_of(layer).facts["style"]
    if inner is None or isinstance(inner, Unknown):
        return interp.opaque(*args, *kwargs.values(), name=layer.type.rpartition(".")[2])
    if style == "time":
        x = tensor(interp, value)
        if x is None:
            return interp.opaque(*args, name="TimeDistributed")
        if x.dims is None and isinstance(inner, Obj) and inner.layer is not None and inner.layer.kind == "conv":
            interp.flow.learn_rank(x, spec_of(inner.layer).facts["dims"] + 3)
        if x.dims is None and isinstance(inner, Obj) and inner.layer is not None and spec_of(inner.layer).kind == "linear":
            return calls.call(interp, inner, [x], {}, interp.node)
        if x.dims is None:
            known_input(interp, layer, x)
        if x.dims is None:
            interp.flow.learn_rank(x, 3)
        result = calls.call(interp, inner, [ops.select(interp, x, 1, 0)], {}, interp.node)
        if not isinstance(result, Node) or result.rank is None:
            return result
        again = reshaping.unsqueeze(interp, result, 1)
        assert again.dims is not None
        again.dims = (again.dims[0], interp.fresh().key, *again.dims[2:])
        return again
    if style == "rnn":
        inners = inner.items if isinstance(inner, ListV) else [inner]
        node = interp.opaque(*args, *kwargs.values(), name=layer.type.rpartition(".")[2])
        for one in inners:
            if isinstance(one, Obj):
                one.used = True
                if one.layer is not None:
                    one.layer.calls.append(node)
                elif isinstance(one.cls, Class):
                    calls.call(interp, one, [node, ListV([interp.opaque(node, name="a state")])], {}, interp.node)
        return node
    return calls.call(interp, inner, args, kwargs, interp.node)


KINDS: dict[str, Any] = {
    "conv": do_conv,
    "linear": do_linear,
    "einsum_dense": do_einsum_dense,
    "keep": do_keep,
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
