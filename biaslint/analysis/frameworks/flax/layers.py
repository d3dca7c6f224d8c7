"""Flax's layers: what a constructor call makes, and what calling the layer does to a tensor. Channels stand on the last axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain import values
from biaslint.analysis.domain.layers import Layer
from biaslint.analysis.domain.values import (
    Args,
    Class,
    External,
    FunctionValue,
    Instance,
    Kwargs,
    SequenceValue,
    Unknown,
    Value,
    adopt,
    argument,
)
from biaslint.analysis.frameworks.common import construction, raw_layers, signatures
from biaslint.analysis.frameworks.common.signatures import REQUIRED
from biaslint.analysis.frameworks.flax import initializers, modes, names, optimizers, vocabulary
from biaslint.analysis.project.environment import MISSING
from biaslint.analysis.tensors import nodes, ops
from biaslint.theory import terms
from biaslint.theory.dataflow import Dims, Node

if TYPE_CHECKING:
    from biaslint.analysis.frameworks.common.signatures import LayerSpec
    from biaslint.analysis.interpreter.execution import Execution


def construct(ex: Execution, name: str, args: Args, kwargs: Kwargs) -> Instance:
    """flax.linen.<layer>(...), flax.nnx.<layer>(...)"""
    obj = Instance(External(name), ex.origin())
    ex.objects.append(obj)
    make(ex, obj, name, args, kwargs)
    return obj


def make(ex: Execution, obj: Instance, name: str, args: Args, kwargs: Kwargs) -> None:
    """Turn an instance into the layer."""
    spec = vocabulary.LAYERS[name]
    places = signatures.positional_names(spec.signature)
    config: Kwargs = {key: default for key, default in signatures.parameters(spec.signature) if default is not REQUIRED}
    config.update(zip(places, args, strict=False))
    config.update(kwargs)
    layer = Layer(name, spec.kind, "flax", config, obj.origin or ex.origin())
    layer.spec = spec
    layer.texts = construction.argument_texts(ex, places, len(args))
    layer.positions = construction.own_positions(ex, layer, places, len(args))
    what = construction.misfit(spec, len(args), set(kwargs) - ANYWHERE) if ex.faults is not None else ""
    if what and what.startswith(("too many", "multiple")):
        ex.fault(f"{name}: {what}")
    given = kwargs.get("name")
    own = obj.cls.name if isinstance(obj.cls, Class) else ""
    layer.name = given if isinstance(given, str) else raw_layers.named(ex) or own
    name_sizes(layer, spec)
    set_bias(ex, layer, spec, kwargs)
    layer.settings = {**construction.settings(ex), **fields_around(ex)}
    obj.layer = layer
    for part in ("layer_instance", "cell", "forward_rnn", "backward_rnn"):
        if part in config:
            obj.attrs[part] = config[part]
            adopt(obj, config[part], "")
    ex.layers.append(layer)
    optimizers.made(ex, layer)


ANYWHERE = {"name", "parent", "rngs"}


def fields(name: str) -> Mapping[str, Value]:
    """The fields of a layer that is a dataclass: a class built on it may give them other defaults."""
    known = names.canonical(name)
    spec = vocabulary.LAYERS.get(known) if known.startswith(names.LINEN) else None
    given = signatures.parameters(spec.signature) if spec is not None else ()
    return {field: MISSING if default is REQUIRED else default for field, default in given}


def name_sizes(layer: Layer, spec: LayerSpec) -> None:
    """The number of a layer's outputs, under the name that it has in checks."""
    word = vocabulary.SIZES.get(spec.kind)
    own = "out_features" if "out_features" in layer.config else "features"
    if word is not None and own in layer.config:
        layer.config[word] = layer.config[own]
        if own in layer.texts:
            layer.texts[word] = layer.texts[own]


def set_bias(ex: Execution, layer: Layer, spec: LayerSpec, kwargs: Kwargs) -> None:
    """Is there a bias, what switches it, and what does it start at?"""
    if spec.kind == "norm":
        given = layer.config.get("use_bias", spec.facts["style"] != "rms")
        layer.bias = given if isinstance(given, bool) else None
        layer.default = "zeros"
        return
    if not spec.default:
        layer.bias = False
        if spec.kind == "embedding":
            set_embedding(ex, layer)
        return
    if spec.bias:
        layer.argument = spec.bias
        layer.bias = ex.truth(layer.config.get(spec.bias, True))
        layer.argument_text = layer.texts.get(spec.bias, "")
    else:
        layer.bias = "bias_shape" not in layer.config or layer.config["bias_shape"] is not None
    layer.default = "zeros"
    if layer.config.get("bias_init") is not None:
        size = layer.config.get("out_features", layer.config.get("features"))
        shape = SequenceValue([size], "tuple") if isinstance(size, (int, Unknown)) else None
        write = initializers.as_write(ex, layer.config["bias_init"], layer.texts.get("bias_init", ""), shape=shape)
        layer.writes.append(write)
    if layer.config.get("kernel_init") is not None:
        write = initializers.as_write(ex, layer.config["kernel_init"], layer.texts.get("kernel_init", ""), "weight")
        layer.weight_writes += [write] if write.how == "normal" else []


