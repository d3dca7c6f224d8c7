"""Constructing Keras's layers: the arguments by their names of today, and the bias they decide on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain import values
from biaslint.analysis.domain.layers import Layer
from biaslint.analysis.domain.values import (
    Args,
    External,
    Instance,
    Kwargs,
    SequenceValue,
    Unknown,
    adopt,
)
from biaslint.analysis.frameworks.common import construction, initializers as common_initializers, signatures
from biaslint.analysis.frameworks.common.signatures import REQUIRED
from biaslint.analysis.frameworks.keras import vocabulary as keras_vocabulary

if TYPE_CHECKING:
    from biaslint.analysis.frameworks.common.signatures import LayerSpec
    from biaslint.analysis.interpreter.execution import Execution


def construct(ex: Execution, short: str, args: Args, kwargs: Kwargs) -> Instance:
    """keras.layers.<short>(...)"""
    obj = Instance(External(f"keras.layers.{short}"), ex.origin())
    ex.objects.append(obj)
    make(ex, obj, short, args, kwargs)
    return obj


def make(
    ex: Execution, obj: Instance, short: str, args: Args, kwargs: Kwargs, type_: str = "", framework: str = "keras"
) -> None:
    """Turn an instance into the layer."""
    name = keras_vocabulary.RENAMED_LAYERS.get(short, short)
    spec = keras_vocabulary.LAYERS[name]
    config = bound(ex, spec, short, args, kwargs)
    type_ = type_ or f"keras.layers.{name.removeprefix('contrib_')}"
    layer = Layer(type_, spec.kind, framework, config, obj.origin or ex.origin())
    names = signatures.positional_names(spec.signature)
    layer.texts = construction.argument_texts(ex, names, len(args))
    if name == short:  # old names have their arguments in another order
        layer.positions = construction.own_positions(ex, layer, names, len(args))
        what = construction.misfit(spec, len(args), kwargs) if ex.faults is not None and framework == "keras" else ""
        if what:
            ex.fault(f"{name}: {what}")
    layer.spec = spec
    set_bias(ex, layer, spec, config, name)
    if {"kernel_initializer", "weights_initializer"} & layer.texts.keys():
        given = common_initializers.as_write(ex, config.get("kernel_initializer"), which="weight")
        layer.weight_writes += [given] if given.how in ("normal", "constant") else []
    layer.trainable = layer.weight_trainable = config.get("trainable", True)
    layer.settings = construction.settings(ex)
    obj.layer = layer
    if config.get("trainable") is False:
        obj.attrs["trainable"] = False
    if spec.kind == "wrapper":
        inner = config.get("layer", config.get("cell", config.get("cells")))
        obj.attrs["layer"] = inner
        adopt(obj, inner, "")
    ex.layers.append(layer)


def set_bias(ex: Execution, layer: Layer, spec: LayerSpec, config: Kwargs, name: str) -> None:
    """Is there a bias, what switches it, and what does it start at?"""
    if spec.kind == "norm":
        layer.bias = config.get("center", True) if values.is_constant(config.get("center", True)) else None
        layer.default = "zeros"
        return
    if not spec.default:
        layer.bias = False
        return
    if spec.bias == "bias_axes":
        layer.argument, layer.kind = spec.bias, "linear"
        axes = config.get("bias_axes")
        layer.bias = ex.truth(axes) if isinstance(axes, Unknown) else axes is not None
        text = layer.texts.get(spec.bias, "")
        layer.argument_text = "True" if isinstance(axes, str) and text[:1] in ("'", '"') else text
    elif spec.bias:
        layer.argument = spec.bias
        layer.bias = ex.truth(config.get(spec.bias, True))
        layer.argument_text = layer.texts.get(spec.bias, layer.texts.get("bias", ""))
        if "bias" in layer.texts and "use_bias" not in layer.texts:
            layer.argument = "bias"
    else:
        layer.bias = True
    given = config.get("bias_initializer", "zeros")
    layer.default = "zeros"
    if given is not None and given != "zeros":
        shape = SequenceValue([config.get("units", config.get("filters", ex.fresh()))], "tuple")
        layer.writes.append(common_initializers.as_write(ex, given, layer.texts.get("bias_initializer", ""), shape=shape))


def bound(ex: Execution, spec: LayerSpec, short: str, args: Args, kwargs: Kwargs) -> Kwargs:
    """The constructor's arguments by name, defaults included; old names become today's."""
    config: Kwargs = {name: default for name, default in signatures.parameters(spec.signature) if default is not REQUIRED}
    names = signatures.positional_names(spec.signature)
    old = short.startswith(("Convolution", "AtrousConvolution", "Deconvolution")) and (
        (len(args) > 2 and all(isinstance(item, (int, Unknown)) for item in args[1:3]))
        or not {"nb_row", "border_mode", "nb_filter", "init"}.isdisjoint(kwargs)
    )
    if old and spec.kind == "conv":
        rest = args[1:]
        sides = spec.facts["dims"]
        config.update(zip(names, args[:1], strict=False))
        if rest:
            config["kernel_size"] = SequenceValue(list(rest[:sides]), "tuple")
        config.update(zip(("kernel_initializer", "activation"), rest[sides:], strict=False))
    else:
        config.update(zip(names, args, strict=False))
    for name, value in kwargs.items():
        config[keras_vocabulary.RENAMED_ARGUMENTS.get(name, name) if name not in names else name] = value
    if "nb_row" in kwargs:
        config["kernel_size"] = SequenceValue([kwargs["nb_row"], kwargs.get("nb_col", kwargs["nb_row"])], "tuple")
    if config.get("data_format") in ("tf", "th"):
        config["data_format"] = "channels_last" if config["data_format"] == "tf" else "channels_first"
    return config
