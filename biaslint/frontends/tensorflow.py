"""TensorFlow's calling conventions: the low level, tf.layers, slim, tf.contrib and recurrent cells, under every prefix they have had."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from biaslint.frontends import (
    calls,
    keras,
    keras_functions,
    keras_initializers,
    keras_layers,
    keras_models,
    ops,
    tensor_methods,
    tensorflow_layers,
    tensorflow_variables,
    tensorpack,
    writes,
)
from biaslint.frontends.tensor_methods import argument
from biaslint.frontends.values import MISSING, Builtin, Class, External, Layer, ListV, Native, Obj, Param, Unknown, Value
from biaslint.theory.dataflow import Dims, Node
from biaslint.vocabulary import keras as keras_vocabulary
from biaslint.vocabulary import tensorflow as vocabulary

if TYPE_CHECKING:
    from biaslint.frontends.interpreter import Interpreter

CALL_METHODS = ("__call__", "call")
PREFIXES = {"tensorflow", "tf_slim", "tensorflow_addons", "tf", "tensorflow_probability", "tensorpack"}
SLIM_HOMES = (
    "tensorflow.contrib.slim.python.slim.", "tensorflow.contrib.slim.", "tensorflow.contrib.layers.python.layers.layers.",
    "tensorflow.contrib.layers.python.layers.", "tensorflow.contrib.layers.", "tensorflow.contrib.framework.python.ops.",
    "tensorflow.contrib.framework.", "tf_slim.layers.layers.", "tf_slim.layers.", "tf_slim.",
)  # fmt: skip
PLAIN_HOMES = (
    "tensorflow.compat.v1.",
    "tensorflow.compat.v2.",
    "tensorflow._api.v1.",
    "tensorflow.python.framework.",
    "tensorflow.python.ops.",
    "tensorflow.",
)
FILLED = {
    "zeros", "ones", "zeros_like", "ones_like", "constant", "fill", "random_normal", "truncated_normal", "random_uniform", "normal",
    "uniform", "stateless_normal",
}  # fmt: skip
RNN_FUNCTIONS = {
    "dynamic_rnn", "static_rnn", "rnn", "bidirectional_dynamic_rnn", "static_bidirectional_rnn", "bidirectional_rnn", "raw_rnn",
    "stack_bidirectional_dynamic_rnn", "static_state_saving_rnn",
}  # fmt: skip
LOSS_READERS = {"BinaryCrossentropy": "binary_cross_entropy_with_logits"}
MODULES = {"tensorflow.Module", "tensorpack.ModelDesc", "tensorpack.ModelDescBase"}
SCOPES = {
    "variable_scope",
    "name_scope",
    "device",
    "control_dependencies",
    "GradientTape",
    "Graph",
    "Session",
    "InteractiveSession",
}


def owns(name: str) -> bool:
    return name.partition(".")[0] in PREFIXES


@cache
def canonical(name: str) -> str:
    """tf.compat.v1.nn.conv2d is tensorflow.nn.conv2d; slim, tf_slim and tf.contrib.layers are one."""
    short = name.rpartition(".")[2]
    if name.startswith(tensorpack.HOME):
        return f"{tensorpack.HOME}{short}" if tensorpack.knows(name) else name
    for home in SLIM_HOMES:
        if name.startswith(home):
            return f"tf_slim.{name[len(home) :]}"
    if short in vocabulary.CELLS or short in vocabulary.CELL_WRAPPERS:
        return f"tensorflow.nn.rnn_cell.{short}"
    for home in PLAIN_HOMES[:-1]:
        if name.startswith(home):
            return f"tensorflow.{name[len(home) :]}"
    return name


def knows(name: str) -> bool:
    """Names that star imports may bring in, and those of slim's own package."""
    if not owns(name):
        return False
    if name.startswith(tensorpack.HOME):
        return tensorpack.knows(name)
    full = canonical(name)
    short = full.rpartition(".")[2]
    if full.startswith("tf_slim."):
        return short in vocabulary.SLIM or short in ("arg_scope", "add_arg_scope", "repeat", "stack")
    return full.startswith("tensorflow.layers.") and short in vocabulary.FUNCTION_LAYERS


def specific(name: str) -> int:
    return 2 if canonical(name) == "tensorflow.Module" else 1 if owns(name) else 0


