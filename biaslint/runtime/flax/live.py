"""A live model, linen's or nnx's: its parameters as a tree, and its pass in training as a function of them.

On the way, what each layer makes is noted, and what a caller wants to add to it is added: the gradient at that place is the gradient
that the layer's bias gathers over all positions.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from biaslint.runtime.facts.origins import Frame
from biaslint.runtime.flax import modes, tracing

AFFINE = {
    "Conv": "conv", "ConvLocal": "conv", "ConvTranspose": "conv", "Dense": "linear", "DenseGeneral": "linear", "Einsum": "linear",
    "Linear": "linear", "LinearGeneral": "linear",
}  # fmt: skip
NORMS = {
    "BatchNorm": "batch norm", "InstanceNorm": "instance norm", "GroupNorm": "group norm", "LayerNorm": "layer norm", "RMSNorm": "RMS norm",
}  # fmt: skip
OTHERS = {
    "Embed": "embedding",
    "LSTMCell": "rnn_cell",
    "OptimizedLSTMCell": "rnn_cell",
    "GRUCell": "rnn_cell",
    "SimpleCell": "rnn_cell",
}
KINDS = {**AFFINE, **dict.fromkeys(NORMS, "norm"), **OTHERS}
ATTENTION = ("MultiHeadDotProductAttention", "SelfAttention", "MultiHeadAttention")  # whose projections are their own affair
Path = tuple[Any, ...]


def class_name(module: Any) -> str:
    """The name of the framework's layer class that a module is, or is built on."""
    for base in type(module).__mro__:
        if base.__module__.startswith("flax.") and base.__name__ in (*KINDS, "Dropout"):
            return str(base.__name__)
    return ""


@dataclass(slots=True)
class Seen:
    """One module with parameters, as a pass has met it."""

    path: Path
    name: str  # of the framework's class, "" for a module of the project
    chain: list[Frame]
    config: dict[str, Any] = field(default_factory=dict)
    outputs: list[Any] = field(default_factory=list)


@dataclass(slots=True)
class Pass:
    """What is done on the way of a pass, and what it has met."""

    added: dict[tuple[Path, int], Any] | None = None  # to the n-th output of a layer
    frozen: bool = False  # do batch norms take stored statistics?
    without_dropout: bool = False
    level: Any = None  # the transformation that the pass runs under: what runs under one of its own is not followed
    seen: dict[Path, Seen] = field(default_factory=dict)
    closed: set[Path] = field(default_factory=set)  # layers whose parts are not the program's

    def through(self, module: Any, path: Path, call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A module's call, watched."""
        name = class_name(module)
        if name == "Dropout" and self.without_dropout:
            return args[0]
        if name == "BatchNorm" and self.frozen:
            args, kwargs = args[:1], {**kwargs, "use_running_average": True}
            if hasattr(module, "scope"):  # linen takes one of the two, the field or the argument
                object.__setattr__(module, "use_running_average", None)
        if name in NORMS and getattr(module, "axis_name", None) is not None:
            object.__setattr__(module, "axis_name", None)  # there is one device, and no axis of devices
        if any(base.__module__.startswith("flax.") and base.__name__ in ATTENTION for base in type(module).__mro__):
            self.closed.add(path)
        result = call(*args, **kwargs)
        one = self.seen.get(path)
        if one is None:
            one = self.seen[path] = Seen(path, name, tracing.origin_of(module), _config(module))
        if name in AFFINE and _level() == self.level:
            if self.added is not None:
                result = result + self.added[path, len(one.outputs)]
            one.outputs.append(result)
        return result


def _level() -> Any:
    from flax.core import tracers

    return tracers.current_trace()


def _config(module: Any) -> dict[str, Any]:
    names = ("features", "out_features", "in_features", "kernel_size", "strides", "use_bias", "num_groups", "hidden_features")
    found = {name: getattr(module, name, None) for name in names}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in found.items()
        if isinstance(value, (int, tuple))
    }


class Live:
    """What measuring needs of a model."""

    parameters: Any  # a tree of arrays
    others: Any  # statistics and states

    def run(self, parameters: Any, others: Any, watch: Pass) -> Any:
        """The outputs of a pass in training."""
        raise NotImplementedError


