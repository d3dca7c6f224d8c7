"""TensorFlow's calling conventions: the low level, tf.layers, slim, tf.contrib and recurrent cells, under every prefix they have had."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from biaslint.analysis.domain import class_lookup
from biaslint.analysis.domain.layers import Param
from biaslint.analysis.domain.values import (
    BoundNative,
    External,
    Instance,
    ModelFunction,
    SequenceValue,
    Unknown,
    argument,
    tensors_in,
)
from biaslint.analysis.frameworks.common import construction, initializers as common_initializers, raw_layers
from biaslint.analysis.frameworks.keras import (
    framework as keras_framework,
    functions as keras_functions,
    losses,
    names as keras_names,
    vocabulary as keras_vocabulary,
)
from biaslint.analysis.frameworks.tensorflow import (
    layers as tensorflow_layers,
    tensorpack,
    vocabulary as tensorflow_vocabulary,
)
from biaslint.analysis.interpreter.framework_record import Framework
from biaslint.analysis.interpreter.objects import unknown_calls
from biaslint.analysis.project.environment import MISSING
from biaslint.analysis.tensors import methods as tensor_methods, nodes, parameter_writes, training_steps
from biaslint.theory import terms
from biaslint.theory.dataflow import Dims, Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution


LAYER_NAMES = r"conv\w*|separable_conv\w*|dense|fully_connected|matmul|xw_plus_b|bias_add|\w*(LSTM|GRU|RNN)Cell"
CALL_METHODS = ("__call__", "call")
PACKAGES = frozenset({"tensorflow", "tf_slim", "tensorflow_addons", "tensorflow_probability", "tensorpack"})
PREFIXES = PACKAGES | {"tf"}  # as documentation and messages call it
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
MODULES = {"tensorflow.Module", "tensorpack.ModelDesc", "tensorpack.ModelDescBase"}
CELL_BASES = {"RNNCell", "LayerRNNCell", "_LayerRNNCell"}  # of recurrent cells that are written out
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
    if short in tensorflow_vocabulary.CELLS or short in tensorflow_vocabulary.CELL_WRAPPERS:
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
        return short in tensorflow_vocabulary.SLIM or short in ("arg_scope", "add_arg_scope", "repeat", "stack")
    return full.startswith("tensorflow.layers.") and short in tensorflow_vocabulary.FUNCTION_LAYERS


def specific(name: str) -> int:
    return 2 if canonical(name) == "tensorflow.Module" else 1 if owns(name) else 0


def call(ex: Execution, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """Call a name of TensorFlow. MISSING where it is not known."""
    short = name.rpartition(".")[2]
    if name.startswith(tensorpack.HOME):
        return tensorpack.call(ex, short, args, kwargs)
    if name.startswith("tf_slim."):
        result = slim(ex, short, args, kwargs)
        if result is not MISSING:
            return result
    low = name.startswith(("tensorflow.layers.", "tensorflow.python.layers."))
    if low and short in tensorflow_vocabulary.FUNCTION_LAYERS:
        return tensorflow_layers.layer_function(ex, short, args, kwargs)
    if short in tensorflow_vocabulary.CELLS:
        return tensorflow_layers.cell(ex, short, args, kwargs)
    if short in tensorflow_vocabulary.CELL_WRAPPERS:
        return tensorflow_layers.cell_wrapper(ex, short, args, kwargs)
    if short in RNN_FUNCTIONS:
        return tensorflow_layers.run_cells(ex, short, args, kwargs)
    if short in ("Variable", "VariableV1"):
        value = argument(args, kwargs, 0, "initial_value")
        return raw_layers.variable_of(
            ex,
            value,
            argument(args, kwargs, 1, "trainable", default=True),
            "tensorflow",
            kwargs.get("shape"),
        )
    if short in ("get_variable", "variable", "model_variable"):
        return raw_layers.get_variable(ex, args, kwargs)
    if short == "placeholder_with_default" and args and isinstance(args[0], Node) and args[0].op != "const":
        return nodes.keep(ex, args[0], short)
    if short in ("placeholder", "placeholder_with_default"):
        return placeholder(ex, args, kwargs)
    if short in tensorflow_vocabulary.LOSSES:
        return loss(ex, short, args, kwargs)
    if short in FILLED and not name.startswith(("tensorflow.initializers.", "tensorflow.nn.")):
        return raw_layers.filled(ex, short, args, kwargs)
    if short in tensorflow_vocabulary.OPTIMIZERS or name.startswith("tensorflow.train."):
        return optimizer(ex, short, args, kwargs)
    if common_initializers.is_initializer(name) and (
        short.endswith("initializer") or ".initializers." in name or "initializer" in short
    ):
        return common_initializers.make(ex, name, args, kwargs)
    if not name.startswith("tensorflow.layers."):
        result = raw_layers.function(ex, short, args, kwargs, "tensorflow")
        if result is not MISSING:
            return result
    if short in SCOPES or name.startswith("tensorflow.summary."):
        scope = Instance(External(name), ex.origin())
        if short == "variable_scope" and not {"initializer", "**"}.isdisjoint(construction.argument_texts(ex, ())):
            scope.cls = External(raw_layers.SCOPE)
            ex.objects.append(scope)
        return scope
    if short in ("assign", "assign_add", "assign_sub", "assign_moving_average"):
        if short == "assign" and len(args) > 1 and isinstance(args[0], Param):
            parameter_writes.assign(ex, args[0], args[1])
        return None
    return keras_functions.call(ex, short, args, kwargs)


def slim(ex: Execution, short: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """A function of slim or tf.contrib.layers. MISSING where it is not known."""
    if short in tensorflow_vocabulary.SLIM:
        return tensorflow_layers.slim_function(ex, short, args, kwargs)
    if short == "arg_scope":
        return tensorflow_layers.arg_scope(ex, args, kwargs)
    if short == "add_arg_scope":
        return args[0] if args else ModelFunction(short, lambda value, *rest, **options: value)
    if short == "repeat" and len(args) > 2:
        return tensorflow_layers.repeat(ex, args, kwargs)
    if short == "stack" and len(args) > 2:
        return tensorflow_layers.stack(ex, args, kwargs)
    if short in ("softmax", "relu6"):
        return keras_functions.call(ex, short, args, kwargs)
    if short in ("l2_regularizer", "l1_regularizer", "get_variables", "get_model_variables"):
        return ex.fresh(short)
    return MISSING


def placeholder(ex: Execution, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """tf.placeholder(dtype, shape)"""
    shape = argument(args, kwargs, 1, "shape")
    dims: Dims | None = None
    if isinstance(shape, SequenceValue) and not shape.open:
        dims = construction.shape_dims(ex, shape.items)
    return ex.flow.add("input", (), dims, "the input", ex.here())


def loss(ex: Execution, short: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """tf.nn.sigmoid_cross_entropy_with_logits(...)"""
    kind = tensorflow_vocabulary.LOSSES[short]
    if not kind:  # a regulariser
        return ex.fresh(short)
    fact = losses.note(ex, kind, [], kwargs)
    if fact is not None:
        losses.take(ex, fact, kwargs.get("logits"), "logits", losses.of_classes(fact))
    return ex.opaque(*args, *kwargs.values(), name=keras_vocabulary.LOSS_READERS.get(kind, "cross_entropy"))


def optimizer(ex: Execution, short: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if short in tensorflow_vocabulary.OPTIMIZERS:
        construction.note_fact(ex, f"tf.train.{short}", "optimizer", "tensorflow", dict(kwargs), ("learning_rate",))
    return Instance(External(f"tensorflow.train.{short}"), ex.origin())


# -- instances ---------------------------------------------------------------------------------------------------------------------------


def is_module(obj: Instance) -> bool:
    if obj.layer is not None:
        return True
    names = (canonical(base.name) for base in class_lookup.external_bases(obj.cls))
    return any(name in MODULES or name.rpartition(".")[2] in CELL_BASES for name in names)


def attribute(ex: Execution, obj: Instance, name: str) -> Value:
    if obj.layer is not None and name in obj.layer.config:
        return obj.layer.config[name]
    if obj.layer is not None and obj.layer.short_type in tensorflow_vocabulary.WHOLE_CELLS:
        if name in ("weights", "variables", "trainable_weights", "trainable_variables"):
            return SequenceValue([Param(obj.layer, "weight"), Param(obj.layer, "bias")])
        if name in ("bias", "_bias"):
            return Param(obj.layer, "bias")
    return BoundNative(obj, name)


def has_attribute(obj: Instance, name: str) -> bool | None:
    return None


def store(ex: Execution, obj: Instance, name: str, value: Value) -> bool:
    return False


def method(ex: Execution, obj: Instance, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """A method of an optimizer, a moving average, a session, a cell ..."""
    if isinstance(obj.cls, External) and obj.cls.name == tensorpack.WRAP:
        return tensorpack.method(ex, obj, name, args, kwargs)
    if name in ("minimize", "compute_gradients", "gradient"):
        for loss in tensors_in(args[0] if args else kwargs.get("loss", kwargs.get("target"))):
            training_steps.backward(ex, loss)
    if name == "gradient":
        return ex.fresh("gradients")
    if name in ("minimize", "apply", "apply_gradients", "compute_gradients", "close", "update", "add_summary"):
        return ex.fresh(name)
    if name == "zero_state":
        return ex.fresh("a state")
    if name in ("as_default", "scope"):
        return obj
    if name == "__call__":
        return call_object(ex, obj, args, kwargs)
    return unknown_calls.call_unknown(ex, Unknown(terms.Method(obj, name), name), args, kwargs)


def base_method(ex: Execution, obj: Instance, name: str, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if name == "__init__":
        return None
    return method(ex, obj, name, args, kwargs)


def call_object(ex: Execution, obj: Instance, args: list[Value], kwargs: dict[str, Value]) -> Value:
    if isinstance(obj.cls, External) and obj.cls.name == tensorpack.WRAP:
        return obj.attrs.get("tensor")
    layers = tensorflow_layers.cells_in(obj)
    if layers:
        return tensorflow_layers.run_cells(ex, "a cell", [obj, *args], kwargs)
    if isinstance(obj.cls, External) and common_initializers.is_initializer(obj.cls.name):
        return initialized(ex, obj, args, kwargs)
    return MISSING


def initialized(ex: Execution, obj: Instance, args: list[Value], kwargs: dict[str, Value]) -> Value:
    """initializer(shape): a tensor that is filled so."""
    shape = argument(args, kwargs, 0, "shape")
    how, number, spread, by = common_initializers.content(ex, obj, shape, old=False)
    write = None if how in ("unknown", "scaled", "prior") else (how, number, spread)
    return nodes.const(ex, tensor_methods.size_dims(ex, [shape]), by or how, write=write, scaled=by)


def enter(ex: Execution, obj: Instance) -> Value:
    if isinstance(obj.cls, External) and obj.cls.name == "tf_slim.arg_scope":
        return tensorflow_layers.enter(ex, obj)
    return obj


def leave(ex: Execution, obj: Instance) -> None:
    if isinstance(obj.cls, External) and obj.cls.name == "tf_slim.arg_scope":
        tensorflow_layers.leave(ex)


def is_instance(value: Value, kind: External) -> bool | None:
    short = kind.name.rpartition(".")[2]
    if short in ("Tensor", "Variable", "RefVariable"):
        return isinstance(value, (Node, Param)) if not isinstance(value, Unknown) else None
    if isinstance(value, Instance):
        return any(is_subclass(base, kind) for base in class_lookup.external_bases(value.cls))
    return None if isinstance(value, Unknown) else False


def is_subclass(cls: External, kind: External) -> bool:
    return canonical(cls.name) == canonical(kind.name) or (
        canonical(kind.name) == "tensorflow.Module" and keras_names.specific(cls.name) > 1
    )


def param_dims(param: Param) -> Dims | None:
    return keras_framework.param_dims(param)


TENSORFLOW = Framework(
    name="tensorflow",
    import_names=PACKAGES,
    owns=owns,
    canonical=canonical,
    knows=knows,
    specificity=specific,
    call=call,
    call_methods=CALL_METHODS,
    is_module=is_module,
    is_instance=is_instance,
    is_subclass=is_subclass,
    attribute=attribute,
    has_attribute=has_attribute,
    store=store,
    method=method,
    base_method=base_method,
    call_object=call_object,
    enter=enter,
    leave=leave,
    update_methods=frozenset({"run", "minimize", "apply_gradients"}),
    builds_graphs=True,
    parameter_shape=param_dims,
    layer_names=LAYER_NAMES,
    settings_names=r"(tensorflow(\.\w+)*|absl)\.flags\.FLAGS",
    builds_by_functions=True,
    composition=keras_framework.COMPOSITION,
)
