"""TensorFlow's own layers: functions of tf.layers, slim and contrib, recurrent cells, and the low-level affine functions.

`tf.layers` starts biases at zero and ends without an activation; slim ends with a ReLU and leaves the bias out where a
`normalizer_fn` is given. `BasicLSTMCell` and `LSTMCell` add `forget_bias=1.0` at run time.
"""

from __future__ import annotations

from biaslint.analysis.frameworks.common.signatures import LayerSpec

_CONV = (
    "inputs, filters, kernel_size, strides=1, padding='valid', data_format='channels_last', dilation_rate=1, activation=None, "
    "use_bias=True, kernel_initializer=None, bias_initializer='zeros', kernel_regularizer=None, bias_regularizer=None, "
    "activity_regularizer=None, kernel_constraint=None, bias_constraint=None, trainable=True, name=None, reuse=None"
)
_TRANSPOSED = _CONV.replace("dilation_rate=1, ", "")
_SEPARABLE = _CONV.replace("activation=None", "depth_multiplier=1, activation=None").replace(
    "kernel_initializer=None", "depthwise_initializer=None, pointwise_initializer=None"
)
_DENSE = (
    "inputs, units, activation=None, use_bias=True, kernel_initializer=None, bias_initializer='zeros', kernel_regularizer=None, "
    "bias_regularizer=None, activity_regularizer=None, kernel_constraint=None, bias_constraint=None, trainable=True, name=None, reuse=None"
)
_BATCH = (
    "inputs, axis=-1, momentum=0.99, epsilon=0.001, center=True, scale=True, beta_initializer='zeros', gamma_initializer='ones', "
    "moving_mean_initializer='zeros', moving_variance_initializer='ones', beta_regularizer=None, gamma_regularizer=None, "
    "beta_constraint=None, gamma_constraint=None, training=False, trainable=True"
)
_POOL = "inputs, pool_size, strides, padding='valid', data_format='channels_last'"

# functions of tf.layers: the Keras layer they make and apply, and their own signature
FUNCTION_LAYERS: dict[str, tuple[str, str]] = {
    "dense": ("Dense", _DENSE),
    "conv1d": ("Conv1D", _CONV),
    "conv2d": ("Conv2D", _CONV),
    "conv3d": ("Conv3D", _CONV),
    "conv2d_transpose": ("Conv2DTranspose", _TRANSPOSED),
    "conv3d_transpose": ("Conv3DTranspose", _TRANSPOSED),
    "separable_conv1d": ("SeparableConv1D", _SEPARABLE),
    "separable_conv2d": ("SeparableConv2D", _SEPARABLE),
    "batch_normalization": ("BatchNormalization", _BATCH),
    "dropout": ("Dropout", "inputs, rate=0.5, noise_shape=None, seed=None, training=False"),
    "flatten": ("Flatten", "inputs, name=None, data_format='channels_last'"),
    "max_pooling1d": ("MaxPooling1D", _POOL),
    "max_pooling2d": ("MaxPooling2D", _POOL),
    "max_pooling3d": ("MaxPooling3D", _POOL),
    "average_pooling1d": ("AveragePooling1D", _POOL),
    "average_pooling2d": ("AveragePooling2D", _POOL),
    "average_pooling3d": ("AveragePooling3D", _POOL),
}

