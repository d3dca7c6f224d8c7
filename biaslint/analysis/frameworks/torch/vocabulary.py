"""PyTorch's names: layer classes with their parameters and defaults, and what its functions do to a tensor.

Source of the signatures and defaults: the PyTorch 2.x reference (torch.nn, torch.nn.functional, torch.Tensor). Convolutions and
linear layers draw their biases from U(-1/sqrt(fan_in), 1/sqrt(fan_in)) (`reset_parameters`); recurrent layers draw every parameter
from U(-1/sqrt(hidden_size), 1/sqrt(hidden_size)); norms start at weight 1 and bias 0.
"""

from __future__ import annotations

from biaslint.analysis.frameworks.common.signatures import LayerSpec
from biaslint.analysis.frameworks.torch.sparse import LAYERS as SPARSE_LAYERS

_CONV = "in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True, padding_mode='zeros', device=None, dtype=None"
_LAZY_CONV = "out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True, padding_mode='zeros', device=None, dtype=None"
_TRANSPOSED = (
    "in_channels, out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1, bias=True, dilation=1, "
    "padding_mode='zeros', device=None, dtype=None"
)
_LAZY_TRANSPOSED = (
    "out_channels, kernel_size, stride=1, padding=0, output_padding=0, groups=1, bias=True, dilation=1, padding_mode='zeros', "
    "device=None, dtype=None"
)
_BATCH = "num_features, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True, device=None, dtype=None"
_LAZY_BATCH = "eps=1e-5, momentum=0.1, affine=True, track_running_stats=True, device=None, dtype=None"
_INSTANCE = "num_features, eps=1e-5, momentum=0.1, affine=False, track_running_stats=False, device=None, dtype=None"
_LAZY_INSTANCE = "eps=1e-5, momentum=0.1, affine=True, track_running_stats=True, device=None, dtype=None"
_RNN = (
    "input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False, proj_size=0, "
    "device=None, dtype=None"
)
_PLAIN_RNN = (
    "input_size, hidden_size, num_layers=1, nonlinearity='tanh', bias=True, batch_first=False, dropout=0.0, bidirectional=False, "
    "device=None, dtype=None"
)
_CELL = "input_size, hidden_size, bias=True, device=None, dtype=None"
_POOL = "kernel_size, stride=None, padding=0, dilation=1, return_indices=False, ceil_mode=False"
_AVERAGE = "kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None"
_ENCODER = (
    "d_model, nhead, dim_feedforward=2048, dropout=0.1, activation='relu', layer_norm_eps=1e-5, batch_first=False, norm_first=False, "
    "bias=True, device=None, dtype=None"
)


def _conv(signature: str, dims: int, transposed: bool = False) -> LayerSpec:
    return LayerSpec("conv", signature, "bias", "uniform", {"dims": dims, "transposed": transposed})


def _norm(style: str, signature: str, dims: int | None = None) -> LayerSpec:
    return LayerSpec("norm", signature, "", "zeros", {"style": style, "dims": dims})


def _plain(kind: str, signature: str = "", **facts: object) -> LayerSpec:
    return LayerSpec(kind, signature, facts=dict(facts))


