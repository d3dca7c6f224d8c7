"""Probes for JAX and Flax: each name of the vocabulary with configurations drawn at random."""

from __future__ import annotations

import os
import random
from typing import Any

import numpy as np
from operation_cases_tensorflow import alike, choice, matrices, plain, splitting, two
from operation_draw import Draw
from operation_makers_torch import Made, Maker
from operation_model import Probe, real_leaves, run_source

from biaslint.analysis.frameworks.flax import arrays, functions, vocabulary

HEAD = "import jax\nimport jax.ad_checkpoint\nimport jax.numpy as jnp\nfrom flax import linen as nn\nfrom flax import nnx\n"


def image(text: str, spatial: int = 2, channels: tuple[int, ...] = (2, 4)) -> Maker:
    """A function of images with their channels last."""

    def make(draw: Draw) -> Made:
        shape = (draw.one(1, 2, 3), *(draw.one(4, 5) for _ in range(spatial)), draw.one(*channels))
        values = {
            "size": tuple(draw.one(2, 3) for _ in range(spatial)), "stride": tuple(draw.one(1, 2) for _ in range(spatial)), "same": draw.one("SAME", "VALID", "SAME"),
            "last": shape[-1], "target": [shape[0], *(draw.one(3, 7, 4) for _ in range(spatial)), shape[-1]], "kernel": [draw.one(1, 1, 2, 3) for _ in range(spatial)],
            "window": [1, *(draw.one(1, 2) for _ in range(spatial)), draw.one(1, 1, 2)], "axis": draw.axis(shape), "axes": draw.axes(shape), "one": draw.one(1, 1, 2),
            "ones": [1] * spatial, "padding": draw.one("'SAME'", "'VALID'", "'CIRCULAR'", "'REFLECT'", "1", "0"), "counted": draw.one(True, False),
            "rank": len(shape), "out": draw.one(2, 3),
        }  # fmt: skip
        return text.format(**values), (shape,)

    return make


def reduced(name: str) -> Maker:
    return choice(
        plain(f"jnp.{name}(x, {{axis}})"),
        plain(f"jnp.{name}(x, axis=tuple({{axes}}), keepdims={{keep}})"),
        plain(f"x.{name}(axis={{axis}}, keepdims=True)") if name != "median" else plain("jnp.median(x, {axis})"),
        plain(f"jnp.{name}(x)"),
    )


def attention(text: str) -> Maker:
    def make(draw: Draw) -> Made:
        batch, queries, keys, heads, size = (draw.one(1, 2, 3) for _ in range(5))
        return text, ((batch, queries, heads, size), (batch, keys, heads, size), (batch, keys, heads, size))

    return make


def steps(text: str) -> Maker:
    """A function of a sequence."""

    def make(draw: Draw) -> Made:
        shape = (draw.one(1, 2), draw.one(3, 4), draw.one(2, 3))
        return text.format(last=shape[-1]), (shape,)

    return make


