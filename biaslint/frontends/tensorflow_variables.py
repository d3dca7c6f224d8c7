"""TensorFlow's low level: variables, the affine functions that use them, and the layers that the two make together.

`tf.nn.conv2d(x, w)` or `tf.matmul(x, w)` and a variable that is added to the result are one layer. It stands where the bias
variable is made, and starts at what that variable starts at.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from biaslint.frontends import calls, facts, keras_initializers, keras_layers, ops, reshaping, tensor_methods, writes
from biaslint.frontends.tensor_methods import argument
from biaslint.frontends.values import MISSING, Func, Layer, ListV, Method, Native, Origin, Partial, Unknown, Value
from biaslint.theory.dataflow import Dims, Node
from biaslint.vocabulary import tensorflow as vocabulary

if TYPE_CHECKING:
    from biaslint.frontends.interpreter import Interpreter

Args = list[Value]
Kwargs = dict[str, Value]


@dataclass(eq=False, slots=True)
class Variable:
    """A variable or constant: where it was made, what it starts at, and the layer whose bias it has turned out to be."""

    origin: Origin
    written: Any
    trainable: Value
    name: str
    framework: str
    layer: Layer | None = None
    made: str = ""  # why it is not trained: "constant", "stopped" (its gradient), "" where `trainable` says so


def variable(interp: Interpreter, shape: Value, written: Any, name: str, trainable: Value, framework: str) -> Node:
    """A variable of a shape, with what its initialiser writes."""
    dims = tensor_methods.size_dims(interp, [shape]) if shape is not None else None
    return remembered(interp, dims, written, name, trainable, framework)


def remembered(interp: Interpreter, dims: Dims | None, written: Any, name: str, trainable: Value, framework: str) -> Node:
    if facts.chosen(interp, "trainable"):
        trainable = None
    made = Variable(interp.origin(), written, trainable, named(interp) or name, framework)
    known = (
        None
        if written is None or written.how in ("unknown", "scaled", "prior")
        else (written.how, written.value, written.spread)
    )
    return ops.const(
        interp, dims, made.name or "a variable", variable=made, write=known, joins=join, parameter=trainable is not False
    )


def variable_of(interp: Interpreter, value: Value, trainable: Value, framework: str, shape: Value = None) -> Node:
    """tf.Variable(initial value)"""
    if isinstance(value, (Func, Partial, Method, Native)):
        value = calls.call(interp, value, [], {}, interp.node)
    dims = value.dims if isinstance(value, Node) else None
    if isinstance(value, ListV) and value.items and not isinstance(value.items[0], ListV):
        dims = (len(value.items),)
    if dims is None and isinstance(shape, ListV):
        dims = keras_layers.shape_dims(interp, shape.items)
    how, number, spread = keras_initializers.content_of_value(value)
    by = ""
    if isinstance(value, Node) and value.info.get("scaled"):
        how, by = "scaled", value.info["scaled"]
    text = ""
    node = interp.node
    if isinstance(node, ast.Call) and node.args:
        text = interp.text(node.args[0])
    written = writes.Write(how, "bias", number, spread, None, by, text, "", interp.module, node)
    return remembered(interp, dims, written, "", trainable, framework)


def get_variable(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    """tf.get_variable(name, shape, dtype, initializer, regularizer, trainable)"""
    name = argument(args, kwargs, 0, "name")
    shape = argument(args, kwargs, 1, "shape")
    given = argument(args, kwargs, 3, "initializer")
    trainable = argument(args, kwargs, 5, "trainable", default=True)
    if given is None:
        written = writes.Write("unknown", "bias", None, None, None, "", "", "", interp.module, interp.node)
    else:
        parts = [one.value for one in getattr(interp.node, "keywords", ()) if one.arg == "initializer"]
        text = next((interp.text(one) for one in parts or getattr(interp.node, "args", ())[3:4]), "")
        written = keras_initializers.as_write(interp, given, text, shape=shape, old=True)
    if shape is None and isinstance(given, Node):
        return remembered(interp, given.dims, written, name if isinstance(name, str) else "", trainable, "tensorflow")
    return variable(interp, shape, written, name if isinstance(name, str) else "", trainable, "tensorflow")


def named(interp: Interpreter) -> str:
    """What the source calls the thing that the call being carried out makes."""
    statement, call = interp.statement, interp.node
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target, value = statement.targets[0], statement.value
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        target, value = statement.target, statement.value
    else:
        return ""
    if value is call:
        return interp.text(target)
    if isinstance(value, ast.Dict):
        for key, item in zip(value.keys, value.values, strict=True):
            if key is not None and (item is call or (isinstance(item, ast.Call) and call in item.args)):
                return f"{interp.text(target)}[{interp.text(key)}]"
    return ""


NORMALS = {"random_normal", "truncated_normal", "normal", "stateless_normal", "randn", "random_normal_variable"}
UNIFORMS = {"random_uniform", "uniform", "stateless_uniform", "rand"}


def filled(interp: Interpreter, name: str, args: Args, kwargs: Kwargs) -> Value:
    """tf.zeros(shape), tf.constant(0.1, shape=[32]), tf.random_normal(shape) and their like, of which stddev is 1 by default."""

    def number(value: Value) -> float | None:
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None

    if name in ("constant", "convert_to_tensor"):
        value = argument(args, kwargs, 0, "value")
        shape = argument(args, kwargs, 2, "shape")
        return constant(interp, value, shape)
    if name in ("fill", "full"):
        shape, value = argument(args, kwargs, 0, "dims", "shape"), argument(args, kwargs, 1, "value", "fill_value")
        return constant(interp, value, shape)
    like = args[0] if name.endswith("_like") and args else None
    shape = argument(args, kwargs, 0, "shape")
    dims = tensor_methods.size_dims(interp, [shape]) if like is None else getattr(ops.tensor(interp, like), "dims", None)
    written: Any = None
    if name in NORMALS:
        mean, spread = (
            number(argument(args, kwargs, 1, "mean", default=0.0)),
            number(argument(args, kwargs, 2, "stddev", default=1.0)),
        )
        written = ("normal", mean, spread) if spread is not None else None
    elif name in UNIFORMS:
        low, high = (
            number(argument(args, kwargs, 1, "minval", default=0.0)),
            number(argument(args, kwargs, 2, "maxval", default=1.0)),
        )
        if low is not None and high is not None:
            written = ("uniform", (low + high) / 2, (high - low) / 2)
    elif name.startswith(("zeros", "ones")):
        written = ("constant", 0.0 if name.startswith("zeros") else 1.0, None)
    return ops.const(interp, dims, name, write=written)


def constant(interp: Interpreter, value: Value, shape: Value) -> Value:
    """tf.constant: added to an affine result it is a bias that is never trained."""
    if isinstance(value, Node):
        return value
    how, number, spread = keras_initializers.content_of_value(value)
    dims: Dims | None = ()
    if isinstance(shape, (ListV, Unknown)):
        dims = tensor_methods.size_dims(interp, [shape])
    elif isinstance(shape, int):
        dims = (shape,)
    elif isinstance(value, ListV):
        dims = (len(value.items),) if value.items and not isinstance(value.items[0], ListV) else None
    elif isinstance(value, Unknown):
        dims = None
    write = (how, number, spread) if how == "constant" else None
    if dims is not None and len(dims) != 1:
        return ops.const(interp, dims, "a constant", write=write)
    written = writes.Write(how, "bias", number, spread, None, "", "", "", interp.module, interp.node)
    made = Variable(interp.origin(), written, False, named(interp), "tensorflow", made="constant")
    return ops.const(
        interp,
        dims,
        "log" if how == "prior" else "a constant",
        variable=made,
        write=write,
        joins=join if dims is not None else None,
    )


# -- affine steps ----------------------------------------------------------------------------------------------------------------------


def weight_of(interp: Interpreter, value: Value) -> Node:
    """A filter or matrix; what nobody knows is taken for a variable."""
    node = ops.tensor(interp, value)
    return node if node is not None else ops.const(interp, None, "a weight")


def convolution(interp: Interpreter, name: str, args: Args, kwargs: Kwargs, framework: str) -> Value:
    """tf.nn.conv2d(x, w, strides, padding) and the others of its kind."""
    spatial, transposed = vocabulary.CONVOLUTIONS.get(name, (2, "transpose" in name))
    x = keras_layers.tensor(interp, argument(args, kwargs, 0, "input", "value", "x", "inputs"))
    weight = weight_of(interp, argument(args, kwargs, 1, "filter", "filters", "kernel", "depthwise_filter"))
    if x is None:
        return interp.fresh(name)
    words = [value for value in (*args[2:], *kwargs.values()) if isinstance(value, str)]
    padding: Value = kwargs.get(
        "padding", next((word for word in words if word.lower() in ("same", "valid", "causal")), interp.fresh())
    )
    if framework == "keras" and "padding" not in kwargs and not words:
        padding = "valid"
    padding = padding.lower() if isinstance(padding, str) else padding
    first = any(word in ("NCHW", "NCW", "NCDHW", "channels_first") for word in words)
    known = weight.dims
    if known is not None and len(known) > 2 and name in ("convolution", "conv"):
        spatial = len(known) - 2
    elif x.rank is not None and name in ("convolution", "conv"):
        spatial = x.rank - 2
    out: Any = interp.fresh().key
    kernel: Value = interp.fresh("kernel")
    if known is not None and len(known) == spatial + 2:
        kernel = ListV([ops.value_of(side) for side in known[:spatial]], "tuple")
        if name.startswith("depthwise"):
            out = known[-2] if known[-1] == 1 else out
        elif name != "separable_conv2d":
            out = known[-2] if transposed else known[-1]
    node = ops.conv(
        interp,
        x,
        spatial,
        out,
        padding=padding,
        kernel=kernel,
        transposed=transposed,
        channels_last=not first,
        name=name,
        weight=weight,
    )
    node.info["raw"] = (f"{'tf.nn' if framework == 'tensorflow' else 'keras.ops'}.{name}", "conv", 1 if first else -1, weight)
    return node


def product(interp: Interpreter, left: Value, right: Value, kwargs: Kwargs) -> Value:
    """tf.matmul(x, w)"""
    one = keras_layers.tensor(interp, left)
    two = ops.tensor(interp, right)
    if one is None:
        return interp.fresh("a product")
    if two is None:
        two = ops.const(interp, None, "a weight")
    for flag in ("transpose_b", "adjoint_b"):
        if kwargs.get(flag) is True:
            two = reshaping.transpose(interp, two, -1, -2)
    for flag in ("transpose_a", "adjoint_a"):
        if kwargs.get(flag) is True:
            one = reshaping.transpose(interp, one, -1, -2)
    result = ops.matmul(interp, one, two)
    if isinstance(result, Node) and result.op == "affine" and two.op == "const":
        result.info["raw"] = ("tf.matmul", "linear", -1, two)
    return result


def affine_behind(x: Node) -> Node | None:
    """The product or convolution that a tensor is, with nothing but shape changes between."""
    node = x
    while node.op in ("keep", "remap") and node.bias_of is None and len(node.inputs) == 1:
        node = node.inputs[0]
    if node.op != "affine" or node.bias_of is not None:
        return None
    if node.name == "@" and len(node.inputs) == 2:
        node.info.setdefault("raw", ("tf.matmul", "linear", -1, node.inputs[1]))
    return node if "raw" in node.info else None


def join(interp: Interpreter, x: Node, bias: Node, axis: int | None = None) -> Node | None:
    """x + bias, where that makes an affine step and a variable into a layer; None where it does not."""
    made: Variable | None = bias.info.get("variable")
    source = affine_behind(x)
    if made is None or source is None or (bias.rank is not None and bias.rank != 1):
        return None
    type_, kind, channel, weight = source.info["raw"]
    layer = made.layer
    if layer is None:
        layer = Layer(type_, kind, made.framework, {}, made.origin, name=made.name or type_)
        layer.bias, layer.trainable = True, made.trainable
        layer.writes.append(made.written)
        if made.trainable is False:
            layer.config["made as"] = made.made or "frozen"
        if bias.dims:
            layer.config["units" if kind == "linear" else "filters"] = ops.value_of(bias.dims[0])
        given = weight.info.get("variable")
        if isinstance(given, Variable) and given.written is not None:
            given.written.which = "weight"
            layer.weight_trainable = given.trainable
            layer.weight_writes.append(given.written)
            if given.layer is None:
                given.layer = layer
            elif given.layer.type == layer.type:
                layer.weight_of = given.layer
        made.layer = layer
        interp.layers.append(layer)
    node = ops.keep(interp, x, "bias_add")
    return keras_layers.biased(layer, node, (channel if axis is None else axis,))


def bias_add(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    """tf.nn.bias_add(value, bias, data_format)"""
    x = keras_layers.tensor(interp, argument(args, kwargs, 0, "value", "x"))
    bias = argument(args, kwargs, 1, "bias")
    if x is None:
        return interp.fresh("bias_add")
    form = argument(args, kwargs, 2, "data_format")
    node = ops.tensor(interp, bias)
    if node is None:
        node = remembered(interp, None, unknown_write(interp), "", True, "tensorflow")
    if "variable" in node.info:
        joined = join(interp, x, node, 1 if keras_layers.is_first(interp, form) else None)
        if joined is not None:
            return joined
    return ops.add(interp, x, node)


def unknown_write(interp: Interpreter) -> Any:
    return writes.Write("unknown", "bias", None, None, None, "", "", "", interp.module, interp.node)


# -- normalisation ---------------------------------------------------------------------------------------------------------------------


def moments(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    """tf.nn.moments(x, axes): a mean and a variance that know what they were taken from."""
    x = keras_layers.tensor(interp, argument(args, kwargs, 0, "x"))
    axes = ops.axes_of(argument(args, kwargs, 1, "axes", "axis"))
    if x is None or axes is None:
        node = interp.opaque(*args, name="moments")
        return ListV([node, node], "tuple")
    return ListV([ops.const(interp, None, name, moments=(x, tuple(axes))) for name in ("mean", "variance")], "tuple")


def batch_normalization(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    """tf.nn.batch_normalization(x, mean, variance, ...): cancels what the mean was taken from."""
    x = keras_layers.tensor(interp, argument(args, kwargs, 0, "x", "t"))
    mean = argument(args, kwargs, 1, "mean", "m")
    if x is None:
        return interp.fresh("batch_normalization")
    if isinstance(mean, Node) and mean.op == "const":
        source = mean.info.get("moments")
        if source is None:
            return ops.keep(interp, x, "batch_normalization")
        if behind(source[0]) is behind(x):
            return ops.norm(interp, x, "batch norm", source[1], "tf.nn.batch_normalization")
    return ops.norm(interp, x, "batch norm", None, "tf.nn.batch_normalization")


def behind(node: Node) -> Node:
    while node.op == "keep" and node.bias_of is None and len(node.inputs) == 1:
        node = node.inputs[0]
    return node


def fused_batch_norm(interp: Interpreter, args: Args, kwargs: Kwargs) -> Value:
    x = keras_layers.tensor(interp, argument(args, kwargs, 0, "x"))
    if x is None:
        return interp.fresh("fused_batch_norm")
    training = argument(args, kwargs, 7, "is_training", default=True)
    axis = 1 if keras_layers.is_first(interp, argument(args, kwargs, 6, "data_format")) else -1
    node = ops.keep(interp, x, "fused_batch_norm")
    if training is not False:
        node = ops.norm(interp, x, "batch norm", ops.all_but(axis), "tf.nn.fused_batch_norm")
    return ListV([node, ops.const(interp, None, "mean"), ops.const(interp, None, "variance")], "tuple")


def function(interp: Interpreter, name: str, args: Args, kwargs: Kwargs, framework: str) -> Value:
    """The affine functions and norms of tf.nn, keras.ops and keras.backend. MISSING for any other."""
    if name in vocabulary.CONVOLUTIONS or name in ("conv", "depthwise_conv", "separable_conv", "conv_transpose"):
        return convolution(interp, name, args, kwargs, framework)
    if name == "bias_add":
        return bias_add(interp, args, kwargs)
    if name in ("xw_plus_b", "relu_layer"):
        result = bias_add(
            interp,
            [
                product(interp, args[0] if args else kwargs.get("x"), argument(args, kwargs, 1, "weights"), {}),
                argument(args, kwargs, 2, "biases"),
            ],
            {},
        )
        return keras_layers.nonlinear(interp, result, "relu") if name == "relu_layer" and isinstance(result, Node) else result
    if name == "moments":
        return moments(interp, args, kwargs)
    if name == "batch_normalization":
        return batch_normalization(interp, args, kwargs)
    if name in ("fused_batch_norm", "fused_batch_norm_v3"):
        return fused_batch_norm(interp, args, kwargs)
    return MISSING