# layer classes of torch.nn
LAYERS: dict[str, LayerSpec] = {
    "Linear": LayerSpec("linear", "in_features, out_features, bias=True, device=None, dtype=None", "bias", "uniform"),
    "LazyLinear": LayerSpec("linear", "out_features, bias=True, device=None, dtype=None", "bias", "uniform"),
    "NonDynamicallyQuantizableLinear": LayerSpec(
        "linear", "in_features, out_features, bias=True, device=None, dtype=None", "bias", "uniform"
    ),
    "Bilinear": LayerSpec(
        "bilinear", "in1_features, in2_features, out_features, bias=True, device=None, dtype=None", "bias", "uniform"
    ),
    "Embedding": _plain("embedding", "num_embeddings, embedding_dim, padding_idx=None, max_norm=None, norm_type=2.0"),
    "EmbeddingBag": _plain("embedding", "num_embeddings, embedding_dim, max_norm=None, norm_type=2.0"),
    "SyncBatchNorm": _norm(
        "batch", "num_features, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True, process_group=None"
    ),
    "GroupNorm": _norm("group", "num_groups, num_channels, eps=1e-5, affine=True, device=None, dtype=None"),
    "LayerNorm": _norm("layer", "normalized_shape, eps=1e-5, elementwise_affine=True, bias=True, device=None, dtype=None"),
    "RMSNorm": _norm("rms", "normalized_shape, eps=None, elementwise_affine=True, device=None, dtype=None"),
    "LocalResponseNorm": _plain("activation", "size, alpha=1e-4, beta=0.75, k=1.0"),
    "CrossMapLRN2d": _plain("activation", "size, alpha=1e-4, beta=0.75, k=1.0"),
    "Identity": _plain("identity"),
    "Flatten": _plain("shape", "start_dim=1, end_dim=-1", op="flatten"),
    "Unflatten": _plain("shape", "dim, unflattened_size", op="unflatten"),
    "PixelShuffle": _plain("shape", "upscale_factor", op="pixel_shuffle"),
    "PixelUnshuffle": _plain("shape", "downscale_factor", op="pixel_unshuffle"),
    "ChannelShuffle": _plain("identity", "groups"),
    "Upsample": _plain("resize", "size=None, scale_factor=None, mode='nearest', align_corners=None"),
    "UpsamplingNearest2d": _plain("resize", "size=None, scale_factor=None"),
    "UpsamplingBilinear2d": _plain("resize", "size=None, scale_factor=None"),
    "Dropout": _plain("dropout", "p=0.5, inplace=False"),
    "Dropout1d": _plain("dropout", "p=0.5, inplace=False"),
    "Dropout2d": _plain("dropout", "p=0.5, inplace=False"),
    "Dropout3d": _plain("dropout", "p=0.5, inplace=False"),
    "AlphaDropout": _plain("dropout", "p=0.5, inplace=False"),
    "FeatureAlphaDropout": _plain("dropout", "p=0.5, inplace=False"),
    "Softmax": _plain("softmax", "dim=None"),
    "LogSoftmax": _plain("softmax", "dim=None"),
    "Softmax2d": _plain("softmax", "dim=1"),
    "LSTM": LayerSpec("rnn", _RNN, "bias", "uniform", {"cell": "lstm"}),
    "GRU": LayerSpec("rnn", _RNN, "bias", "uniform", {"cell": "gru"}),
    "RNN": LayerSpec("rnn", _PLAIN_RNN, "bias", "uniform", {"cell": "rnn"}),
    "LSTMCell": LayerSpec("rnn_cell", _CELL, "bias", "uniform", {"cell": "lstm"}),
    "GRUCell": LayerSpec("rnn_cell", _CELL, "bias", "uniform", {"cell": "gru"}),
    "RNNCell": LayerSpec(
        "rnn_cell", "input_size, hidden_size, bias=True, nonlinearity='tanh'", "bias", "uniform", {"cell": "rnn"}
    ),
    "MultiheadAttention": LayerSpec(
        "attention",
        "embed_dim, num_heads, dropout=0.0, bias=True, add_bias_kv=False, add_zero_attn=False, kdim=None, vdim=None, batch_first=False",
        "bias",
        "zeros",
    ),
    "TransformerEncoderLayer": LayerSpec("transformer", _ENCODER, "bias", "uniform"),
    "TransformerDecoderLayer": LayerSpec("transformer", _ENCODER, "bias", "uniform"),
    "TransformerEncoder": _plain(
        "transformer", "encoder_layer, num_layers, norm=None, enable_nested_tensor=True, mask_check=True"
    ),
    "TransformerDecoder": _plain("transformer", "decoder_layer, num_layers, norm=None"),
    "Transformer": LayerSpec(
        "transformer",
        "d_model=512, nhead=8, num_encoder_layers=6, num_decoder_layers=6, dim_feedforward=2048, dropout=0.1, activation='relu'",
    ),
    "Fold": _plain("opaque"),
    "Unfold": _plain("opaque"),
    "CosineSimilarity": _plain("opaque"),
    "PairwiseDistance": _plain("opaque"),
    "LPPool1d": _plain("opaque"),
    "LPPool2d": _plain("opaque"),
    "FractionalMaxPool2d": _plain("opaque"),
    "AdaptiveLogSoftmaxWithLoss": _plain("opaque"),
}
for _n in (1, 2, 3):
    LAYERS[f"Conv{_n}d"] = _conv(_CONV, _n)
    LAYERS[f"LazyConv{_n}d"] = _conv(_LAZY_CONV, _n)
    LAYERS[f"ConvTranspose{_n}d"] = _conv(_TRANSPOSED, _n, transposed=True)
    LAYERS[f"LazyConvTranspose{_n}d"] = _conv(_LAZY_TRANSPOSED, _n, transposed=True)
    LAYERS[f"BatchNorm{_n}d"] = _norm("batch", _BATCH, _n)
    LAYERS[f"LazyBatchNorm{_n}d"] = _norm("batch", _LAZY_BATCH, _n)
    LAYERS[f"InstanceNorm{_n}d"] = _norm("instance", _INSTANCE, _n)
    LAYERS[f"LazyInstanceNorm{_n}d"] = _norm("instance", _LAZY_INSTANCE, _n)
    LAYERS[f"MaxPool{_n}d"] = _plain("max_pool", _POOL, dims=_n)
    LAYERS[f"MaxUnpool{_n}d"] = _plain("opaque")
    LAYERS[f"AvgPool{_n}d"] = _plain(
        "average_pool",
        _AVERAGE if _n > 1 else "kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True",
        dims=_n,
    )
    LAYERS[f"AdaptiveAvgPool{_n}d"] = _plain("adaptive_average_pool", "output_size", dims=_n)
    LAYERS[f"AdaptiveMaxPool{_n}d"] = _plain("max_pool", "output_size, return_indices=False", dims=_n)
    LAYERS[f"ZeroPad{_n}d"] = _plain("pad", "padding", dims=_n, zero=True)
    LAYERS[f"ConstantPad{_n}d"] = _plain("pad", "padding, value", dims=_n, zero=True)
    LAYERS[f"ReflectionPad{_n}d"] = _plain("pad", "padding", dims=_n, zero=False)
    LAYERS[f"ReplicationPad{_n}d"] = _plain("pad", "padding", dims=_n, zero=False)
    LAYERS[f"CircularPad{_n}d"] = _plain("pad", "padding", dims=_n, zero=False)

