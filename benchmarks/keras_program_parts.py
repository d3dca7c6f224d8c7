"""The parts that generated Keras programs are put together from: data for `keras_program_grammar.py`.

Each part is a handful of lines for the module's top, the place where layers are made, the class body and the forward pass; `{c}` is the
layer and `{n}` the norm as they are named where they are used (`self.c1`, or `c1` in a function), `{v}` the tensor that goes in, `{i}`
a number for names. All tensors are (N, H, W, 4). Left out is what a backend computes wrongly: on PyTorch, `LayerNormalization` over
other axes than the last ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import program_parts


@dataclass
class Part(program_parts.Part):
    """Some lines of a program. `init` stands where layers are made, `after` says what is done to the finished model."""

    layer: str = ""  # an expression for a layer that makes the value, where there is one
    only: str = ""  # "class": only in the call of a class that is written by hand


def _made(*texts: str) -> list[Part]:
    return [Part(f"made by {text}", init="{c} = " + text) for text in texts]


# -- how a layer is made -----------------------------------------------------------------------------------------------------------

LAYERS = [
    *_made(
        "layers.Conv2D(4, 3)", "layers.Conv2D(4, 3)", "layers.Conv2D(4, 3)", "layers.Conv2D(4, 3, padding='same')", "layers.Conv2D(filters=4, kernel_size=1, use_bias=True)", "layers.Conv2D(4, 3, 2)", "layers.Conv2D(4, 3, dilation_rate=2)", "layers.Conv2D(4, 3, groups=2)",
        "layers.Conv2D(4, (3, 1), (1, 1), 'valid')", "layers.Conv2D(4, 3, activation=None)", "layers.Conv2D(4, 3, activation='linear')", "layers.Conv2D(4, 3, activation='relu')", "layers.Conv2D(4, 3, activation=ops.relu)", "layers.Conv2D(4, 3, activation=lambda t: t)",
        "layers.Conv2D(4, 3, activation=keras.activations.linear)", "layers.Conv2D(4, 3, activation=layers.ReLU())", "layers.Conv2D(4, 3, activation='softmax')", "layers.Conv2D(4, 3, activation=layers.Identity())", "layers.SeparableConv2D(4, 3)", "layers.DepthwiseConv2D(3)",
        "layers.DepthwiseConv2D(3, depth_multiplier=1, padding='same')", "layers.Conv2DTranspose(4, 2, strides=2)", "layers.Conv2DTranspose(4, 1, strides=2)", "layers.Dense(4)", "layers.Dense(4)", "layers.Dense(units=4, activation='tanh')", "layers.EinsumDense('abcd,de->abce', output_shape=(None, None, 4), bias_axes='e')",
        "layers.EinsumDense('abcd,de->abce', (None, None, 4))", "layers.EinsumDense('abcd,bde->abce', (6, None, 4), bias_axes='be')", "layers.TimeDistributed(layers.Dense(4))", "layers.TimeDistributed(layers.Conv1D(4, 3, padding='same'))", "layers.TimeDistributed(layers.Dense(4, activation='relu'))",
        "layers.Conv2D(4, 3, bias_initializer='ones')", "layers.Conv2D(4, 3, bias_regularizer='l2')", "layers.Conv2D(4, 3, kernel_regularizer='l2')", "layers.Conv2D(4, 3, activity_regularizer='l2')", "layers.Conv2D(4, 3, bias_constraint='non_neg')", "layers.Dense(4, bias_regularizer=keras.regularizers.L1(0.1))",
        "layers.Conv2D(4, 3, trainable=False)", "layers.Conv2D(4, 3, name='bias')", "layers.Conv2D(4, 3, use_bias=False)", "layers.Conv2D(4, 3, use_bias=flag)", "layers.SpectralNormalization(layers.Conv2D(4, 3))", "keras.Sequential([layers.Conv2D(4, 3)])", "keras.Sequential([layers.Conv2D(4, 3), layers.ReLU()])",
        "keras.Sequential([layers.ReLU(), layers.Conv2D(4, 3), layers.Identity()])", "layers.Conv2D.from_config(layers.Conv2D(4, 3).get_config())", "getattr(layers, 'Conv2D')(4, 3)", "dict(conv=layers.Conv2D, dense=layers.Dense)['dense'](4)", "functools.partial(layers.Conv2D, kernel_size=3)(4)",
        "layers.Conv2D(**{{'filters': 4, 'kernel_size': 3}})", "layers.Conv2D(*(4, 3))", "(layers.Conv2D(4, 3) if flag else layers.Dense(4))", "(lambda n: layers.Conv2D(n, 3))(4)", "[layers.Conv2D(4, 3) for _ in range(2)][0]", "keras.layers.deserialize(keras.layers.serialize(layers.Dense(4)))",
    ),
    Part("made by a function", top="def conv{i}():\n    return layers.Conv2D(4, 3)", init="{c} = conv{i}()"),
    Part("made by a function with an activation", top="def conv{i}(n, act='relu'):\n    return layers.Conv2D(n, 3, activation=act)", init="{c} = conv{i}(4)"),
    Part("made by a function without its activation", top="def conv{i}(n, act='relu'):\n    return layers.Conv2D(n, 3, activation=act)", init="{c} = conv{i}(4, act=None)"),
    Part("of a list", init="many{i} = [layers.Conv2D(4, 3), layers.Dense(4)]\n{c} = many{i}[0]"),
    Part("in a loop", init="for k in range(2):\n    {c} = layers.Conv2D(4, 3)"),
    Part("activation set later", init="{c} = layers.Conv2D(4, 3)\n{c}.activation = ops.relu"),
    Part("activation taken away later", init="{c} = layers.Conv2D(4, 3, activation='relu')\n{c}.activation = keras.activations.linear"),
    Part("use_bias set later", init="{c} = layers.Conv2D(4, 3)\n{c}.use_bias = False"),
    Part("frozen later", init="{c} = layers.Conv2D(4, 3)\n{c}.trainable = False"),
    Part("frozen and thawed", init="{c} = layers.Conv2D(4, 3)\n{c}.trainable = False\n{c}.trainable = True"),
    Part("call replaced", init="{c} = layers.Dense(4)\nplain{i} = {c}.call\n{c}.call = lambda t, training=None: ops.relu(plain{i}(t))"),
    Part("subclass", top="class Conv{i}(layers.Conv2D):\n    pass", init="{c} = Conv{i}(4, 3)"),
    Part("subclass with a constructor", top="class Conv{i}(layers.Conv2D):\n    def __init__(self, n, **kwargs):\n        super().__init__(n, 3, **kwargs)", init="{c} = Conv{i}(4)"),
    Part("subclass with a narrow constructor", top="class Conv{i}(layers.Conv2D):\n    def __init__(self, n):\n        super().__init__(n, 3)", init="{c} = Conv{i}(4)"),
    Part("subclass with a call", top="class Conv{i}(layers.Conv2D):\n    def call(self, x):\n        return super().call(x)", init="{c} = Conv{i}(4, 3)"),
    Part("subclass with a ReLU", top="class Conv{i}(layers.Conv2D):\n    def call(self, x):\n        return ops.relu(super().call(x))", init="{c} = Conv{i}(4, 3)"),
    Part("subclass with __call__", top="class Conv{i}(layers.Conv2D):\n    def __call__(self, x):\n        return ops.tanh(super().__call__(x))", init="{c} = Conv{i}(4, 3)"),
    Part("overridden convolution_op", top="class Conv{i}(layers.Conv2D):\n    def convolution_op(self, inputs, kernel):\n        return super().convolution_op(inputs, kernel * 2)", init="{c} = Conv{i}(4, 3)"),
    Part("overridden convolution_op that bends", top="class Conv{i}(layers.Conv2D):\n    def convolution_op(self, inputs, kernel):\n        return ops.tanh(super().convolution_op(inputs, kernel)) + self.bias * self.bias", init="{c} = Conv{i}(4, 3)"),
    Part("standardised kernel", top="class Conv{i}(layers.Conv2D):\n    def call(self, x):\n        kernel = self.kernel - ops.mean(self.kernel, axis=(0, 1, 2), keepdims=True)\n        return ops.conv(x, kernel) + self.bias", init="{c} = Conv{i}(4, 3)"),
    Part("kernel made of the bias", top="class Conv{i}(layers.Conv2D):\n    def call(self, x):\n        return ops.conv(x, self.kernel * ops.sum(self.bias)) + self.bias", init="{c} = Conv{i}(4, 3)"),
    Part("own layer", top="class Own{i}(layers.Layer):\n    def build(self, shape):\n        self.kernel = self.add_weight(shape=(shape[-1], 4), name='kernel')\n        self.bias = self.add_weight(shape=(4,), initializer='zeros', name='bias')\n\n    def call(self, x):\n        return ops.matmul(x, self.kernel) + self.bias", init="{c} = Own{i}()"),
    Part("own layer with a ReLU", top="class Own{i}(layers.Layer):\n    def build(self, shape):\n        self.kernel = self.add_weight(shape=(shape[-1], 4), name='kernel')\n        self.bias = self.add_weight(shape=(4,), initializer='zeros', name='bias')\n\n    def call(self, x):\n        return ops.relu(ops.matmul(x, self.kernel) + self.bias)", init="{c} = Own{i}()"),
    Part("own block", top="class Block{i}(layers.Layer):\n    def __init__(self, n):\n        super().__init__()\n        self.inner = layers.Conv2D(n, 3)\n\n    def call(self, x):\n        return self.inner(x)", init="{c} = Block{i}(4)"),
    Part("own block that is built later", top="class Block{i}(layers.Layer):\n    def build(self, shape):\n        self.inner = layers.Dense(shape[-1])\n\n    def call(self, x, training=None):\n        return self.inner(x)", init="{c} = Block{i}()"),
    Part("own block by mode", top="class Block{i}(layers.Layer):\n    def __init__(self, n):\n        super().__init__()\n        self.inner = layers.Conv2D(n, 3)\n\n    def call(self, x, training=None):\n        x = self.inner(x)\n        return ops.relu(x) if training else x", init="{c} = Block{i}(4)"),
    Part("decorated class", top="def activated{i}(cls):\n    plain = cls.call\n    cls.call = lambda self, x: ops.relu(plain(self, x))\n    return cls\n\n\n@activated{i}\nclass Conv{i}(layers.Conv2D):\n    pass", init="{c} = Conv{i}(4, 3)"),
    Part("registered class", top="@keras.saving.register_keras_serializable(package='p{i}')\nclass Conv{i}(layers.Conv2D):\n    pass", init="{c} = Conv{i}(4, 3)"),
    Part("replaced class", top="def swapped{i}(cls):\n    return Other{i}\n\n\nclass Other{i}(layers.Conv2D):\n    def call(self, x):\n        return ops.sigmoid(super().call(x))\n\n\n@swapped{i}\nclass Conv{i}(layers.Conv2D):\n    pass", init="{c} = Conv{i}(4, 3)"),
]  # fmt: skip

# -- how it is called ---------------------------------------------------------------------------------------------------------------

CALLS = [
    *[Part("called", value="{c}({v})")] * 6,
    Part("__call__", value="{c}.__call__({v})"),
    Part("keyword argument", value="{c}(inputs={v})"),
    Part("function", top="def use{i}(m, v):\n    return m(v)", value="use{i}({c}, {v})"),
    Part("decorated function", top="def bent{i}(f):\n    return lambda m, v: ops.relu(f(m, v))\n\n\n@bent{i}\ndef use{i}(m, v):\n    return m(v)", value="use{i}({c}, {v})"),
    Part("decorated function that stays", top="def plain{i}(f):\n    @functools.wraps(f)\n    def g(*args):\n        return f(*args)\n    return g\n\n\n@plain{i}\ndef use{i}(m, v):\n    return m(v)", value="use{i}({c}, {v})"),
    Part("lambda", value="(lambda m, v: m(v))({c}, {v})"),
    Part("partial", value="functools.partial({c})({v})"),
    Part("sequential", value="keras.Sequential([{c}, layers.Identity()])({v})"),
    Part("sequential with ReLU", value="keras.Sequential([{c}, layers.ReLU()])({v})"),
    Part("sequential kept", init="seq{i} = keras.Sequential([{c}])\n{keep}seq{i} = seq{i}", value="{keep}seq{i}({v})"),
    Part("functional part", init="in{i} = keras.Input((None, None, 4))\n{keep}part{i} = keras.Model(in{i}, {c}(in{i}))", value="{keep}part{i}({v})"),
    Part("functional part with ReLU", init="in{i} = keras.Input((None, None, 4))\n{keep}part{i} = keras.Model(in{i}, ops.relu({c}(in{i})))", value="{keep}part{i}({v})"),
    Part("block", top="class Around{i}(layers.Layer):\n    def __init__(self, inner):\n        super().__init__()\n        self.inner = inner\n\n    def call(self, x):\n        return self.inner(x)", init="{keep}around{i} = Around{i}({c})", value="{keep}around{i}({v})"),
    Part("block with ReLU", top="class Around{i}(layers.Layer):\n    def __init__(self, inner):\n        super().__init__()\n        self.inner = inner\n\n    def call(self, x):\n        return ops.relu(self.inner(x))", init="{keep}around{i} = Around{i}({c})", value="{keep}around{i}({v})"),
    Part("for loop", forward="t{i} = {v}\nfor m in [{c}]:\n    t{i} = m(t{i})", value="t{i}"),
    Part("in a dict", forward="d{i} = {{'a': {c}({v})}}", value="d{i}['a']"),
    Part("twice", value="({c}({v}) + {c}({v}))"),
    Part("twice, one bent", value="({c}({v}) + ops.relu({c}({v})))"),
    Part("difference", value="({c}({v}) - ops.mean({c}({v})))"),
    Part("told that it trains", value="{c}.__call__({v})"),
    Part("getattr", value="getattr(self, '{c}'[5:])({v})", only="class"),
    Part("method", body="def use{i}(self, v):\n    return {c}(v)", value="self.use{i}({v})", only="class"),
    Part("decorated method with a ReLU", top="def bent{i}(f):\n    @functools.wraps(f)\n    def g(*args):\n        return ops.relu(f(*args))\n    return g", body="@bent{i}\ndef use{i}(self, v):\n    return {c}(v)", value="self.use{i}({v})", only="class"),
    Part("property", body="@property\ndef prop{i}(self):\n    return {c}", value="self.prop{i}({v})", only="class"),
    Part("on an attribute", forward="self.state{i} = {c}({v})", value="self.state{i}", only="class"),
    Part("kernel and bias by hand", forward="{c}({v}) if not {c}.built else None", value="(ops.conv({v}, {c}.kernel) + {c}.bias if len({c}.kernel.shape) == 4 else {c}({v}))", only="class"),
    Part("call", forward="{c}.built or {c}({v})", value="{c}.call({v})", only="class"),
]  # fmt: skip

# -- what stands between ----------------------------------------------------------------------------------------------------------------

BETWEEN = [
    *[Part(f"value {text}", value=text) for text in (
        "ops.relu({v})", "ops.tanh({v})", "ops.softmax({v})", "ops.softmax({v}, axis=1)", "keras.activations.relu({v})", "keras.activations.linear({v})", "ops.max_pool({v}, 2)", "ops.max_pool({v}, 2, padding='same')", "ops.average_pool({v}, 2)", "ops.average_pool({v}, 2, padding='same')",
        "ops.pad({v}, [[0, 0], [1, 1], [1, 1], [0, 0]])", "ops.pad({v}, [[0, 0], [1, 1], [1, 1], [0, 0]], mode='reflect')", "ops.pad({v}, [[0, 0], [0, 0], [0, 0], [0, 0]])", "ops.pad({v}, 1)[..., 1:-1]", "{v}[:, 1:]", "{v}[..., ::2, :]", "{v}[:, :, :, ::-1]", "{v}[..., :2]", "{v}[:, :1]", "{v}[:, 0:1, 0:1, :]",
        "ops.flip({v}, axis=1)", "ops.flip({v}, axis=-1)", "ops.flip({v})", "ops.roll({v}, 1, axis=2)", "ops.roll({v}, 1)", "{v} * 2", "-{v}", "{v} / 3", "{v} + 1", "1 - {v}", "2 / {v}", "{v} ** 2", "{v} * {v}", "{v} + ops.mean(x)", "{v} * ops.mean(x)", "{v} - ops.mean({v}, axis=(1, 2), keepdims=True)", "{v} - ops.mean({v}, axis=-1, keepdims=True)",
        "ops.maximum({v}, 0)", "ops.minimum({v}, {v})", "ops.clip({v}, 0, 1)", "ops.abs({v})", "ops.tril({v})", "ops.transpose({v}, (0, 2, 1, 3))", "ops.transpose({v}, [0, 2, 1, 3])", "ops.swapaxes({v}, 1, 2)", "ops.moveaxis({v}, 1, 2)", "ops.transpose({v}, (0, 1, 3, 2))", "ops.copy({v})", "ops.identity({v}) if hasattr(ops, 'nothing') else {v}", "ops.stop_gradient({v})", "ops.cast({v}, 'float64')",
        "ops.cast({v}, 'int32')", "ops.reshape({v}, (ops.shape({v})[0], -1, 1, 4))", "ops.reshape({v}, (-1, ops.shape({v})[1], ops.shape({v})[2], 2, 2))[..., 0]", "ops.concatenate([{v}, {v}], axis=0)", "ops.concatenate([{v}, {v}], axis=1)", "ops.concatenate([{v}, ops.zeros_like({v})], axis=2)", "ops.concatenate([{v}[..., :2], {v}[..., 2:]], axis=-1)", "ops.concatenate(ops.split({v}, 2, axis=-1), axis=-1)",
        "ops.sum(ops.stack([{v}, {v}]), axis=0)", "sum([{v}, {v}])", "ops.where({v} > 0, {v}, 0.0)", "ops.where(ops.arange(4) > 1, {v}, 0.0)", "ops.where(ops.ones((1, 1, 1, 1)) > 0, {v}, {v})", "ops.where(ops.mean(x) > 0, {v}, -{v})", "ops.where(ops.arange(4) > 1, {v}, {v} * 2)", "ops.matmul({v}, ops.eye(4))", "ops.einsum('bhwc->bwhc', {v})", "ops.einsum('bhwc,cd->bhwd', {v}, ops.ones((4, 4)))",
        "ops.expand_dims(ops.squeeze(ops.expand_dims({v}, 1), 1), 0)[0]", "ops.repeat({v}, 2, axis=1)", "ops.tile({v}, (1, 2, 1, 1))", "ops.tile({v}, (1, 1, 1, 2))[..., :4]", "ops.take({v}, [1, 0, 2, 3], axis=-1)", "ops.take({v}, [0, 0], axis=1)", "ops.take({v}, 0, axis=1)[:, None]", "ops.broadcast_to(ops.mean({v}, axis=(1, 2), keepdims=True), ops.shape({v}))",
        "ops.mean({v}, axis=(1, 2), keepdims=True)", "ops.max({v}, axis=(1, 2), keepdims=True)", "ops.max({v}, axis=-1, keepdims=True) + {v}", "ops.cumsum({v}, axis=1)", "ops.sort({v}, axis=1)", "ops.sort({v}, axis=-1)", "ops.nan_to_num({v})", "ops.add({v}, {v})", "ops.subtract({v}, ops.mean(x))", "ops.multiply({v}, 2.0)", "ops.divide({v}, 2.0)", "ops.add({v}, x[:, :1, :1])", "ops.multiply({v}, x[:, :1, :1])",
        "ops.image.resize({v}, (5, 5))", "ops.image.resize({v}, (5, 5), interpolation='nearest')", "ops.conv({v}, ops.ones((1, 1, 4, 4)))", "ops.conv({v}, ops.ones((3, 3, 4, 4)), padding='same')", "ops.depthwise_conv({v}, ops.ones((2, 2, 4, 1)))", "ops.normalize({v}, axis=-1)", "ops.square({v})", "ops.vectorized_map(lambda t: t * 2, {v})", "ops.reshape(ops.reshape({v}, (ops.shape({v})[0], -1)), ops.shape({v}))",
        "ops.logsumexp({v}, axis=-1, keepdims=True) + {v}", "{v} - ops.logsumexp({v}, axis=-1, keepdims=True)", "ops.sum({v}, axis=-1, keepdims=True) * ops.ones((4,))", "ops.diff({v}, axis=1)", "ops.diff({v}, axis=-1, append={v}[..., :1])", "ops.median({v}, axis=1, keepdims=True)", "ops.var({v}, axis=1, keepdims=True) + {v}", "ops.round({v})", "ops.sign({v}) * {v}", "ops.flip({v}, axis=0)", "ops.rot90({v}, axes=(1, 2))",
        "{scale} * {v}", "{gain} * {v}", "{place} + {v}", "({v} if flag else ops.relu({v}))", "(ops.relu({v}) if count > 5 else {v})", "(lambda t: t * 2)({v})", "(lambda t: ops.relu(t))({v})",
    )],
    *[Part(f"layer {text}", layer=text) for text in (
        "layers.ReLU()", "layers.Activation('relu')", "layers.Activation('linear')", "layers.Activation(None)", "layers.LeakyReLU()", "layers.PReLU(shared_axes=[1, 2])", "layers.Softmax()", "layers.Softmax(axis=1)", "layers.MaxPooling2D()", "layers.MaxPool2D(2, padding='same')", "layers.AveragePooling2D(2)", "layers.AveragePooling2D(2, padding='same')",
        "layers.GlobalAveragePooling2D(keepdims=True)", "layers.GlobalMaxPooling2D(keepdims=True)", "layers.UpSampling2D()", "layers.UpSampling2D(interpolation='bilinear')", "layers.ZeroPadding2D()", "layers.ZeroPadding2D(0)", "layers.ZeroPadding2D(((0, 0), (1, 0)))", "layers.Cropping2D(1)", "layers.Cropping2D(((0, 1), (0, 0)))", "layers.Dropout(0.5)", "layers.Dropout(0)", "layers.SpatialDropout2D(0.5)", "layers.GaussianNoise(0.1)", "layers.GaussianDropout(0.1)",
        "layers.Permute((2, 1, 3))", "layers.Permute((1, 3, 2))", "layers.Reshape((-1, 1, 4))", "layers.Reshape((-1, 2, 2))", "layers.Identity()", "layers.Lambda(lambda t: t * 2)", "layers.Lambda(lambda t: ops.relu(t))", "layers.Lambda(lambda t, by=3.0: t / by)", "layers.Lambda(ops.relu)", "layers.Rescaling(2.0)", "layers.Rescaling(2.0, offset=1.0)", "layers.Conv2D(4, 1, use_bias=False)", "layers.Conv2D(4, 3, padding='same', use_bias=False)", "layers.DepthwiseConv2D(2, use_bias=False)", "layers.Dense(4, use_bias=False)",
        "layers.LayerNormalization()", "layers.UnitNormalization()", "layers.ActivityRegularization(l2=0.1)", "layers.Masking()", "keras.Sequential([layers.Identity(), layers.Activation('linear')])", "keras.Sequential([layers.ReLU()])", "layers.TimeDistributed(layers.ReLU())", "layers.TimeDistributed(layers.Dense(4, use_bias=False))", "layers.RandomFlip()", "layers.CenterCrop(2, 2)", "layers.Resizing(5, 5)", "layers.RandomContrast(0.5)", "layers.AlphaDropout(0.2)",
        "layers.RandomCrop(2, 2)", "layers.RandomTranslation(0.1, 0.1, fill_mode='constant')", "layers.Normalization(mean=1.0, variance=2.0)", "layers.Conv2DTranspose(4, 2, strides=2, use_bias=False)", "layers.Conv2DTranspose(4, 1, strides=2, use_bias=False)", "layers.SeparableConv2D(4, 1, use_bias=False)", "layers.GroupNormalization(2)",
    )],
    *[Part(f"merged {text}", value=text) for text in (
        "layers.Add()([{v}, {v}])", "layers.add([{v}, {v}])", "layers.Subtract()([{v}, {v} * 2])", "layers.Average()([{v}, {v}])", "layers.Multiply()([{v}, {v}])", "layers.Multiply()([{v}, ops.ones((1, 1, 1, 4))])", "layers.Maximum()([{v}, {v}])", "layers.Minimum()([{v}, ops.zeros_like({v})])", "layers.Concatenate(axis=1)([{v}, {v}])", "layers.concatenate([{v}, {v}], axis=2)",
        "layers.Add()([{v}, ops.tanh({v})])", "layers.Concatenate(axis=1)([{v}, ops.zeros_like({v})])", "layers.Concatenate()([{v}[..., :2], {v}[..., 2:]])", "layers.Multiply()([{v}, layers.GlobalAveragePooling2D(keepdims=True)({v})])", "layers.Multiply()([{v}, layers.GlobalAveragePooling2D(keepdims=True)(x)])", "layers.Average()([{v}, ops.zeros_like({v})])", "layers.Dot(axes=(2, 2))([ops.reshape({v}, (ops.shape({v})[0], -1, 4)), ops.reshape({v}, (ops.shape({v})[0], -1, 4))])[:, None, :, :4]",
    )],
    *[Part(f"statement {text}", forward="t{i} = {v}\n" + text, value="t{i}") for text in (
        "for k in range(2):\n    t{i} = t{i} * 2", "for k in range(2):\n    t{i} = ops.relu(t{i})", "while len(t{i}.shape) > 4:\n    t{i} = t{i}[0]", "try:\n    t{i} = t{i} * 2\nfinally:\n    pass", "try:\n    t{i} = ops.reshape(t{i}, (7, 9))\nexcept Exception:\n    t{i} = ops.relu(t{i})", "try:\n    t{i} = ops.relu(t{i})\n    raise ValueError\nexcept ValueError:\n    pass",
        "assert len(t{i}.shape) == 4", "t{i} = bend{i}(t{i})", "t{i} = keep{i}(t{i})", "t{i}, _ = (t{i}, 0)", "(t{i} := t{i} * 2)", "a{i} = [t{i}]\na{i}[0] = ops.relu(a{i}[0])", "a{i} = [t{i}]\na{i}[0] = ops.relu(a{i}[0])\nt{i} = a{i}.pop()", "t{i} *= 2", "t{i} += ops.mean(x)", "t{i} -= ops.mean(t{i}, axis=(1, 2), keepdims=True)", "with contextlib.suppress(Exception):\n    t{i} = ops.tanh(t{i})\n    t{i} = ops.reshape(t{i}, (7, 9))",
        "with keras.name_scope('part'):\n    t{i} = t{i} * 2", "for act in (None, ops.relu):\n    t{i} = t{i} if act is None else act(t{i})", "for act in (None, None):\n    t{i} = t{i} if act is None else act(t{i})", "t{i} = functools.reduce(lambda a, f: f(a), [ops.negative, ops.copy], t{i})", "t{i} = functools.reduce(lambda a, f: f(a), [ops.negative, ops.relu], t{i})",
    )],
    *[Part(f"statement in a class {text}", forward="t{i} = {v}\n" + text, value="t{i}", only="class") for text in (
        "if training:\n    t{i} = ops.relu(t{i})", "if not training:\n    t{i} = ops.relu(t{i})", "if training is None:\n    t{i} = ops.relu(t{i})", "if float(ops.mean(t{i})) > -99:\n    t{i} = ops.relu(t{i})", "if float(ops.mean(x)) > 99:\n    t{i} = ops.relu(t{i})", "self.kept = t{i}\nt{i} = self.kept", "self.add_loss(ops.mean(t{i}))", "self.add_loss(ops.mean(x))", "global SEEN\nSEEN = t{i}", "t{i} = self.bend{i}(t{i})", "t{i} = ops.cond(training, lambda: ops.relu(t{i}), lambda: t{i})",
        "t{i} = ops.cond(ops.mean(x) > 99, lambda: ops.relu(t{i}), lambda: t{i})", "t{i} = ops.cond(ops.mean(x) > 99, lambda: t{i} * 2, lambda: t{i})", "t{i} = ops.where(ops.mean(t{i}) > 0, t{i}, -t{i})", "t{i} = ops.fori_loop(0, 2, lambda k, t: ops.relu(t), t{i})", "t{i} = ops.slice_update(t{i}, [0, 0, 0, 0], t{i}[:1, :1, :1, :1] * 0)", "t{i} = ops.scatter_update(t{i}, [[0, 0, 0, 0]], [0.0])",
        "t{i} = ops.slice(t{i}, [0, 0, 0, 0], [2, 2, 2, 4])", "t{i} = ops.map(lambda t: t * 2, t{i})", "t{i} = ops.map(lambda t: ops.relu(t), t{i})", "t{i} = ops.stack([t for t in t{i}])", "t{i} = ops.stack(ops.unstack(t{i}, axis=1), axis=1)", "t{i} = ops.stack(ops.unstack(t{i}, axis=-1), axis=-1)", "t{i} = t{i}[:, ops.arange(2)]",
    )],
]  # fmt: skip

SUPPORT = {
    "{scale}": Part("", init="{keep}scale{i} = keras.Variable(ops.ones((1, 1, 1, 4)))"),
    "{gain}": Part("", init="{keep}gain{i} = keras.Variable(ops.ones((1,)))"),
    "{place}": Part("", init="{keep}place{i} = keras.Variable(ops.ones((1, 1, 1, 1)))"),
    "= bend{i}(": Part("", top="def bend{i}(v):\n    return ops.tanh(v)"),
    "= keep{i}(": Part("", top="def keep{i}(v):\n    return v"),
    "self.bend{i}(": Part("", body="def bend{i}(self, v):\n    return ops.tanh(v)"),
}

# -- the norm ----------------------------------------------------------------------------------------------------------------------------

_BN = "{n} = layers.BatchNormalization()"

NORMS = [
    *[Part(f"norm {text}", init="{n} = " + text, value="{n}({v})", layer="{n}") for text in (
        "layers.BatchNormalization()", "layers.BatchNormalization()", "layers.BatchNormalization()", "layers.BatchNormalization(axis=-1)", "layers.BatchNormalization(axis=3)", "layers.BatchNormalization(axis=1)", "layers.BatchNormalization(-1, 0.9)", "layers.BatchNormalization(center=False, scale=False)", "layers.BatchNormalization(momentum=0.0)", "layers.BatchNormalization(trainable=False)",
        "layers.BatchNormalization(trainable=flag)", "layers.GroupNormalization(2)", "layers.GroupNormalization(4)", "layers.GroupNormalization(1)", "layers.GroupNormalization(groups=-1)", "layers.GroupNormalization(groups=4, axis=-1)", "layers.GroupNormalization(groups=1, axis=1)", "layers.LayerNormalization()", "layers.LayerNormalization(axis=(1, 2, 3))",
        "layers.UnitNormalization()", "layers.RMSNormalization()", "layers.LayerNormalization(rms_scaling=True)", "layers.Normalization(mean=0.0, variance=1.0)", "layers.Identity()", "layers.Activation('linear')", "keras.Sequential([layers.BatchNormalization(), layers.ReLU()])", "keras.Sequential([layers.ReLU(), layers.BatchNormalization()])", "keras.Sequential([layers.Identity(), layers.BatchNormalization()])", "layers.TimeDistributed(layers.BatchNormalization())",
        "layers.BatchNormalization.from_config(layers.BatchNormalization().get_config())", "functools.partial(layers.BatchNormalization, epsilon=1e-5)()", "functools.partial(layers.BatchNormalization, trainable=False)()", "(layers.BatchNormalization() if flag else layers.Identity())", "(layers.BatchNormalization() if count > 0 else layers.Identity())", "dict(bn=layers.BatchNormalization, no=layers.Identity)['bn']()", "dict(bn=layers.BatchNormalization, no=layers.Identity)['no']()", "keras.Sequential([layers.BatchNormalization()], trainable=False)",
    )],
    *[Part(f"called {text}", init=_BN, value=text) for text in (
        "{n}({v}, training=True)", "{n}({v}, training=False)", "{n}({v}, training=None)", "{n}(inputs={v})", "{n}({v}) + {v}", "{n}({n}({v}))", "({n}({v}) if flag else {v})", "ops.relu({n}({v}))", "{n}({v} * 1.0)", "layers.Activation('relu')({n}({v}))", "keras.Sequential([{n}, layers.ReLU()])({v})", "{n}({v}, training=flag)", "{n}({v}, training=(count > 0))", "functools.partial({n}, training=False)({v})", "functools.partial({n}, training=True)({v})",
        "ops.transpose({n}(ops.transpose({v}, (0, 3, 1, 2))), (0, 2, 3, 1))", "ops.concatenate([{n}({v}[..., :2]), {v}[..., 2:]], axis=-1)", "ops.concatenate([{n}({v}[..., :2]), {n}({v}[..., 2:])], axis=-1)", "ops.reshape({n}(ops.reshape({v}, (ops.shape({v})[0], -1, 4))), ops.shape({v}))", "layers.Reshape((1, -1, 4))({n}(layers.Flatten()({v})))", "{n}(ops.reshape({v}, (-1, 4)))[:, None, None]", "{n}(layers.GlobalAveragePooling2D()({v}))[:, None, None]", "{n}(ops.mean({v}, axis=(1, 2)))[:, None, None]", "{n}(ops.mean({v}, axis=-1, keepdims=True)) * ops.ones((4,))",
    )],
    *[Part(f"called in a class {text}", init=_BN, value=text, only="class") for text in (
        "{n}({v}, training=training)", "{n}({v}, training=not training)", "({n}({v}) if training else {v})", "({n}({v}) if not training else {v})", "({n}({v}) if float(ops.mean(x)) > 99 else ops.relu({v}))", "({n}({v}) if float(ops.mean(x)) > 99 else {n}({v} * 2))", "{n}({v}, training=training and flag)", "{n}({v}, training=training or not flag)", "ops.cond(training, lambda: {n}({v}), lambda: {v})",
    )],
    *[Part(f"function {text}", value=text) for text in (
        "({v} - ops.mean({v}, axis=(0, 1, 2), keepdims=True)) / 2", "({v} - ops.mean({v}, axis=(0, 1, 2))) / ops.std({v}, axis=(0, 1, 2))", "ops.batch_normalization({v}, ops.mean({v}, axis=(0, 1, 2)), ops.var({v}, axis=(0, 1, 2)), axis=-1)", "ops.batch_normalization({v}, ops.zeros((4,)), ops.ones((4,)), axis=-1)", "ops.batch_normalization({v}, *ops.moments({v}, axes=(0, 1, 2)), axis=-1)", "ops.layer_normalization({v}, axis=-1)", "({v} - ops.mean({v}, axis=-1, keepdims=True))", "({v} - ops.mean({v}, axis=(1, 2), keepdims=True)) * 3",
        "ops.normalize({v}, axis=(1, 2))", "({v} - ops.mean({v}))", "({v} - ops.max({v}, axis=(0, 1, 2)))", "{v} / ops.std({v}, axis=(0, 1, 2))",
    )],
    Part("channels first", init="{n} = layers.BatchNormalization(axis=1)", value="ops.transpose({n}(ops.transpose({v}, (0, 3, 1, 2))), (0, 2, 3, 1))"),
    Part("norm subclass", top="class Norm{i}(layers.BatchNormalization):\n    pass", init="{n} = Norm{i}()", value="{n}({v})", layer="{n}"),
    Part("norm subclass in inference", top="class Norm{i}(layers.BatchNormalization):\n    def call(self, x, training=None, mask=None):\n        return super().call(x, training=False)", init="{n} = Norm{i}()", value="{n}({v})", layer="{n}"),
    Part("norm subclass in training", top="class Norm{i}(layers.BatchNormalization):\n    def call(self, x, training=None, mask=None):\n        return super().call(x, training=training)", init="{n} = Norm{i}()", value="{n}({v})", layer="{n}"),
    Part("norm subclass that drops the mode", top="class Norm{i}(layers.BatchNormalization):\n    def call(self, x, training=None):\n        return super().call(x)", init="{n} = Norm{i}()", value="{n}({v})", layer="{n}"),
    Part("norm subclass without mode", top="class Norm{i}(layers.BatchNormalization):\n    def call(self, x):\n        return super().call(x)", init="{n} = Norm{i}()", value="{n}({v})", layer="{n}"),
    Part("norm subclass that is frozen by its mode", top="class Norm{i}(layers.BatchNormalization):\n    def call(self, x, training=None, mask=None):\n        training = training and self.trainable and self.momentum < 0.5\n        return super().call(x, training=training)", init="{n} = Norm{i}()", value="{n}({v})", layer="{n}"),
    Part("norm subclass that adds", top="class Norm{i}(layers.BatchNormalization):\n    def call(self, x, training=None, mask=None):\n        return super().call(x, training=training) + x", init="{n} = Norm{i}()", value="{n}({v})", layer="{n}"),
    Part("norm subclass with __call__", top="class Norm{i}(layers.BatchNormalization):\n    def __call__(self, x, training=None):\n        return super().__call__(x, training=False)", init="{n} = Norm{i}()", value="{n}({v})", layer="{n}"),
    Part("norm subclass with axis", top="class Norm{i}(layers.BatchNormalization):\n    def __init__(self, **kwargs):\n        super().__init__(axis=1, **kwargs)", init="{n} = Norm{i}()", value="{n}({v})", layer="{n}"),
    Part("own norm", top="class Norm{i}(layers.Layer):\n    def build(self, shape):\n        self.gamma = self.add_weight(shape=(shape[-1],), initializer='ones', name='gamma')\n\n    def call(self, x):\n        mean = ops.mean(x, axis=[0, 1, 2], keepdims=True)\n        return (x - mean) * self.gamma", init="{n} = Norm{i}()", value="{n}({v})", layer="{n}"),
    Part("own norm over the last axis", top="class Norm{i}(layers.Layer):\n    def call(self, x):\n        return x - ops.mean(x, axis=-1, keepdims=True)", init="{n} = Norm{i}()", value="{n}({v})", layer="{n}"),
    Part("block around the norm", top="class Block{i}(layers.Layer):\n    def __init__(self, norm):\n        super().__init__()\n        self.norm = norm\n\n    def call(self, x, training=None):\n        return ops.relu(self.norm(x, training=training))", init="{n} = Block{i}(layers.BatchNormalization())", value="{n}({v})", layer="{n}"),
    Part("block around the norm in inference", top="class Block{i}(layers.Layer):\n    def __init__(self, norm):\n        super().__init__()\n        self.norm = norm\n\n    def call(self, x, training=None):\n        return ops.relu(self.norm(x, training=False))", init="{n} = Block{i}(layers.BatchNormalization())", value="{n}({v})", layer="{n}"),
    Part("block in inference around the norm", top="class Block{i}(layers.Layer):\n    def __init__(self, norm):\n        super().__init__()\n        self.norm = norm\n\n    def call(self, x):\n        return ops.relu(self.norm(x))", init="{n} = Block{i}(layers.BatchNormalization())", value="{n}({v}, training=False)"),
    Part("part in inference", init="in{i} = keras.Input((None, None, 4))\n{keep}part{i} = keras.Model(in{i}, layers.BatchNormalization()(in{i}))", value="{keep}part{i}({v}, training=False)"),
    Part("part in training", init="in{i} = keras.Input((None, None, 4))\n{keep}part{i} = keras.Model(in{i}, layers.BatchNormalization()(in{i}))", value="{keep}part{i}({v})"),
    Part("part that is frozen", init="in{i} = keras.Input((None, None, 4))\n{keep}part{i} = keras.Model(in{i}, layers.BatchNormalization()(in{i}))\n{keep}part{i}.trainable = False", value="{keep}part{i}({v})"),
    Part("patched class", top="layers.BatchNormalization = lambda: layers.Identity()", init=_BN, value="{n}({v})", layer="{n}"),
    Part("patched call of the class", top="layers.BatchNormalization.call = lambda self, x, training=None, mask=None: x * 2", init=_BN, value="{n}({v})", layer="{n}"),
    Part("patched instance", init=_BN + "\n{n}.call = lambda t, training=None, mask=None: t * 2", value="{n}({v})", layer="{n}"),
    Part("alias", top="Norm{i} = layers.BatchNormalization", init="{n} = Norm{i}()", value="{n}({v})", layer="{n}"),
    Part("patched alias", top="Norm{i} = layers.BatchNormalization\nNorm{i} = layers.Identity", init="{n} = Norm{i}()", value="{n}({v})", layer="{n}"),
    Part("import that fails", top="try:\n    from fused_not_there import FusedNorm as Norm{i}\nexcept ImportError:\n    Norm{i} = layers.Identity", init="{n} = Norm{i}()", value="{n}({v})", layer="{n}"),
    Part("import that fails, norm behind it", top="try:\n    from fused_not_there import FusedNorm as Norm{i}\nexcept ImportError:\n    Norm{i} = layers.BatchNormalization", init="{n} = Norm{i}()", value="{n}({v})", layer="{n}"),
    Part("try, norm raises", init=_BN, forward="s{i} = {v}\ntry:\n    r{i} = {n}(s{i}[:, 0, 0, 0, 0])\nexcept Exception:\n    r{i} = s{i}", value="r{i}"),
    Part("try, norm works", init=_BN, forward="s{i} = {v}\ntry:\n    r{i} = {n}(s{i})\nexcept Exception:\n    r{i} = s{i}", value="r{i}"),
    Part("function that skips", top="def skip{i}(norm, v, use=False):\n    if use:\n        v = norm(v)\n    return v", init=_BN, value="skip{i}({n}, {v})"),
    Part("function that uses", top="def skip{i}(norm, v, use=True):\n    if use:\n        v = norm(v)\n    return v", init=_BN, value="skip{i}({n}, {v})"),
    Part("decorator that sets the mode", top="def frozen{i}(f):\n    def g(norm, v):\n        norm.trainable = False\n        return f(norm, v)\n    return g\n\n\n@frozen{i}\ndef norm{i}(norm, v):\n    return norm(v)", init=_BN, value="norm{i}({n}, {v})"),
    Part("batch norm and activation by function", top="def bn_act{i}(v, act=True):\n    v = layers.BatchNormalization()(v)\n    return layers.Activation('relu')(v) if act else v", value="bn_act{i}({v})"),
]  # fmt: skip

# -- the mode, and what else the program does ----------------------------------------------------------------------------------------------

MODES = [
    Part("trainable = False", init="{n}.trainable = False"),
    Part("trainable = False, then True", init="{n}.trainable = False\n{n}.trainable = True"),
    Part("trainable = flag", init="{n}.trainable = flag"),
    Part("trainable = not flag", init="{n}.trainable = not flag"),
    Part("trainable by setattr", init="setattr({n}, 'trainable', False)"),
    Part("trainable in a loop", init="for one in [{n}]:\n    one.trainable = False"),
    Part("momentum", init="{n}.momentum = 0.5"),
    Part("axis set later", init="{n}.axis = 1"),
    Part("center off", init="{n}.center = False"),
    Part("renamed", init="{n}.name = 'other'"),
    Part("trainable = False in call", forward="{n}.trainable = False", only="class"),
    Part("trainable = training in call", forward="{n}.trainable = bool(training)", only="class"),
    Part("trainable = not training in call", forward="{n}.trainable = not training", only="class"),
    Part("training forgotten", forward="training = False", only="class"),
    Part("model frozen", after="model.trainable = False"),
    Part("model frozen and thawed", after="model.trainable = False\nmodel.trainable = True"),
    Part("all layers frozen", after="for layer in model.layers:\n    layer.trainable = False"),
    Part("norms frozen", after="for layer in model.layers:\n    if isinstance(layer, layers.BatchNormalization):\n        layer.trainable = False"),
    Part("all but norms frozen", after="for layer in model.layers:\n    layer.trainable = isinstance(layer, layers.BatchNormalization)"),
    Part("norms frozen by name", after="for layer in model.layers:\n    if 'batch' in layer.name:\n        layer.trainable = False"),
    Part("all but the last frozen", after="for layer in model.layers[:-1]:\n    layer.trainable = False"),
    Part("compiled", after="model.compile('sgd', 'mse')"),
    Part("frozen and compiled", after="model.trainable = False\nmodel.compile('sgd', 'mse')"),
    Part("call in inference", body="def __call__(self, x, training=None):\n    return super().__call__(x, training=False)", only="class"),
    Part("call passed on", body="def __call__(self, x, training=None):\n    return super().__call__(x, training=training)", only="class"),
    Part("bias assigned", after="for layer in model.layers:\n    if getattr(layer, 'bias', None) is not None:\n        layer.bias.assign(ops.ones_like(layer.bias))"),
]  # fmt: skip

# -- who else reads ------------------------------------------------------------------------------------------------------------------------

READERS = [
    *[Part(f"reads {text}", result=text) for text in (
        "ops.relu({c_out})", "{c_out}", "ops.mean({c_out})", "ops.stop_gradient({c_out})", "{c_out}.shape[-1] * ops.mean(x)", "ops.cast(ops.shape({c_out})[-1], 'float64') * ops.mean(x)", "{n}({c_out})", "ops.mean({c_out}, axis=(1, 2))", "ops.var({c_out}, axis=(0, 1, 2))", "{c_out} - ops.mean({c_out}, axis=(0, 1, 2), keepdims=True)", "ops.abs({c_out} - ops.mean({c_out}))", "ops.argmax({c_out}, axis=-1)", "ops.softmax({c_out}, axis=1)",
        "ops.softmax({c_out})", "[{c_out}]", "x", "layers.GlobalAveragePooling2D()({c_out})", "layers.BatchNormalization()({c_out})", "layers.BatchNormalization()({c_out}, training=False)", "layers.Flatten()({c_out})", "ops.zeros_like({c_out})", "ops.ones_like({c_out}) * ops.mean(x)", "{c}(x)", "ops.relu({c}(x))", "{c}(x) - {c_out}" , "ops.max({c_out}) - ops.min({c_out})",
    )],
    *[Part(f"reads in a class {text}", result=text, only="class") for text in (
        "ops.sum({c}.bias) if getattr({c}, 'bias', None) is not None else x", "ops.sum({c}.weights[-1])", "ops.sum({c}.weights[0])", "sum(ops.sum(w) for w in self.trainable_weights)", "sum(ops.sum(w) for w in self.trainable_weights if 'kernel' in w.name)", "sum(ops.sum(w) for w in self.trainable_weights if w.name == 'bias')", "ops.sum({n}.moving_mean) if hasattr({n}, 'moving_mean') else x", "ops.sum({n}.gamma) if hasattr({n}, 'gamma') else x", "float(ops.mean({c_out})) * x",
        "(x if float(ops.mean({c_out})) > 0 else -x)", "ops.convert_to_tensor({c}.get_weights()[-1].sum())", "len({c}.weights) * x", "sum(ops.sum(v) for v in {c}.variables)", "ops.sum(getattr({c}, 'bias', x))",
    )],
    Part("kept on self", forward="self.out{i} = {c_out}", result="ops.relu(self.out{i})", only="class"),
    Part("kept and not read", forward="self.out{i} = {c_out}", only="class"),
    Part("kept in a list", forward="self.outs{i} = [{c_out}]", result="ops.sum(self.outs{i}[0])", only="class"),
    Part("loss", forward="self.add_loss(ops.mean(ops.square({c_out})))", only="class"),
    Part("loss of the bias", forward="self.add_loss(sum(ops.sum(ops.square(w)) for w in {c}.weights))", only="class"),
    Part("activity", value="", forward="layers.ActivityRegularization(l2=0.1)({c_out})"),
    Part("printed", forward="str({c_out})"),
    Part("global", forward="global SEEN\nSEEN = {c_out}", result="ops.sum(SEEN)", only="class"),
]  # fmt: skip

LAST = [
    Part("relu", value="ops.relu({v})"),
    Part("ReLU", layer="layers.ReLU()"),
    Part("Activation", layer="layers.Activation('relu')"),
    Part("as it is", layer="layers.Identity()"),
    Part("as it is", value="{v}"),
    Part("tanh", value="ops.tanh({v})"),
    Part("head", init="{keep}head{i} = layers.Conv2D(2, 1, use_bias=False)", value="{keep}head{i}(ops.relu({v}))"),
    Part("pooled head", layer="layers.GlobalMaxPooling2D()"),
]