def call(interp: Interpreter, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """Call a name of TensorFlow. MISSING where it is not known."""
    short = name.rpartition(".")[2]
    if name.startswith(tensorpack.HOME):
        return tensorpack.call(interp, short, args, kwargs)
    if name.startswith("tf_slim."):
        result = slim(interp, short, args, kwargs)
        if result is not MISSING:
            return result
    if name.startswith(("tensorflow.layers.", "tensorflow.python.layers.")):
        if short in vocabulary.FUNCTION_LAYERS:
            return tensorflow_layers.layer_function(interp, short, args, kwargs)
        if short in keras_vocabulary.LAYERS:
            return keras_layers.construct(interp, short, args, kwargs)
    if name.startswith("tensorflow_addons.layers.") and short in keras_vocabulary.LAYERS:
        return keras_layers.construct(interp, short, args, kwargs)
    if short in vocabulary.CELLS:
        return tensorflow_layers.cell(interp, short, args, kwargs)
    if short in vocabulary.CELL_WRAPPERS:
        return tensorflow_layers.cell_wrapper(interp, short, args, kwargs)
    if short in RNN_FUNCTIONS:
        return tensorflow_layers.run_cells(interp, short, args, kwargs)
    if short in ("Variable", "VariableV1"):
        value = argument(args, kwargs, 0, "initial_value")
        return tensorflow_variables.variable_of(
            interp, value, argument(args, kwargs, 1, "trainable", default=True), "tensorflow", kwargs.get("shape")
        )
    if short in ("get_variable", "variable", "model_variable"):
        return tensorflow_variables.get_variable(interp, args, kwargs)
    if short in ("placeholder", "placeholder_with_default"):
        return placeholder(interp, short, args, kwargs)
    if short in vocabulary.LOSSES:
        return loss(interp, short, args, kwargs)
    if short in FILLED and not name.startswith(("tensorflow.initializers.", "tensorflow.nn.")):
        return tensorflow_variables.filled(interp, short, args, kwargs)
    if short in vocabulary.OPTIMIZERS or name.startswith("tensorflow.train."):
        return optimizer(interp, short, args, kwargs)
    if keras_initializers.is_initializer(name) and (
        short.endswith("initializer") or ".initializers." in name or "initializer" in short
    ):
        return keras_initializers.make(interp, name, args, kwargs)
    if not name.startswith("tensorflow.layers."):
        result = tensorflow_variables.function(interp, short, args, kwargs, "tensorflow")
        if result is not MISSING:
            return result
    if short in SCOPES or name.startswith("tensorflow.summary."):
        return Obj(External(name), interp.origin())
    if short in ("assign", "assign_add", "assign_sub", "assign_moving_average"):
        if short == "assign" and len(args) > 1 and isinstance(args[0], Param):
            writes.assign(interp, args[0], args[1])
        return None
    return keras_functions.call(interp, short, args, kwargs)


def slim(interp: Interpreter, short: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """A function of slim or tf.contrib.layers. MISSING where it is not known."""
    if short in vocabulary.SLIM:
        return tensorflow_layers.slim_function(interp, short, args, kwargs)
    if short == "arg_scope":
        return tensorflow_layers.arg_scope(interp, args, kwargs)
    if short == "add_arg_scope":
        return args[0] if args else Native(short, lambda value, *rest, **options: value)
    if short == "repeat" and len(args) > 2:
        return tensorflow_layers.repeat(interp, args, kwargs)
    if short == "stack" and len(args) > 2:
        return tensorflow_layers.stack(interp, args, kwargs)
    if short in ("softmax", "relu6"):
        return keras_functions.call(interp, short, args, kwargs)
    if short in ("l2_regularizer", "l1_regularizer", "get_variables", "get_model_variables"):
        return interp.fresh(short)
    return MISSING


def placeholder(interp: Interpreter, short: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """tf.placeholder(dtype, shape)"""
    shape = argument(args, kwargs, 1, "shape")
    dims: Dims | None = None
    if isinstance(shape, ListV) and not shape.open:
        dims = keras_layers.shape_dims(interp, shape.items)
    return interp.flow.add("input", (), dims, "the input", interp.here())


def loss(interp: Interpreter, short: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """tf.nn.sigmoid_cross_entropy_with_logits(...)"""
    kind = vocabulary.LOSSES[short]
    if not kind:  # a regulariser
        return interp.fresh(short)
    keras_models.note_loss(interp, kind, kwargs)
    return interp.opaque(*args, *kwargs.values(), name=LOSS_READERS.get(kind, "cross_entropy"))


def optimizer(interp: Interpreter, short: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    from biaslint.frontends import torch_layers

    if short in vocabulary.OPTIMIZERS:
        layer = Layer(f"tf.train.{short}", "optimizer", "tensorflow", dict(kwargs), interp.origin(), bias=False)
        layer.texts = torch_layers.argument_texts(interp, ("learning_rate",))
        layer.settings = torch_layers.settings(interp)
        interp.facts.append(layer)
    return Obj(External(f"tensorflow.train.{short}"), interp.origin())


# -- instances ---------------------------------------------------------------------------------------------------------------------------


def is_module(obj: Obj) -> bool:
    if obj.layer is not None:
        return True
    bases = obj.cls.mro if isinstance(obj.cls, Class) else [obj.cls]
    return any(isinstance(base, External) and canonical(base.name) in MODULES for base in bases)


def prepare(interp: Interpreter, obj: Obj) -> None:
    """A new instance, before its constructor runs."""


def finished(interp: Interpreter, obj: Obj) -> None:
    """A new instance, after its constructor ran."""


def attribute(interp: Interpreter, obj: Obj, name: str) -> Value:
    if obj.layer is not None and name in obj.layer.config:
        return obj.layer.config[name]
    if obj.layer is not None and obj.layer.type.rpartition(".")[2] in vocabulary.WHOLE_CELLS:
        if name in ("weights", "variables", "trainable_weights", "trainable_variables"):
            return ListV([Param(obj.layer, "weight"), Param(obj.layer, "bias")])
        if name in ("bias", "_bias"):
            return Param(obj.layer, "bias")
    return Builtin(obj, name)


def has_attribute(obj: Obj, name: str) -> bool | None:
    return None


def store(interp: Interpreter, obj: Obj, name: str, value: Value) -> bool:
    return False


def method(interp: Interpreter, obj: Obj, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """A method of an optimiser, a moving average, a session, a cell ..."""
    if isinstance(obj.cls, External) and obj.cls.name == tensorpack.WRAP:
        return tensorpack.method(interp, obj, name, args, kwargs)
    if name in ("minimize", "apply", "apply_gradients", "compute_gradients", "close", "update", "add_summary"):
        return interp.fresh(name)
    if name == "zero_state":
        return interp.fresh("a state")
    if name in ("as_default", "scope"):
        return obj
    if name == "__call__":
        return call_object(interp, obj, args, kwargs)
    return calls.call_unknown(interp, Unknown(("method", obj, name), name), args, kwargs)


def base_method(interp: Interpreter, obj: Obj, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if name == "__init__":
        return None
    return method(interp, obj, name, args, kwargs)


def call_object(interp: Interpreter, obj: Obj, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if isinstance(obj.cls, External) and obj.cls.name == tensorpack.WRAP:
        return obj.attrs.get("tensor")
    layers = tensorflow_layers.cells_in(obj)
    if layers:
        return tensorflow_layers.run_cells(interp, "a cell", [obj, *args], kwargs)
    if isinstance(obj.cls, External) and keras_initializers.is_initializer(obj.cls.name):
        return initialized(interp, obj, args, kwargs)
    return MISSING


def initialized(interp: Interpreter, obj: Obj, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """initializer(shape): a tensor that is filled so."""
    shape = argument(args, kwargs, 0, "shape")
    how, number, spread, by = keras_initializers.content(interp, obj, shape, old=False)
    write = None if how in ("unknown", "scaled", "prior") else (how, number, spread)
    return ops.const(interp, tensor_methods.size_dims(interp, [shape]), by or how, write=write, scaled=by)


def enter(interp: Interpreter, obj: Obj) -> Value:
    if isinstance(obj.cls, External) and obj.cls.name == "tf_slim.arg_scope":
        return tensorflow_layers.enter(interp, obj)
    return obj


def leave(interp: Interpreter, obj: Obj) -> None:
    if isinstance(obj.cls, External) and obj.cls.name == "tf_slim.arg_scope":
        tensorflow_layers.leave(interp)


def is_instance(value: Value, kind: External) -> bool | None:
    short = kind.name.rpartition(".")[2]
    if short in ("Tensor", "Variable", "RefVariable"):
        return isinstance(value, (Node, Param)) if not isinstance(value, Unknown) else None
    if isinstance(value, Obj):
        bases = [base for base in value.cls.mro if isinstance(base, External)] if isinstance(value.cls, Class) else [value.cls]
        return any(is_subclass(base, kind) for base in bases)
    return None if isinstance(value, Unknown) else False


def is_subclass(cls: External, kind: External) -> bool:
    return canonical(cls.name) == canonical(kind.name) or (
        canonical(kind.name) == "tensorflow.Module" and keras.specific(cls.name) > 1
    )


def param_dims(param: Param) -> Dims | None:
    return keras.param_dims(param)
