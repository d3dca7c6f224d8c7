"""Probes for TensorFlow and Keras: each name of the vocabulary with configurations drawn at random."""

from __future__ import annotations

import os
import random
from typing import Any

import numpy as np
from operation_draw import Draw
from operation_makers_torch import Made, Maker
from operation_model import Probe, Shape, real_leaves, run_source

from biaslint.analysis.frameworks.keras import functions, vocabulary

HEAD = "import tensorflow as tf\nimport keras\nfrom keras import backend as K\n"


def plain(text: str, low: int = 1, high: int = 4) -> Maker:
    """A function of one tensor of any shape: `{axis}`, `{axes}` and `{order}` are drawn."""

    def make(draw: Draw) -> Made:
        shape = draw.shape(low, high)
        axis = draw.axis(shape)
        values = {
            "axis": axis, "axes": draw.axes(shape), "order": draw.order(shape), "keep": draw.one(True, False), "target": draw.target(shape),
            "ones": [1] * len(shape), "begin": [0] * len(shape), "end": [max(1, size - 1) for size in shape], "counts": [draw.one(1, 1, 2) for _ in shape],
            "pads": [[draw.one(0, 0, 1), draw.one(0, 0, 1)] for _ in shape], "mode": draw.one("constant", "constant", "symmetric"),
            "place": draw.chance.randrange(-len(shape) - 1, len(shape) + 1),
        }  # fmt: skip
        return text.format(**values), (shape,)

    return make


def choice(*makers: Maker) -> Maker:
    return lambda draw: draw.one(*makers)(draw)


def two(text: str) -> Maker:
    """A function of two tensors that broadcast."""

    def make(draw: Draw) -> Made:
        shape = draw.shape(1, 4)
        other = draw.other(shape)
        return text.format(number=draw.one(2.0, 0.5)), (shape, other) if "y" in text else (shape,)

    return make


def batches(text: str, turned: bool = False) -> Maker:
    """A function of two batches of matrices that can be multiplied; with `turned`, the second after it is transposed."""

    def make(draw: Draw) -> Made:
        count, rows, inner, columns = (draw.chance.randint(1, 4) for _ in range(4))
        second = (columns, inner) if turned else (inner, columns)
        return text, ((count, rows, inner), (count, *second))

    return make


def alike(text: str) -> Maker:
    """A function of two tensors of one shape, or that differ along an axis."""

    def make(draw: Draw) -> Made:
        shape = draw.shape(1, 4)
        axis = draw.axis(shape)
        return text.format(axis=axis), (shape, shape)

    return make


def splitting(text: str) -> Maker:
    def make(draw: Draw) -> Made:
        shape = tuple(draw.one(2, 4) for _ in range(draw.chance.randint(1, 4)))
        return text.format(axis=draw.axis(shape)), (shape,)

    return make


def matrices(text: str, head: int = 2) -> Maker:
    def make(draw: Draw) -> Made:
        n, k, m = (draw.one(2, 3, 4) for _ in range(3))
        front = draw.shape(0, head)
        front = front if len(front) <= head else ()
        return text, ((*front, n, k), (*front, k, m))

    return make


def pooling(text: str, spatial: int) -> Maker:
    def make(draw: Draw) -> Made:
        shape = (draw.one(1, 2), *(draw.one(4, 5) for _ in range(spatial)), draw.one(2, 3))
        return text.format(
            size=draw.one(2, 3), stride=draw.one(1, 2), same=draw.one("same", "valid"), SAME=draw.one("SAME", "VALID")
        ), (shape,)

    return make


def image(text: str) -> Maker:
    def make(draw: Draw) -> Made:
        return text.format(h=draw.one(2, 3, 7), w=draw.one(2, 5)), ((draw.one(1, 2), 4, 4, draw.one(4, 8)),)

    return make


def reduced(name: str, real: str) -> Maker:
    return choice(
        plain(f"{real}(x, {{axis}})"),
        plain(f"{real}(x, axis={{axes}}, keepdims={{keep}})"),
        plain(f"{real}(x, axis={{axis}}, keepdims=True)"),
    )


