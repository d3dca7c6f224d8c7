"""Flax's layers: kind, parameters in order, how the bias is switched; linen's and nnx's, which differ in their sizes and defaults.

Every bias of Flax starts at zero unless `bias_init` says otherwise, those of an LSTM's forget gate included.
"""

from __future__ import annotations

from biaslint.analysis.frameworks.common.signatures import LayerSpec

_INITIALIZERS = "kernel_init=None, bias_init=None"
_DENSE = f"use_bias=True, dtype=None, param_dtype=None, precision=None, {_INITIALIZERS}, promote_dtype=None, dot_general=None"
_CONV = f"use_bias=True, mask=None, dtype=None, param_dtype=None, precision=None, {_INITIALIZERS}, promote_dtype=None"
_NORM = "dtype=None, param_dtype=None, use_bias=True, use_scale=True, bias_init=None, scale_init=None"
_BATCH = f"use_running_average={{mode}}, axis=-1, momentum=0.99, epsilon=1e-5, {_NORM}, axis_name=None"
_GATES = "gate_fn=None, activation_fn=None, kernel_init=None, recurrent_kernel_init=None, bias_init=None"
_ATTENTION = (
    "dtype=None, param_dtype=None, qkv_features=None, out_features=None, broadcast_dropout=True, dropout_rate=0.0, "
    f"deterministic=None, precision=None, {_INITIALIZERS}, use_bias=True"
)


def _plain(kind: str, signature: str = "", **facts: object) -> LayerSpec:
    return LayerSpec(kind, signature, facts=dict(facts))


def _biased(kind: str, signature: str, **facts: object) -> LayerSpec:
    return LayerSpec(kind, signature, "use_bias", "zeros", dict(facts))


def _cell(sizes: str, cell: str) -> LayerSpec:
    return LayerSpec("rnn_cell", f"{sizes}, {_GATES}", "", "zeros", {"cell": cell})


