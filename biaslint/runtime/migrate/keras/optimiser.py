"""The variables of a Keras optimizer: which of them belong to a bias that is gone."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from biaslint.runtime.migrate.keras.models import Key, Variables
from biaslint.runtime.target.targets import TargetError

# What is folded into a moving mean is the trained bias, and the average of that bias is another one.
AVERAGES = (
    "{} keeps averages of the variables, and the moving means belong to the trained ones; leave it out with --drop-optimizer"
)
_COUNTERS = 2  # what an optimizer keeps that belongs to no parameter: its steps and its learning rate
_HOW = "compile the model in what builds it, or drop the optimizer's state with --drop-optimizer"


def kept(config: Any, old: Variables, dropped: set[Key], size: int) -> list[int]:
    """The numbers of the variables that stay, of `size`, in order. `config` is the file's configuration of the model."""
    optimiser = _made(config, old.model)
    if optimiser is None:
        raise TargetError(f"the file holds an optimizer's state, and nothing says which optimizer: {_HOW}")
    if any(getattr(one, "use_ema", False) for one in (optimiser, getattr(optimiser, "inner_optimizer", None))):
        raise TargetError(AVERAGES.format(type(optimiser).__name__))
    with contextlib.suppress(ValueError):  # it is built already
        optimiser.build(old.model.trainable_variables)
    if len(optimiser.variables) != size:
        raise TargetError(
            f"the file holds {size} variables of an optimizer, and {type(optimiser).__name__} has {len(optimiser.variables)}: {_HOW}"
        )
    trained = {str(one.path).replace("/", "_"): one for one in old.model.trainable_variables}
    gone = {id(old.by_key[key]) for key in dropped}
    stay = []
    for number, variable in enumerate(optimiser.variables):
        own = str(variable.path)
        owners = [name for name in trained if f"/{name}_" in f"/{own.partition('/')[2]}_"]
        owner = trained[max(owners, key=len)] if owners else None
        if owner is None or id(owner) not in gone:
            stay.append(number)
    slots = (size - len(stay)) / len(dropped)
    if slots != int(slots) or (not slots and size > 2 + len(trained)):
        raise TargetError(f"which variables of {type(optimiser).__name__} belong to which parameter is unclear: {_HOW}")
    return stay


def kept_by_name(names: Sequence[str], old: Variables, dropped: set[Key]) -> list[int]:
    """The same for the old format, whose names say for which variable each value is: `Adam/m/conv/bias:0`, `adam/conv_bias_momentum`."""
    owners = _by_name(old.model.trainable_variables)
    gone = {id(old.by_key[key]) for key in dropped}
    stay, slots = [], {id(one): 0 for one in old.model.trainable_variables}
    for number, own in enumerate(names):
        name = max((name for name in owners if name in _flat(own)), key=len, default="")
        if "average" in _flat(own).replace(name, "_") and name:
            raise TargetError(AVERAGES.format("the optimizer"))
        for one in owners.get(name, ()):
            slots[one] += 1
        if not gone & owners.get(name, set()):
            stay.append(number)
    if len(set(slots.values())) > 1 or (not any(slots.values()) and len(names) > _COUNTERS):
        raise TargetError(
            "which values of the optimizer belong to which parameter is unclear; leave them out with --drop-optimizer"
        )
    return stay


def _by_name(variables: Sequence[Any]) -> dict[str, set[int]]:
    """The variables by the ends of their paths: models around a layer may have other names in a file, or none."""
    found: dict[str, set[int]] = {}
    for one in variables:
        parts = str(one.path).split("/")
        for start in range(len(parts) - 1):
            found.setdefault(_flat("/".join(parts[start:])), set()).add(id(one))
    return found


def _flat(path: Any) -> str:
    return f"_{str(path).partition(':')[0].replace('/', '_')}_"


def _made(config: Any, model: Any) -> Any:
    import keras

    compiled = config.get("compile_config") if isinstance(config, dict) else None
    if isinstance(compiled, dict) and compiled.get("optimizer"):
        with contextlib.suppress(Exception):
            return keras.optimizers.deserialize(compiled["optimizer"])
    return getattr(model, "optimizer", None)
