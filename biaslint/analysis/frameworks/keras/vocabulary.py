"""Keras's layers: kind, parameters in order, how the bias is switched. Spellings of Keras 1, 2, 3 and tf.keras.

Every bias of Keras starts at zero unless `bias_initializer` says otherwise; an LSTM adds 1 to the forget gate's part
(`unit_forget_bias=True`).
"""

from __future__ import annotations

from biaslint.analysis.frameworks.common.signatures import LayerSpec

_END = (
    "use_bias=True, kernel_initializer='glorot_uniform', bias_initializer='zeros', kernel_regularizer=None, bias_regularizer=None, "
    "activity_regularizer=None, kernel_constraint=None, bias_constraint=None"
)
_DEPTHWISE_END = _END.replace("kernel_", "depthwise_")
_SEPARABLE_END = (
    "depth_multiplier=1, activation=None, use_bias=True, depthwise_initializer='glorot_uniform', "
    "pointwise_initializer='glorot_uniform', bias_initializer='zeros', depthwise_regularizer=None, pointwise_regularizer=None, "
    "bias_regularizer=None, activity_regularizer=None, depthwise_constraint=None, pointwise_constraint=None, bias_constraint=None"
)
_LOCAL_END = "padding='valid', data_format=None, activation=None, " + _END
_BATCH = (
    "axis=-1, momentum=0.99, epsilon=0.001, center=True, scale=True, beta_initializer='zeros', gamma_initializer='ones', "
    "moving_mean_initializer='zeros', moving_variance_initializer='ones'"
)
_POOL = "pool_size=2, strides=None, padding='valid', data_format=None"
_RNN = (
    "units, activation='tanh', {recurrent}use_bias=True, kernel_initializer='glorot_uniform', recurrent_initializer='orthogonal', "
    "bias_initializer='zeros'{forget}"
)
_LSTM = _RNN.format(recurrent="recurrent_activation='sigmoid', ", forget=", unit_forget_bias=True")
_GRU = _RNN.format(recurrent="recurrent_activation='sigmoid', ", forget="")
_SIMPLE = _RNN.format(recurrent="", forget="")
_CONV_LSTM = (
    "filters, kernel_size, strides=1, padding='valid', data_format=None, dilation_rate=1, activation='tanh', "
    "recurrent_activation='sigmoid', use_bias=True, kernel_initializer='glorot_uniform', recurrent_initializer='orthogonal', "
    "bias_initializer='zeros', unit_forget_bias=True"
)


def _plain(kind: str, signature: str = "", **facts: object) -> LayerSpec:
    return LayerSpec(kind, signature, facts=dict(facts))


def _biased(kind: str, signature: str, **facts: object) -> LayerSpec:
    return LayerSpec(kind, signature, "use_bias", "zeros", dict(facts))


