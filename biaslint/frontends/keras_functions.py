"""Functions on tensors, alike in keras.ops, keras.backend and TensorFlow: what each does to a shift."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from biaslint.frontends import calls, keras_layers, ops, reshaping, tensor_methods, tensors
from biaslint.frontends.tensor_methods import argument
from biaslint.frontends.values import (
    MISSING,
    DictV,
    External,
    Func,
    ListV,
    Method,
    Native,
    Obj,
    Partial,
    Unknown,
    Value,
    is_constant,
    tensors_in,
)
from biaslint.theory.dataflow import Node
from biaslint.vocabulary import keras as vocabulary

if TYPE_CHECKING:
    from biaslint.frontends.interpreter import Interpreter

Args = list[Value]
Kwargs = dict[str, Value]
Handler = Callable[["Interpreter", Args, Kwargs], Value]

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
    *vocabulary.ACTIVATIONS, "log", "log1p", "exp", "expm1", "sqrt", "rsqrt", "square", "abs", "pow", "sign", "sin", "cos", "clip",
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


def call(interp: Interpreter, name: str, args: Args, kwargs: Kwargs) -> Value:
    """A function by its short name. MISSING where it is not known."""
    if name in RESULTLESS:
        return None
    handler = HANDLERS.get(name)
    if handler is not None:
        return handler(interp, args, kwargs)
    if name in KEEP or name in ELEMENTWISE:
        x = first(args, kwargs)
        if name in KEEP and isinstance(x, (ListV, int, float)) and not tensors_in(x):
            return x
        node = (
            keras_layers.tensor(interp, x)
            if isinstance(x, (Node, Unknown, ListV)) or not tensors_in(ListV(list(args)))
            else None
        )
        if node is None:
            return (
                interp.opaque(*args, *kwargs.values(), name=name)
                if tensors_in(ListV([*args, *kwargs.values()]))
                else interp.fresh(name)
            )
        if name in KEEP:
            if node.op == "const":
                return stopped(interp, node) if name == "stop_gradient" else node
            return ops.keep(interp, node, name)
        if node.op == "const" and all(other.op == "const" for other in tensors_in(ListV(list(args)))):
            return ops.const(interp, node.dims, name if name != "log" else "log")
        result = interp.opaque(*args, *kwargs.values(), name=name)
        result.dims = node.dims
        return result
    return MISSING


def stopped(interp: Interpreter, node: Node) -> Node:
    """tf.stop_gradient(a variable): it is not trained where it is used so."""
    from biaslint.frontends import tensorflow_variables

    made = node.info.get("variable")
    if not isinstance(made, tensorflow_variables.Variable) or made.trainable is not True:
        return node
    frozen = replace(made, trainable=False, made="stopped", layer=None)
    return ops.const(interp, node.dims, node.name, **{**node.info, "variable": frozen, "parameter": False})


def truly_unknown(interp: Interpreter, args: Args, kwargs: Kwargs, name: str) -> Value:
    values = [*args, *kwargs.values()]
    return interp.opaque(*values, name=name) if tensors_in(ListV(values)) else interp.fresh(name)


def do_add(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    left, right = argument(args, kwargs, 0, "x", "x1", "a"), argument(args, kwargs, 1, "y", "x2", "b")
    if isinstance(left, ListV) and right is None:
        return keras_layers.merge(interp, "add", left.items, {})
    return ops.add(interp, left, right)


def do_add_n(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    parts = first(args, kwargs, "inputs")
    return keras_layers.merge(interp, "add", interp.iterate(parts), {})


def do_multiply(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    left, right = argument(args, kwargs, 0, "x", "x1"), argument(args, kwargs, 1, "y", "x2")
    scaled = filled_times(interp, left, right)
    return scaled if scaled is not None else ops.mul(interp, left, right)


def filled_times(interp: Interpreter, left: Value, right: Value) -> Value | None:
    if (isinstance(left, Node) and left.info.get("write") is not None) or (
        isinstance(right, Node) and right.info.get("write") is not None
    ):
        return tensors.written_arithmetic(interp, "*", left, right)
    return None


def do_divide(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    return ops.div(interp, argument(args, kwargs, 0, "x", "x1"), argument(args, kwargs, 1, "y", "x2"))


def do_matmul(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    from biaslint.frontends import tensorflow_variables

    left, right = argument(args, kwargs, 0, "a", "x", "x1"), argument(args, kwargs, 1, "b", "y", "x2")
    return tensorflow_variables.product(interp, left, right, kwargs)


def do_einsum(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    operands = args[1:]
    if len(operands) == 1 and isinstance(operands[0], ListV):
        operands = operands[0].items
    return ops.einsum(interp, args[0] if args else kwargs.get("equation"), operands)


def do_concat(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    values, axis = (
        argument(args, kwargs, 0, "values", "xs", "tensors", "concat_dim"),
        argument(args, kwargs, 1, "axis", default=-1),
    )
    if isinstance(values, int) and not isinstance(axis, int):
        values, axis = axis, values  # TensorFlow 0.x: concat(axis, values)
    return ops.concat(interp, values, axis)


def do_stack(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    return ops.stack(interp, argument(args, kwargs, 0, "values", "x"), argument(args, kwargs, 1, "axis", default=0))


def do_split(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    value = argument(args, kwargs, 0, "value", "x")
    sizes = argument(args, kwargs, 1, "num_or_size_splits", "indices_or_sections")
    axis = argument(args, kwargs, 2, "axis", "split_dim", default=0)
    if isinstance(value, int) and isinstance(sizes, int):
        value, axis, sizes = axis, value, sizes
        if not isinstance(value, Node):
            return interp.fresh("split")
    x = keras_layers.tensor(interp, value)
    if x is None:
        return interp.fresh("split")
    return ops.split(interp, x, sizes, axis, True)


def do_reshape(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:

    x = keras_layers.tensor(interp, first(args, kwargs, "tensor"))
    target = argument(args, kwargs, 1, "shape", "newshape")
    if x is None:
        return interp.fresh("reshape")
    sizes = tensor_methods.sizes_of(interp, [target], {})
    if sizes is None or any(isinstance(item, ListV) for item in sizes):
        return interp.opaque(x, name="reshape")
    return reshaping.reshape(interp, x, [item if isinstance(item, (int, Unknown)) else interp.fresh() for item in sizes])


def do_flatten(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    x = keras_layers.tensor(interp, first(args, kwargs))
    return reshaping.flatten(interp, x, 1, -1) if x is not None else interp.fresh("flatten")


def do_transpose(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    x = keras_layers.tensor(interp, first(args, kwargs))
    order = ops.axes_of(argument(args, kwargs, 1, "perm", "axes", "pattern"))
    if x is None:
        return interp.fresh("transpose")
    if order:
        return reshaping.permute(interp, x, order)
    return reshaping.transpose(interp, x, 0, 1) if x.rank == 2 else interp.opaque(x, name="transpose")


def do_expand(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    x = keras_layers.tensor(interp, first(args, kwargs))
    return (
        reshaping.unsqueeze(interp, x, argument(args, kwargs, 1, "axis", "dim", default=-1))
        if x is not None
        else interp.fresh("expand_dims")
    )


def do_squeeze(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    x = keras_layers.tensor(interp, first(args, kwargs))
    axis = argument(args, kwargs, 1, "axis", "squeeze_dims")
    return reshaping.squeeze(interp, x, axis) if x is not None else interp.fresh("squeeze")


def reduction(linear_step: bool, name: str) -> Handler:
    def work(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
        x = keras_layers.tensor(interp, first(args, kwargs))
        if x is None:
            return interp.fresh(name)
        axis = argument(args, kwargs, 1, "axis", "reduction_indices")
        keep = argument(args, kwargs, 2, "keepdims", "keep_dims", default=False)
        return ops.reduce(interp, x, axis, keep, name, linear_step)

    return work


def do_softmax(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    x = keras_layers.tensor(interp, first(args, kwargs))
    return (
        ops.softmax(interp, x, argument(args, kwargs, 1, "axis", "dim", default=-1))
        if x is not None
        else interp.fresh("softmax")
    )


def pool(kind: str, spatial: int | None) -> Handler:
    def work(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
        x = keras_layers.tensor(interp, first(args, kwargs))
        if x is None:
            return interp.fresh("pool")
        dims = spatial if spatial is not None else (x.rank - 2 if x.rank is not None and x.rank > 2 else 2)
        last = not keras_layers.is_first(interp, kwargs.get("data_format"))
        mode = kwargs.get("pool_mode", kwargs.get("pooling_type", kind))
        if kind == "max" and not (isinstance(mode, str) and mode.lower() == "avg"):
            return ops.window(interp, x, dims, "max_pool", channels_last=last)
        return ops.smooth(interp, x, dims, "avg_pool", channels_last=last)

    return work


def do_pad(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    """tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], mode)"""
    x = keras_layers.tensor(interp, first(args, kwargs))
    widths = argument(args, kwargs, 1, "paddings", "pad_width", "padding")
    mode = argument(args, kwargs, 2, "mode", default="CONSTANT")
    if x is None:
        return interp.fresh("pad")
    if not isinstance(widths, ListV) or widths.open:
        return ops.make(interp, "opaque", [x], x.dims, "pad")
    if x.dims is None:
        interp.flow.learn_rank(x, len(widths.items))
    axes = []
    for axis, pair in enumerate(widths.items):
        sides = pair.items if isinstance(pair, ListV) else [pair]
        if not all(is_constant(side) and side == 0 for side in sides):
            axes.append(axis)
    dims = None if x.dims is None else tuple(interp.fresh().key if axis in axes else dim for axis, dim in enumerate(x.dims))
    zeros = not isinstance(mode, str) or mode.upper() == "CONSTANT"
    return ops.make(interp, "smooth", [x], dims, "pad", mixes=(), padded=tuple(axes) if zeros else ())


def do_spatial_pad(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    x = keras_layers.tensor(interp, first(args, kwargs))
    return interp.fresh() if x is None else ops.make(interp, "smooth", [x], x.dims, "pad", mixes=(), padded=(1, 2))


def do_resize(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    x = keras_layers.tensor(interp, first(args, kwargs))
    if x is None:
        return interp.fresh("resize")
    return ops.smooth(interp, x, 2, "resize", channels_last=not keras_layers.is_first(interp, kwargs.get("data_format")))


def do_dropout(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    x = keras_layers.tensor(interp, first(args, kwargs))
    if x is None:
        return interp.fresh("dropout")
    kept = kwargs.get("keep_prob", args[1] if len(args) > 1 and "rate" not in kwargs else None)
    if kwargs.get("rate") == 0 or (isinstance(kept, float) and kept == 1.0):
        return ops.keep(interp, x, "dropout")
    return keras_layers.nonlinear(interp, x, "dropout")


def do_shape(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    x = first(args, kwargs)
    if isinstance(x, Unknown):
        return Unknown(("attr", x.key, "shape"), "shape")
    node = ops.tensor(interp, x)
    return tensors.shape(interp, node) if node is not None else interp.fresh("shape")


def do_rank(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    node = ops.tensor(interp, first(args, kwargs))
    return node.rank if node is not None and node.rank is not None else interp.fresh("rank")


TRAINING = re.compile(
    r"(not )?([\w.]*\.)?(is_?)?(train|training|phase|phase_?train|train_?(phase|mode|flag))(_\w+)?", re.IGNORECASE
)


def do_cond(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    """tf.cond(is_training, true_fn, false_fn): a training flag is on; any other condition takes one side."""
    test = argument(args, kwargs, 0, "pred")
    yes, no = argument(args, kwargs, 1, "true_fn", "fn1"), argument(args, kwargs, 2, "false_fn", "fn2")
    if isinstance(test, Node) and test.op in ("input", "const"):
        side = True
    elif isinstance(test, Unknown) and TRAINING.fullmatch(test.text):
        side = not test.text.startswith("not ")
    else:
        side = interp.truth(test, interp.node)
    chosen = yes if side else no
    return calls.call(interp, chosen, [], {}, interp.node) if chosen is not None else interp.fresh("cond")


def do_keras_switch(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    """K.in_train_phase(x, alt)"""
    value = argument(args, kwargs, 0, "x")
    return calls.call(interp, value, [], {}, interp.node) if isinstance(value, (Func, Method, Native)) else value


def do_pixel_shuffle(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    x = keras_layers.tensor(interp, first(args, kwargs))
    if x is None:
        return interp.fresh()
    if x.dims is None:
        interp.flow.learn_rank(x, 4)
    sources = {0: (0,), 1: (1, 3), 2: (2, 3), 3: (3,)}
    dims = (x.dims[0] if x.dims else interp.fresh().key, *(interp.fresh().key for _ in range(3)))
    return reshaping.remap(interp, x, sources, dims, "depth_to_space")


def do_pixel_unshuffle(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    x = keras_layers.tensor(interp, first(args, kwargs))
    if x is None:
        return interp.fresh()
    if x.dims is None:
        interp.flow.learn_rank(x, 4)
    sources = {0: (0,), 1: (1,), 2: (2,), 3: (3, 1, 2)}
    dims = (x.dims[0] if x.dims else interp.fresh().key, *(interp.fresh().key for _ in range(3)))
    return reshaping.remap(interp, x, sources, dims, "space_to_depth")


def do_map(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    """tf.map_fn(fn, elems): what the function does to one of them."""
    function, elements = argument(args, kwargs, 0, "fn", "f"), argument(args, kwargs, 1, "elems", "xs")
    x = ops.tensor(interp, elements)
    if x is None or function is None:
        return truly_unknown(interp, args, kwargs, "map_fn")
    calls.call(interp, function, [interp.opaque(x, name="map_fn")], {}, interp.node)
    return interp.opaque(x, name="map_fn")


def do_unstack(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    x = keras_layers.tensor(interp, first(args, kwargs))
    return interp.fresh("unstack") if x is None else ops.unbind(interp, x, argument(args, kwargs, 2, "axis", default=0))


def do_tile(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    x = keras_layers.tensor(interp, first(args, kwargs))
    counts = argument(args, kwargs, 1, "multiples", "n", "repeats")
    if x is None:
        return interp.fresh("tile")
    return (
        reshaping.expand(interp, x, counts.items, "repeat")
        if isinstance(counts, ListV) and not counts.open
        else interp.opaque(x, name="tile")
    )


def do_broadcast(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    x = keras_layers.tensor(interp, first(args, kwargs))
    target = argument(args, kwargs, 1, "shape")
    if x is None:
        return interp.fresh("broadcast")
    return (
        reshaping.expand(interp, x, target.items, "expand")
        if isinstance(target, ListV) and not target.open
        else interp.opaque(x, name="broadcast_to")
    )


def do_with(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    return Obj(External("tensorflow.a_context"))


def do_function(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    """tf.function(f), tf.recompute_grad(f), tf.make_template(name, f, ...)"""
    for index, value in enumerate(args):
        if not isinstance(value, str):
            return Partial(value, [], kwargs) if index and kwargs else value
    return Native("function", lambda value, *rest, **options: value)


def do_list(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    return ListV(open=True, items=[])


HANDLERS: dict[str, Handler] = {
    "add": do_add,
    "subtract": do_add,
    "sub": do_add,
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


def dictionary(value: Value) -> Kwargs:
    return {key: item for key, item in value.items.items() if isinstance(key, str)} if isinstance(value, DictV) else {}
