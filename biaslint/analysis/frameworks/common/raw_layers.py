"""TensorFlow's low level: variables, the affine functions that use them, and the layers that the two make together.

`tf.nn.conv2d(x, w)` or `tf.matmul(x, w)` and a variable that is added to the result are one layer. It stands where the bias
variable is made, and starts at what that variable starts at.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from biaslint.analysis.domain.layers import Layer
from biaslint.analysis.domain.values import (
    Args,
    External,
    FunctionValue,
    Kwargs,
    Method,
    ModelFunction,
    Partial,
    SequenceValue,
    Unknown,
    Value,
    argument,
    number,
)
from biaslint.analysis.frameworks.common import construction, initializers as common_initializers
from biaslint.analysis.project.environment import MISSING
from biaslint.analysis.tensors import contents, handwritten_norms, methods as tensor_methods, nodes, ops, reshaping
from biaslint.theory.dataflow import Dims, Node
from biaslint.theory.tensor_info import TensorInfo

if TYPE_CHECKING:
    from biaslint.analysis.domain.layers import Origin
    from biaslint.analysis.interpreter.execution import Execution


@dataclass(eq=False, slots=True)
class Variable:
    """A variable or constant: its origin, its initial content, and the layer whose bias it turned out to be."""

    origin: Origin
    written: Any
    trainable: Value
    name: str
    framework: str
    layer: Layer | None = None
    made: str = ""  # why it is not trained: "constant", "stopped" (its gradient), "" where `trainable` says so
    # the parameters of the function that makes it, and of those that led there
    settings: Kwargs = field(default_factory=dict)
    outer_settings: tuple[Kwargs, ...] = ()


def variable(ex: Execution, shape: Value, written: Any, name: str, trainable: Value, framework: str) -> Node:
    """A variable of a shape, with what its initialiser writes."""
    dims = tensor_methods.size_dims(ex, [shape]) if shape is not None else None
    return remembered(ex, dims, written, name, trainable, framework)


def remembered(ex: Execution, dims: Dims | None, written: Any, name: str, trainable: Value, framework: str) -> Node:
    if construction.is_computed_argument(ex, "trainable"):
        trainable = None
    made = Variable(ex.origin(), written, trainable, named(ex) or name, framework)
    made.settings, made.outer_settings = construction.settings(ex), construction.outer_settings(ex)
    known = (
        None
        if written is None or written.how in ("unknown", "scaled", "prior")
        else (written.how, written.value, written.spread)
    )
    info: TensorInfo = {"variable": made, "write": known, "joins": join, "parameter": trainable is not False}
    if written is not None and written.parts:
        info["writes"] = list(written.parts)
    return nodes.const(ex, dims, made.name or "a variable", **info)


def variable_of(ex: Execution, value: Value, trainable: Value, framework: str, shape: Value = None) -> Node:
    """tf.Variable(initial value)"""
    if isinstance(value, (FunctionValue, Partial, Method, ModelFunction)):
        value = ex.call(value, [], {}, ex.node)
    dims = value.dims if isinstance(value, Node) else None
    if isinstance(value, SequenceValue) and value.items and not isinstance(value.items[0], SequenceValue):
        dims = (len(value.items),)
    if dims is None and isinstance(shape, SequenceValue):
        dims = construction.shape_dims(ex, shape.items)
    how, mean, spread = contents.content_of(value)
    by = ""
    if isinstance(value, Node) and value.info.get("scaled"):
        how, by = "scaled", value.info["scaled"]
    text = ""
    node = ex.node
    if isinstance(node, ast.Call) and node.args:
        text = ex.text(node.args[0])
    written = common_initializers.write_here(ex, (how, mean, spread), by, text)
    written.parts = common_initializers.parts_here(ex, value)
    return remembered(ex, dims, written, "", trainable, framework)


def stopped(ex: Execution, node: Node) -> Node:
    """stop_gradient(a variable): it is not trained where it is used so."""
    made = node.info.get("variable")
    if not isinstance(made, Variable) or made.trainable is not True:
        return node
    frozen = replace(made, trainable=False, made="stopped", layer=None)
    info: TensorInfo = {**node.info, "variable": frozen, "parameter": False}
    return nodes.const(ex, node.dims, node.name, **info)


def get_variable(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """tf.get_variable(name, shape, dtype, initializer, regularizer, trainable)"""
    name = argument(args, kwargs, 0, "name")
    shape = argument(args, kwargs, 1, "shape")
    given = argument(args, kwargs, 3, "initializer")
    trainable = argument(args, kwargs, 5, "trainable", default=True)
    if given is None:
        written = default_write(ex)
    else:
        parts = [one.value for one in getattr(ex.node, "keywords", ()) if one.arg == "initializer"]
        text = next((ex.text(one) for one in parts or getattr(ex.node, "args", ())[3:4]), "")
        written = common_initializers.as_write(ex, given, text, shape=shape, old=True)
    if shape is None and isinstance(given, Node):
        return remembered(ex, given.dims, written, name if isinstance(name, str) else "", trainable, "tensorflow")
    return variable(ex, shape, written, name if isinstance(name, str) else "", trainable, "tensorflow")


SCOPE = "tensorflow.variable_scope"  # one that gives variables their initializer


def default_write(ex: Execution) -> Any:
    """The default of tf.get_variable: Glorot, unless a scope has an initializer."""
    scoped = any(isinstance(obj.cls, External) and obj.cls.name == SCOPE for obj in ex.objects)
    how, by = ("unknown", "") if scoped else ("scaled", "glorot_uniform_initializer")
    return common_initializers.write_here(ex, (how, None, None), by)


def named(ex: Execution) -> str:
    """The name that the source gives to the result of the current call."""
    statement, call = ex.statement, ex.node
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target, value = statement.targets[0], statement.value
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        target, value = statement.target, statement.value
    else:
        return ""
    if value is call:
        return ex.text(target)
    if isinstance(value, ast.Dict):
        for key, item in zip(value.keys, value.values, strict=True):
            if key is not None and (item is call or (isinstance(item, ast.Call) and call in item.args)):
                return f"{ex.text(target)}[{ex.text(key)}]"
    return ""


NORMALS = {"random_normal", "truncated_normal", "normal", "stateless_normal", "randn", "random_normal_variable"}
UNIFORMS = {"random_uniform", "uniform", "stateless_uniform", "rand"}


def filled(ex: Execution, name: str, args: Args, kwargs: Kwargs) -> Value:
    """tf.zeros(shape), tf.constant(0.1, shape=[32]), tf.random_normal(shape) and their like, of which stddev is 1 by default."""
    if name in ("constant", "convert_to_tensor"):
        value = argument(args, kwargs, 0, "value")
        shape = argument(args, kwargs, 2, "shape")
        return constant(ex, value, shape)
    if name in ("fill", "full"):
        shape, value = (
            argument(args, kwargs, 0, "dims", "shape"),
            argument(args, kwargs, 1, "value", "fill_value"),
        )
        return constant(ex, value, shape)
    like = args[0] if name.endswith("_like") and args else None
    shape = argument(args, kwargs, 0, "shape")
    dims = tensor_methods.size_dims(ex, [shape]) if like is None else getattr(nodes.tensor(ex, like), "dims", None)
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
    return nodes.const(ex, dims, name, write=written)


def constant(ex: Execution, value: Value, shape: Value) -> Value:
    """tf.constant: added to an affine result it is a bias that is never trained."""
    if isinstance(value, Node):
        return value
    content = contents.content_of(value)
    dims: Dims | None = ()
    if isinstance(shape, (SequenceValue, Unknown)):
        dims = tensor_methods.size_dims(ex, [shape])
    elif isinstance(shape, int):
        dims = (shape,)
    elif isinstance(value, SequenceValue):
        dims = (len(value.items),) if value.items and not isinstance(value.items[0], SequenceValue) else None
    elif isinstance(value, Unknown):
        dims = None
    write = content if content[0] == "constant" else None
    if dims is not None and len(dims) != 1:
        return nodes.const(ex, dims, "a constant", write=write)
    written = common_initializers.write_here(ex, content)
    made = Variable(ex.origin(), written, False, named(ex), "tensorflow", made="constant")
    return nodes.const(
        ex,
        dims,
        "log" if content[0] == "prior" else "a constant",
        variable=made,
        write=write,
        joins=join if dims is not None else None,
    )


# -- affine steps ----------------------------------------------------------------------------------------------------------------------


def weight_of(ex: Execution, value: Value) -> Node:
    """A filter or matrix. An unknown value is taken for a variable."""
    node = nodes.tensor(ex, value)
    return node if node is not None else nodes.const(ex, None, "a weight")


def convolution(ex: Execution, name: str, args: Args, kwargs: Kwargs, framework: str) -> Value:
    """tf.nn.conv2d(x, w, strides, padding) and the others of its kind."""
    spatial, transposed = CONVOLUTIONS.get(name, (2, "transpose" in name))
    x = construction.tensor(ex, argument(args, kwargs, 0, "input", "value", "x", "inputs"))
    weight = weight_of(ex, argument(args, kwargs, 1, "filter", "filters", "kernel", "depthwise_filter"))
    if x is None:
        return ex.fresh(name)
    words = [value for value in (*args[2:], *kwargs.values()) if isinstance(value, str)]
    padding: Value = kwargs.get(
        "padding", next((word for word in words if word.lower() in ("same", "valid", "causal")), ex.fresh())
    )
    if framework == "keras" and "padding" not in kwargs and not words:
        padding = "valid"
    padding = padding.lower() if isinstance(padding, str) else padding
    form = kwargs.get("data_format")
    first = any(word in ("NCHW", "NCW", "NCDHW", "channels_first") for word in words)
    if isinstance(form, Unknown):
        first = construction.is_first(ex, form, construction.LOW_LEVEL_FORMATS)
    known = weight.dims
    if known is not None and len(known) > 2 and name in ("convolution", "conv"):
        spatial = len(known) - 2
    elif x.rank is not None and name in ("convolution", "conv"):
        spatial = x.rank - 2
    out: Any = ex.fresh().key
    kernel: Value = ex.fresh("kernel")
    if known is not None and len(known) == spatial + 2:
        kernel = SequenceValue([nodes.value_of(side) for side in known[:spatial]], "tuple")
        if name.startswith("depthwise"):
            out = known[-2] if known[-1] == 1 else out
        elif name != "separable_conv2d":
            out = known[-2] if transposed else known[-1]
    node = ops.conv(
        ex,
        x,
        spatial,
        out,
        padding=padding,
        kernel=kernel,
        stride=None if transposed else 1,  # a transposed one with a stride puts zeros between
        transposed=transposed,
        channels_last=not first,
        name=name,
        weight=weight,
    )
    node.info["raw"] = (f"{'tf.nn' if framework == 'tensorflow' else 'keras.ops'}.{name}", "conv", 1 if first else -1, weight)
    return node


def product(ex: Execution, left: Value, right: Value, kwargs: Kwargs) -> Value:
    """tf.matmul(x, w)"""
    one = construction.tensor(ex, left)
    two = nodes.tensor(ex, right)
    if one is None:
        return ex.fresh("a product")
    if two is None:
        two = nodes.const(ex, None, "a weight")
    for flag in ("transpose_b", "adjoint_b"):
        if kwargs.get(flag) is True:
            two = reshaping.transpose(ex, two, -1, -2)
    for flag in ("transpose_a", "adjoint_a"):
        if kwargs.get(flag) is True:
            one = reshaping.transpose(ex, one, -1, -2)
    result = ops.matmul(ex, one, two)
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


def forms_of(bias: Node) -> list[Node]:
    """The tensor that is added, and the variable that it is a row of."""
    forms = [bias]
    while forms[-1].inputs and "variable" in forms[-1].inputs[0].info:
        forms.append(forms[-1].inputs[0])
    return forms


def join(ex: Execution, x: Node, bias: Node, axis: int | None = None) -> Node | None:
    """x + bias, where that makes an affine step and a variable into a layer; None where it does not."""
    made: Variable | None = bias.info.get("variable")
    source = affine_behind(x)
    if made is None or source is None or (bias.dims is not None and not is_row(bias.dims)):
        return None
    type_, kind, channel, weight = source.info["raw"]
    layer = made.layer
    if layer is None:
        layer = Layer(type_, kind, made.framework, {}, made.origin, name=made.name or type_)
        layer.bias, layer.trainable = True, made.trainable
        layer.callee = ex.text_of_call(made.origin)
        layer.settings, layer.outer_settings = made.settings, made.outer_settings
        layer.writes += [made.written, *made.written.parts]
        layer.reads += [("bias", node) for node in forms_of(bias)]  # by whatever else takes the variable
        if made.trainable is False:
            layer.config["made as"] = made.made or "frozen"
        if bias.dims:
            layer.config["units" if kind == "linear" else "filters"] = nodes.value_of(bias.dims[-1])
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
        ex.layers.append(layer)
    node = nodes.keep(ex, x, "bias_add")
    return construction.biased(layer, node, (channel if axis is None else axis,))


def is_row(dims: Dims) -> bool:
    """Does it hold a number per channel of the last axis? (n,), (1, n), (1, 1, 1, n)."""
    return len(dims) > 0 and all(dim == 1 for dim in dims[:-1])


def bias_add(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """tf.nn.bias_add(value, bias, data_format)"""
    x = construction.tensor(ex, argument(args, kwargs, 0, "value", "x"))
    bias = argument(args, kwargs, 1, "bias")
    if x is None:
        return ex.fresh("bias_add")
    form = argument(args, kwargs, 2, "data_format")
    is_first = construction.is_first(ex, form, construction.LOW_LEVEL_FORMATS)
    node = nodes.tensor(ex, bias)
    if node is None:
        node = remembered(ex, None, unknown_write(ex), "", True, "tensorflow")
    if "variable" in node.info:
        joined = join(ex, x, node, 1 if is_first else None)
        if joined is not None:
            return joined
    return ops.add(ex, x, node)


def unknown_write(ex: Execution) -> Any:
    return common_initializers.write_here(ex, contents.UNKNOWN)


# -- normalisation ---------------------------------------------------------------------------------------------------------------------


def moments(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """tf.nn.moments(x, axes): a mean and a variance that know what they were taken from."""
    x = construction.tensor(ex, argument(args, kwargs, 0, "x"))
    axes = nodes.axes_of(argument(args, kwargs, 1, "axes", "axis"))
    if x is None or axes is None:
        node = ex.opaque(*args, name="moments")
        return SequenceValue([node, node], "tuple")
    kept = any(value is True for value in (kwargs.get("keepdims"), kwargs.get("keep_dims"), *args[3:]))
    dims: Dims | None = None
    if x.dims is not None:
        gone = {axis % len(x.dims) for axis in axes}
        dims = tuple(1 if at in gone else dim for at, dim in enumerate(x.dims) if kept or at not in gone)
    mean, variance = nodes.const(ex, dims, "mean"), nodes.const(ex, dims, "variance")
    return SequenceValue([handwritten_norms.remember(mean, x, tuple(axes), kept), variance], "tuple")


def batch_normalization(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """tf.nn.batch_normalization(x, mean, variance, ...): cancels what the mean was taken from; a mean that is kept is a stored one."""
    x = construction.tensor(ex, argument(args, kwargs, 0, "x", "t"))
    mean = argument(args, kwargs, 1, "mean", "m")
    if x is None:
        return ex.fresh("batch_normalization")
    name = "tf.nn.batch_normalization"
    if isinstance(mean, Node):
        axes = handwritten_norms.mean_of(mean, x)
        if axes is not None:
            node = ops.norm(ex, x, "batch norm", axes, name)
            node.info["own_mean"] = handwritten_norms.behind(mean)
            return node
        if mean.op == "const" and "mean_of" not in mean.info:
            return ops.norm(ex, x, "batch norm", ops.all_but(-1), name, stored=True)
    return ops.norm(ex, x, "batch norm", None, name)


def fused_batch_norm(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    x = construction.tensor(ex, argument(args, kwargs, 0, "x"))
    if x is None:
        return ex.fresh("fused_batch_norm")
    training = argument(args, kwargs, 7, "is_training", default=True)
    axis = 1 if construction.is_first(ex, argument(args, kwargs, 6, "data_format"), construction.LOW_LEVEL_FORMATS) else -1
    node = ops.norm(ex, x, "batch norm", ops.all_but(axis), "tf.nn.fused_batch_norm", stored=training is False)
    node.info["own_mean"] = mean = nodes.const(ex, None, "mean")
    return SequenceValue([node, mean, nodes.const(ex, None, "variance")], "tuple")


def function(ex: Execution, name: str, args: Args, kwargs: Kwargs, framework: str) -> Value:
    """The affine functions and norms of tf.nn, keras.ops and keras.backend. MISSING for any other."""
    if name in CONVOLUTIONS or name in ("conv", "depthwise_conv", "separable_conv", "conv_transpose"):
        return convolution(ex, name, args, kwargs, framework)
    if name == "bias_add":
        return bias_add(ex, args, kwargs)
    if name in ("xw_plus_b", "relu_layer"):
        result = bias_add(
            ex,
            [
                product(ex, args[0] if args else kwargs.get("x"), argument(args, kwargs, 1, "weights"), {}),
                argument(args, kwargs, 2, "biases"),
            ],
            {},
        )
        return construction.nonlinear(ex, result, "relu") if name == "relu_layer" and isinstance(result, Node) else result
    if name == "moments":
        return moments(ex, args, kwargs)
    if name == "batch_normalization":
        return batch_normalization(ex, args, kwargs)
    if name in ("fused_batch_norm", "fused_batch_norm_v3"):
        return fused_batch_norm(ex, args, kwargs)
    return MISSING


# tf.nn functions that multiply by a filter: spatial axes, and whether transposed
CONVOLUTIONS: dict[str, tuple[int, bool]] = {
    "conv1d": (1, False),
    "conv2d": (2, False),
    "conv3d": (3, False),
    "depthwise_conv2d": (2, False),
    "depthwise_conv2d_native": (2, False),
    "separable_conv2d": (2, False),
    "atrous_conv2d": (2, False),
    "convolution": (2, False),
    "conv2d_transpose": (2, True),
    "conv3d_transpose": (3, True),
    "atrous_conv2d_transpose": (2, True),
    "conv1d_transpose": (1, True),
    "conv2d_v2": (2, False),
}