LAYERS: dict[str, LayerSpec] = {
    "Dense": _biased("linear", f"units, activation=None, {_END}"),
    "EinsumDense": LayerSpec(
        "einsum_dense",
        "equation, output_shape, activation=None, bias_axes=None, kernel_initializer='glorot_uniform', bias_initializer='zeros'",
        "bias_axes",
        "zeros",
    ),
    "Embedding": _plain("embedding", "input_dim, output_dim, embeddings_initializer='uniform'"),
    "BatchNormalization": _plain("norm", _BATCH, style="batch"),
    "SyncBatchNormalization": _plain("norm", _BATCH, style="batch"),
    "LayerNormalization": _plain("norm", "axis=-1, epsilon=0.001, center=True, scale=True", style="layer"),
    "GroupNormalization": _plain("norm", "groups=32, axis=-1, epsilon=0.001, center=True, scale=True", style="group"),
    "InstanceNormalization": _plain("norm", "axis=-1, epsilon=0.001, center=True, scale=True", style="instance"),
    # keras_contrib's takes the mean over all axes but the batch's, unless it is given the one to keep
    "contrib_InstanceNormalization": _plain("norm", "axis=None, epsilon=0.001, center=True, scale=True", style="instance"),
    "RMSNormalization": _plain("norm", "axis=-1, epsilon=1e-6", style="rms"),
    "UnitNormalization": _plain("norm", "axis=-1", style="unit"),
    "Activation": _plain("activation", "activation"),
    "Softmax": _plain("softmax", "axis=-1"),
    "Dropout": _plain("dropout", "rate, noise_shape=None, seed=None"),
    "SpatialDropout1D": _plain("dropout", "rate"),
    "SpatialDropout2D": _plain("dropout", "rate, data_format=None"),
    "SpatialDropout3D": _plain("dropout", "rate, data_format=None"),
    "AlphaDropout": _plain("dropout", "rate"),
    "GaussianDropout": _plain("dropout", "rate"),
    "GaussianNoise": _plain("keep", "stddev"),
    "ActivityRegularization": _plain("penalty", "l1=0.0, l2=0.0"),
    "Identity": _plain("keep"),
    "Masking": _plain("opaque", "mask_value=0.0"),
    "InputLayer": _plain("input", "shape=None, batch_size=None, dtype=None"),
    "Flatten": _plain("flatten", "data_format=None"),
    "Reshape": _plain("reshape", "target_shape"),
    "Permute": _plain("permute", "dims"),
    "RepeatVector": _plain("repeat", "n"),
    "Rescaling": _plain("keep", "scale, offset=0.0"),
    "Normalization": _plain("keep", "axis=-1, mean=None, variance=None"),
    "CenterCrop": _plain("crop", "height, width"),
    "Resizing": _plain("resize", "height, width", dims=2),
    "UpSampling1D": _plain("resize", "size=2", dims=1),
    "UpSampling2D": _plain("resize", "size=2, data_format=None, interpolation='nearest'", dims=2),
    "UpSampling3D": _plain("resize", "size=2, data_format=None", dims=3),
    "Lambda": _plain("lambda", "function, output_shape=None, mask=None, arguments=None"),
    "Add": _plain("merge", op="add"),
    "Subtract": _plain("merge", op="add"),
    "Average": _plain("merge", op="add"),
    "Multiply": _plain("merge", op="mul"),
    "Maximum": _plain("merge", op="max"),
    "Minimum": _plain("merge", op="max"),
    "Concatenate": _plain("merge", "axis=-1", op="concat"),
    "Dot": _plain("merge", "axes, normalize=False", op="opaque"),
    "Merge": _plain("merge", "layers=None, mode='sum', concat_axis=-1", op="mode"),
    "TimeDistributed": _plain("wrapper", "layer", style="time"),
    "Bidirectional": _plain("wrapper", "layer, merge_mode='concat', weights=None, backward_layer=None", style="rnn"),
    "SpectralNormalization": _plain("wrapper", "layer, power_iterations=1", style="same"),
    "WeightNormalization": _plain("wrapper", "layer", style="same"),
    "Wrapper": _plain("wrapper", "layer", style="same"),
    "RNN": _plain("wrapper", "cell, return_sequences=False, return_state=False", style="rnn"),
    "StackedRNNCells": _plain("wrapper", "cells", style="rnn"),
    "LSTM": _biased("rnn", _LSTM, cell="lstm"),
    "CuDNNLSTM": LayerSpec(
        "rnn",
        "units, kernel_initializer='glorot_uniform', recurrent_initializer='orthogonal', bias_initializer='zeros', unit_forget_bias=True",
        "",
        "zeros",
        {"cell": "lstm"},
    ),
    "LSTMCell": _biased("rnn_cell", _LSTM, cell="lstm"),
    "GRU": _biased("rnn", _GRU, cell="gru"),
    "CuDNNGRU": LayerSpec("rnn", "units", "", "zeros", {"cell": "gru"}),
    "GRUCell": _biased("rnn_cell", _GRU, cell="gru"),
    "SimpleRNN": _biased("rnn", _SIMPLE, cell="rnn"),
    "SimpleRNNCell": _biased("rnn_cell", _SIMPLE, cell="rnn"),
    "ConvLSTM1D": _biased("rnn", _CONV_LSTM, cell="lstm"),
    "ConvLSTM2D": _biased("rnn", _CONV_LSTM, cell="lstm"),
    "ConvLSTM3D": _biased("rnn", _CONV_LSTM, cell="lstm"),
    "MultiHeadAttention": _biased("attention", "num_heads, key_dim, value_dim=None, dropout=0.0, use_bias=True"),
    "GroupQueryAttention": _biased("attention", "head_dim, num_query_heads, num_key_value_heads, dropout=0.0, use_bias=True"),
    "Attention": _plain("dot_attention", "use_scale=False, score_mode='dot', dropout=0.0"),
    "AdditiveAttention": _plain("opaque", "use_scale=True"),
}
for _n in (1, 2, 3):
    LAYERS[f"Conv{_n}D"] = _biased(
        "conv",
        f"filters, kernel_size, strides=1, padding='valid', data_format=None, dilation_rate=1, groups=1, activation=None, {_END}",
        dims=_n,
    )
    LAYERS[f"Conv{_n}DTranspose"] = _biased(
        "conv",
        "filters, kernel_size, strides=1, padding='valid', output_padding=None, data_format=None, dilation_rate=1, "
        f"activation=None, {_END}",
        dims=_n,
        transposed=True,
    )
    LAYERS[f"SeparableConv{_n}D"] = _biased(
        "conv",
        f"filters, kernel_size, strides=1, padding='valid', data_format=None, dilation_rate=1, {_SEPARABLE_END}",
        dims=_n,
    )
    LAYERS[f"DepthwiseConv{_n}D"] = _biased(
        "conv",
        "kernel_size, strides=1, padding='valid', depth_multiplier=1, data_format=None, dilation_rate=1, activation=None, "
        + _DEPTHWISE_END,
        dims=_n,
        depthwise=True,
    )
    LAYERS[f"LocallyConnected{_n}D"] = _biased("opaque", f"filters, kernel_size, strides=1, {_LOCAL_END}", dims=_n)
    LAYERS[f"MaxPooling{_n}D"] = LAYERS[f"MaxPool{_n}D"] = _plain("max_pool", _POOL, dims=_n)
    LAYERS[f"AveragePooling{_n}D"] = LAYERS[f"AvgPool{_n}D"] = _plain("average_pool", _POOL, dims=_n)
    for _name in (f"GlobalMaxPooling{_n}D", f"GlobalMaxPool{_n}D"):
        LAYERS[_name] = _plain("global_max_pool", "data_format=None, keepdims=False", dims=_n)
    for _name in (f"GlobalAveragePooling{_n}D", f"GlobalAvgPool{_n}D"):
        LAYERS[_name] = _plain("global_average_pool", "data_format=None, keepdims=False", dims=_n)
    LAYERS[f"ZeroPadding{_n}D"] = _plain("pad", "padding=1, data_format=None", dims=_n)
    LAYERS[f"Cropping{_n}D"] = _plain("crop", "cropping=1, data_format=None", dims=_n)