# the name -> a probe, and the same in today's spelling where TensorFlow has the name no more
NAMED: dict[str, Maker] = {
    **{name: plain(f"tf.{name}(x)") for name in ("identity", "stop_gradient", "convert_to_tensor", "negative", "guarantee_const")},
    "cast": choice(plain("tf.cast(x, tf.float64)"), plain("tf.cast(x, tf.int32)"), plain("keras.ops.cast(x, 'float64')")),
    "saturate_cast": plain("tf.saturate_cast(x, tf.float64)"),
    "check_numerics": plain("tf.debugging.check_numerics(x, 'm')"),
    "copy": plain("keras.ops.copy(x)"),
    "array": plain("keras.ops.array(x)"),
    "reverse": plain("tf.reverse(x, [{axis}])"),
    "flip": plain("keras.ops.flip(x, axis={axis})"),
    "roll": choice(plain("tf.roll(x, 1, {axis})"), plain("keras.ops.roll(x, 1, axis={axis})")),
    "ensure_shape": plain("tf.ensure_shape(x, x.shape)"),
    "crop_to_bounding_box": image("tf.image.crop_to_bounding_box(x, 1, 1, 2, 3)"),
    "central_crop": image("tf.image.central_crop(x, 0.5)"),
    "random_crop": plain("tf.image.random_crop(x, {end}, seed=1)"),
    "slice": plain("tf.slice(x, {begin}, {end})"),
    "strided_slice": plain("tf.strided_slice(x, {begin}, {end})"),
    "reverse_sequence": lambda draw: (lambda shape: (f"tf.reverse_sequence(x, {[draw.one(1, 2) for _ in range(shape[0])]}, seq_axis=1, batch_axis=0)", (shape,)))((3, *draw.shape(1, 2)[:0], 3, 2)),
    "grad_pass_through": plain("tf.grad_pass_through(tf.identity)(x)"),
    "placeholder_with_default": plain("tf.compat.v1.placeholder_with_default(x, x.shape)"),
    "add": choice(two("tf.add(x, y)"), two("x + y"), two("x + {number}"), two("{number} + x"), alike("keras.layers.add([x, y])"), two("keras.ops.add(x, y)"), two("x += y\nx")),
    "subtract": choice(two("tf.subtract(x, y)"), two("y - x"), alike("keras.layers.subtract([x, y])"), two("x -= y\nx")),
    "add_n": alike("tf.add_n([x, y])"),
    "multiply": choice(two("tf.multiply(x, y)"), two("x * y"), two("x * {number}"), alike("keras.layers.multiply([x, y])"), two("x *= y\nx")),
    "scalar_mul": two("tf.scalar_mul({number}, x)"),
    "divide": choice(two("tf.divide(x, y)"), two("x / y"), two("y / x"), two("x / {number}")),
    "truediv": two("tf.truediv(x, y)"),
    "realdiv": two("tf.realdiv(x, y)"),
    "true_divide": two("keras.ops.true_divide(x, y)"),
    "matmul": choice(matrices("tf.matmul(x, y)"), matrices("x @ y"), matrices("keras.ops.matmul(x, y)"), matrices("tf.matmul(x, tf.transpose(y), transpose_b=True)", 0)),
    "batch_dot": choice(batches("tf.keras.backend.batch_dot(x, y)"), batches("tf.keras.backend.batch_dot(x, y, axes=(2, 2))", True)),
    "dot": matrices("keras.ops.dot(x, y)", 0),
    "einsum": choice(matrices("tf.einsum('...ij,...jk->...ik', x, y)"), matrices("tf.einsum('ij,jk->ki', x, y)", 0)),
    "concat": choice(alike("tf.concat([x, y], {axis})"), alike("tf.concat([x, y, x], axis={axis})")),
    "concatenate": choice(alike("keras.ops.concatenate([x, y], axis={axis})"), alike("keras.layers.concatenate([x, y], axis={axis})")),
    "stack": choice(alike("tf.stack([x, y], {axis})"), alike("keras.ops.stack([x, y], axis={axis})")),
    "split": choice(splitting("tf.split(x, 2, {axis})"), splitting("keras.ops.split(x, 2, axis={axis})[0]"), splitting("tf.split(x, 2, axis={axis})[1]")),
    "unstack": choice(splitting("tf.unstack(x, axis={axis})"), splitting("tf.unstack(x)[0]")),
    "reshape": choice(plain("tf.reshape(x, {target})"), plain("keras.ops.reshape(x, {target})")),
    "flatten": plain("keras.layers.Flatten()(x)", 2),
    "transpose": choice(plain("tf.transpose(x, {order})"), plain("keras.ops.transpose(x, {order})"), plain("tf.transpose(x)", 2, 2)),
    "expand_dims": choice(plain("tf.expand_dims(x, {place})"), plain("keras.ops.expand_dims(x, {place})")),
    "squeeze": plain("tf.squeeze(tf.expand_dims(x, {place}), {place})"),
    **{name: reduced(name, f"keras.ops.{name}") for name in ("mean", "sum", "max", "min", "amax")},
    **{name: reduced(name, f"tf.{name}") for name in ("reduce_mean", "reduce_sum", "reduce_max", "reduce_min")},
    "softmax": choice(plain("tf.nn.softmax(x, axis={axis})"), plain("keras.ops.softmax(x, axis={axis})"), plain("tf.nn.softmax(x)")),
    "log_softmax": choice(plain("tf.nn.log_softmax(x, axis={axis})"), plain("keras.ops.log_softmax(x, axis={axis})")),
    **{f"max_pool{n}d": pooling(f"tf.nn.max_pool{n}d(x, {{size}}, {{stride}}, '{{SAME}}')", n) for n in (1, 2, 3)},
    **{f"avg_pool{n}d": pooling(f"tf.nn.avg_pool{n}d(x, {{size}}, {{stride}}, '{{SAME}}')", n) for n in (1, 2, 3)},
    "max_pool": choice(pooling("tf.nn.max_pool(x, {size}, {stride}, '{SAME}')", 2), pooling("keras.ops.max_pool(x, {size}, {stride}, '{same}')", 2), pooling("keras.ops.max_pool(x, {size}, {stride}, '{same}')", 1)),
    "avg_pool": pooling("tf.nn.avg_pool(x, {size}, {stride}, '{SAME}')", 2),
    "average_pool": choice(pooling("keras.ops.average_pool(x, {size}, {stride}, '{same}')", 2), pooling("keras.ops.average_pool(x, {size}, {stride}, '{same}')", 1)),
    "pool": choice(pooling("tf.nn.pool(x, [{size}, {size}], 'MAX', strides=[{stride}, {stride}], padding='{SAME}')", 2), pooling("tf.nn.pool(x, [{size}, {size}], pooling_type='AVG', padding='{SAME}')", 2)),
    "pad": choice(plain("tf.pad(x, {pads})"), plain("tf.pad(x, {pads}, '{mode}')"), plain("keras.ops.pad(x, {pads}, mode='{mode}')")),
    "resize": choice(image("tf.image.resize(x, ({h}, {w}))"), image("tf.image.resize(x, ({h}, {w}), method='nearest')"), image("keras.ops.image.resize(x, ({h}, {w}))")),
    "resize_bilinear": image("tf.compat.v1.image.resize_bilinear(x, ({h}, {w}))"),
    "resize_nearest_neighbor": image("tf.compat.v1.image.resize_nearest_neighbor(x, ({h}, {w}))"),
    "resize_bicubic": image("tf.compat.v1.image.resize_bicubic(x, ({h}, {w}))"),
    "resize_area": image("tf.compat.v1.image.resize_area(x, ({h}, {w}))"),
    "resize_images": image("tf.compat.v1.image.resize_images(x, ({h}, {w}))"),
    "depth_to_space": image("tf.nn.depth_to_space(x, 2)"),
    "space_to_depth": image("tf.nn.space_to_depth(x, 2)"),
    "tile": choice(plain("tf.tile(x, {counts})"), plain("keras.ops.tile(x, {counts})")),
    "broadcast_to": lambda draw: (lambda shape: (f"tf.broadcast_to(x, {[2, *(3 if size == 1 else size for size in shape)]})", (shape,)))(draw.shape(1, 3)),
    "dropout": choice(plain("tf.nn.dropout(x, rate=0.0)"), plain("tf.nn.dropout(x, 0.5, seed=1)")),
    "map_fn": choice(plain("tf.map_fn(lambda v: v * 2, x)"), plain("tf.map_fn(lambda v: v[:1], x)", 2), plain("tf.map_fn(lambda v: tf.transpose(v), x)", 3, 3), plain("keras.ops.map(lambda v: v + 1, x)")),
    "vectorized_map": choice(plain("keras.ops.vectorized_map(lambda v: v * 2, x)"), plain("keras.ops.vectorized_map(lambda v: v[..., None], x)")),
    "squared_difference": choice(two("tf.math.squared_difference(x, y)"), two("tf.math.squared_difference(y, x)")),
    **{name: reduced(name, f"keras.ops.{name}") for name in ("var", "std")},
    **{name: reduced(name, f"tf.math.{name}") for name in ("reduce_variance", "reduce_std")},
    "moments": choice(plain("keras.ops.moments(x, axes={axes}, keepdims={keep})[0]"), plain("keras.ops.moments(x, axes={axes}, keepdims={keep})[1]")),
    "gather": choice(plain("tf.gather(x, 0)"), plain("tf.gather(x, [0, 0])"), plain("tf.gather(x, [0, 0], axis={axis})"), plain("tf.gather(x, [[0, 0], [0, 0]], axis={axis})"), plain("tf.gather(x, 0, axis={axis})"), plain("tf.gather(x, [0])")),
    "take": choice(plain("keras.ops.take(x, 0, axis={axis})"), plain("keras.ops.take(x, [0, 0], axis={axis})"), plain("keras.ops.take(x, [0])")),
    "indexing": choice(plain("x[:, :1]", 2), plain("x[..., :1]"), plain("x[0]", 2), plain("x[:, tf.newaxis]"), plain("x[..., None]"), plain("x[..., 0]", 2), plain("x[::-1]")),
    "where": choice(two("tf.where(y > 0, x, tf.zeros_like(x))"), alike("tf.where(y > 0, x, 0.0)"), alike("tf.where(y > 0, 1.0, x)"), alike("keras.ops.where(y > 0, x, x * 2)"), alike("keras.ops.where(x > 0, x, y)"), plain("tf.where(True, x, x * 2)")),
    "where_v2": alike("tf.where(y > 0, x, tf.zeros_like(x))"),
}  # fmt: skip