ACTIVATIONS = {
    "ReLU": "relu", "ReLU6": "relu6", "LeakyReLU": "leaky_relu", "PReLU": "prelu", "RReLU": "rrelu", "ELU": "elu", "SELU": "selu",
    "CELU": "celu", "GELU": "gelu", "SiLU": "silu", "Mish": "mish", "Sigmoid": "sigmoid", "Tanh": "tanh", "Softplus": "softplus",
    "Softsign": "softsign", "Softmin": "softmin", "Hardtanh": "hardtanh", "Hardswish": "hardswish", "Hardsigmoid": "hardsigmoid",
    "Hardshrink": "hardshrink", "Softshrink": "softshrink", "Tanhshrink": "tanhshrink", "LogSigmoid": "logsigmoid", "GLU": "glu",
    "Threshold": "threshold",
}  # fmt: skip
for _name, _function in ACTIVATIONS.items():
    LAYERS[_name] = _plain(
        "activation", "inplace=False" if _name in ("ReLU", "ReLU6", "SiLU", "Mish") else "", function=_function
    )

_LOSS = "weight=None, size_average=None, reduce=None, reduction='mean'"
LOSSES: dict[str, str] = {
    "BCEWithLogitsLoss": "weight=None, size_average=None, reduce=None, reduction='mean', pos_weight=None",
    "BCELoss": _LOSS,
    "CrossEntropyLoss": "weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean', label_smoothing=0.0",
    "NLLLoss": "weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean'",
    "MSELoss": "size_average=None, reduce=None, reduction='mean'",
    "L1Loss": "size_average=None, reduce=None, reduction='mean'",
    "SmoothL1Loss": "size_average=None, reduce=None, reduction='mean', beta=1.0",
    "HuberLoss": "reduction='mean', delta=1.0",
    "KLDivLoss": "size_average=None, reduce=None, reduction='mean', log_target=False",
    "PoissonNLLLoss": "log_input=True, full=False, size_average=None, eps=1e-8, reduce=None, reduction='mean'",
    "GaussianNLLLoss": "*, full=False, eps=1e-6, reduction='mean'",
    "CTCLoss": "blank=0, reduction='mean', zero_infinity=False",
    "MultiLabelSoftMarginLoss": _LOSS,
    "MultiMarginLoss": "p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction='mean'",
    "TripletMarginLoss": "margin=1.0, p=2.0, eps=1e-6",
    "CosineEmbeddingLoss": "margin=0.0",
    "MarginRankingLoss": "margin=0.0",
    "HingeEmbeddingLoss": "margin=1.0",
    "SoftMarginLoss": "size_average=None, reduce=None, reduction='mean'",
}
for _name, _signature in LOSSES.items():
    LAYERS[_name] = LayerSpec("loss", _signature)