ACTIVATION_LAYERS = {
    "ReLU": "relu", "LeakyReLU": "leaky_relu", "PReLU": "prelu", "ELU": "elu", "ThresholdedReLU": "threshold", "SReLU": "srelu",
    "GELU": "gelu", "Swish": "silu",
}  # fmt: skip
for _name, _function in ACTIVATION_LAYERS.items():
    LAYERS[_name] = _plain("activation", function=_function)

RENAMED_LAYERS = {
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "Convolution1DTranspose": "Conv1DTranspose",
    "Convolution2DTranspose": "Conv2DTranspose",
    "Convolution3DTranspose": "Conv3DTranspose",
    "Deconvolution2D": "Conv2DTranspose",
    "Deconvolution3D": "Conv3DTranspose",
    "SeparableConvolution1D": "SeparableConv1D",
    "SeparableConvolution2D": "SeparableConv2D",
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "MultiheadAttention": "MultiHeadAttention",
    "BatchNorm": "BatchNormalization",
    "BatchNormV1": "BatchNormalization",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "LSTMV2": "LSTM",
    "GRUV2": "GRU",
    "GroupNorm": "GroupNormalization",
    "Conv": "Conv2D",
}
# Keras 1 argument names, and their names today
RENAMED_ARGUMENTS = {
    "nb_filter": "filters",
    "output_dim": "units",
    "border_mode": "padding",
    "subsample": "strides",
    "dim_ordering": "data_format",
    "init": "kernel_initializer",
    "bias": "use_bias",
    "p": "rate",
    "filter_length": "kernel_size",
    "subsample_length": "strides",
    "inner_activation": "recurrent_activation",
    "concat_axis": "axis",
    "pool_length": "pool_size",
}
# layers as functions of a list of tensors: keras.layers.add([a, b])
MERGERS = {
    "add": "Add", "subtract": "Subtract", "average": "Average", "multiply": "Multiply", "maximum": "Maximum", "minimum": "Minimum",
    "concatenate": "Concatenate", "dot": "Dot", "merge": "Merge",
}  # fmt: skip
NAMESPACES = {
    "layers", "ops", "activations", "initializers", "backend", "models", "regularizers", "constraints", "losses", "optimizers",
    "random", "config", "utils", "saving", "metrics", "dtype_policies", "tree", "callbacks", "quantizers", "distribution", "datasets",
    "preprocessing", "trainers", "api_export", "visualization", "mixed_precision", "testing", "engine", "testing_infra", "legacy",
}  # fmt: skip

