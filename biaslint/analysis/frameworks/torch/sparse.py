"""Sparse convolutions (spconv, MinkowskiEngine, TorchSparse): a sparse tensor is the table of its points' features.

A sparse tensor is taken for its features, of shape (points, channels). A convolution adds its bias to each point, whatever
neighbours it has; what it makes of a shift in its input depends on how many neighbours a point has, as with zero padding. The norms
for dense tables (`BatchNorm1d`) subtract the mean over all points.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain.values import SequenceValue, Unknown, argument
from biaslint.analysis.frameworks.common.signatures import LayerSpec
from biaslint.analysis.tensors import nodes, ops
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.layers import Layer
    from biaslint.analysis.domain.values import Args, Kwargs, Value
    from biaslint.analysis.interpreter.execution import Execution


PACKAGES: tuple[str, ...] = ("spconv", "MinkowskiEngine", "torchsparse")
_SPCONV = (
    "in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True, indice_key=None, algo=None, "
    "fp32_accum=None, name=None"
)
_INVERSE = "in_channels, out_channels, kernel_size, indice_key=None, bias=True, algo=None, fp32_accum=None, name=None"
_MINKOWSKI = (
    "in_channels, out_channels, kernel_size=-1, stride=1, dilation=1, bias=False, kernel_generator=None, "
    "expand_coordinates=False, convolution_mode=None, dimension=None"
)
_CHANNELWISE = "in_channels, kernel_size=-1, stride=1, dilation=1, bias=False, kernel_generator=None, dimension=-1"
_TORCHSPARSE = "in_channels, out_channels, kernel_size=3, stride=1, dilation=1, bias=False, transposed=False"


def _conv(signature: str) -> LayerSpec:
    return LayerSpec("sparse_conv", signature, "bias", "uniform", {"dims": 0, "transposed": False})


def _norm(style: str) -> LayerSpec:
    signature = "num_features, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True"
    return LayerSpec("norm", signature, "", "zeros", {"style": style, "dims": None})


# Layer classes by the name they have here: that of the package, and "Sparse" before one that PyTorch has, too.
LAYERS: dict[str, LayerSpec] = {
    "MinkowskiConvolution": _conv(_MINKOWSKI),
    "MinkowskiConvolutionTranspose": _conv(_MINKOWSKI),
    "MinkowskiGenerativeConvolutionTranspose": _conv(_MINKOWSKI),
    "MinkowskiChannelwiseConvolution": _conv(_CHANNELWISE),
    "MinkowskiLinear": LayerSpec("linear", "in_features, out_features, bias=True", "bias", "uniform"),
    "MinkowskiBatchNorm": _norm("batch"),
    "MinkowskiSyncBatchNorm": _norm("batch"),
    "MinkowskiInstanceNorm": _norm("points"),
    "MinkowskiStableInstanceNorm": _norm("points"),
    "MinkowskiDropout": LayerSpec("dropout", "p=0.5, inplace=False"),
    "SparseLayerConv3d": _conv(_TORCHSPARSE),
    "SparseLayerBatchNorm": _norm("batch"),
    "SparseLayerInstanceNorm": _norm("points"),
    "SparseLayerReLU": LayerSpec("activation", "inplace=False", facts={"function": "relu"}),
    "SparseLayerLeakyReLU": LayerSpec("activation", facts={"function": "leaky_relu"}),
}
for _kind in ("ReLU", "ReLU6", "LeakyReLU", "PReLU", "ELU", "SELU", "CELU", "GELU", "SiLU", "Sigmoid", "Tanh", "Softplus"):
    LAYERS[f"Minkowski{_kind}"] = LayerSpec("activation", facts={"function": _kind.lower()})
for _kind in ("MaxPooling", "AvgPooling", "SumPooling", "PoolingTranspose", "GlobalPooling", "GlobalAvgPooling",
              "GlobalMaxPooling", "GlobalSumPooling", "Softmax", "ToDenseTensor", "ToFeature", "ToSparseTensor"):  # fmt: skip
    LAYERS[f"Minkowski{_kind}"] = LayerSpec("opaque")
for _n in (1, 2, 3, 4):
    for _kind in ("SubMConv", "SparseConv", "SparseConvTranspose"):
        LAYERS[f"{_kind}{_n}d"] = _conv(_SPCONV)
    LAYERS[f"SparseInverseConv{_n}d"] = _conv(_INVERSE)
    LAYERS[f"SparseMaxPool{_n}d"] = LayerSpec("opaque")
    LAYERS[f"SparseAvgPool{_n}d"] = LayerSpec("opaque")
LAYERS["ToDense"] = LAYERS["RemoveGrid"] = LayerSpec("opaque")

CONTAINERS = {"SparseSequential": "Sequential"}
MODULES = {"SparseModule", "MinkowskiNetwork", "MinkowskiModuleBase"}


def canonical(name: str) -> str:
    """`spconv.pytorch.SubMConv3d` is known as torch.nn.SubMConv3d, and so on."""
    package, _, rest = name.partition(".")
    short = rest.rpartition(".")[2]
    if package == "torchsparse" and f"SparseLayer{short}" in LAYERS:
        short = f"SparseLayer{short}"
    if short in LAYERS:
        return f"torch.nn.{short}"
    if short in CONTAINERS:
        return f"torch.nn.{CONTAINERS[short]}"
    return "torch.nn.Module" if short in MODULES else name


def call(ex: Execution, name: str, args: Args, kwargs: Kwargs) -> Value:
    """A function of one of the packages: making a sparse tensor, joining several, activations. None where it is not known."""
    short = name.rpartition(".")[2]
    if short in ("SparseTensor", "SparseConvTensor", "PointTensor", "TensorField"):
        features = argument(args, kwargs, 0, "features", "feats")
        found = nodes.tensor(ex, features)
        if found is not None:
            return found
        text = features.text if isinstance(features, Unknown) else "features"
        return ex.flow.add("input", (), (ex.fresh().key, ex.fresh().key), text, ex.here())
    if short == "cat" and args:
        tensors = args[0] if isinstance(args[0], SequenceValue) else SequenceValue(list(args))
        return ops.concat(ex, tensors, 1)
    if ".MinkowskiFunctional." in name and args:
        return ex.opaque(*args, name=short)
    return None


def convolve(ex: Execution, x: Node, layer: Layer, out: object) -> Node:
    """A sparse convolution of (points, channels)."""
    if x.dims is None:
        ex.flow.learn_rank(x, 2)
    kernel = layer.config.get("kernel_size")
    alone = kernel == 1 or (isinstance(kernel, SequenceValue) and all(item == 1 for item in kernel.items))
    dims = (ex.fresh().key, out)
    return ex.flow.add("affine", (x,), dims, layer.name or layer.type, ex.here(), axes=(1,), padded=() if alone else (0,))