def set_embedding(ex: Execution, layer: Layer) -> None:
    """What an embedding starts at: by default, its results have the variance of 1 / features."""
    layer.config["embedding_dim"] = layer.config.get("features")
    given = layer.config.get("embedding_init")
    start = External(names.INITIALIZERS + "variance_scaling") if given is None else given
    layer.weight_writes.append(initializers.as_write(ex, start, layer.texts.get("embedding_init", ""), "weight"))


def fields_around(ex: Execution) -> Kwargs:
    """The fields of the module whose method makes a layer, as the source calls them there."""
    self = ex.stack[-1].self if ex.stack else None
    if not isinstance(self, Instance) or not isinstance(self.cls, Class):
        return {}
    func = ex.stack[-1].func
    name = func.node.args.args[0].arg if isinstance(func, FunctionValue) and func.node.args.args else "self"
    return {
        f"{name}.{field}": value for field, value in self.attrs.items() if isinstance(value, (Unknown, bool, str, External))
    }


# -- calling ---------------------------------------------------------------------------------------------------------------------


def apply(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    """layer(x, ...)"""
    layer = obj.layer
    assert layer is not None
    kind = layer.spec.kind
    if kind == "wrapper":
        return wrapped(ex, obj, layer, args, kwargs)
    if kind == "rnn_cell":
        return do_cell(ex, layer, args, kwargs)
    value = args[0] if args else next(iter(kwargs.values()), None)
    x = construction.tensor(ex, value)
    if x is None or kind == "attention":
        node = ex.opaque(*args, *kwargs.values(), name=layer.name or layer.type)
        node.dims = x.dims if x is not None else None
        node.bias_of = (
            layer if kind == "attention" else None
        )  # of what is no tensor, nothing says along which axes the bias varies
        layer.calls.append(node)
        return node
    return KINDS[kind](ex, layer, x, args[1:], kwargs)


def short_name(layer: Layer) -> str:
    return layer.name or layer.type.rpartition(".")[2]


def do_conv(ex: Execution, layer: Layer, x: Node, args: Args, kwargs: Kwargs) -> Value:
    facts, config = layer.spec.facts, layer.config
    kernel = config.get("kernel_size")
    spatial = spatial_axes(kernel)
    if spatial is None and x.rank is not None:
        spatial = x.rank - 2
    if spatial is None or spatial < 1 or (x.rank is not None and x.rank not in (spatial + 1, spatial + 2)):
        node = construction.nonlinear(ex, x, short_name(layer))  # batch axes that the layer folds into one
        return construction.biased(layer, node, (-1,))
    padding = config.get("padding")
    padding = padding.lower() if isinstance(padding, str) else padding
    spread = facts.get("transposed") or not is_none_or_one(config.get("input_dilation"))
    node = ops.conv(
        ex,
        x,
        spatial,
        nodes.dim_of(ex, config.get("filters")),
        padding=padding,
        kernel=kernel,
        stride=config.get("strides") if config.get("strides") is not None else 1,
        transposed=bool(spread),
        channels_last=True,
        zero_padding=padding not in AROUND,
        name=short_name(layer),
    )
    axes = tuple(range(-spatial - 1, 0)) if facts.get("local") else (-1,)
    return construction.biased(layer, node, axes)


AROUND = ("circular", "reflect")


def spatial_axes(kernel: Value) -> int | None:
    """Over how many axes a kernel goes; None where only what its sizes are called is known, and so not their number."""
    if isinstance(kernel, SequenceValue) and not kernel.open:
        made_up = bool(kernel.items) and all(
            isinstance(size, Unknown) and isinstance(size.key, terms.Item) for size in kernel.items
        )
        return None if made_up else len(kernel.items)
    return 1 if isinstance(kernel, int) else None


def is_none_or_one(value: Value) -> bool:
    return value is None or ops.is_one(value)


def do_linear(ex: Execution, layer: Layer, x: Node, args: Args, kwargs: Kwargs) -> Value:
    facts, config = layer.spec.facts, layer.config
    if facts.get("einsum"):
        return do_einsum(ex, layer, x)
    if facts.get("general"):
        return do_general(ex, layer, x)
    node = ops.linear(ex, x, nodes.dim_of(ex, config.get("units")), short_name(layer))
    return construction.biased(layer, node, (-1,))


def do_general(ex: Execution, layer: Layer, x: Node) -> Value:
    """A product over one or several axes, which gives one or several; the bias varies along these."""
    features, axis = layer.config.get("units"), layer.config.get("axis", -1)
    batch = layer.config.get("batch_dims", layer.config.get("batch_axis"))
    gone = nodes.axes_of(axis)
    plain = batch is None or batch == () or (isinstance(batch, SequenceValue) and not batch.items)
    sizes = features.items if isinstance(features, SequenceValue) and not features.open else [features]
    if not plain or gone is None or isinstance(features, Unknown):
        node = construction.nonlinear(ex, x, short_name(layer))
        node.dims = None
        return construction.biased(layer, node, tuple(range(-6, 0)) if not plain else tuple(range(-len(sizes), 0)))
    if sorted(gone) == list(range(-len(gone), 0)) and len(gone) == len(sizes) == 1:
        return construction.biased(layer, ops.linear(ex, x, nodes.dim_of(ex, sizes[0]), short_name(layer)), (-1,))
    if x.dims is None:
        ex.flow.learn_rank(x, 2 + max(len(gone), 1))
    assert x.dims is not None
    rank = len(x.dims)
    dropped = {index % rank for index in gone}
    letters = "abcdefghijklmnopq"[:rank]
    kept = [letters[index] for index in range(rank) if index not in dropped]
    made = "rstuvwxyz"[: len(sizes)]
    weight = "".join(letters[index] for index in sorted(dropped)) + made
    kernel = nodes.const(ex, nodes.fresh_dims(ex, len(weight)), "a kernel")
    node = ops.einsum(ex, f"{letters},{weight}->{''.join(kept)}{made}", [x, kernel])
    if not isinstance(node, Node):
        return node
    node.dims = (*(x.dims[index] for index in range(rank) if index not in dropped), *(nodes.dim_of(ex, one) for one in sizes))
    return construction.biased(layer, node, tuple(range(-len(sizes), 0)))


def do_einsum(ex: Execution, layer: Layer, x: Node) -> Value:
    """einsum(equation, x, kernel) + bias, which may vary along any axis of the kernel that is left."""
    equation = layer.config.get("einsum_str")
    if not isinstance(equation, str) or "->" not in equation or "..." in equation:
        node = construction.nonlinear(ex, x, short_name(layer))
        node.dims = None
        return construction.biased(layer, node, tuple(range(-6, 0)))
    left, _, result = equation.replace(" ", "").partition("->")
    first, _, weight = left.partition(",")
    if x.dims is None:
        ex.flow.learn_rank(x, len(first))
    value = ops.einsum(ex, equation, [x, nodes.const(ex, nodes.fresh_dims(ex, len(weight)), "a kernel")])
    axes = tuple(index for index, letter in enumerate(result) if letter in weight)
    return construction.biased(layer, value, axes) if isinstance(value, Node) else value


def do_norm(ex: Execution, layer: Layer, x: Node, args: Args, kwargs: Kwargs) -> Value:
    style, config = layer.spec.facts["style"], layer.config
    name = short_name(layer)
    if style == "batch":
        return do_batch_norm(ex, layer, x, args, kwargs, name)
    means: Any = None
    title = {"layer": "layer norm", "group": "group norm", "instance": "instance norm"}.get(style, "RMS norm")
    if style == "layer":
        axes = nodes.axes_of(config.get("reduction_axes", -1))
        means = tuple(axes) if axes else None
    elif style == "instance":
        axes = nodes.axes_of(config.get("feature_axes", -1))
        means = ops.all_but(0, *axes) if axes else None
    elif style == "group":
        one = one_channel_per_group(layer, x)
        means = ops.all_but(0, -1) if one and config.get("reduction_axes") is None else None
        title = "group norm with one channel per group" if one else title
    node = ops.norm(ex, x, title, means, name, layer=layer)
    layer.calls.append(node)
    return node


def one_channel_per_group(layer: Layer, x: Node) -> bool:
    groups, size = layer.config.get("num_groups", 32), layer.config.get("group_size")
    if size is not None:
        return values.is_constant(size) and size == 1
    channels = layer.config.get("num_features")
    known = values.term_of(channels) if channels is not None else x.dims[-1] if x.dims else None
    return groups is not None and known is not None and values.term_of(groups) == known


def do_batch_norm(ex: Execution, layer: Layer, x: Node, args: Args, kwargs: Kwargs, name: str) -> Node:
    """A batch norm, which is told at its call or by its constructor whether it takes the statistics that it has stored."""
    given = argument(args, kwargs, 0, "use_running_average")
    told = layer.config.get("use_running_average") if given is None else given
    modes.inverted(ex, layer, "use_running_average", told, given is not None)
    axes = nodes.axes_of(layer.config.get("axis", -1))
    stored = modes.stored(ex, told)
    known = axes is not None and (
        x.rank is not None or axes == [-1]
    )  # nothing says that the norm keeps the axis of the layer before
    means = ops.all_but(*axes) if axes and known and stored is not None else None
    node = ops.norm(ex, x, "batch norm", means, name, layer=layer)
    layer.calls.append(node)
    node.info["stored"] = stored is True
    node.info["calls"] = layer.calls
    return node


def do_dropout(ex: Execution, layer: Layer, x: Node, args: Args, kwargs: Kwargs) -> Value:
    rate = layer.config.get("rate", 0.5)
    given = argument(args, kwargs, 0, "deterministic")
    told = layer.config.get("deterministic") if given is None else given
    modes.inverted(ex, layer, "deterministic", told, given is not None)
    if told is True or (values.is_constant(rate) and rate == 0):
        return nodes.keep(ex, x, "dropout")
    return construction.nonlinear(ex, x, "dropout")


def do_embedding(ex: Execution, layer: Layer, x: Node, args: Args, kwargs: Kwargs) -> Value:
    node = ex.opaque(x, name=short_name(layer))
    node.dims = None if x.dims is None else (*x.dims, nodes.dim_of(ex, layer.config.get("features")))
    layer.calls.append(node)
    return node


def do_activation(ex: Execution, layer: Layer, x: Node, args: Args, kwargs: Kwargs) -> Value:
    return construction.nonlinear(ex, x, layer.spec.facts["function"])


def do_cell(ex: Execution, layer: Layer, args: Args, kwargs: Kwargs) -> Value:
    """cell(carry, x): the new carry and the output."""
    node = ex.opaque(*args, *kwargs.values(), name=short_name(layer))
    node.bias_of = layer
    layer.calls.append(node)
    state: Value = ex.opaque(node, name=short_name(layer))
    if layer.spec.facts["cell"] == "lstm":
        state = SequenceValue([state, ex.opaque(node, name=short_name(layer))], "tuple")
    return SequenceValue([state, node], "tuple")


def wrapped(ex: Execution, obj: Instance, layer: Layer, args: Args, kwargs: Kwargs) -> Value:
    """A layer around a layer: a cell that is run over a sequence, two directions, a kernel that is normalized."""
    style = layer.spec.facts["style"]
    parts = [obj.attrs[name] for name in ("layer_instance", "cell", "forward_rnn", "backward_rnn") if name in obj.attrs]
    if style == "same":
        for part in parts:
            if isinstance(part, Instance) and part.layer is not None:
                part.layer.reparametrized = True
        own = {key: value for key, value in kwargs.items() if key != "update_stats"}
        return ex.call(parts[0], args, own, ex.node) if parts else ex.opaque(*args, *kwargs.values(), name=short_name(layer))
    node = ex.opaque(*args, *kwargs.values(), name=short_name(layer))
    for part in parts:
        if style == "both" or (isinstance(part, Instance) and part.layer is None):
            step = ex.opaque(node, name="a step")
            given = [step] if style == "both" else [ex.opaque(node, name="a state"), step]
            ex.opaque(ex.call(part, given, {}, ex.node), name=short_name(layer))
        elif isinstance(part, Instance) and part.layer is not None:
            part.used = True
            part.layer.calls.append(node)
    if kwargs.get("return_carry", layer.config.get("return_carry")) is True:
        return SequenceValue([ex.opaque(node, name=short_name(layer)), node], "tuple")
    return node


Handler = Callable[["Execution", Layer, Node, Args, Kwargs], Value]
KINDS: dict[str, Handler] = {
    "conv": do_conv,
    "linear": do_linear,
    "norm": do_norm,
    "dropout": do_dropout,
    "embedding": do_embedding,
    "activation": do_activation,
}


def param_dims(layer: Layer, which: str) -> Dims | None:
    """The dimensions of a layer's bias."""
    return (construction.size_of(layer, "out_features", "features"),) if which.startswith("bias") else None