ACTIVATIONS = {
    "relu", "relu6", "elu", "selu", "celu", "gelu", "tanh", "sigmoid", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "swish",
    "silu", "softplus", "softsign", "exponential", "leaky_relu", "mish", "log_sigmoid", "crelu", "glu", "squareplus", "sparsemax",
    "threshold", "soft_shrink", "hard_shrink", "tanh_shrink", "sparse_plus", "exp",
}  # fmt: skip
SOFTMAX = {"softmax", "log_softmax"}
OPTIMIZERS = {
    "SGD",
    "Adam",
    "AdamW",
    "RMSprop",
    "Adagrad",
    "Adadelta",
    "Adamax",
    "Nadam",
    "Ftrl",
    "Lion",
    "Adafactor",
    "Lamb",
    "Muon",
}
LOSSES = {
    "BinaryCrossentropy", "BinaryFocalCrossentropy", "CategoricalCrossentropy", "CategoricalFocalCrossentropy",
    "SparseCategoricalCrossentropy", "MeanSquaredError", "MeanAbsoluteError", "Huber", "LogCosh", "Poisson", "KLDivergence", "Hinge",
    "SquaredHinge", "MeanAbsolutePercentageError", "MeanSquaredLogarithmicError", "CosineSimilarity", "Dice", "Tversky",
}  # fmt: skip
LOSS_NAMES = {
    "binary_crossentropy": "BinaryCrossentropy",
    "binary_focal_crossentropy": "BinaryFocalCrossentropy",
    "categorical_crossentropy": "CategoricalCrossentropy",
    "categorical_focal_crossentropy": "CategoricalFocalCrossentropy",
    "sparse_categorical_crossentropy": "SparseCategoricalCrossentropy",
    "mse": "MeanSquaredError",
    "mean_squared_error": "MeanSquaredError",
    "mae": "MeanAbsoluteError",
    "mean_absolute_error": "MeanAbsoluteError",
    "huber": "Huber",
    "poisson": "Poisson",
    "hinge": "Hinge",
}
CROSSENTROPIES = {
    "BinaryCrossentropy", "BinaryFocalCrossentropy", "CategoricalCrossentropy", "CategoricalFocalCrossentropy",
    "SparseCategoricalCrossentropy",
}  # fmt: skip
LOSS_READERS = {"BinaryCrossentropy": "binary_cross_entropy_with_logits"}  # by what name a tensor is known to come from a loss