# the same losses as functions: (input, target) and then the class's parameters
LOSS_FUNCTIONS: dict[str, str] = {
    "binary_cross_entropy_with_logits": "input, target, weight=None, size_average=None, reduce=None, reduction='mean', pos_weight=None",
    "binary_cross_entropy": "input, target, weight=None, size_average=None, reduce=None, reduction='mean'",
    "cross_entropy": "input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean', label_smoothing=0.0",
    "nll_loss": "input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean'",
    "mse_loss": "input, target, size_average=None, reduce=None, reduction='mean'",
    "l1_loss": "input, target, size_average=None, reduce=None, reduction='mean'",
    "smooth_l1_loss": "input, target, size_average=None, reduce=None, reduction='mean', beta=1.0",
    "huber_loss": "input, target, reduction='mean', delta=1.0",
    "poisson_nll_loss": "input, target, log_input=True",
    "kl_div": "input, target",
}

# what a loss takes as the prediction, and whether it is that of exclusive classes
LOSS_TAKES: dict[str, tuple[str, bool]] = {
    "CrossEntropyLoss": ("logits", True),
    "BCEWithLogitsLoss": ("logits", False),
    "MultiLabelSoftMarginLoss": ("logits", False),
    "BCELoss": ("probabilities", False),
    "NLLLoss": ("log-probabilities", True),
    "KLDivLoss": ("log-probabilities", False),
}

LAYERS.update(SPARSE_LAYERS)

# Libraries whose modules initialize what is in them from a configuration, after they have been made; and the argument with it.
CONFIGURED = ("mmengine.", "mmcv.")
CONFIGURATION = "init_cfg"

LOSS_NAMES = {
    "binary_cross_entropy_with_logits": "BCEWithLogitsLoss",
    "binary_cross_entropy": "BCELoss",
    "cross_entropy": "CrossEntropyLoss",
    "nll_loss": "NLLLoss",
    "mse_loss": "MSELoss",
    "l1_loss": "L1Loss",
    "smooth_l1_loss": "SmoothL1Loss",
    "huber_loss": "HuberLoss",
    "poisson_nll_loss": "PoissonNLLLoss",
    "kl_div": "KLDivLoss",
}
OPTIMIZERS = {
    "SGD",
    "Adam",
    "AdamW",
    "RMSprop",
    "Adagrad",
    "Adadelta",
    "Adamax",
    "NAdam",
    "RAdam",
    "LBFGS",
    "ASGD",
    "Rprop",
    "SparseAdam",
    "Adafactor",
}

INITIALIZERS: dict[str, str] = {
    "uniform_": "tensor, a=0.0, b=1.0",
    "normal_": "tensor, mean=0.0, std=1.0",
    "trunc_normal_": "tensor, mean=0.0, std=1.0, a=-2.0, b=2.0",
    "constant_": "tensor, val",
    "ones_": "tensor",
    "zeros_": "tensor",
    "xavier_uniform_": "tensor, gain=1.0",
    "xavier_normal_": "tensor, gain=1.0",
    "kaiming_uniform_": "tensor, a=0, mode='fan_in', nonlinearity='leaky_relu'",
    "kaiming_normal_": "tensor, a=0, mode='fan_in', nonlinearity='leaky_relu'",
    "orthogonal_": "tensor, gain=1",
    "sparse_": "tensor, sparsity, std=0.01",
    "eye_": "tensor",
    "dirac_": "tensor, groups=1",
}
SCALED_INITIALIZERS = {
    "xavier_uniform_",
    "xavier_normal_",
    "kaiming_uniform_",
    "kaiming_normal_",
    "orthogonal_",
    "sparse_",
    "eye_",
    "dirac_",
}

CONTAINERS = {"Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"}
# classes that project classes build on, and that are modules
MODULE_CLASSES = {"Module", "LightningModule", "PreTrainedModel", "PyTorchModelHubMixin", "BaseModule", "MessagePassing"}
# classes of torch that are known bases of layers, for isinstance
BASES: dict[str, tuple[str, ...]] = {
    "_ConvNd": ("Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"),
    "_ConvTransposeNd": ("ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"),
    "_BatchNorm": ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"),
    "_NormBase": (
        "BatchNorm1d",
        "BatchNorm2d",
        "BatchNorm3d",
        "SyncBatchNorm",
        "InstanceNorm1d",
        "InstanceNorm2d",
        "InstanceNorm3d",
    ),
    "_InstanceNorm": ("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"),
    "_DropoutNd": ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d"),
    "RNNBase": ("LSTM", "GRU", "RNN"),
    "RNNCellBase": ("LSTMCell", "GRUCell", "RNNCell"),
}