_SLIM_END = (
    "activation_fn='relu', normalizer_fn=None, normalizer_params=None, weights_initializer='xavier', weights_regularizer=None, "
    "biases_initializer='zeros', biases_regularizer=None, reuse=None, variables_collections=None, outputs_collections=None, "
    "trainable=True, scope=None"
)
_SLIM_CONV = f"inputs, num_outputs, kernel_size, stride=1, padding='SAME', data_format=None, rate=1, {_SLIM_END}"
# slim and tf.contrib.layers: what each function makes, and its signature
SLIM: dict[str, tuple[str, str]] = {
    "conv2d": ("Conv2D", _SLIM_CONV),
    "convolution": ("Conv2D", _SLIM_CONV),
    "convolution2d": ("Conv2D", _SLIM_CONV),
    "convolution3d": ("Conv3D", _SLIM_CONV),
    "conv3d": ("Conv3D", _SLIM_CONV),
    "convolution1d": ("Conv1D", _SLIM_CONV),
    "conv1d": ("Conv1D", _SLIM_CONV),
    "conv2d_in_plane": ("DepthwiseConv2D", f"inputs, kernel_size, stride=1, padding='SAME', {_SLIM_END}"),
    "conv2d_transpose": (
        "Conv2DTranspose",
        f"inputs, num_outputs, kernel_size, stride=1, padding='SAME', data_format='NHWC', {_SLIM_END}",
    ),
    "convolution2d_transpose": (
        "Conv2DTranspose",
        f"inputs, num_outputs, kernel_size, stride=1, padding='SAME', data_format='NHWC', {_SLIM_END}",
    ),
    "separable_conv2d": (
        "SeparableConv2D",
        f"inputs, num_outputs, kernel_size, depth_multiplier=1, stride=1, padding='SAME', data_format='NHWC', rate=1, {_SLIM_END}",
    ),
    "separable_convolution2d": (
        "SeparableConv2D",
        f"inputs, num_outputs, kernel_size, depth_multiplier=1, stride=1, padding='SAME', data_format='NHWC', rate=1, {_SLIM_END}",
    ),
    "fully_connected": ("Dense", f"inputs, num_outputs, {_SLIM_END}"),
    "linear": ("Dense", f"inputs, num_outputs, {_SLIM_END.replace(chr(39) + 'relu' + chr(39), 'None')}"),
    "relu": ("Dense", f"inputs, num_outputs, {_SLIM_END}"),
    "batch_norm": (
        "BatchNormalization",
        (
            "inputs, decay=0.999, center=True, scale=False, epsilon=0.001, activation_fn=None, param_initializers=None, "
            "param_regularizers=None, updates_collections=None, is_training=True, reuse=None, variables_collections=None, "
            "outputs_collections=None, trainable=True, batch_weights=None, fused=None, data_format='NHWC'"
        ),
    ),
    "instance_norm": ("InstanceNormalization", "inputs, center=True, scale=True, epsilon=1e-06, activation_fn=None"),
    "layer_norm": ("LayerNormalization", "inputs, center=True, scale=True, activation_fn=None"),
    "group_norm": (
        "GroupNormalization",
        "inputs, groups=32, channels_axis=-1, reduction_axes=(-3, -2), center=True, scale=True, activation_fn=None",
    ),
    "dropout": ("Dropout", "inputs, keep_prob=0.5, noise_shape=None, is_training=True"),
    "flatten": ("Flatten", "inputs"),
    "max_pool2d": ("MaxPooling2D", "inputs, kernel_size, stride=2, padding='VALID', data_format='NHWC'"),
    "avg_pool2d": ("AveragePooling2D", "inputs, kernel_size, stride=2, padding='VALID', data_format='NHWC'"),
    "max_pool3d": ("MaxPooling3D", "inputs, kernel_size, stride=2, padding='VALID'"),
    "avg_pool3d": ("AveragePooling3D", "inputs, kernel_size, stride=2, padding='VALID'"),
}
SLIM_TO_KERAS = {
    "num_outputs": "filters",
    "stride": "strides",
    "rate": "dilation_rate",
    "activation_fn": "activation",
    "weights_initializer": "kernel_initializer",
    "biases_initializer": "bias_initializer",
}

_CELL = "num_units, use_peepholes=False, cell_clip=None, initializer=None, num_proj=None"
CELLS: dict[str, LayerSpec] = {
    "BasicLSTMCell": LayerSpec(
        "rnn_cell", "num_units, forget_bias=1.0, state_is_tuple=True, activation='tanh'", "", "zeros", {"cell": "lstm"}
    ),
    "LSTMCell": LayerSpec(
        "rnn_cell",
        f"{_CELL}, proj_clip=None, num_unit_shards=None, num_proj_shards=None, forget_bias=1.0",
        "",
        "zeros",
        {"cell": "lstm"},
    ),
    "LayerNormBasicLSTMCell": LayerSpec("rnn_cell", "num_units, forget_bias=1.0", "", "zeros", {"cell": "lstm"}),
    "LSTMBlockCell": LayerSpec("rnn_cell", "num_units, forget_bias=1.0", "", "zeros", {"cell": "lstm"}),
    "LSTMBlockFusedCell": LayerSpec("rnn_cell", "num_units, forget_bias=1.0", "", "zeros", {"cell": "lstm"}),
    "CoupledInputForgetGateLSTMCell": LayerSpec("rnn_cell", "num_units, forget_bias=1.0", "", "zeros", {"cell": "lstm"}),
    "GRUCell": LayerSpec("rnn_cell", "num_units", "", "zeros", {"cell": "gru"}),
    "BasicRNNCell": LayerSpec("rnn_cell", "num_units", "", "zeros", {"cell": "rnn"}),
}
WHOLE_CELLS = ("BasicLSTMCell", "LSTMCell")  # one matrix and one vector, of four gates
CELL_WRAPPERS = {
    "DropoutWrapper",
    "MultiRNNCell",
    "ResidualWrapper",
    "DeviceWrapper",
    "AttentionCellWrapper",
    "OutputProjectionWrapper",
}
OPTIMIZERS = {
    "GradientDescentOptimizer", "AdamOptimizer", "MomentumOptimizer", "RMSPropOptimizer", "AdagradOptimizer", "AdadeltaOptimizer",
    "FtrlOptimizer", "ProximalGradientDescentOptimizer", "AdamWOptimizer", "MomentumWOptimizer",
}  # fmt: skip
LOSSES = {
    "sigmoid_cross_entropy_with_logits": "BinaryCrossentropy",
    "weighted_cross_entropy_with_logits": "BinaryCrossentropy",
    "softmax_cross_entropy_with_logits": "CategoricalCrossentropy",
    "softmax_cross_entropy_with_logits_v2": "CategoricalCrossentropy",
    "sparse_softmax_cross_entropy_with_logits": "SparseCategoricalCrossentropy",
    "l2_loss": "",
}
