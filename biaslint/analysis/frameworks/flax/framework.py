"""Flax's calling conventions: which name is what, and what calling it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from biaslint.analysis.domain import class_lookup
from biaslint.analysis.domain.values import Args, External, Instance, Kwargs, SequenceValue, Unknown
from biaslint.analysis.frameworks.common import raw_layers
from biaslint.analysis.frameworks.flax import (
    arrays,
    containers as flax_containers,
    functions,
    initializers,
    layers as flax_layers,
    losses,
    modules,
    names,
    optimizers,
    transforms,
    vocabulary,
)
from biaslint.analysis.interpreter import containers
from biaslint.analysis.interpreter.framework_record import Composition, Framework
from biaslint.analysis.project.environment import MISSING
from biaslint.theory.dataflow import Dims, Node

if TYPE_CHECKING:
    from biaslint.analysis.domain.layers import Layer, Param
    from biaslint.analysis.domain.values import Value
    from biaslint.analysis.interpreter.execution import Execution

FUNCTIONS = ("jax.numpy", "jax.nn", "jax.lax", "jax.image", "jax.scipy.special")


def call(ex: Execution, name: str, args: Args, kwargs: Kwargs) -> Value:
    """Call a name of Flax, JAX or Optax. MISSING where it is not known."""
    if name in vocabulary.LAYERS:
        return flax_layers.construct(ex, name, args, kwargs)
    if name in vocabulary.CONTAINERS:
        return flax_containers.make_container(ex, name, args, kwargs)
    home, _, short = name.rpartition(".")
    if names.specific(name) == 2:
        obj = Instance(External(name), ex.origin())
        ex.objects.append(obj)
        return obj
    if name.startswith(names.INITIALIZERS):
        return initializers.make(ex, name, args, kwargs)
    if name in transforms.HANDLERS:
        return transforms.HANDLERS[name](ex, args, kwargs)
    if home in FUNCTIONS or (home == "flax.linen" and short.endswith("_pool")):
        return functions.call(ex, short, args, kwargs)
    if home.startswith("optax"):
        found = losses.call(ex, name, args, kwargs)
        return optimizers.call(ex, name, args, kwargs) if found is MISSING else found
    handler = do_promote if short == "promote_dtype" else NAMED.get(name)
    return handler(ex, args, kwargs) if handler is not None else MISSING


# -- nnx: a model's definition stands for the model ----------------------------------------------------------------------------------------


def do_split(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """nnx.split(model, ...): the definition, from which `merge` makes the model again, and its states."""
    return SequenceValue([args[0] if args else None, *(ex.fresh("a state") for _ in args or [None])], "tuple")


def do_merge(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    return args[0] if args else ex.fresh("a model")


def do_clone(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    return containers.copy(ex, args[0]) if args else ex.fresh("a model")


def do_param(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """nnx.Param(value)"""
    return raw_layers.variable_of(ex, args[0] if args else kwargs.get("value"), True, "flax")


def do_variable(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """nnx.Variable(value), nnx.BatchStat(value): a box around what nothing trains."""
    made = Instance(External(modules.VARIABLE), ex.origin())
    made.attrs["value"] = args[0] if args else kwargs.get("value")
    return made


def do_random(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    return Instance(External("flax.nnx.Rngs"), ex.origin())


def do_modules(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """nnx.iter_modules(model): the modules within, each with its path."""
    obj = args[0] if args else None
    return modules.listed(ex, obj) if isinstance(obj, Instance) else ex.fresh("modules")


def do_number(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """Of a model's parameters or states: nothing that bears on what it computes."""
    return ex.fresh("a state")