def of_layer(text: str, spatial: int | None = None, low: int = 2, first: bool = False, side: tuple[int, ...] = (4, 5)) -> Maker:
    def make(draw: Draw) -> Made:
        if spatial is None:
            shape: Shape = (draw.one(2, 3), *(draw.one(2, 3, 4) for _ in range(draw.chance.randint(low - 1, 3))))
        else:
            shape = (draw.one(2, 3), *(draw.one(*side) for _ in range(spatial)), draw.one(2, 4))
        values = {
            "size": draw.one(2, 3), "stride": draw.one(1, 2), "same": draw.one("same", "valid"), "kernel": draw.one(1, 1, 2, 3), "filters": draw.one(2, 4), "axis": draw.axis(shape),
            "order": [axis + 1 for axis in draw.order(shape[1:])], "keep": draw.one(True, False), "last": shape[-1], "training": draw.one("True", "True", "False"), "target": draw.target(shape[1:]),
            "amount": draw.one(1, 2), "center": draw.one(True, False), "trainable": draw.one("True", "True", "False"), "axis1": draw.chance.randint(1, len(shape) - 1),
        }  # fmt: skip
        return text.format(**values), (shape,)

    return make


L = "keras.layers"
LAYERS: dict[str, Maker] = {
    "Dense": of_layer(f"{L}.Dense(3)(x)"),
    "EinsumDense": of_layer(f"{L}.EinsumDense('abc,cd->abd', output_shape=(None, 3), bias_axes='d')(x)", 1),
    "BatchNormalization": choice(*[of_layer(f"{L}.BatchNormalization({given})(x, training={{training}})") for given in ("", "axis={axis1}", "center={center}, scale=False", "trainable={trainable}")]),
    "LayerNormalization": choice(of_layer(f"{L}.LayerNormalization()(x)"), of_layer(f"{L}.LayerNormalization(axis={{axis1}})(x)")),
    "GroupNormalization": choice(of_layer(f"{L}.GroupNormalization(2)(x)", 2), of_layer(f"{L}.GroupNormalization(-1)(x)", 2), of_layer(f"{L}.GroupNormalization({{last}})(x)", 1)),
    "RMSNormalization": of_layer(f"{L}.RMSNormalization()(x)"),
    "UnitNormalization": of_layer(f"{L}.UnitNormalization()(x)"),
    "Softmax": of_layer(f"{L}.Softmax(axis={{axis1}})(x)"),
    **{name: of_layer(f"{L}.{name}({{size}} * 0)(x)") for name in ("Dropout", "GaussianDropout")},
    "Identity": of_layer(f"{L}.Identity()(x)"),
    "ActivityRegularization": of_layer(f"{L}.ActivityRegularization(l2=0.1)(x)"),
    "GaussianNoise": of_layer(f"{L}.GaussianNoise(0.1)(x, training=False)"),
    "Rescaling": choice(of_layer(f"{L}.Rescaling(2.0)(x)"), of_layer(f"{L}.Rescaling(2.0, offset=1.0)(x)")),
    "Flatten": of_layer(f"{L}.Flatten()(x)"),
    "Reshape": of_layer(f"{L}.Reshape({{target}})(x)"),
    "Permute": of_layer(f"{L}.Permute({{order}})(x)"),
    "RepeatVector": lambda draw: (f"{L}.RepeatVector(3)(x)", ((draw.one(2, 3), draw.one(2, 3)),)),
    "CenterCrop": of_layer(f"{L}.CenterCrop(2, 3)(x)", 2),
    "Resizing": of_layer(f"{L}.Resizing(3, 7)(x)", 2),
    **{f"UpSampling{n}D": of_layer(f"{L}.UpSampling{n}D({{size}})(x)", n) for n in (1, 2, 3)},
    **{f"ZeroPadding{n}D": of_layer(f"{L}.ZeroPadding{n}D({{amount}})(x)", n) for n in (1, 2, 3)},
    **{f"Cropping{n}D": of_layer(f"{L}.Cropping{n}D(1)(x)", n) for n in (1, 2, 3)},
    **{f"{kind}{n}D": of_layer(f"{L}.{kind}{n}D({{size}}, {{stride}}, '{{same}}')(x)", n) for n in (1, 2, 3) for kind in ("MaxPooling", "AveragePooling", "MaxPool", "AvgPool")},
    **{f"Global{kind}{n}D": of_layer(f"{L}.Global{kind}{n}D(keepdims={{keep}})(x)", n) for n in (1, 2, 3) for kind in ("MaxPooling", "AveragePooling", "MaxPool", "AvgPool")},
    **{f"Conv{n}D": of_layer(f"{L}.Conv{n}D({{filters}}, {{kernel}}, strides={{stride}}, padding='{{same}}')(x)", n) for n in (1, 2, 3)},
    **{f"Conv{n}DTranspose": of_layer(f"{L}.Conv{n}DTranspose({{filters}}, {{kernel}}, strides={{stride}}, padding='{{same}}')(x)", n) for n in (1, 2, 3)},
    **{f"SeparableConv{n}D": of_layer(f"{L}.SeparableConv{n}D({{filters}}, {{kernel}}, padding='{{same}}')(x)", n) for n in (1, 2)},
    **{f"DepthwiseConv{n}D": of_layer(f"{L}.DepthwiseConv{n}D({{kernel}}, padding='{{same}}')(x)", n) for n in (1, 2)},
    "Lambda": of_layer(f"{L}.Lambda(lambda v: v * 2)(x)"),
    "TimeDistributed": of_layer(f"{L}.TimeDistributed({L}.Dense(3))(x)", 1),
}  # fmt: skip


