"""What JAX's and Flax's transformations do to a function or a module: some change nothing, under others it sees one item of its inputs.

What goes into a transformed function is not followed, and what comes out only where each item was treated alike; what stands within is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from biaslint.analysis.domain import values
from biaslint.analysis.domain.values import (
    Args,
    Class,
    DictValue,
    External,
    Instance,
    Kwargs,
    ModelFunction,
    SequenceValue,
    Value,
    argument,
)
from biaslint.analysis.frameworks.flax import modules
from biaslint.analysis.tensors import reshaping
from biaslint.theory.dataflow import Node

if TYPE_CHECKING:
    from biaslint.analysis.interpreter.execution import Execution

Handler = Callable[["Execution", Args, Kwargs], Value]


def same(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """jax.jit(f), nn.remat(Block): the same function or class. Without one, what makes it so: `@nnx.jit(static_argnums=0)`."""
    target = target_of(args, kwargs)
    return ModelFunction("a transformation", lambda value=None, *rest, **options: value) if target is None else target


def target_of(args: Args, kwargs: Kwargs) -> Value:
    return args[0] if args else kwargs.get("fun", kwargs.get("f", kwargs.get("target")))


def unseen(ex: Execution, value: Value, ranked: bool, depth: int = 3) -> Value:
    """What stands in a transformed function for a tensor outside: it was made of that, and is no longer followed."""
    if isinstance(value, Node):
        node = ex.opaque(value, name="a transformation")
        node.dims = value.dims if ranked else None
        return node
    if isinstance(value, SequenceValue) and depth:
        return SequenceValue([unseen(ex, item, ranked, depth - 1) for item in value.items], value.kind, value.open)
    if isinstance(value, DictValue) and depth:
        return DictValue({key: unseen(ex, item, ranked, depth - 1) for key, item in value.items.items()}, value.open)
    return value


def lifted(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """vmap, scan, pmap: a function that is called with one item of each input, or a class whose instances are called so."""
    return per_item(ex, args, kwargs, shared=False)


def mapped(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """jax.vmap(f): what a function makes of each item, stacked along the first axis, with the same parameters for all items."""
    axes = [argument(args, kwargs, place, name, default=0) for place, name in ((1, "in_axes"), (2, "out_axes"))]
    each = kwargs.get("variable_axes")
    shared = isinstance(each, DictValue) and not each.open and all(value is None for value in each.items.values())
    return per_item(ex, args, kwargs, shared=axes == [0, 0] and (shared or "variable_axes" not in kwargs))


def per_item(ex: Execution, args: Args, kwargs: Kwargs, shared: bool) -> Value:
    target = target_of(args, kwargs)
    if target is None:
        return ModelFunction("a transformation", lambda value=None, *rest, **options: per_item(ex, [value], kwargs, shared))
    if isinstance(target, (Class, External)) and is_module_class(target):

        def make(*given: Value, **named: Value) -> Value:
            return over_items(ex, ex.call(target, list(given), named, ex.node), shared and "variable_axes" in kwargs)

        return ModelFunction("a lifted class", make)
    return over_items(ex, target, shared)


def is_module_class(target: Class | External) -> bool:
    return modules.is_module(Instance(target))


def over_items(ex: Execution, target: Value, shared: bool = False) -> ModelFunction:
    """`target`, called with one item of each input. `shared`: with the same parameters, and along the first axes."""

    def call(*given: Value, **named: Value) -> Value:
        alike = shared and all(isinstance(value, Node) for value in (*given, *named.values()))
        inside = [unseen(ex, value, ranked=False) for value in given]
        options = {name: unseen(ex, value, ranked=False) for name, value in named.items()}
        for value, item in zip((*given, *named.values()), (*inside, *options.values()), strict=True) if alike else ():
            if isinstance(value, Node) and isinstance(item, Node) and value.dims:
                item.dims = value.dims[1:]
        result = ex.call(target, inside, options, ex.node)
        return reshaping.unsqueeze(ex, result, 0) if alike and isinstance(result, Node) else unseen(ex, result, ranked=False)

    if isinstance(target, Instance):
        target.used = True
    return ModelFunction("a lifted function", call)


def gradient(with_value: bool) -> Handler:
    """jax.grad(f), jax.value_and_grad(f, has_aux=True)"""

    def work(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
        target = target_of(args, kwargs)
        if target is None:
            return ModelFunction("a transformation", lambda value=None, *rest, **options: work(ex, [value], kwargs))
        auxiliary = kwargs.get("has_aux") is True

        def call(*given: Value, **named: Value) -> Value:
            ex.updates += 1
            result = ex.call(target, list(given), named, ex.node)
            if with_value:
                return SequenceValue([result, ex.fresh("gradients")], "tuple")
            aux = result.items[1] if auxiliary and isinstance(result, SequenceValue) and len(result.items) == 2 else None
            return SequenceValue([ex.fresh("gradients"), aux], "tuple") if auxiliary else ex.fresh("gradients")

        return ModelFunction("a gradient", call)

    return work


def scan(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """lax.scan(f, init, xs): the carry keeps its axes, what is gone through loses one."""
    function, carry, rest = argument(args, kwargs, 0, "f"), argument(args, kwargs, 1, "init"), argument(args, kwargs, 2, "xs")
    result = ex.call(function, [unseen(ex, carry, ranked=True), unseen(ex, rest, ranked=False)], {}, ex.node)
    if isinstance(result, SequenceValue) and len(result.items) == 2:
        return SequenceValue([unseen(ex, result.items[0], True), unseen(ex, result.items[1], False)], "tuple")
    return SequenceValue([ex.opaque(result, name="scan"), ex.opaque(result, name="scan")], "tuple")


def branches(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """lax.cond(test, yes, no, *operands), lax.switch(index, functions, *operands)"""
    many = len(args) > 1 and isinstance(args[1], SequenceValue)
    functions = args[1].items if many else args[1:3]
    results = [ex.call(function, list(args[2 if many else 3 :]), {}, ex.node) for function in functions]
    first = results[0] if results else None
    if isinstance(first, SequenceValue):
        return SequenceValue([ex.opaque(*results, *args[:1], name="cond") for _ in first.items], first.kind)
    return ex.opaque(*results, *args[:1], name="cond") if values.all_in(*results) else first


def loop(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """lax.fori_loop(lower, upper, body, init), lax.while_loop(test, body, init)"""
    state = unseen(ex, args[-1] if args else None, ranked=True)
    counted = len(args) == 4
    body = args[2] if counted else args[1] if len(args) > 2 else None
    return unseen(ex, ex.call(body, [ex.fresh("index"), state] if counted else [state], {}, ex.node), ranked=True)


def over(ex: Execution, args: Args, kwargs: Kwargs) -> Value:
    """lax.map(f, xs)"""
    return over_items(ex, args[0]).call(*args[1:]) if args else ex.fresh("map")


HANDLERS: dict[str, Handler] = {
    **{
        f"{home}.{name}": same
        for home in ("jax", "flax.linen", "flax.nnx")
        for name in (
            "jit",
            "remat",
            "checkpoint",
            "named_call",
            "compact",
            "nowrap",
            "named_scope",
            "compact_name_scope",
            "add_metadata_axis",
        )
    },
    **{f"{home}.vmap": mapped for home in ("jax", "flax.linen", "flax.nnx")},
    **{f"{home}.pmap": lifted for home in ("jax", "flax.linen", "flax.nnx")},
    "flax.linen.scan": lifted,
    "flax.nnx.scan": lifted,
    **{f"{home}.grad": gradient(False) for home in ("jax", "flax.nnx", "flax.linen")},
    **{f"{home}.value_and_grad": gradient(True) for home in ("jax", "flax.nnx", "flax.linen")},
    "jax.lax.scan": scan,
    "jax.lax.cond": branches,
    "jax.lax.switch": branches,
    "jax.lax.fori_loop": loop,
    "jax.lax.while_loop": loop,
    "jax.lax.map": over,
    "jax.block_until_ready": same,
    "jax.device_put": same,
    "jax.device_get": same,
}
