"""The variables of a Keras optimizer: which of them belong to a bias that is gone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from biaslint.runtime.migrate.keras.models import Key, Variables
from biaslint.runtime.target.targets import TargetError

# What is folded into a moving mean is the trained bias, and the average of that bias is another one.
AVERAGES = (
    "{} keeps averages of the variables, and the moving means belong to the trained ones; leave it out with --drop-optimizer"
)
INNER = "inner_optimizer/"  # the group of what an optimizer for mixed precision wraps
_COUNTERS = 2  # what an optimizer keeps that belongs to no parameter: its steps and its learning rate
_HOW = "compile the model in what builds it, or drop the optimizer's state with --drop-optimizer"


def kept(config: Any, old: Variables, dropped: set[Key], sizes: Mapping[str, int]) -> dict[str, list[int]]:
    """The numbers of the variables that stay, in order, of each group in the file: of the optimizer, and of the one that it wraps.
    `config` is the file's configuration of the model, `sizes` are the numbers of variables of the groups."""
    whole = min(sizes, key=len)
    optimiser = _fitting(config, old.model, sizes[whole])
    found = {}
    for group, size in sizes.items():
        one = getattr(optimiser, INNER.rstrip("/"), None) if group.endswith(INNER) else optimiser
        if one is None or len(one.variables) != size:
            raise TargetError(f"{group} in the file is nothing that {type(optimiser).__name__} has: {_HOW}")
        found[group] = _staying(one, old, dropped)
    return found


def _fitting(config: Any, model: Any, size: int) -> Any:
    """The optimizer that has so many variables, built or not. Raises TargetError where there is none, or one that cannot follow."""
    has: list[str] = []
    for optimiser in _candidates(config, model):
        if any(getattr(one, "use_ema", False) for one in (optimiser, getattr(optimiser, "inner_optimizer", None))):
            raise TargetError(AVERAGES.format(type(optimiser).__name__))
        if len(optimiser.variables) == size:  # of a model that was not trained
            return optimiser
        with contextlib.suppress(ValueError):  # it is built already
            optimiser.build(model.trainable_variables)
        if len(optimiser.variables) == size:
            return optimiser
        has.append(f"{type(optimiser).__name__} has {len(optimiser.variables)}")
    if not has:
        raise TargetError(f"the file holds an optimizer's state, and nothing says which optimizer: {_HOW}")
    raise TargetError(f"the file holds {size} variables of an optimizer, and {has[0]}: {_HOW}")


def _candidates(config: Any, model: Any) -> Iterator[Any]:
    """The optimizer that the file names, bare or as mixed precision wraps it, and the one that the model is compiled with."""
    import keras

    compiled = config.get("compile_config") if isinstance(config, dict) else None
    if isinstance(compiled, dict) and compiled.get("optimizer"):
        with contextlib.suppress(Exception):
            yield keras.optimizers.deserialize(compiled["optimizer"])
            yield keras.optimizers.LossScaleOptimizer(keras.optimizers.deserialize(compiled["optimizer"]))
    own = getattr(model, "optimizer", None)
    if own is not None:
        yield own
        yield keras.optimizers.LossScaleOptimizer(type(own).from_config(own.get_config()))


def _staying(optimiser: Any, old: Variables, dropped: set[Key]) -> list[int]:
    trained = {str(one.path).replace("/", "_"): one for one in old.model.trainable_variables}
    gone = {id(old.by_key[key]) for key in dropped}
    stay = []
    for number, variable in enumerate(optimiser.variables):
        own = str(variable.path)
        owners = [name for name in trained if f"/{name}_" in f"/{own.partition('/')[2]}_"]
        owner = trained[max(owners, key=len)] if owners else None
        if owner is None or id(owner) not in gone:
            stay.append(number)
    size = len(optimiser.variables)
    slots = (size - len(stay)) / len(dropped)
    if slots != int(slots) or (not slots and size > 4 + len(trained)):
        raise TargetError(f"which variables of {type(optimiser).__name__} belong to which parameter is unclear: {_HOW}")
    return stay


def kept_by_name(names: Sequence[str], old: Variables, known: Mapping[Key, str], dropped: set[Key]) -> list[int]:
    """The same for the old format, whose names say for which variable each value is: `Adam/m/conv/bias:0`, `adam/conv_bias_momentum`.
    `known` are the file's names of the model's variables."""
    trained = {id(one) for one in old.model.trainable_variables}
    owners = _by_name({key: name for key, name in known.items() if id(old.by_key[key]) in trained})
    stay, slots = [], {key: 0 for one in owners.values() for key in one}
    for number, own in enumerate(names):
        name = max((name for name in owners if name in _flat(own)), key=len, default="")
        if "average" in _flat(own).replace(name, "_") and name:
            raise TargetError(AVERAGES.format("the optimizer"))
        for one in owners.get(name, ()):
            slots[one] += 1
        if not dropped & owners.get(name, set()):
            stay.append(number)
    if len(set(slots.values())) > 1 or (not any(slots.values()) and len(names) > _COUNTERS):
        raise TargetError(
            "which values of the optimizer belong to which parameter is unclear; leave them out with --drop-optimizer"
        )
    return stay


def _by_name(known: Mapping[Key, str]) -> dict[str, set[Key]]:
    """The variables by the ends of their names: models around a layer may have other names in what the optimizer keeps, or none."""
    found: dict[str, set[Key]] = {}
    for key, name in known.items():
        parts = name.split("/")
        for start in range(len(parts) - 1):
            found.setdefault(_flat("/".join(parts[start:])), set()).add(key)
    return found


def _flat(path: str) -> str:
    return f"_{path.partition(':')[0].replace('/', '_')}_"
