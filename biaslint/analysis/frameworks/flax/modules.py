"""flax.linen.Module and flax.nnx.Module as protocols: fields, setup, containers, and the methods that every module inherits.

A linen module is a dataclass. Its layers are made when it is called, by `setup` or on the way through a compact method; here `setup` runs
when something asks for what it makes.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from biaslint.analysis.domain import class_lookup, values
from biaslint.analysis.domain.layers import Param
from biaslint.analysis.domain.values import (
    Args,
    BoundNative,
    Class,
    DictValue,
    External,
    FunctionValue,
    Instance,
    Kwargs,
    Method,
    SequenceValue,
    Unknown,
    Value,
    argument,
)
from biaslint.analysis.frameworks.common import raw_layers, signatures
from biaslint.analysis.frameworks.flax import containers, initializers, layers as flax_layers, modes, names, vocabulary
from biaslint.analysis.interpreter import containers as python_containers, module_tree
from biaslint.analysis.interpreter.objects import attributes, unknown_calls
from biaslint.analysis.project.environment import MISSING
from biaslint.analysis.tensors import nodes, ops, parameter_writes
from biaslint.theory import terms

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution
    from biaslint.theory.dataflow import Node


OWN = "param="  # among the attributes of a linen module: the parameters that its methods have made, by name
SETUP = "setup="  # among the attributes of a linen module: its setup has run
VARIABLE = "flax.linen.Variable"


def base_name(obj: Instance) -> str:
    """The Flax class an instance is built on: "flax.linen.Dense", "flax.nnx.Module", or "" where it is none."""
    best, rank = "", 1
    for base in obj.cls.mro if isinstance(obj.cls, Class) else [obj.cls]:
        if isinstance(base, External):
            how = names.specific(base.name)
            if how > rank:
                best, rank = names.canonical(base.name), how
    return best


def is_module(obj: Instance) -> bool:
    return obj.layer is not None or obj.items is not None or bool(base_name(obj))


def is_linen(obj: Instance) -> bool:
    return base_name(obj).startswith(names.LINEN)


def prepare(ex: Execution, obj: Instance) -> None:
    """Prepare a new instance for its constructor."""
    if base_name(obj) in vocabulary.CONTAINERS:
        obj.items = {}


def finished(ex: Execution, obj: Instance) -> None:
    """A new instance, after its fields are filled. What is in them belongs to it; whether it trains, an entry point says."""
    if not isinstance(obj.cls, Class):
        return
    known = base_name(obj)
    if known in vocabulary.LAYERS and obj.layer is None:
        own = {name for name, _ in signatures.parameters(vocabulary.LAYERS[known].signature)}
        flax_layers.make(ex, obj, known, [], {name: value for name, value in obj.attrs.items() if name in own})
    for name, value in list(obj.attrs.items()):
        mode = modes.in_training(name)
        if mode is not None and isinstance(value, Unknown) and value.key == terms.Parameter(obj.cls.name, name):
            obj.attrs[name] = mode
        elif isinstance(value, Instance):
            values.adopt(obj, value, f"self.{name}")


def set_up(ex: Execution, obj: Instance) -> None:
    """Run the setup of a linen module, once: as if it stood in the call that makes the module."""
    if obj.attrs.get(SETUP) is True or not is_linen(obj) or not isinstance(obj.cls, Class):
        return
    obj.attrs[SETUP] = True
    setup = class_lookup.find_method(obj, "setup")
    if setup is None:
        return
    outer = ex.module, ex.node
    if obj.origin is not None and obj.origin.chain and ex.stack:
        ex.module, ex.node = obj.origin.chain[0]
    try:
        ex.call(setup, [], {}, ex.node)
    finally:
        ex.module, ex.node = outer


# -- calling -------------------------------------------------------------------------------------------------------------------------


def before_call(ex: Execution, obj: Instance, func: FunctionValue, args: Args, kwargs: Kwargs) -> tuple[Args, Kwargs]:
    """The flags of a call that an entry point makes are those of training, unless it says otherwise."""
    set_up(ex, obj)
    if any(isinstance(frame.self, Instance) and is_module(frame.self) for frame in ex.stack):
        return args, kwargs
    spec = func.node.args
    places = [parameter.arg for parameter in (*spec.posonlyargs, *spec.args)][1:]
    for name in (*places, *(parameter.arg for parameter in spec.kwonlyargs)):
        mode = modes.in_training(name)
        if mode is None:
            continue
        place = places.index(name) if name in places else len(args)
        given = args[place] if place < len(args) else kwargs.get(name)
        if isinstance(given, bool):
            continue
        if place < len(args):
            args = [*args[:place], mode, *args[place + 1 :]]
        else:
            kwargs = {**kwargs, name: mode}
    return args, kwargs


def call_object(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    """obj(...) where the project defines no call."""
    if obj.layer is not None:
        return flax_layers.apply(ex, obj, args, kwargs)
    if obj.items is not None and base_name(obj).endswith("Sequential"):
        return containers.call_sequence(ex, obj, args, kwargs)
    if isinstance(obj.cls, External) and names.canonical(obj.cls.name).startswith(("flax.nnx.Rng", VARIABLE)):
        return ex.fresh("a key")
    return MISSING


def base_method(ex: Execution, obj: Instance, name: str, args: Args, kwargs: Kwargs) -> Value:
    """super().name(...) or a method that the class does not define itself."""
    known = base_name(obj)
    if name == "__init__":
        ex.initialized.add(id(obj))
        if known in vocabulary.LAYERS and obj.layer is None:
            flax_layers.make(ex, obj, known, args, kwargs)
        elif known in vocabulary.CONTAINERS:
            containers.fill(ex, obj, known, args, kwargs)
        return None
    if name == "__call__":
        return call_object(ex, obj, args, kwargs)
    if name in ("setup", "__post_init__", "__init_subclass__"):
        return None
    return method(ex, obj, name, args, kwargs)


# -- attributes ----------------------------------------------------------------------------------------------------------------------


def attribute(ex: Execution, obj: Instance, name: str) -> Value:
    """What an instance's Flax class gives it."""
    if obj.attrs.get(SETUP) is not True and isinstance(obj.cls, Class) and is_linen(obj):
        set_up(ex, obj)
        if name in obj.attrs:
            return obj.attrs[name]
    if name in METHODS:
        return BoundNative(obj, name)
    layer = obj.layer
    if name == "variables":
        read_all(obj)
        return Unknown(terms.Attribute(obj, name), "self.variables", tuple(values.all_in(obj.attrs.get(OWN))))
    if layer is not None:
        if name == "bias":
            return None if layer.bias is False else Param(layer, "bias")
        if name in ("kernel", "embedding", "scale"):
            return Param(layer, "weight")
        if name in ("mean", "var") and layer.kind == "norm":
            return Param(layer, f"running_{name}")
        if name in layer.config:
            return layer.config[name]
        return Unknown(terms.Attribute(obj, name), f"{layer.name}.{name}")
    return Unknown(terms.Attribute(obj, name), f"self.{name}")