# Names that TensorFlow and Keras have no more, or that are no operation on one tensor of floats: the handlers are those of other names.
UNTRIED = {
    "clip_by_norm_placeholder", "in_top_k_placeholder", "gather_placeholder", "quantize_placeholder", "to_int32", "variance", "batch_gather",
    "Print", "print", "to_float", "to_double", "cast_to_floatx", "with_dependencies", "enable_resource_variables", "copy_to", "numpy", "convert_to_numpy",
    "recompute_grad",
    "sub", "accumulate_n", "mul", "div", "mat_mul", "batch_matmul", "concat_v2", "pack", "unpack", "batch_flatten", "permute_dimensions", "pool2d",
    "spatial_2d_padding", "upsample", "shape", "int_shape", "get_shape", "shape_v2", "ndim", "rank", "cond", "smart_cond", "in_train_phase", "map",
    "name_scope", "device", "control_dependencies", "GradientTape", "Graph", "scope", "op_scope", "colocate_with", "init_scope", "function",
    "make_template", "get_collection", "trainable_variables", "global_variables",
}  # fmt: skip
SAME_HANDLER = {
    "sub": "subtract", "accumulate_n": "add_n", "mul": "multiply", "div": "divide", "mat_mul": "matmul", "batch_matmul": "matmul", "concat_v2": "concat",
    "pack": "stack", "unpack": "unstack", "batch_flatten": "flatten", "variance": "var", "batch_gather": "gather", "permute_dimensions": "transpose", "upsample": "resize", "map": "map_fn",
}  # fmt: skip
UNTRIED_LAYERS = {
    "SyncBatchNormalization", "InstanceNormalization", "Normalization", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout",
    "SeparableConv3D", "DepthwiseConv3D", "InputLayer", "contrib_InstanceNormalization",
}  # fmt: skip
CARRYING = {"conv", "linear", "einsum_dense", "norm", "keep", "softmax", "dropout", "flatten", "reshape", "permute", "repeat", "crop", "pad", "resize",
            "max_pool", "average_pool", "global_max_pool", "global_average_pool", "lambda", "input"}  # fmt: skip