# the name -> a probe
NAMED: dict[str, Maker] = {
    "array": plain("jnp.array(x)"),
    "asarray": choice(plain("jnp.asarray(x)"), plain("jnp.asarray(x, jnp.float32)")),
    "astype": choice(plain("x.astype(jnp.float64)"), plain("jnp.astype(x, jnp.int32)")),
    "copy": plain("jnp.copy(x)"),
    "negative": choice(plain("jnp.negative(x)"), plain("-x")),
    "positive": plain("jnp.positive(x)"),
    "real": plain("jnp.real(x)"),
    "stop_gradient": plain("jax.lax.stop_gradient(x)"),
    "convert_element_type": plain("jax.lax.convert_element_type(x, jnp.float64)"),
    "optimization_barrier": plain("jax.lax.optimization_barrier(x)"),
    "reduce_precision": plain("jax.lax.reduce_precision(x, 11, 52)"),
    "checkpoint_name": plain("jax.ad_checkpoint.checkpoint_name(x, 'h')"),
    "with_logical_constraint": plain("nn.with_logical_constraint(x, None)"),
    "identity": plain("jax.nn.identity(x)"),
    "flip": choice(plain("jnp.flip(x, axis={axis})"), plain("jnp.flip(x)")),
    "fliplr": plain("jnp.fliplr(x)", 2),
    "flipud": plain("jnp.flipud(x)", 2),
    "rev": plain("jax.lax.rev(x, ({place} % x.ndim,))"),
    "float32": plain("jnp.float32(x)"),
    "float64": plain("jnp.float64(x)"),
    "add": choice(two("jnp.add(x, y)"), two("x + y"), two("x + {number}"), two("{number} + x"), two("x += y\nx")),
    "subtract": choice(two("jnp.subtract(x, y)"), two("y - x"), two("x - {number}"), two("{number} - x")),
    "multiply": choice(two("jnp.multiply(x, y)"), two("x * y"), two("x * {number}")),
    "divide": choice(two("jnp.divide(x, y)"), two("x / y"), two("y / x"), two("x / {number}")),
    "true_divide": two("jnp.true_divide(x, y)"),
    "matmul": choice(matrices("jnp.matmul(x, y)"), matrices("x @ y")),
    "dot": choice(matrices("jnp.dot(x, y)", 0), matrices("x.dot(y)", 0)),
    "dot_general": choice(
        matrices("jax.lax.dot_general(x, jnp.ones((y.shape[0], 3)), (((x.ndim - 1,), (0,)), ((), ())))", 0),
        matrices("jax.lax.dot_general(x, y, (((1,), (0,)), ((), ())))", 0),
    ),
    "einsum": choice(matrices("jnp.einsum('...ij,...jk->...ik', x, y)"), matrices("jnp.einsum('ij,jk->ki', x, y)", 0)),
    "concatenate": choice(alike("jnp.concatenate([x, y], axis={axis})"), alike("jnp.concatenate([x, y, x], {axis})")),
    "concat": alike("jnp.concat([x, y], axis={axis})"),
    "hstack": alike("jnp.hstack([x, y])"),
    "stack": choice(alike("jnp.stack([x, y], axis={axis})"), alike("jnp.stack([x, y])")),
    "split": choice(splitting("jnp.split(x, 2, axis={axis})[0]"), splitting("jnp.split(x, [1], axis={axis})[1]"), splitting("x.split(2, {axis})[1]")),
    "array_split": splitting("jnp.array_split(x, 2, axis={axis})[1]"),
    "reshape": choice(plain("jnp.reshape(x, {target})"), plain("x.reshape({target})"), plain("x.reshape(-1)")),
    "ravel": choice(plain("jnp.ravel(x)"), plain("x.flatten()")),
    "transpose": choice(plain("jnp.transpose(x, {order})"), plain("x.transpose({order})"), plain("x.T")),
    "permute_dims": plain("jnp.permute_dims(x, {order})"),
    "swapaxes": choice(plain("jnp.swapaxes(x, 0, {axis})"), plain("x.swapaxes(-1, {axis})")),
    "moveaxis": choice(plain("jnp.moveaxis(x, 0, {axis})"), plain("jnp.moveaxis(x, {axis}, -1)")),
    "expand_dims": choice(plain("jnp.expand_dims(x, {place})"), plain("jnp.expand_dims(x, axis=(0, 1))")),
    "squeeze": choice(plain("jnp.squeeze(jnp.expand_dims(x, {place}), {place})"), plain("jnp.expand_dims(x, {place}).squeeze({place})")),
    "tile": plain("jnp.tile(x, {counts})"),
    "repeat": choice(plain("jnp.repeat(x, 2, axis={axis})"), plain("x.repeat(3, axis={axis})"), plain("jnp.repeat(x, 2)")),
    "broadcast_to": plain("jnp.broadcast_to(x, (2, *x.shape))", 1, 3),
    "roll": choice(plain("jnp.roll(x, 1, axis={axis})"), plain("jnp.roll(x, 1)")),
    "pad": choice(plain("jnp.pad(x, {pads})"), plain("jnp.pad(x, {pads}, mode='{mode}')"), plain("jnp.pad(x, {pads}, mode='edge')"), plain("jnp.pad(x, {pads}, mode='wrap')")),
    "dynamic_slice": plain("jax.lax.dynamic_slice(x, {begin}, {end})"),
    "dynamic_slice_in_dim": plain("jax.lax.dynamic_slice_in_dim(x, 0, 1, {axis})"),
    "slice": plain("jax.lax.slice(x, {begin}, {end})"),
    "slice_in_dim": plain("jax.lax.slice_in_dim(x, 0, 1, axis={axis})"),
    **{name: reduced(name) for name in ("mean", "sum", "max", "min", "amax", "amin", "var", "std", "median") if not name.startswith("am")},
    **{name: plain(f"jnp.{name}(x, axis={{axis}})") for name in ("amax", "amin")},
    "softmax": choice(plain("jax.nn.softmax(x, axis={axis})"), plain("nn.softmax(x)"), plain("nnx.softmax(x, {axis})")),
    "log_softmax": choice(plain("jax.nn.log_softmax(x, axis={axis})"), plain("nn.log_softmax(x)")),
    "standardize": choice(plain("jax.nn.standardize(x, axis={axis})"), plain("jax.nn.standardize(x, tuple({axes}))"), plain("nn.standardize(x)")),
    "where": choice(alike("jnp.where(y > 0, x, 0.0)"), alike("jnp.where(y > 0, x, x * 2)"), alike("jnp.where(x > 0, x, y)"), two("jnp.where(y > 0, x, jnp.zeros_like(x))")),
    "select": alike("jax.lax.select(y > 0, x, x * 2)"),
    "take": choice(plain("jnp.take(x, jnp.array([0, 0]), axis={axis})"), plain("jnp.take(x, jnp.array([0]))"), plain("jnp.take(x, 0, axis={axis})")),
    "sort": choice(plain("jnp.sort(x, axis={axis})"), plain("jnp.sort(x)")),
    "dot_product_attention": choice(attention("nn.dot_product_attention(x, y, z)"), attention("jax.nn.dot_product_attention(x, y, z)"), attention("nnx.dot_product_attention(x, y, z)")),
    "max_pool": image("nn.max_pool(x, {size}, {stride}, '{same}')"),
    "min_pool": image("nnx.min_pool(x, {size}, {stride}, '{same}')"),
    "avg_pool": image("nn.avg_pool(x, {size}, {stride}, '{same}', count_include_pad={counted})"),
    "reduce_window": image("jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, {window}, {window}, '{same}')"),
    "resize": choice(image("jax.image.resize(x, {target}, 'bilinear')"), image("jax.image.resize(x, {target}, 'nearest')")),
    "conv_general_dilated": choice(
        image("jax.lax.conv_general_dilated(x, jnp.ones((*{kernel}, {last}, 3)), {stride}, '{same}', dimension_numbers=('NHWC', 'HWIO', 'NHWC'))"),
        image("jax.lax.conv_general_dilated(x, jnp.ones((*{kernel}, {last}, 3)), (1, 1), 'VALID', dimension_numbers=('NHWC', 'HWIO', 'NHWC'))"),
    ),
    "indexing": choice(plain("x[:, :1]", 2), plain("x[..., :1]"), plain("x[0]", 2), plain("x[:, None]"), plain("x[..., 0]", 2), plain("x[::-1]")),
}  # fmt: skip
R = "rngs=nnx.Rngs(0)"
LAYERS: dict[str, Maker] = {
    "Linear": image(f"nnx.Linear({{last}}, 3, {R})(x)", 1),
    "LinearGeneral": choice(image(f"nnx.LinearGeneral({{last}}, (2, 3), {R})(x)", 1), image(f"nnx.LinearGeneral(x.shape[1:], 3, axis=(1, 2, 3), {R})(x)"), image(f"nnx.LinearGeneral(x.shape[1], 3, axis=1, {R})(x)", 1)),
    "Einsum": image(f"nnx.Einsum('abc,cd->abd', ({{last}}, 3), (3,), {R})(x)", 1),
    "Conv": choice(
        image(f"nnx.Conv({{last}}, 4, {{kernel}}, strides={{one}}, padding={{padding}}, {R})(x)"), image(f"nnx.Conv({{last}}, 4, {{kernel}}, feature_group_count={{last}} // 2, {R})(x)"),
        image(f"nnx.Conv({{last}}, 4, {{kernel}}, kernel_dilation=2, padding={{padding}}, {R})(x)", 1), image(f"nnx.Conv({{last}}, 4, {{kernel}}, padding='CAUSAL', {R})(x)", 1),
    ),
    "ConvTranspose": choice(image(f"nnx.ConvTranspose({{last}}, 4, {{kernel}}, strides={{stride}}, padding='{{same}}', {R})(x)"), image(f"nnx.ConvTranspose({{last}}, 4, {{kernel}}, {R})(x)")),
    "BatchNorm": choice(
        image(f"nnx.BatchNorm({{last}}, {R})(x)"), image(f"nnx.BatchNorm(x.shape[1], axis=1, {R})(x)"), image(f"nnx.BatchNorm({{last}}, use_running_average=True, {R})(x)", 1),
        image(f"nnx.BatchNorm({{last}}, {R})(x, use_running_average=False)", 1),
    ),
    "LayerNorm": choice(image(f"nnx.LayerNorm({{last}}, {R})(x)"), image(f"nnx.LayerNorm({{last}}, reduction_axes={{axis}}, {R})(x)"), image(f"nnx.LayerNorm({{last}}, reduction_axes=tuple({{axes}}), {R})(x)")),
    "RMSNorm": image(f"nnx.RMSNorm({{last}}, {R})(x)", 1),
    "GroupNorm": choice(image(f"nnx.GroupNorm({{last}}, num_groups=2, {R})(x)"), image(f"nnx.GroupNorm({{last}}, num_groups={{last}}, {R})(x)"), image(f"nnx.GroupNorm({{last}}, num_groups=None, group_size={{one}}, {R})(x)")),
    "InstanceNorm": image(f"nnx.InstanceNorm({{last}}, {R})(x)"),
    "Dropout": image(f"nnx.Dropout(0.5, deterministic=True, {R})(x)"),
    "WeightNorm": steps(f"nnx.WeightNorm(nnx.Linear({{last}}, 3, {R}), {R})(x)"),
}  # fmt: skip


