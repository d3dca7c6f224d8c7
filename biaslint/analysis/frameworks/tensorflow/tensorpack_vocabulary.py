"""tensorpack's layers: functions of a name and a tensor, each of which makes the Keras layer named here."""

from __future__ import annotations

_END = "activation=None, use_bias=True, kernel_initializer=None, bias_initializer='zeros'"
_CONV = "inputs, filters, kernel_size, strides=1, padding='same', data_format='channels_last'"
_POOL = "inputs, pool_size, strides=None, padding='valid', data_format='channels_last'"
_NORM = "inputs, axis=-1, training=True, momentum=0.9, epsilon=1e-05, center=True, scale=True"

# the function -> the layer, and the function's parameters
LAYERS: dict[str, tuple[str, str]] = {
    "Conv2D": ("Conv2D", f"{_CONV}, dilation_rate=1, {_END}"),
    "Conv2DTranspose": ("Conv2DTranspose", f"{_CONV}, {_END}"),
    "Deconv2D": ("Conv2DTranspose", f"{_CONV}, {_END}"),
    "FullyConnected": ("Dense", f"inputs, units, {_END}"),
    "BatchNorm": ("BatchNormalization", _NORM),
    "BNReLU": ("BatchNormalization", "inputs"),
    "LayerNorm": ("LayerNormalization", "inputs, epsilon=1e-05, center=True, scale=True"),
    "InstanceNorm": ("InstanceNormalization", "inputs, epsilon=1e-05, center=True, scale=True"),
    "MaxPooling": ("MaxPooling2D", _POOL),
    "AvgPooling": ("AveragePooling2D", _POOL),
    "GlobalAvgPooling": ("GlobalAveragePooling2D", "inputs, data_format='channels_last'"),
    "Dropout": ("Dropout", "inputs, rate=0.5"),
    "PReLU": ("PReLU", "inputs"),
}
RENAMED = {
    "out_channel": "filters", "kernel_shape": "kernel_size", "stride": "strides", "out_dim": "units", "nl": "activation",
    "W_init": "kernel_initializer", "b_init": "bias_initializer", "shape": "pool_size",
}  # fmt: skip
OTHERS = {"argscope", "LinearWrap", "layer_register", "ModelDesc", "ModelDescBase"}
