"""Functions on tensors, alike in keras.ops, keras.backend and TensorFlow: what each does to a shift."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from biaslint.analysis.domain import values, values as domain_values
from biaslint.analysis.domain.values import (
    Args,
    External,
    FunctionValue,
    Instance,
    Kwargs,
    Method,
    ModelFunction,
    Partial,
    SequenceValue,
    Unknown,
    Value,
    argument,
)
from biaslint.analysis.frameworks.common import construction, raw_layers
from biaslint.analysis.frameworks.keras import layers as keras_layers, vocabulary as keras_vocabulary
from biaslint.analysis.project.environment import MISSING
from biaslint.analysis.tensors import handwritten_norms, indexing, methods as tensor_methods, nodes, ops, reshaping
from biaslint.theory import terms
from biaslint.theory.dataflow import Node
from biaslint.theory.tensor_info import TensorInfo

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution


Handler = Callable[["Execution", Args, Kwargs], Value]

KEEP = {
    "identity", "cast", "convert_to_tensor", "stop_gradient", "check_numerics", "Print", "print", "negative", "ensure_shape",
    "placeholder_with_default", "copy", "reverse", "flip", "roll", "to_float", "to_double", "to_int32", "saturate_cast",
    "clip_by_norm_placeholder", "crop_to_bounding_box", "random_crop", "central_crop", "grad_pass_through", "guarantee_const",
    "cast_to_floatx", "in_top_k_placeholder", "with_dependencies", "gather_placeholder", "reverse_sequence", "strided_slice", "slice",
    "recompute_grad", "enable_resource_variables", "quantize_placeholder", "array", "copy_to", "numpy",
}  # fmt: skip
RESULTLESS = {
    "add_to_collection", "summary", "set_random_seed", "assert_equal", "assert_rank", "reset_default_graph", "set_image_data_format",
    "clear_session", "histogram", "scalar", "image", "set_learning_phase", "disable_v2_behavior", "disable_eager_execution",
    "enable_eager_execution", "set_verbosity", "audio", "group", "no_op", "histogram_summary", "scalar_summary", "disable_resource_variables", "function_placeholder", "assert_greater", "assert_less", "debugging", "set_floatx",
    "set_epsilon", "manual_variable_initialization", "control_flow_v2_enabled", "warning", "info", "error", "debug", "assert_shapes",
    "assert_type", "assert_rank_at_least", "merge_all_summaries", "image_summary", "add_check_numerics_ops",
}  # fmt: skip
ELEMENTWISE = {
    *keras_vocabulary.ACTIVATIONS, "log", "log1p", "exp", "expm1", "sqrt", "rsqrt", "square", "abs", "pow", "sign", "sin", "cos", "clip",
    "clip_by_value", "floor", "round", "erf", "l2_normalize", "normalize", "softsign", "log_sigmoid", "crelu", "maximum", "minimum",
    "where", "equal", "greater", "less", "not_equal", "less_equal", "greater_equal", "logical_and", "logical_or", "logical_not",
    "local_response_normalization", "lrn", "relu_layer_placeholder", "selu", "dropout", "cumsum", "reciprocal", "clip_by_norm",
    "leaky_relu", "is_nan", "isnan", "power", "absolute", "mod", "floormod", "lgamma", "nan_to_num", "random_dropout", "swish",
    "relu_x", "hard_sigmoid",
}  # fmt: skip


def first(args: Args, kwargs: Kwargs, *names: str) -> Value:
    """The tensor that a function works on."""
    if args:
        return args[0]
    for name in (
        *names,
        "x",
        "input",
        "inputs",
        "tensor",
        "value",
        "values",
        "features",
        "input_tensor",
        "logits",
        "a",
        "data",
        "images",
    ):
        if name in kwargs:
            return kwargs[name]
    return next(iter(kwargs.values()), None)


def call(ex: Execution, name: str, args: Args, kwargs: Kwargs) -> Value:
    """A function by its short name. MISSING where it is not known."""
    if name in RESULTLESS:
        return None
    handler = HANDLERS.get(name)
    if handler is not None:
        return handler(ex, args, kwargs)
    if name in KEEP or name in ELEMENTWISE:
        x = first(args, kwargs)
        if name in KEEP and isinstance(x, (SequenceValue, int, float)) and not values.tensors_in(x):
            return x
        node = (
            construction.tensor(ex, x)
            if isinstance(x, (Node, Unknown, SequenceValue)) or not values.tensors_in(SequenceValue(list(args)))
            else None
        )
        if node is None:
            return (
                ex.opaque(*args, *kwargs.values(), name=name)
                if values.tensors_in(SequenceValue([*args, *kwargs.values()]))
                else ex.fresh(name)
            )
        if name in KEEP:
            if node.op == "const":
                return stopped(ex, node) if name == "stop_gradient" else node
            return nodes.keep(ex, node, name)
        if node.op == "const" and all(other.op == "const" for other in values.tensors_in(SequenceValue(list(args)))):
            return nodes.const(ex, node.dims, name if name != "log" else "log")
        result = ex.opaque(*args, *kwargs.values(), name=name)
        result.dims = node.dims
        return result
    return MISSING


def stopped(ex: Execution, node: Node) -> Node:
    """tf.stop_gradient(a variable): it is not trained where it is used so."""
    made = node.info.get("variable")
    if not isinstance(made, raw_layers.Variable) or made.trainable is not True:
        return node
    frozen = replace(made, trainable=False, made="stopped", layer=None)
    info: TensorInfo = {**node.info, "variable": frozen, "parameter": False}
    return nodes.const(ex, node.dims, node.name, **info)


def truly_unknown(ex: Execution, args: Args, kwargs: Kwargs, name: str) -> Value:
    values = [*args, *kwargs.values()]
    return ex.opaque(*values, name=name) if domain_values.tensors_in(SequenceValue(values)) else ex.fresh(name)


def do_add(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    left, right = (
        argument(args, kwargs, 0, "x", "x1", "a"),
        argument(args, kwargs, 1, "y", "x2", "b"),
    )
    if isinstance(left, SequenceValue) and right is None:
        return keras_layers.merge(ex, "add", left.items, {})
    return ops.add(ex, left, right)


def do_subtract(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    return ops.add(ex, argument(args, kwargs, 0, "x", "x1", "a"), argument(args, kwargs, 1, "y", "x2", "b"), "-")


def do_squared_difference(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    return construction.nonlinear(ex, node, "square") if isinstance(node := do_subtract(ex, args, kwargs), Node) else node


def do_spread(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """tf.math.reduce_variance(x, axes), K.std(x, axes)"""
    x = construction.tensor(ex, first(args, kwargs))
    if x is None:
        return ex.fresh("variance")
    axes = nodes.axes_of(argument(args, kwargs, 1, "axis"))
    node = handwritten_norms.spread(ex, x, tuple(axes) if axes is not None else None, "variance")
    if argument(args, kwargs, 2, "keepdims") is True:
        node.dims = x.dims
    return node


def do_add_n(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    parts = first(args, kwargs, "inputs")
    return keras_layers.merge(ex, "add", ex.iterate(parts), {})


def do_multiply(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    left, right = argument(args, kwargs, 0, "x", "x1"), argument(args, kwargs, 1, "y", "x2")
    scaled = filled_times(ex, left, right)
    return scaled if scaled is not None else ops.mul(ex, left, right)


def filled_times(ex: Execution, left: Value, right: Value) -> Value | None:
    if (isinstance(left, Node) and left.info.get("write") is not None) or (
        isinstance(right, Node) and right.info.get("write") is not None
    ):
        return indexing.written_arithmetic(ex, "*", left, right)
    return None


def do_divide(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    return ops.div(ex, argument(args, kwargs, 0, "x", "x1"), argument(args, kwargs, 1, "y", "x2"))


def do_matmul(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    left, right = (
        argument(args, kwargs, 0, "a", "x", "x1"),
        argument(args, kwargs, 1, "b", "y", "x2"),
    )
    return raw_layers.product(ex, left, right, kwargs)


def do_einsum(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    operands = args[1:]
    if len(operands) == 1 and isinstance(operands[0], SequenceValue):
        operands = operands[0].items
    return ops.einsum(ex, args[0] if args else kwargs.get("equation"), operands)


def do_concat(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    values, axis = (
        argument(args, kwargs, 0, "values", "xs", "tensors", "concat_dim"),
        argument(args, kwargs, 1, "axis", default=-1),
    )
    if isinstance(values, int) and not isinstance(axis, int):
        values, axis = axis, values  # TensorFlow 0.x: concat(axis, values)
    return ops.concat(ex, values, axis)


def do_stack(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    return ops.stack(
        ex,
        argument(args, kwargs, 0, "values", "x"),
        argument(args, kwargs, 1, "axis", default=0),
    )


def do_split(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    value = argument(args, kwargs, 0, "value", "x")
    sizes = argument(args, kwargs, 1, "num_or_size_splits", "indices_or_sections")
    axis = argument(args, kwargs, 2, "axis", "split_dim", default=0)
    if isinstance(value, int) and isinstance(sizes, int):
        value, axis, sizes = axis, value, sizes
        if not isinstance(value, Node):
            return ex.fresh("split")
    x = construction.tensor(ex, value)
    if x is None:
        return ex.fresh("split")
    return ops.split(ex, x, sizes, axis, True)


def do_reshape(ex: Execution, args: Args, kwargs: Kwargs) -> Value:

    x = construction.tensor(ex, first(args, kwargs, "tensor"))
    target = argument(args, kwargs, 1, "shape", "newshape")
    if x is None:
        return ex.fresh("reshape")
    sizes = tensor_methods.sizes_of(ex, [target], {})
    if sizes is None or any(isinstance(item, SequenceValue) for item in sizes):
        return ex.opaque(x, name="reshape")
    return reshaping.reshape(ex, x, [item if isinstance(item, (int, Unknown)) else ex.fresh() for item in sizes])


def do_flatten(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = construction.tensor(ex, first(args, kwargs))
    return reshaping.flatten(ex, x, 1, -1) if x is not None else ex.fresh("flatten")


def do_transpose(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = construction.tensor(ex, first(args, kwargs))
    order = nodes.axes_of(argument(args, kwargs, 1, "perm", "axes", "pattern"))
    if x is None:
        return ex.fresh("transpose")
    if order:
        return reshaping.permute(ex, x, order)
    return reshaping.transpose(ex, x, 0, 1) if x.rank == 2 else ex.opaque(x, name="transpose")


def do_expand(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = construction.tensor(ex, first(args, kwargs))
    return (
        reshaping.unsqueeze(ex, x, argument(args, kwargs, 1, "axis", "dim", default=-1))
        if x is not None
        else ex.fresh("expand_dims")
    )


def do_squeeze(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = construction.tensor(ex, first(args, kwargs))
    axis = argument(args, kwargs, 1, "axis", "squeeze_dims")
    return reshaping.squeeze(ex, x, axis) if x is not None else ex.fresh("squeeze")


def reduction(linear_step: bool, name: str) -> Handler:
    def work(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
        x = construction.tensor(ex, first(args, kwargs))
        if x is None:
            return ex.fresh(name)
        axis = argument(args, kwargs, 1, "axis", "reduction_indices")
        keep = argument(args, kwargs, 2, "keepdims", "keep_dims", default=False)
        return ops.reduce(ex, x, axis, keep, name, linear_step)

    return work


def do_softmax(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = construction.tensor(ex, first(args, kwargs))
    return ops.softmax(ex, x, argument(args, kwargs, 1, "axis", "dim", default=-1)) if x is not None else ex.fresh("softmax")


def pool(kind: str, spatial: int | None) -> Handler:
    def work(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
        x = construction.tensor(ex, first(args, kwargs))
        if x is None:
            return ex.fresh("pool")
        dims = spatial if spatial is not None else (x.rank - 2 if x.rank is not None and x.rank > 2 else 2)
        last = not construction.is_first(ex, kwargs.get("data_format"))
        mode = kwargs.get("pool_mode", kwargs.get("pooling_type", kind))
        if kind == "max" and not (isinstance(mode, str) and mode.lower() == "avg"):
            return ops.window(ex, x, dims, "max_pool", channels_last=last)
        return ops.smooth(ex, x, dims, "avg_pool", channels_last=last)

    return work


def do_pad(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], mode)"""
    x = construction.tensor(ex, first(args, kwargs))
    widths = argument(args, kwargs, 1, "paddings", "pad_width", "padding")
    mode = argument(args, kwargs, 2, "mode", default="CONSTANT")
    if x is None:
        return ex.fresh("pad")
    if not isinstance(widths, SequenceValue) or widths.open:
        return nodes.make(ex, "opaque", [x], x.dims, "pad")
    if x.dims is None:
        ex.flow.learn_rank(x, len(widths.items))
    axes = []
    for axis, pair in enumerate(widths.items):
        sides = pair.items if isinstance(pair, SequenceValue) else [pair]
        if not all(values.is_constant(side) and side == 0 for side in sides):
            axes.append(axis)
    dims = None if x.dims is None else tuple(ex.fresh().key if axis in axes else dim for axis, dim in enumerate(x.dims))
    zeros = not isinstance(mode, str) or mode.upper() == "CONSTANT"
    return nodes.make(ex, "smooth", [x], dims, "pad", mixes=(), padded=tuple(axes) if zeros else ())