def read_all(obj: Instance) -> None:
    """The variables of a module are taken as a whole, or by name: any of its parameters may be read."""
    for layer in module_tree.layers_of(obj):
        layer.passed_to_unknown_code = True


def do_get_variable(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    """module.get_variable(collection, name)"""
    own = obj.attrs.get(OWN)
    name = argument(args, kwargs, 1, "name")
    if isinstance(own, DictValue) and name in own.items:
        return own.items[name]
    read_all(obj)
    return ex.fresh("a variable")


def has_attribute(obj: Instance, name: str) -> bool | None:
    if name in METHODS or name in ("name", "parent", "scope"):
        return True
    if obj.layer is not None:
        return name in obj.layer.config or name in obj.attrs
    return None


def store(ex: Execution, obj: Instance, name: str, value: Value) -> bool:
    """obj.name = value, where that is more than an attribute."""
    layer = obj.layer
    if layer is None:
        return False
    if name in ("kernel", "bias") and isinstance(value, Param):
        return parameter_writes.replace(ex, obj, layer, name.replace("kernel", "weight"), value)
    if name in ("kernel", "bias", "scale", "embedding"):
        layer.passed_to_unknown_code = True
        return True
    if name in layer.config:
        layer.config[name] = value
        return True
    return False


# -- methods -----------------------------------------------------------------------------------------------------------------------------


def method(ex: Execution, obj: Instance, name: str, args: Args, kwargs: Kwargs) -> Value:
    """A method that modules inherit."""
    handler = METHODS.get(name)
    if handler is not None:
        return handler(ex, obj, args, kwargs)
    if name == "__call__":
        return call_object(ex, obj, args, kwargs)
    return unknown_calls.call_unknown(ex, Unknown(terms.Method(obj, name), name), [obj, *args], kwargs)


OF_APPLY = {"rngs", "mutable", "method", "capture_intermediates"}


def do_apply(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    """module.apply(variables, *inputs, mutable=[...], method=...): a call; with `mutable`, the variables come back beside the result."""
    called = kwargs.get("method")
    rest = {name: value for name, value in kwargs.items() if name not in OF_APPLY}
    inputs = args[1:] if "variables" not in kwargs else args
    rest.pop("variables", None)
    set_up(ex, obj)
    if called is None:
        result = ex.call(obj, list(inputs), rest, ex.node)
    elif isinstance(called, str):
        result = ex.call(attributes.load(ex, obj, called), list(inputs), rest, ex.node)
    elif isinstance(called, Method) or (isinstance(called, BoundNative) and called.name == "__call__"):
        result = ex.call(called, list(inputs), rest, ex.node)
    elif isinstance(called, FunctionValue):
        result = ex.call(called, [obj, *inputs], rest, ex.node)
    else:
        result = unknown_calls.call_unknown(ex, called, [obj, *inputs], rest)
    mutable = kwargs.get("mutable", False)
    if "capture_intermediates" in kwargs or not (
        mutable is False or (isinstance(mutable, SequenceValue) and not mutable.items)
    ):
        return SequenceValue([result, ex.fresh("variables")], "tuple")
    return result


def do_init(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    """module.init(key, *inputs): its parameters. That is no use of the module."""
    return ex.fresh("variables")


def do_init_with_output(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    return SequenceValue([ex.fresh("an output"), ex.fresh("variables")], "tuple")


def do_clone(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    """module.clone(field=value): a module like it, with parameters of its own."""
    made = python_containers.copy(ex, obj)
    if isinstance(made, Instance):
        made.attrs.pop(SETUP, None)
        changed = {name: value for name, value in kwargs.items() if name not in ("name", "parent", "_deep_clone")}
        for name, value in changed.items():
            if made.layer is not None:
                made.layer.config = {**made.layer.config, name: value}
            else:
                made.attrs[name] = value
    return made


def do_bind(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    return obj


def do_param(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    """self.param("bias", init, shape): a parameter of the module's own."""
    name = argument(args, kwargs, 0, "name")
    made = own_param(ex, name if isinstance(name, str) else "", args, kwargs)
    made.info.setdefault("called", raw_layers.named(ex) or str(name))
    own = obj.attrs.setdefault(OWN, DictValue({}))
    if isinstance(own, DictValue):
        own.items[name if isinstance(name, str) else len(own.items)] = made
    return made


def own_param(ex: Execution, name: str, args: Args, kwargs: Kwargs) -> Node:
    given = argument(args, kwargs, 1, "init_fn")
    shape = args[2] if len(args) > 2 else kwargs.get("shape", kwargs.get("unbox"))
    text = ex.text(ex.node.args[1]) if isinstance(ex.node, ast.Call) and len(ex.node.args) > 1 else ""
    if isinstance(given, FunctionValue) and len(args) == 2:  # `lambda key: ...`
        return raw_layers.variable_of(ex, ex.call(given, [ex.fresh("key")], {}, ex.node), True, "flax")
    written = initializers.as_write(ex, given, text, shape=shape)
    known = shape if isinstance(shape, (SequenceValue, int)) else None
    made = SequenceValue([known], "tuple") if isinstance(known, int) else known
    return raw_layers.variable(ex, made, written, name, True, "flax")


def do_variable(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    """self.variable("batch_stats", "mean", init, ...): a box whose `value` nothing trains."""
    made = Instance(External(VARIABLE), ex.origin())
    made.attrs["value"] = ex.flow.add("const", (), None, "a variable", ex.here())
    return made


def do_sow(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    """self.sow("intermediates", name, x): whoever asks for the collection sees it."""
    ex.opaque(*args, *kwargs.values(), name="sow")
    return True


def do_perturb(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    return argument(args, kwargs, 1, "value")


def fresh(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    found = values.all_in(*args, *kwargs.values())
    return ex.opaque(*args, *kwargs.values(), name="a module's state") if found else ex.fresh()


def no(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    return False


def yes(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    return True


def nothing(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    return None


def set_mode(training: bool) -> Callable[[Execution, Instance, Args, Kwargs], Value]:
    """nnx: model.train(), model.eval() set the flags of all dropouts and norms within."""

    def work(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
        if is_linen(obj):
            return ex.fresh()
        for _, module in module_tree.walk(obj):
            for flag in ("use_running_average", "deterministic"):
                if module.layer is not None and flag in module.layer.config:
                    module.layer.config[flag] = not training
        return None

    return work


def do_set_attributes(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    """nnx: model.set_attributes(deterministic=True), of all modules within or of some."""
    for _, module in module_tree.walk(obj):
        if module.layer is not None:
            for flag in kwargs.keys() & module.layer.config.keys():
                module.layer.config[flag] = ex.fresh(flag) if args else kwargs[flag]
    return None


def listed(ex: Execution, obj: Instance) -> Value:
    """The modules within a model, each with its path."""
    found = [SequenceValue([path, module], "tuple") for path, module in module_tree.walk(obj)]
    return SequenceValue(list(found))


Handler = Callable[["Execution", Instance, Args, Kwargs], Value]
METHODS: dict[str, Handler] = {
    "apply": do_apply,
    "init": do_init,
    "lazy_init": do_init,
    "init_with_output": do_init_with_output,
    "tabulate": do_init,
    "bind": do_bind,
    "unbind": lambda ex, obj, args, kwargs: SequenceValue([obj, ex.fresh("variables")], "tuple"),
    "clone": do_clone,
    "copy": do_clone,
    "param": do_param,
    "variable": do_variable,
    "make_rng": fresh,
    "has_rng": yes,
    "sow": do_sow,
    "perturb": do_perturb,
    "has_variable": yes,
    "get_variable": do_get_variable,
    "put_variable": nothing,
    "is_initializing": no,
    "is_initialized": yes,
    "is_mutable_collection": yes,
    "initialize_carry": fresh,
    "append": containers.do_append,
    "extend": containers.do_extend,
    "iter_modules": lambda ex, obj, args, kwargs: listed(ex, obj),
    "train": set_mode(True),
    "eval": set_mode(False),
    "set_attributes": do_set_attributes,
}


def do_attend(ex: Execution, obj: Instance, args: Args, kwargs: Kwargs) -> Value:
    """embed.attend(x): the products of x with every row of an embedding, as of an output layer that has its weight."""
    x = nodes.tensor(ex, argument(args, kwargs, 0, "query", "inputs"))
    if obj.layer is None or obj.layer.kind != "embedding" or x is None:
        return unknown_calls.call_unknown(ex, Unknown(terms.Method(obj, "attend"), "attend"), [obj, *args], kwargs)
    obj.used = True
    weight = Param(obj.layer, "weight")
    products = ops.linear(ex, x, nodes.dim_of(ex, obj.layer.config.get("num_embeddings")), "attend")
    products.info["raw_weight"] = weight
    ex.read(weight, nodes.param_dims(weight))
    return products


METHODS["attend"] = do_attend


def do_class_method(ex: Execution, cls: Class, outside: External, name: str, args: Args, kwargs: Kwargs) -> Value:
    """State.create(apply_fn=..., params=..., tx=...) of a project's train state."""
    if name == "create" and names.canonical(outside.name) == names.STATES["TrainState"]:
        return make_state(ex, cls, kwargs)
    return MISSING


def make_state(ex: Execution, cls: Value, kwargs: Kwargs) -> Value:
    """TrainState.create(apply_fn=model.apply, params=..., tx=...): it carries the model's function along."""
    obj = Instance(cls, ex.origin())
    obj.attrs.update({"step": ex.fresh("step"), "opt_state": ex.fresh("opt_state"), **kwargs})
    return obj


def state_method(ex: Execution, obj: Instance, name: str, args: Args, kwargs: Kwargs) -> Value:
    """state.apply_gradients(grads=...), state.replace(params=...)"""
    if name not in ("apply_gradients", "replace"):
        return ex.fresh(name)
    if name == "apply_gradients":
        ex.updates += 1
        return obj
    made = Instance(obj.cls, obj.origin)
    made.attrs.update({**obj.attrs, **kwargs})
    return made


def is_state(obj: Instance) -> bool:
    """Is it a record that carries a model's function and parameters along?"""
    bases = obj.cls.mro if isinstance(obj.cls, Class) else [obj.cls]
    return any(isinstance(base, External) and names.canonical(base.name) in names.STATES.values() for base in bases)