class LinenModel(Live):
    """A linen model, which is initialized here; of the variables that it is given, all stay."""

    def __init__(self, model: Any, args: list[Any], kwargs: dict[str, Any], seed: int, given: Any = None) -> None:
        import jax

        fields = {
            name: mode
            for name in getattr(model, "__dataclass_fields__", {})
            if (mode := modes.in_training(name)) is not None and isinstance(getattr(model, name), (bool, type(None)))
        }
        flags = modes.flags_of(type(model).__call__)
        fields = {name: mode for name, mode in fields.items() if name not in flags}
        self.model = model.clone(**fields) if fields else model
        self.args, self.kwargs = args, {**flags, **kwargs}
        keys = jax.random.split(jax.random.key(seed), 3)
        self.keys = {"params": keys[0], "dropout": keys[1], "default": keys[2], "noise": keys[1], "drop_path": keys[2]}
        with tracing.tracing():
            self.variables = dict(self.model.init(self.keys, *self.args, **self.kwargs))
        if given is not None:
            self.variables.update(given if "params" in given else {"params": given})
        self.parameters = self.variables.pop("params", {})
        self.others = self.variables

    def run(self, parameters: Any, others: Any, watch: Pass) -> Any:
        from flax import linen

        def intercept(call: Any, args: Any, kwargs: Any, context: Any) -> Any:
            if context.method_name != "__call__" or context.module.scope is None:
                return call(*args, **kwargs)
            return watch.through(context.module, tuple(context.module.path), call, args, kwargs)

        watch.level = _level()
        with linen.intercept_methods(intercept), tracing.tracing():
            variables = {"params": parameters, **others}
            return self.model.apply(variables, *self.args, rngs=self.keys, mutable=list(others), **self.kwargs)[0]


class NnxModel(Live):
    """An nnx model, which has its parameters."""

    def __init__(self, model: Any, args: list[Any], kwargs: dict[str, Any]) -> None:
        from flax import nnx

        self.args, self.kwargs = args, {**modes.flags_of(type(model).__call__), **kwargs}
        self.chains = {tuple(path): tracing.origin_of(module) for path, module in nnx.iter_modules(model)}
        model = nnx.clone(model)  # the caller's stays in its mode
        model.train()
        self.definition, self.parameters, self.others = nnx.split(model, nnx.Param, ...)

    def run(self, parameters: Any, others: Any, watch: Pass) -> Any:
        import jax
        from flax import nnx

        # made anew under the present transformation, which alone may change them
        given = (parameters, others, self.args, self.kwargs)
        parameters, others, args, kwargs = jax.tree_util.tree_map(lambda leaf: leaf, given)
        watch.level = _level()
        model = nnx.merge(self.definition, parameters, others)
        paths = {id(module): tuple(path) for path, module in nnx.iter_modules(model)}
        with _calls_watched(watch, paths):
            result = model(*args, **kwargs)
        for path, one in watch.seen.items():
            one.chain = self.chains.get(path, [])
        return result


@contextlib.contextmanager
def _calls_watched(watch: Pass, paths: dict[int, Path]) -> Iterator[None]:
    from flax import nnx

    classes = [getattr(nnx, name) for name in (*KINDS, "Dropout") if hasattr(nnx, name)]
    originals = [(cls, cls.__call__) for cls in classes]

    def watched(original: Any) -> Any:
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            path = paths.get(id(self))
            if path is None:
                return original(self, *args, **kwargs)
            return watch.through(self, path, lambda *given, **named: original(self, *given, **named), args, kwargs)

        return call

    for cls, original in originals:
        cls.__call__ = watched(original)
    try:
        yield
    finally:
        for cls, original in originals:
            cls.__call__ = original


def live(model: Any, args: list[Any], kwargs: dict[str, Any], seed: int, variables: Any = None) -> Live:
    """The model as measuring sees it; a linen model with the variables that it is given, if any."""
    from flax import linen

    return (
        LinenModel(model, args, kwargs, seed, variables) if isinstance(model, linen.Module) else NnxModel(model, args, kwargs)
    )