def do_spatial_pad(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = construction.tensor(ex, first(args, kwargs))
    return ex.fresh() if x is None else nodes.make(ex, "smooth", [x], x.dims, "pad", mixes=(), padded=(1, 2))


def do_resize(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = construction.tensor(ex, first(args, kwargs))
    if x is None:
        return ex.fresh("resize")
    return ops.smooth(ex, x, 2, "resize", channels_last=not construction.is_first(ex, kwargs.get("data_format")))


def do_dropout(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = construction.tensor(ex, first(args, kwargs))
    if x is None:
        return ex.fresh("dropout")
    kept = kwargs.get("keep_prob", args[1] if len(args) > 1 and "rate" not in kwargs else None)
    if kwargs.get("rate") == 0 or (isinstance(kept, float) and kept == 1.0):
        return nodes.keep(ex, x, "dropout")
    return construction.nonlinear(ex, x, "dropout")


def do_shape(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = first(args, kwargs)
    if isinstance(x, Unknown):
        return Unknown(terms.Attribute(x.key, "shape"), "shape")
    node = nodes.tensor(ex, x)
    return indexing.shape(ex, node) if node is not None else ex.fresh("shape")


def do_rank(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    node = nodes.tensor(ex, first(args, kwargs))
    return node.rank if node is not None and node.rank is not None else ex.fresh("rank")


TRAINING = re.compile(
    r"(not )?([\w.]*\.)?(is_?)?(train|training|phase|phase_?train|train_?(phase|mode|flag))(_\w+)?", re.IGNORECASE
)


def do_cond(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """tf.cond(is_training, true_fn, false_fn): a training flag is on; any other condition takes one side."""
    test = argument(args, kwargs, 0, "pred")
    yes, no = (
        argument(args, kwargs, 1, "true_fn", "fn1"),
        argument(args, kwargs, 2, "false_fn", "fn2"),
    )
    if isinstance(test, Node) and test.op in ("input", "const"):
        side = True
    elif isinstance(test, Unknown) and TRAINING.fullmatch(test.text):
        side = not test.text.startswith("not ")
    else:
        side = ex.truth(test, ex.node)
    chosen = yes if side else no
    return ex.call(chosen, [], {}, ex.node) if chosen is not None else ex.fresh("cond")


def do_keras_switch(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """K.in_train_phase(x, alt)"""
    value = argument(args, kwargs, 0, "x")
    return ex.call(value, [], {}, ex.node) if isinstance(value, (FunctionValue, Method, ModelFunction)) else value


def do_pixel_shuffle(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = construction.tensor(ex, first(args, kwargs))
    if x is None:
        return ex.fresh()
    if x.dims is None:
        ex.flow.learn_rank(x, 4)
    sources = {0: (0,), 1: (1, 3), 2: (2, 3), 3: (3,)}
    dims = (x.dims[0] if x.dims else ex.fresh().key, *(ex.fresh().key for _ in range(3)))
    return reshaping.remap(ex, x, sources, dims, "depth_to_space")


def do_pixel_unshuffle(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = construction.tensor(ex, first(args, kwargs))
    if x is None:
        return ex.fresh()
    if x.dims is None:
        ex.flow.learn_rank(x, 4)
    sources = {0: (0,), 1: (1,), 2: (2,), 3: (3, 1, 2)}
    dims = (x.dims[0] if x.dims else ex.fresh().key, *(ex.fresh().key for _ in range(3)))
    return reshaping.remap(ex, x, sources, dims, "space_to_depth")


def do_map(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """tf.map_fn(fn, elems): what the function does to one of them."""
    function, elements = (
        argument(args, kwargs, 0, "fn", "f"),
        argument(args, kwargs, 1, "elems", "xs"),
    )
    x = nodes.tensor(ex, elements)
    if x is None or function is None:
        return truly_unknown(ex, args, kwargs, "map_fn")
    ex.call(function, [ex.opaque(x, name="map_fn")], {}, ex.node)
    return ex.opaque(x, name="map_fn")


def do_unstack(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = construction.tensor(ex, first(args, kwargs))
    return ex.fresh("unstack") if x is None else ops.unbind(ex, x, argument(args, kwargs, 2, "axis", default=0))


def do_tile(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = construction.tensor(ex, first(args, kwargs))
    counts = argument(args, kwargs, 1, "multiples", "n", "repeats")
    if x is None:
        return ex.fresh("tile")
    return (
        reshaping.expand(ex, x, counts.items, "repeat")
        if isinstance(counts, SequenceValue) and not counts.open
        else ex.opaque(x, name="tile")
    )


def do_broadcast(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = construction.tensor(ex, first(args, kwargs))
    target = argument(args, kwargs, 1, "shape")
    if x is None:
        return ex.fresh("broadcast")
    return (
        reshaping.expand(ex, x, target.items, "expand")
        if isinstance(target, SequenceValue) and not target.open
        else ex.opaque(x, name="broadcast_to")
    )


def do_with(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    return Instance(External("tensorflow.a_context"))


def do_function(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """tf.function(f), tf.recompute_grad(f), tf.make_template(name, f, ...)"""
    for index, value in enumerate(args):
        if not isinstance(value, str):
            return Partial(value, [], kwargs) if index and kwargs else value
    return ModelFunction("function", lambda value, *rest, **options: value)


def do_gather(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """tf.gather(x, indices): some entries along an axis, each as it was along the others."""
    x = nodes.tensor(ex, argument(args, kwargs, 0, "params", "x", "reference"))
    indices = argument(args, kwargs, 1, "indices")
    if x is None:
        return truly_unknown(ex, args, kwargs, "gather")
    result = ex.opaque(x, indices, name="gather")
    if isinstance(indices, int) and x.dims:
        result.dims = x.dims[1:]
    return result


def do_list(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    return SequenceValue(open=True, items=[])


HANDLERS: dict[str, Handler] = {
    "add": do_add,
    "subtract": do_subtract,
    "sub": do_subtract,
    "squared_difference": do_squared_difference,
    "var": do_spread,
    "std": do_spread,
    "variance": do_spread,
    "reduce_variance": do_spread,
    "reduce_std": do_spread,
    "add_n": do_add_n,
    "accumulate_n": do_add_n,
    "multiply": do_multiply,
    "mul": do_multiply,
    "scalar_mul": do_multiply,
    "divide": do_divide,
    "div": do_divide,
    "truediv": do_divide,
    "true_divide": do_divide,
    "realdiv": do_divide,
    "matmul": do_matmul,
    "dot": do_matmul,
    "mat_mul": do_matmul,
    "batch_matmul": do_matmul,
    "einsum": do_einsum,
    "concat": do_concat,
    "concatenate": do_concat,
    "concat_v2": do_concat,
    "stack": do_stack,
    "pack": do_stack,
    "split": do_split,
    "unstack": do_unstack,
    "unpack": do_unstack,
    "reshape": do_reshape,
    "flatten": do_flatten,
    "batch_flatten": do_flatten,
    "transpose": do_transpose,
    "permute_dimensions": do_transpose,
    "expand_dims": do_expand,
    "squeeze": do_squeeze,
    "mean": reduction(True, "mean"),
    "reduce_mean": reduction(True, "mean"),
    "sum": reduction(True, "sum"),
    "reduce_sum": reduction(True, "sum"),
    "max": reduction(False, "max"),
    "reduce_max": reduction(False, "max"),
    "amax": reduction(False, "max"),
    "min": reduction(False, "min"),
    "reduce_min": reduction(False, "min"),
    "softmax": do_softmax,
    "log_softmax": do_softmax,
    "max_pool": pool("max", None),
    "max_pool1d": pool("max", 1),
    "max_pool2d": pool("max", 2),
    "max_pool3d": pool("max", 3),
    "avg_pool": pool("average", None),
    "average_pool": pool("average", None),
    "avg_pool1d": pool("average", 1),
    "avg_pool2d": pool("average", 2),
    "avg_pool3d": pool("average", 3),
    "pool": pool("max", None),
    "pool2d": pool("max", 2),
    "pad": do_pad,
    "spatial_2d_padding": do_spatial_pad,
    "resize": do_resize,
    "resize_bilinear": do_resize,
    "resize_nearest_neighbor": do_resize,
    "resize_images": do_resize,
    "resize_bicubic": do_resize,
    "resize_area": do_resize,
    "upsample": do_resize,
    "dropout": do_dropout,
    "shape": do_shape,
    "int_shape": do_shape,
    "get_shape": do_shape,
    "shape_v2": do_shape,
    "ndim": do_rank,
    "rank": do_rank,
    "cond": do_cond,
    "smart_cond": do_cond,
    "in_train_phase": do_keras_switch,
    "depth_to_space": do_pixel_shuffle,
    "space_to_depth": do_pixel_unshuffle,
    "map_fn": do_map,
    "map": do_map,
    "gather": do_gather,
    "batch_gather": do_gather,
    "tile": do_tile,
    "broadcast_to": do_broadcast,
    "name_scope": do_with,
    "device": do_with,
    "control_dependencies": do_with,
    "GradientTape": do_with,
    "Graph": do_with,
    "scope": do_with,
    "op_scope": do_with,
    "colocate_with": do_with,
    "init_scope": do_with,
    "function": do_function,
    "recompute_grad": do_function,
    "make_template": do_function,
    "get_collection": do_list,
    "trainable_variables": do_list,
    "global_variables": do_list,
}