def do_nothing(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    return None


def do_data(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """nnx.data(x): an attribute that is meant to hold arrays which nothing trains."""
    value = do_first(ex, args, kwargs)
    if not isinstance(value, Node) or value.op != "const" or "parameter" in value.info:
        return value
    held = ex.opaque(value, name="data")
    held.dims = value.dims
    return held


def do_first(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """nn.with_partitioning(initializer, axes): the initializer."""
    return args[0] if args else None


def do_promote(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """promote_dtype(x, kernel, bias, dtype=None): the same arrays in one type; nnx's takes them as one tuple."""
    return args[0] if len(args) == 1 and isinstance(args[0], SequenceValue) else SequenceValue(list(args))


def do_merge_param(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """nn.merge_param(name, a, b): the one of the two that is given."""
    given = [one for one in (*args[1:], kwargs.get("a"), kwargs.get("b")) if one is not None]
    return given[0] if given else ex.fresh("a flag")


def do_evaluate(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """nnx.eval_shape(make, ...): what it makes, without numbers."""
    return ex.call(args[0], args[1:], kwargs, ex.node) if args else ex.fresh("a model")


def do_field(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """struct.field(pytree_node=False, default=...): a field of a dataclass."""
    made = Instance(External("flax.struct.field"), ex.origin())
    made.attrs.update(kwargs)
    return made


def do_state(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    return modules.make_state(ex, External(names.STATES["TrainState"]), kwargs)


def do_draw(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """jax.random.normal(key, shape): an array that depends on no input."""
    return functions.filled("full", None)(ex, [*args[1:2]], {"shape": kwargs["shape"]} if "shape" in kwargs else {})


NAMED = {
    "flax.linen.merge_param": do_merge_param,
    "flax.nnx.data": do_data,
    "flax.nnx.static": do_first,
    "flax.nnx.split": do_split,
    "flax.nnx.merge": do_merge,
    "flax.nnx.clone": do_clone,
    "flax.nnx.Param": do_param,
    "flax.nnx.Variable": do_variable,
    "flax.nnx.BatchStat": do_variable,
    "flax.nnx.Cache": do_variable,
    "flax.nnx.Intermediate": do_variable,
    "flax.nnx.Rngs": do_random,
    **{f"flax.nnx.{name}": do_modules for name in ("iter_modules", "iter_graph")},
    "flax.nnx.state": do_number,
    "flax.nnx.variables": do_number,
    "flax.nnx.graphdef": do_first,
    "flax.nnx.pop": do_number,
    "flax.nnx.update": do_nothing,
    "flax.nnx.display": do_nothing,
    "flax.nnx.tabulate": do_number,
    "flax.nnx.Optimizer": do_number,
    "flax.nnx.ModelAndOptimizer": do_number,
    "flax.struct.field": do_field,
    "flax.nnx.eval_shape": do_evaluate,
    "jax.eval_shape": do_evaluate,
    **{f"{home}.with_partitioning": do_first for home in ("flax.linen", "flax.nnx")},
    "flax.linen.with_logical_partitioning": do_first,
    "flax.linen.with_logical_constraint": do_first,
    "jax.lax.with_sharding_constraint": do_first,
    "flax.training.train_state.TrainState.create": do_state,
    **{f"jax.random.{name}": do_draw for name in ("normal", "uniform", "bernoulli", "truncated_normal", "gumbel", "laplace")},
}


# -- classes -----------------------------------------------------------------------------------------------------------------------------


def is_instance(value: Value, kind: External) -> bool | None:
    """isinstance(value, kind) for a class of Flax or JAX."""
    name = names.canonical(kind.name)
    if name.endswith((".Array", ".ndarray")):
        return isinstance(value, Node)
    if not isinstance(value, Instance):
        return None if isinstance(value, (Unknown, Node)) else False
    return any(is_subclass(base, kind) for base in class_lookup.external_bases(value.cls))


def is_subclass(cls: External, kind: External) -> bool:
    one, two = names.canonical(cls.name), names.canonical(kind.name)
    if one == two:
        return True
    home, _, short = two.rpartition(".")
    if short in ("Module", "Object", "Pytree") and home in ("flax.linen", "flax.nnx"):
        return one.startswith(home) and names.specific(one) >= 2
    return short == "RNNCellBase" and one.startswith(home) and one.endswith("Cell")


def attribute(ex: Execution, obj: Instance, name: str) -> Value:
    if modules.is_module(obj):
        return modules.attribute(ex, obj, name)
    return MISSING


def method(ex: Execution, obj: Instance, name: str, args: Args, kwargs: Kwargs) -> Value:
    if modules.is_module(obj):
        return modules.method(ex, obj, name, args, kwargs)
    if modules.is_state(obj):
        return modules.state_method(ex, obj, name, args, kwargs)
    found = [*args, *kwargs.values()]
    return ex.opaque(*found, name=name) if any(isinstance(one, Node) for one in found) else ex.fresh(name)


def base_method(ex: Execution, obj: Instance, name: str, args: Args, kwargs: Kwargs) -> Value:
    if modules.is_module(obj):
        return modules.base_method(ex, obj, name, args, kwargs)
    return None if name == "__init__" else method(ex, obj, name, args, kwargs)


def param_dims(param: Param) -> Dims | None:
    return flax_layers.param_dims(param.layer, param.which)


def batch_norm(ex: Execution, layer: Layer, after: bool) -> Value:
    return call(ex, "flax.linen.BatchNorm", [False], {})


COMPOSITION: Composition = Composition(
    bias_argument="use_bias",
    layers="flax.linen",
    sequential="flax.linen.Sequential",
    sequence=lambda ex, parts: call(ex, "flax.linen.Sequential", [SequenceValue(parts)], {}),
    batch_norm=batch_norm,
)
FLAX = Framework(
    name="flax",
    import_names=names.IMPORT_NAMES,
    owns=names.owns,
    canonical=names.canonical,
    knows=names.knows,
    specificity=names.specific,
    call=call,
    is_module=modules.is_module,
    is_instance=is_instance,
    is_subclass=is_subclass,
    before_init=modules.prepare,
    fields_filled=modules.finished,
    attribute=attribute,
    has_attribute=modules.has_attribute,
    store=modules.store,
    method=method,
    base_method=base_method,
    class_method=modules.do_class_method,
    call_object=modules.call_object,
    before_call=modules.before_call,
    update_methods=frozenset({"apply_gradients"}),
    layer_names=names.LAYER_NAMES,
    module_class="flax.linen.Module",
    uncallable=("nnx.List", "nnx.Dict"),
    composition=COMPOSITION,
    loss_names=losses.NAMES,
    parameter_shape=param_dims,
    parameter_contents=frozenset({"value", "raw_value"}),
    public_layers=tuple(vocabulary.LAYERS),
    fills_fields=names.fills_fields,
    fields=flax_layers.fields,
    array_methods=arrays.METHODS,
    array_attributes=arrays.ATTRIBUTES,
)