def table_names() -> set[str]:
    """The names of the vocabulary that say that an operation carries a shift on."""
    return {*functions.KEEP, *functions.HANDLERS} - UNTRIED


def layer_names() -> set[str]:
    return {name for name, spec in vocabulary.LAYERS.items() if spec.kind in CARRYING} - UNTRIED_LAYERS


def make(name: str, chance: random.Random) -> Probe:
    """A probe of an operation or a layer."""
    maker = LAYERS[name] if name in LAYERS else NAMED[name]
    body, shapes = maker(Draw(chance))
    return Probe((name,), body, shapes, HEAD)


def same_handlers() -> bool:
    """Are the names without probes of their own handled as those are whose probes stand for them?"""
    return all(functions.HANDLERS[name] is functions.HANDLERS[other] for name, other in SAME_HANDLER.items())


def rank_may_be_unknown(probe: Probe) -> bool:
    """What comes from Keras has a known rank; what TensorFlow 1 has is tried by whole programs."""
    return False


# What TensorFlow has in float32 alone, or works out in it whatever it is given.
SINGLE = {
    "Resizing", "resize", "max_pool3d", "avg_pool3d",
    *(f"{kind}3D" for kind in ("MaxPooling", "AveragePooling", "MaxPool", "AvgPool")),
}  # fmt: skip


def execute(probe: Probe, arrays: list[Any]) -> list[Any]:
    """Run a probe in float64, or in float32. ValueError where it does not take these arguments."""
    if SINGLE.intersection(probe.names):
        return run(probe, arrays, "float32")
    return run(probe, arrays, "float64")


def run(probe: Probe, arrays: list[Any], kind: str) -> list[Any]:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("AUTOGRAPH_VERBOSITY", "0")
    import keras
    import tensorflow as tf

    before, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx(kind)
    keras.config.set_dtype_policy(kind)
    keras.utils.set_random_seed(7)
    try:
        function = run_source(probe, {})
        result = function(*(tf.constant(array, dtype=kind) for array in arrays))
    except Exception as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None
    finally:
        keras.config.set_floatx(before)
        keras.config.set_dtype_policy(policy)
    return real_leaves(result, as_array)


def as_array(value: Any) -> Any:
    found = np.asarray(value)
    return found if found.dtype == np.float32 else found.astype(float)