LINEN: dict[str, LayerSpec] = {
    "Dense": _biased("linear", f"features, {_DENSE}"),
    "DenseGeneral": _biased("linear", f"features, axis=-1, batch_dims=(), {_DENSE}", general=True),
    "Einsum": _biased("linear", f"shape, einsum_str=None, {_DENSE}", einsum=True),
    "Conv": _biased(
        "conv",
        "features, kernel_size, strides=1, padding='SAME', input_dilation=1, kernel_dilation=1, feature_group_count=1, "
        + _CONV,
    ),
    "ConvLocal": _biased(
        "conv",
        "features, kernel_size, strides=1, padding='SAME', input_dilation=1, kernel_dilation=1, feature_group_count=1, "
        + _CONV,
        local=True,
    ),
    "ConvTranspose": _biased(
        "conv", f"features, kernel_size, strides=None, padding='SAME', kernel_dilation=None, {_CONV}", transposed=True
    ),
    "Embed": _plain("embedding", "num_embeddings, features, dtype=None, param_dtype=None, embedding_init=None"),
    "BatchNorm": _plain("norm", _BATCH.format(mode="None"), style="batch"),
    "LayerNorm": _plain("norm", f"epsilon=1e-6, {_NORM}, reduction_axes=-1, feature_axes=-1", style="layer"),
    "RMSNorm": _plain("norm", "epsilon=1e-6, dtype=None, param_dtype=None, use_scale=True", style="rms"),
    "GroupNorm": _plain("norm", f"num_groups=32, group_size=None, epsilon=1e-6, {_NORM}, reduction_axes=None", style="group"),
    "InstanceNorm": _plain("norm", f"epsilon=1e-6, {_NORM}, feature_axes=-1", style="instance"),
    "SpectralNorm": _plain("wrapper", "layer_instance, n_steps=1", style="same"),
    "WeightNorm": _plain("wrapper", "layer_instance, epsilon=1e-12", style="same"),
    "Dropout": _plain("dropout", "rate, broadcast_dims=(), deterministic=None"),
    "PReLU": _plain("activation", function="prelu"),
    "LSTMCell": _cell("features", "lstm"),
    "OptimizedLSTMCell": _cell("features", "lstm"),
    "ConvLSTMCell": LayerSpec(
        "rnn_cell", "features, kernel_size, strides=None, padding='SAME', use_bias=True", "use_bias", "zeros", {"cell": "lstm"}
    ),
    "GRUCell": _cell("features", "gru"),
    "MGUCell": _plain("rnn_cell", "features", cell="mgu"),
    "SimpleCell": _cell("features", "rnn"),
    "RNN": _plain("wrapper", "cell, time_major=False, return_carry=False", style="rnn"),
    "Bidirectional": _plain("wrapper", "forward_rnn, backward_rnn, merge_fn=None", style="both"),
    "MultiHeadDotProductAttention": _biased("attention", f"num_heads, {_ATTENTION}"),
    "MultiHeadAttention": _biased("attention", f"num_heads, {_ATTENTION}"),
    "SelfAttention": _biased("attention", f"num_heads, {_ATTENTION}"),
}
NNX: dict[str, LayerSpec] = {
    "Linear": _biased("linear", f"in_features, out_features, *, {_DENSE}, rngs=None"),
    "LinearGeneral": _biased(
        "linear", f"in_features, out_features, *, axis=-1, batch_axis=None, {_DENSE}, rngs=None", general=True
    ),
    "Einsum": LayerSpec(
        "linear", f"einsum_str, kernel_shape, bias_shape=None, *, {_INITIALIZERS}, rngs=None", "", "zeros", {"einsum": True}
    ),
    "Conv": _biased(
        "conv",
        "in_features, out_features, kernel_size, strides=1, *, padding='SAME', input_dilation=1, kernel_dilation=1, "
        f"feature_group_count=1, {_CONV}, rngs=None",
    ),
    "ConvTranspose": _biased(
        "conv",
        f"in_features, out_features, kernel_size, strides=None, *, padding='SAME', kernel_dilation=None, {_CONV}, rngs=None",
        transposed=True,
    ),
    "Embed": _plain("embedding", "num_embeddings, features, *, rngs=None"),
    "BatchNorm": _plain("norm", f"num_features, *, {_BATCH.format(mode='False')}, rngs=None", style="batch"),
    "LayerNorm": _plain(
        "norm", f"num_features, *, epsilon=1e-6, {_NORM}, reduction_axes=-1, feature_axes=-1, rngs=None", style="layer"
    ),
    "RMSNorm": _plain("norm", "num_features, *, epsilon=1e-6, use_scale=True, rngs=None", style="rms"),
    "GroupNorm": _plain(
        "norm",
        f"num_features, num_groups=32, group_size=None, *, epsilon=1e-6, {_NORM}, reduction_axes=None, rngs=None",
        style="group",
    ),
    "InstanceNorm": _plain("norm", f"num_features, *, epsilon=1e-6, {_NORM}, feature_axes=-1, rngs=None", style="instance"),
    "SpectralNorm": _plain("wrapper", "layer_instance, *, n_steps=1, rngs=None", style="same"),
    "WeightNorm": _plain("wrapper", "layer_instance, *, rngs=None", style="same"),
    "Dropout": _plain("dropout", "rate, *, broadcast_dims=(), deterministic=False, rngs=None"),
    "PReLU": _plain("activation", function="prelu"),
    "LSTMCell": _cell("in_features, hidden_features, *", "lstm"),
    "OptimizedLSTMCell": _cell("in_features, hidden_features, *", "lstm"),
    "GRUCell": _cell("in_features, hidden_features, *", "gru"),
    "SimpleCell": _cell("in_features, hidden_features, *", "rnn"),
    "RNN": _plain("wrapper", "cell, *, time_major=False, return_carry=False, rngs=None", style="rnn"),
    "Bidirectional": _plain("wrapper", "forward_rnn, backward_rnn, *, merge_fn=None, rngs=None", style="both"),
    "MultiHeadAttention": _biased(
        "attention", "num_heads, in_features, qkv_features=None, out_features=None, *, use_bias=True"
    ),
}
LAYERS = {
    **{f"flax.linen.{name}": spec for name, spec in LINEN.items()},
    **{f"flax.nnx.{name}": spec for name, spec in NNX.items()},
}
LINEN_MODULES = {"Module", "RNNCellBase"}
NNX_MODULES = {"Module", "Object", "Pytree", "RNNCellBase"}
CONTAINERS = {"flax.linen.Sequential", "flax.nnx.Sequential", "flax.nnx.List", "flax.nnx.Dict"}

# The size of what a layer makes, in the words that checks look for.
SIZES = {"conv": "filters", "linear": "units"}

ACTIVATIONS = {
    "relu", "relu6", "elu", "selu", "celu", "gelu", "tanh", "sigmoid", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "swish",
    "silu", "softplus", "soft_sign", "leaky_relu", "mish", "log_sigmoid", "glu", "squareplus", "sparse_plus", "sparse_sigmoid",
    "normalize", "log_softmax_placeholder",
}  # fmt: skip
