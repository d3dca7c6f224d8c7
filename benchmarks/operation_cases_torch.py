"""Probes for PyTorch: each name of the vocabulary with configurations drawn at random."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import operation_layers_torch as layers
import operation_makers_torch as makers
from operation_draw import Draw
from operation_makers_torch import Maker
from operation_model import Probe, Shape, real_leaves, run_source

from biaslint.analysis.frameworks.torch import functions as torch_functions, vocabulary
from biaslint.analysis.tensors import methods as tensor_methods, operation_names

HEAD = "import torch\nfrom torch import nn\nimport torch.nn.functional as F\n"


NAMED: dict[str, Maker] = {
    **{name: makers.method(makers.nothing)(name) for name in ("contiguous", "clone", "detach", "detach_", "double", "cpu", "neg", "negative", "positive", "neg_", "negative_")},
    **{name: makers.method(lambda draw, shape: draw.one("torch.float64", "dtype=torch.float64") if False else "torch.float64")(name) for name in ("to", "type")},
    "type_as": makers.method(lambda draw, shape: "x")("type_as"),
    "requires_grad_": makers.method(lambda draw, shape: "False")("requires_grad_"),
    "roll": makers.method(lambda draw, shape: f"{draw.one(1, 2, -1)}, {draw.axis(shape)}")("roll"),
    "flip": makers.method(lambda draw, shape: f"{draw.axes(shape)}")("flip"),
    "fliplr": makers.method(makers.nothing, low=2)("fliplr"),
    "flipud": makers.method(makers.nothing)("flipud"),
    **{name: makers.method(lambda draw, shape: draw.one("", "1"), low=2)(name) for name in ("tril_", "triu_")},
    "as_subclass": makers.method(lambda draw, shape: "torch.Tensor")("as_subclass"),
    "zero_": makers.method(makers.nothing)("zero_"),
    "rot90": makers.method(lambda draw, shape: draw.one("", f"{draw.one(1, 2, 3)}, {draw.chance.sample(range(len(shape)), 2)}"), low=2)("rot90"),
    **{name: makers.method(lambda draw, shape: draw.one("", "1", "-1", "diagonal=1"), low=2, tail=draw_tail)(name) for name in ("tril", "triu") for draw_tail in ("",)},
    **{name: makers.method(lambda draw, shape: draw.one(*(f"{goal}" for goal in [draw.target(shape)]), f"*{draw.target(shape)}"), high=4)(name) for name in ("view", "reshape")},
    "permute": makers.method(lambda draw, shape: draw.one("{}", "*{}").format(draw.order(shape)))("permute"),
    **{name: makers.method(lambda draw, shape: f"{draw.axis(shape)}, {draw.axis(shape)}")(name) for name in ("transpose", "swapaxes", "swapdims", "transpose_")},
    **{name: makers.method(lambda draw, shape: f"{draw.axis(shape)}, {draw.axis(shape)}")(name) for name in ("movedim", "moveaxis")},
    "t": makers.method(makers.nothing, low=2, high=2)("t"),
    "flatten": makers.method(lambda draw, shape: draw.one("", f"{draw.chance.randrange(len(shape))}", f"0, {draw.chance.randrange(len(shape))}", "1" if len(shape) > 1 else ""))("flatten"),
    "unflatten": makers.method(lambda draw, shape: f"{(axis := draw.axis(shape))}, {draw.one([1, shape[axis]], draw.factors(shape[axis]) or [1], [-1, 1])}")("unflatten"),
    **{name: makers.method(lambda draw, shape: draw.one("", *(str(axis) for axis, size in enumerate(shape) if size == 1)))(name) for name in ("squeeze", "squeeze_")},
    **{name: makers.method(lambda draw, shape: f"{draw.chance.randrange(-len(shape) - 1, len(shape) + 1)}")(name) for name in ("unsqueeze", "unsqueeze_")},
    **{name: makers.expanding(name) for name in ("expand", "broadcast_to", "repeat", "tile")},
    "repeat_interleave": makers.method(lambda draw, shape: draw.one("2", f"2, {draw.axis(shape)}", f"3, dim={draw.axis(shape)}"))("repeat_interleave"),
    **{name: makers.same_shape(name) for name in ("expand_as", "view_as", "reshape_as")},
    **{name: makers.reducing(name) for name in ("mean", "sum", "max", "min", "amax", "amin")},
    **{name: makers.choosing(name) for name in ("sort", "topk", "kthvalue", "median", "nanmedian", "quantile", "nanquantile", "cummax", "cummin", "logsumexp", "argmax", "argmin")},
    "diff": makers.differing,
    **{name: (lambda draw, name=name: ((shape := draw.shape()) and (f"x.{name}(y, {draw.one(0.3, 1.0)})", (shape, shape)))) for name in ("lerp", "lerp_")},
    **{name: makers.spreading(name) for name in ("var", "std", "var_mean", "std_mean")},
    **{name: makers.splitting(name) for name in ("chunk", "split", "tensor_split", "unbind")},
    "select": makers.method(lambda draw, shape: f"{(axis := draw.axis(shape))}, {draw.chance.randrange(shape[axis])}")("select"),
    "narrow": makers.method(lambda draw, shape: f"{draw.axis(shape)}, 0, 1")("narrow"),
    "index_select": makers.method(lambda draw, shape: f"{draw.axis(shape)}, torch.tensor([0, 0, 0])")("index_select"),
    **{name: makers.matrix(name) for name in ("matmul", "bmm", "mm", "baddbmm", "addmm")},
    "addcmul": lambda draw: ((shape := draw.shape()) and (draw.one("torch.addcmul(x, y, z)", "x.addcmul(y, z, value=0.5)"), (shape, shape, shape))),
    **{name: makers.softmaxes(name) for name in ("softmax", "log_softmax")},
    "gumbel_softmax": makers.gumbel,
    **{f"max_pool{n}d": makers.function(makers.pooling(n, False), n)(f"max_pool{n}d") for n in (1, 2, 3)},
    **{f"avg_pool{n}d": makers.function(makers.pooling(n, True), n)(f"avg_pool{n}d") for n in (1, 2, 3)},
    **{f"adaptive_max_pool{n}d": makers.function(makers.adaptive(n), n)(f"adaptive_max_pool{n}d") for n in (1, 2, 3)},
    **{f"adaptive_avg_pool{n}d": makers.function(makers.adaptive(n), n)(f"adaptive_avg_pool{n}d") for n in (1, 2, 3)},
    **{name: (lambda draw, name=name: makers.function(makers.resizing, draw.one(1, 2, 3))(name)(draw)) for name in ("interpolate", "upsample")},
    "pad": lambda draw: makers.function(makers.padding, draw.one(1, 2, 3))("pad")(draw),
    **{name: (lambda draw, name=name: makers.function(lambda d, s: d.one("0.0", "0.5, False", "p=0.5, training=False", "0.5"), draw.one(1, 2))(name)(draw)) for name in ("dropout", "dropout1d", "dropout2d", "dropout3d")},
    **{name: makers.masks(name) for name in ("masked_fill", "masked_fill_", "where")},
    **{name: (lambda draw, name=name: ((shape := draw.shape()) and (f"x.{name}(y)", (shape, shape)))) for name in ("copy_", "set_")},
    "scaled_dot_product_attention": makers.attention,
    "fill_": makers.method(lambda draw, shape: draw.one("0.0", "2.0"))("fill_"),
    "pixel_shuffle": makers.function(lambda draw, shape: "2", 2, channels=(4, 8))("pixel_shuffle"),
    "pixel_unshuffle": makers.function(lambda draw, shape: "2", 2, side=(2, 4))("pixel_unshuffle"),
    "channel_shuffle": makers.function(lambda draw, shape: "2", 2, channels=(2, 4))("channel_shuffle"),
    **{name: makers.binary(name) for name in sorted(operation_names.ADD | operation_names.MUL | operation_names.DIV)},
    **{f"operator {symbol}": makers.operator(symbol) for symbol in ("+", "-", "*", "/")},
    "operator unary -": lambda draw: ("-x", (draw.shape(),)),
    "operator @": makers.matrix("__matmul__"),
    "einsum": makers.einsum,
    **{name: makers.concatenation(name) for name in ("cat", "concat", "concatenate", "stack")},
    "linear": makers.do_linear,
    **{f"conv{n}d": makers.convolution(n, False) for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": makers.convolution(n, True) for n in (1, 2, 3)},
    **{name: layers.functional_norm(name) for name in ("batch_norm", "instance_norm", "group_norm", "layer_norm", "rms_norm")},
    "indexing": makers.indexing,
    "item assignment": makers.storing,
    "statements in place": makers.in_place,
    "T": lambda draw: (f"x.{draw.one('T', 'mT')}", (draw.shape(2, 2),)),
    "data": lambda draw: ("x.data", (draw.shape(),)),
    "einops": makers.einops_like,
}  # fmt: skip


def image_layer(text: Callable[[Draw, Shape], str], spatial: int, **sides: Any) -> Maker:
    return layers.layer(text, lambda draw: draw.image(spatial, **sides))


LAYERS: dict[str, Maker] = {
    **{f"{'Lazy' if lazy else ''}Conv{n}d": layers.convolution_layer(n, False, lazy) for n in (1, 2, 3) for lazy in (False, True)},
    **{f"{'Lazy' if lazy else ''}ConvTranspose{n}d": layers.convolution_layer(n, True, lazy) for n in (1, 2, 3) for lazy in (False, True)},
    **{f"{lazy}{kind}Norm{n}d": layers.norm_layer(f"{lazy}{kind}Norm{n}d", n) for n in (1, 2, 3) for lazy in ("", "Lazy") for kind in ("Batch", "Instance")},
    **{name: layers.norm_layer(name, None) for name in ("GroupNorm", "LayerNorm", "RMSNorm")},
    "Linear": layers.layer(lambda draw, shape: f"nn.Linear({shape[-1]}, {draw.one(2, 3)})", lambda draw: draw.shape(1, 4)),
    "LazyLinear": layers.layer(lambda draw, shape: f"nn.LazyLinear({draw.one(2, 3)})", lambda draw: draw.shape(1, 4)),
    "Identity": layers.layer(lambda draw, shape: "nn.Identity()", lambda draw: draw.shape()),
    "ChannelShuffle": image_layer(lambda draw, shape: "nn.ChannelShuffle(2)", 2, channels=(2, 4)),
    "Flatten": layers.layer(lambda draw, shape: draw.one("nn.Flatten()", f"nn.Flatten({draw.chance.randrange(len(shape))})", "nn.Flatten(0, 1)"), lambda draw: draw.shape(2, 4)),
    "Unflatten": layers.layer(lambda draw, shape: f"nn.Unflatten(1, (1, {shape[1]}))", lambda draw: draw.shape(2, 4)),
    "PixelShuffle": image_layer(lambda draw, shape: "nn.PixelShuffle(2)", 2, channels=(4, 8)),
    "PixelUnshuffle": image_layer(lambda draw, shape: "nn.PixelUnshuffle(2)", 2, side=(2, 4)),
    "Upsample": lambda draw: image_layer(lambda d, s: f"nn.Upsample({makers.resizing(d, s)})", draw.one(1, 2, 3))(draw),
    "UpsamplingNearest2d": image_layer(lambda draw, shape: "nn.UpsamplingNearest2d(scale_factor=2)", 2),
    "UpsamplingBilinear2d": image_layer(lambda draw, shape: "nn.UpsamplingBilinear2d(scale_factor=2)", 2),
    **{name: layers.layer(lambda draw, shape, name=name: f"nn.{name}({draw.one('0.0', '0.5')})", lambda draw: draw.image(2)) for name in ("Dropout", "Dropout2d")},
    **{f"Dropout{n}d": layers.layer(lambda draw, shape, n=n: f"nn.Dropout{n}d({draw.one('0.0', '0.5')})", lambda draw, n=n: draw.image(n)) for n in (1, 2, 3)},
    **{name: layers.layer(lambda draw, shape, name=name: f"nn.{name}(0.5)", lambda draw: draw.image(2)) for name in ("AlphaDropout", "FeatureAlphaDropout")},
    **{name: layers.layer(lambda draw, shape, name=name: f"nn.{name}(dim={draw.axis(shape)})", lambda draw: draw.shape()) for name in ("Softmax", "LogSoftmax")},
    "Softmax2d": image_layer(lambda draw, shape: "nn.Softmax2d()", 2),
    **{f"MaxPool{n}d": image_layer(lambda draw, shape, n=n: f"nn.MaxPool{n}d({makers.pooling(n, False)(draw, shape)})", n) for n in (1, 2, 3)},
    **{f"AvgPool{n}d": image_layer(lambda draw, shape, n=n: f"nn.AvgPool{n}d({makers.pooling(n, True)(draw, shape)})", n) for n in (1, 2, 3)},
    **{f"Adaptive{kind}Pool{n}d": image_layer(lambda draw, shape, n=n, kind=kind: f"nn.Adaptive{kind}Pool{n}d({makers.adaptive(n)(draw, shape)})", n) for n in (1, 2, 3) for kind in ("Avg", "Max")},
    **{f"{kind}Pad{n}d": image_layer(lambda draw, shape, n=n, kind=kind: f"nn.{kind}Pad{n}d({draw.one('1', '2', str(tuple(draw.one(0, 1) for _ in range(2 * n))))}{', 1.0' if kind == 'Constant' else ''})", n)
       for n in (1, 2, 3) for kind in ("Zero", "Constant", "Reflection", "Replication", "Circular")},
}  # fmt: skip


# names that cannot be tried here: another device or type of number, or nothing that belongs to a tensor of floats
# Layers of libraries that have no build for every platform: nothing live to hold them against
ELSEWHERE = ("Minkowski", "SparseLayer")
UNTRIED = {"half", "bfloat16", "cuda", "xpu", "npu", "mps", "pin_memory", "float", "SyncBatchNorm"}


def table_names() -> set[str]:
    """The names of the vocabulary that say that an operation carries a shift on."""
    found = {
        *operation_names.KEEP,
        *operation_names.ADD,
        *operation_names.MUL,
        *operation_names.DIV,
        *tensor_methods.HANDLERS,
        *torch_functions.FUNCTIONAL,
    }
    return found - UNTRIED


CARRYING = {
    "conv",
    "linear",
    "norm",
    "identity",
    "dropout",
    "shape",
    "resize",
    "max_pool",
    "average_pool",
    "adaptive_average_pool",
    "pad",
    "softmax",
}


def layer_names() -> set[str]:
    carrying = {name for name, spec in vocabulary.LAYERS.items() if spec.kind in CARRYING and not name.startswith(ELSEWHERE)}
    return carrying - UNTRIED - {"NonDynamicallyQuantizableLinear"}


def make(name: str, chance: random.Random) -> Probe:
    """A probe of an operation or a layer."""
    maker = LAYERS[name] if name in LAYERS else NAMED[name]
    body, shapes = maker(Draw(chance))
    head = HEAD + ("import einops\n" if "einops" in body else "")
    return Probe((name,), body, shapes, head)


# what is taken for granted of a tensor whose rank is not known: a batch of images, of rows, of sequences
GUESSES = (
    "BatchNorm",
    "batch_norm",
    "@",
    "matmul",
    "Conv",
    "F.conv",
    "view_as",
    "rearrange",
    "expand(",
    "repeat(",
    "tile(",
    "unflatten(",
    "squeeze(",
    "transpose(",
    "swapaxes(",
    "swapdims(",
    "rot90(",
    "InstanceNorm",
)


def rank_may_be_unknown(probe: Probe) -> bool:
    """Is the operation followed without a guess at the rank?"""
    return not any(guess in probe.body for guess in GUESSES)


def execute(probe: Probe, arrays: list[Any]) -> list[Any]:
    """Run a probe in float64. ValueError where PyTorch does not take these arguments."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(7)
    torch.set_num_threads(1)
    try:
        function = run_source(probe, {})
        with torch.no_grad():
            result = function(*(torch.tensor(array, dtype=torch.float64) for array in arrays))
    except (RuntimeError, IndexError, TypeError, ValueError, AttributeError, AssertionError, NotImplementedError) as error:
        raise ValueError(str(error)) from None
    finally:
        torch.set_default_dtype(before)
    return real_leaves(
        result,
        lambda value: (
            value.to(torch.float64).numpy().copy() if isinstance(value, torch.Tensor) else np.asarray(value, dtype=float)
        ),
    )
