"""The variables of a Keras optimizer: which of them belong to a bias that is gone."""

from __future__ import annotations

import contextlib
from typing import Any

from biaslint.runtime.migrate.keras.models import Key, Variables
from biaslint.runtime.target.targets import TargetError

# What is folded into a moving mean is the trained bias, and the average of that bias is another one.
AVERAGES = (
    "{} keeps averages of the variables, and the moving means belong to the trained ones; leave it out with --drop-optimizer"
)
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


def _made(config: Any, model: Any) -> Any:
    import keras

    compiled = config.get("compile_config") if isinstance(config, dict) else None
    if isinstance(compiled, dict) and compiled.get("optimizer"):
        with contextlib.suppress(Exception):
            return keras.optimizers.deserialize(compiled["optimizer"])
    return getattr(model, "optimizer", None)