# Names under which there is no function, or one that another name's probe stands for; and what takes more than a tensor.
UNTRIED = {
    "atleast_1d_placeholder", "with_sharding_constraint", "bfloat16", "float16", "sub", "mul", "div",
}  # fmt: skip
SAME_HANDLER = {"sub": "subtract", "mul": "multiply", "div": "divide"}
METHODS = {"flatten": "ravel", "get_value": "identity", "block_until_ready": "identity", "unbox": "identity"}
CARRYING = {"conv", "linear", "norm", "dropout", "wrapper"}
UNTRIED_LAYERS = {"SpectralNorm", "RNN", "Bidirectional"}  # what they wrap is tried, or sees everything


def table_names() -> set[str]:
    """The names of the vocabulary that say that an operation carries a shift on."""
    methods = {METHODS.get(name, name) for name in arrays.METHODS}
    return {*functions.KEEP, *functions.HANDLERS, *methods} - UNTRIED


def layer_names() -> set[str]:
    return {name for name, spec in vocabulary.NNX.items() if spec.kind in CARRYING} - UNTRIED_LAYERS


def make(name: str, chance: random.Random) -> Probe:
    """A probe of an operation or a layer."""
    body, shapes = {**NAMED, **LAYERS}[name](Draw(chance))
    return Probe((name,), body, shapes, HEAD)


def same_handlers() -> bool:
    """Are the names without probes of their own handled as those are whose probes stand for them?"""
    return all(functions.HANDLERS[name] is functions.HANDLERS[other] for name, other in SAME_HANDLER.items())


def rank_may_be_unknown(probe: Probe) -> bool:
    """Inputs of Flax's modules have no known rank; but axes of several dimensions of a batch are taken for one."""
    return probe.names[0] in NAMED and len(probe.shapes) == 1 and len(probe.shapes[0]) > 1


# What JAX works out in float32 whatever it is given.
SINGLE = {"dot_product_attention", "asarray", "float32"}


def execute(probe: Probe, arrays_: list[Any]) -> list[Any]:
    """Run a probe in float64, or in float32. ValueError where it does not take these arguments."""
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax

    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    kind = np.float32 if SINGLE.intersection(probe.names) else np.float64
    try:
        result = run_source(probe, {})(*(jax.numpy.asarray(array, kind) for array in arrays_))
    except Exception as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None
    finally:
        jax.config.update("jax_enable_x64", before)
    return real_leaves(result, as_array)


def as_array(value: Any) -> Any:
    found = np.asarray(value)
    return found if found.dtype == np.float32 else found.astype(float)
