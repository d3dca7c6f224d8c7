"""Holding two Keras models against each other: the same inputs, the same random draws, inference and training."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from biaslint.runtime.keras.layers import array
from biaslint.runtime.keras.watch import tensors_of
from biaslint.runtime.migrate.job import FLOAT64_BOUND, OWN_ERROR, Comparison
from biaslint.runtime.migrate.keras.folding import MEAN, Folded, folded, recorded
from biaslint.runtime.migrate.keras.models import Key, Variables

_MOST_OWN = 1e-2
_FAR = 1e3
MODES = ("evaluation", "training", "evaluation after a training step")


def again(fed: Any, seed: int, kind: str) -> Any:
    """Inputs of the same shapes with other values: floats drawn anew in this precision, whole numbers shuffled; as they are for seed 0."""
    import numpy

    generator = numpy.random.default_rng(seed)

    def other(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: other(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [other(item) for item in value]
        if not hasattr(value, "dtype"):
            return value
        if value.dtype.kind != "f":
            return value if not seed else generator.permutation(value.ravel()).reshape(value.shape)
        drawn = (
            value
            if not seed
            else numpy.clip(generator.normal(value.mean(), value.std(), value.shape), value.min(), value.max())
        )
        return drawn.astype("float32").astype(kind)

    return other(fed)


def run(fed: Any, *, training: bool) -> Callable[[Any], list[Any]]:
    """A forward pass, as a function from a model to copies of its outputs."""

    def go(model: Any) -> list[Any]:
        import keras

        keras.utils.set_random_seed(7)
        for layer in model._flatten_layers():
            for generator in getattr(layer, "_seed_generators", ()):
                generator.state.assign([7, 0])
        try:
            output = model(fed, training=training)
        except TypeError as error:
            if "training" not in str(error):
                raise
            output = model(fed)
        return [array(one).copy() for one in tensors_of(output)]

    return go


def difference(old: list[Any], new: list[Any]) -> float:
    """The largest difference, relative to the largest value of its output; infinite where the outputs cannot be compared."""
    if len(old) != len(new) or not old:
        return float("inf")
    return max(map(_one_difference, old, new))


def _one_difference(a: Any, b: Any) -> float:
    import numpy

    if a.shape != b.shape or not numpy.isfinite(a).all() or not numpy.isfinite(b).all():
        return float("inf")
    size = float(abs(a).max()) if a.size else 0.0
    return float(abs(a.astype("float64") - b.astype("float64")).max()) / (size or 1.0) if a.size else 0.0


@contextlib.contextmanager
def double() -> Iterator[None]:
    """Models that are built inside compute in float64."""
    import keras

    before, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        yield
    finally:
        keras.config.set_floatx(before)
        keras.config.set_dtype_policy(policy)


def compared(old: Variables, new: Variables, fed: Any) -> Iterator[tuple[str, list[Any], list[Any]]]:
    """The outputs of both in each mode. The training step moves the moving statistics, which the last mode shows."""
    for mode in MODES:
        go = run(fed, training=mode == "training")
        yield mode, go(old.model), go(new.model)


def drawn(old: Variables, seed: int, only: Key | None, dropped: Mapping[Key, Any]) -> dict[Key, Any]:
    """Random values for all variables; with `only`, all other dropped biases are zero."""
    import numpy

    generator = numpy.random.default_rng(seed)
    found: dict[Key, Any] = {}
    for key, variable in old.by_key.items():
        shape, name = tuple(variable.shape), key[1]
        if "variance" in name or name in ("gamma", "scale"):
            found[key] = generator.uniform(0.5, 1.5, shape)
            if (key[0], MEAN) in old.by_key and "variance" not in name:  # a ReLU behind a norm hides one side of what arrives
                found[key] *= generator.choice([-1.0, 1.0], shape)
        elif len(shape) < 2:
            found[key] = generator.standard_normal(shape) * 0.6
        else:
            fan_in = numpy.prod(shape[:2]) if "depthwise" in name else numpy.prod(shape[:-1])
            found[key] = generator.standard_normal(shape) * (1.5 / max(float(fan_in), 1.0)) ** 0.5
        if only is not None and key in dropped and key != only:
            found[key] = numpy.zeros(shape)
    return {key: value for key, value in found.items() if "float" in str(old.by_key[key].dtype)}


def fold(
    old: Variables, new: Variables, values: Mapping[Key, Any], fed: Any, seed: int
) -> tuple[Folded, dict[Key, Any], list[Comparison], list[Any]]:
    """Fold one set of values, in float64: what came of it, the adjusted values, how the models compare, the old one's outputs."""
    old.assign(values)
    new.assign(values)
    go = run(again(fed, 0, "float64"), training=False)
    found = folded(new, recorded(old, go), go)
    adjusted = {key: array(new.by_key[key]).copy() for key in found.changed}
    pairs = list(compared(old, new, again(fed, seed + 1, "float64")))
    return (
        found,
        adjusted,
        [Comparison(f"{mode}, float64", difference(a, b), FLOAT64_BOUND) for mode, a, b in pairs],
        pairs[0][1],
    )


def far(old: Variables, new: Variables, fed: Any) -> Iterator[Comparison]:
    """The same on large inputs, beyond bounds that usual values do not reach, as far as the old model has outputs there."""
    import numpy

    go = run(_times(again(fed, 0, "float64"), _FAR), training=False)
    a = go(old.model)
    if all(numpy.isfinite(one).all() for one in a):
        yield Comparison("evaluation on large inputs, float64", difference(a, go(new.model)), FLOAT64_BOUND)


def _times(value: Any, factor: float) -> Any:
    if isinstance(value, Mapping):
        return {key: _times(item, factor) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_times(item, factor) for item in value]
    return value * factor if getattr(getattr(value, "dtype", None), "kind", "") == "f" else value


def own_precision(
    old: Variables,
    new: Variables,
    values: Mapping[Key, Any],
    stored: Mapping[Key, Any],
    fed: Any,
    seed: int,
    exact: list[Any],
    least: float,
) -> list[Comparison]:
    """How the models compare in float32, with the values as they are written."""
    old.assign(values)
    new.assign({**values, **stored})
    found = []
    bound = 0.0
    for mode, a, b in compared(old, new, again(fed, seed + 1, "float32")):
        if not bound:  # by the evaluation: in training, random draws depend on the precision
            bound = max(least, min(OWN_ERROR * difference(a, exact), _MOST_OWN))
        found.append(Comparison(f"{mode}, float32", difference(a, b), bound))
    return found
