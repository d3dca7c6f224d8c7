"""Functions on tensors, alike in keras.ops, keras.backend and TensorFlow: what each does to a shift."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain import values
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
from biaslint.analysis.frameworks.keras import (
    arithmetic,
    image_functions,
    shape_functions,
    training_modes,
    vocabulary as keras_vocabulary,
)
from biaslint.analysis.frameworks.keras.arguments import Handler, first, truly_unknown
from biaslint.analysis.project.environment import MISSING
from biaslint.analysis.tensors import nodes, ops, reshaping
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution


KEEP = {
    "identity", "convert_to_tensor", "convert_to_numpy", "stop_gradient", "check_numerics", "Print", "print", "negative", "ensure_shape",
    "copy", "reverse", "flip", "roll", "to_float", "to_double",
    "clip_by_norm_placeholder", "grad_pass_through", "guarantee_const",
    "cast_to_floatx", "in_top_k_placeholder", "with_dependencies", "gather_placeholder",
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
    "equal", "greater", "less", "not_equal", "less_equal", "greater_equal", "logical_and", "logical_or", "logical_not",
    "local_response_normalization", "lrn", "relu_layer_placeholder", "selu", "dropout", "cumsum", "reciprocal", "clip_by_norm",
    "leaky_relu", "is_nan", "isnan", "power", "absolute", "mod", "floormod", "lgamma", "nan_to_num", "random_dropout", "swish",
    "relu_x", "hard_sigmoid", "to_int32", "to_int64",
}  # fmt: skip


def call(ex: Execution, name: str, args: Args, kwargs: Kwargs) -> Value:
    """A function by its short name. MISSING where it is not known."""
    if name in RESULTLESS:
        if name == "add_to_collection":  # who takes it out again is not followed
            for kept in values.tensors_in(SequenceValue([*args[1:], *kwargs.values()])):
                ex.flow.add("output", (ex.opaque(kept, name=name),), None, "output")
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
                return raw_layers.stopped(ex, node) if name == "stop_gradient" else node
            return nodes.keep(ex, node, name)
        others = [other for other in values.tensors_in(SequenceValue(list(args))) if other is not node]
        if node.op == "const" and all(other.op == "const" for other in others):  # what reads it reads the parameters in it
            return ex.flow.add("const", (node, *others), node.dims, name, ex.here())
        result = ex.opaque(*args, *kwargs.values(), name=name)
        result.dims = node.dims
        return result
    return MISSING


def do_cond(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """tf.cond(is_training, true_fn, false_fn): a training flag is on; any other condition takes one side."""
    test = argument(args, kwargs, 0, "pred")
    yes, no = (
        argument(args, kwargs, 1, "true_fn", "fn1"),
        argument(args, kwargs, 2, "false_fn", "fn2"),
    )
    if isinstance(test, Node) and test.op in ("input", "const"):
        side = True
    elif isinstance(test, Unknown) and training_modes.TRAINING.fullmatch(test.text):
        side = not test.text.startswith("not ")
    else:
        if isinstance(test, Unknown) and ex.path.known(test.key) is not None and test.key not in ex.path.of_tensors:
            ex.fault("a tensor that the graph decides by is taken for a truth")
        side = ex.truth(test, ex.node)
        if isinstance(test, Unknown):
            ex.path.of_tensors.add(test.key)
    chosen = yes if side else no
    return ex.call(chosen, [], {}, ex.node) if chosen is not None else ex.fresh("cond")


def do_keras_switch(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """K.in_train_phase(x, alt)"""
    value = argument(args, kwargs, 0, "x")
    return ex.call(value, [], {}, ex.node) if isinstance(value, (FunctionValue, Method, ModelFunction)) else value


def do_map(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """tf.map_fn(fn, elems): what the function does to one of them, for each by itself."""
    function, elements = (
        argument(args, kwargs, 0, "fn", "f", "function"),
        argument(args, kwargs, 1, "elems", "xs", "elements"),
    )
    x = nodes.tensor(ex, elements)
    if x is None or function is None:
        return truly_unknown(ex, args, kwargs, "map_fn")
    if not isinstance(elements, Node) or not x.dims:
        ex.call(function, [ex.opaque(x, name="map_fn")], {}, ex.node)
        return ex.opaque(x, name="map_fn")
    alike = nodes.make(ex, "window", [x], x.dims, "map_fn", mixes=(0,))  # the function sees no difference between the entries
    one = reshaping.remap(ex, alike, {axis - 1: (axis,) for axis in range(1, len(x.dims))}, x.dims[1:], "map_fn")
    result = ex.call(function, [one], {}, ex.node)
    if not isinstance(result, Node) or result.dims is None:
        return ex.opaque(x, result, name="map_fn")
    sources = {axis + 1: (axis,) for axis in range(len(result.dims))}
    return reshaping.remap(ex, result, sources, (x.dims[0], *result.dims), "map_fn")


def do_where(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """tf.where(condition, x, y): entries of one or of the other. A vector picks whole rows in TensorFlow 1."""
    condition = argument(args, kwargs, 0, "condition")
    one, two = argument(args, kwargs, 1, "x", "x1"), argument(args, kwargs, 2, "y", "x2")
    test = nodes.tensor(ex, condition)
    ranks = {node.rank for node in (nodes.tensor(ex, one), nodes.tensor(ex, two)) if node is not None}
    if one is None or two is None or test is None or len(ranks) != 1 or None in ranks or test.rank not in {0} | ranks:
        given = (condition, one, two)
        return ex.opaque(*given, name="where") if values.tensors_in(SequenceValue([*given])) else ex.fresh("where")
    return ops.where(ex, condition, one, two)


def do_with(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    return Instance(External("tensorflow.a_context"))


def do_function(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """tf.function(f), tf.recompute_grad(f), tf.make_template(name, f, ...)"""
    for index, value in enumerate(args):
        if not isinstance(value, str):
            return Partial(value, [], kwargs) if index and kwargs else value
    return ModelFunction("function", lambda value, *rest, **options: value)


def do_list(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    return SequenceValue(open=True, items=[])


HANDLERS: dict[str, Handler] = {
    "add": arithmetic.do_add,
    "subtract": arithmetic.do_subtract,
    "sub": arithmetic.do_subtract,
    "squared_difference": arithmetic.do_squared_difference,
    "moments": arithmetic.do_moments,
    "var": arithmetic.do_spread,
    "std": arithmetic.do_spread,
    "variance": arithmetic.do_spread,
    "reduce_variance": arithmetic.do_spread,
    "reduce_std": arithmetic.do_spread,
    "add_n": arithmetic.do_add_n,
    "accumulate_n": arithmetic.do_add_n,
    "multiply": arithmetic.do_multiply,
    "mul": arithmetic.do_multiply,
    "scalar_mul": arithmetic.do_multiply,
    "divide": arithmetic.do_divide,
    "div": arithmetic.do_divide,
    "truediv": arithmetic.do_divide,
    "true_divide": arithmetic.do_divide,
    "realdiv": arithmetic.do_divide,
    "matmul": arithmetic.do_matmul,
    "dot": arithmetic.do_matmul,
    "mat_mul": arithmetic.do_matmul,
    "batch_matmul": arithmetic.do_matmul,
    "batch_dot": arithmetic.do_batch_dot,
    "einsum": arithmetic.do_einsum,
    "concat": shape_functions.do_concat,
    "concatenate": shape_functions.do_concat,
    "concat_v2": shape_functions.do_concat,
    "stack": shape_functions.do_stack,
    "pack": shape_functions.do_stack,
    "split": shape_functions.do_split,
    "unstack": shape_functions.do_unstack,
    "unpack": shape_functions.do_unstack,
    "reshape": shape_functions.do_reshape,
    "flatten": shape_functions.do_flatten,
    "batch_flatten": shape_functions.do_flatten,
    "transpose": shape_functions.do_transpose,
    "permute_dimensions": shape_functions.do_transpose,
    "expand_dims": shape_functions.do_expand,
    "squeeze": shape_functions.do_squeeze,
    "mean": arithmetic.reduction(True, "mean"),
    "reduce_mean": arithmetic.reduction(True, "mean"),
    "sum": arithmetic.reduction(True, "sum"),
    "reduce_sum": arithmetic.reduction(True, "sum"),
    "max": arithmetic.reduction(False, "max"),
    "reduce_max": arithmetic.reduction(False, "max"),
    "amax": arithmetic.reduction(False, "max"),
    "min": arithmetic.reduction(False, "min"),
    "reduce_min": arithmetic.reduction(False, "min"),
    "softmax": arithmetic.do_softmax,
    "log_softmax": lambda ex, args, kwargs: arithmetic.do_softmax(ex, args, kwargs, "log_softmax"),
    "max_pool": image_functions.pool("max", None),
    "max_pool1d": image_functions.pool("max", 1),
    "max_pool2d": image_functions.pool("max", 2),
    "max_pool3d": image_functions.pool("max", 3),
    "avg_pool": image_functions.pool("average", None),
    "average_pool": image_functions.pool("average", None),
    "avg_pool1d": image_functions.pool("average", 1),
    "avg_pool2d": image_functions.pool("average", 2),
    "avg_pool3d": image_functions.pool("average", 3),
    "pool": image_functions.pool("max", None),
    "pool2d": image_functions.pool("max", 2),
    "pad": image_functions.do_pad,
    "spatial_2d_padding": image_functions.do_spatial_pad,
    "resize": image_functions.do_resize,
    "resize_bilinear": image_functions.do_resize,
    "resize_nearest_neighbor": image_functions.do_resize,
    "resize_images": image_functions.do_resize,
    "resize_bicubic": image_functions.do_resize,
    "resize_area": image_functions.do_resize,
    "upsample": image_functions.do_resize,
    "dropout": arithmetic.do_dropout,
    "shape": shape_functions.do_shape,
    "int_shape": shape_functions.do_shape,
    "get_shape": shape_functions.do_shape,
    "shape_v2": shape_functions.do_shape,
    "ndim": shape_functions.do_rank,
    "rank": shape_functions.do_rank,
    "cond": do_cond,
    "smart_cond": do_cond,
    "in_train_phase": do_keras_switch,
    "depth_to_space": image_functions.do_pixel_shuffle,
    "space_to_depth": image_functions.do_pixel_unshuffle,
    "map_fn": do_map,
    "map": do_map,
    "vectorized_map": do_map,
    "where": do_where,
    "where_v2": do_where,
    "gather": shape_functions.do_gather,
    "take": shape_functions.do_take,
    "batch_gather": shape_functions.do_gather,
    "crop_to_bounding_box": image_functions.do_crop,
    "central_crop": image_functions.do_crop,
    "random_crop": shape_functions.do_slice,
    "slice": shape_functions.do_slice,
    "strided_slice": shape_functions.do_strided_slice,
    "reverse_sequence": shape_functions.do_reverse_sequence,
    "cast": arithmetic.do_cast,
    "saturate_cast": arithmetic.do_cast,
    "tile": shape_functions.do_tile,
    "broadcast_to": shape_functions.do_broadcast,
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
