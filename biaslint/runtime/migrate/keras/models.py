"""A Keras model's own variables by key: the same keys in the old and the new model, whatever names Keras made up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from biaslint.runtime.keras.layers import all_layers, array
from biaslint.runtime.target.targets import TargetError

Key = tuple[int, str]  # the layer's number, the variable's name


@dataclass(slots=True)
class Variables:
    """One model and its variables."""

    model: Any
    layers: list[Any]
    by_key: dict[Key, Any]

    def shown(self, key: Key) -> str:
        """A variable's name for people."""
        return f"{self.layers[key[0]].name}/{key[1]}"

    def values(self) -> dict[Key, Any]:
        """Copies of all values."""
        return {key: array(variable).copy() for key, variable in self.by_key.items()}

    def assign(self, values: Mapping[Key, Any]) -> None:
        """Give the variables that are there their values."""
        for key, variable in self.by_key.items():
            if key in values:
                variable.assign(values[key])


def variables(model: Any) -> Variables:
    """The variables of a built model's layers."""
    layers = list(all_layers(model).values())
    if model not in layers:
        layers.append(model)
    found: dict[Key, Any] = {}
    for number, layer in enumerate(layers):
        for variable in _own(layer):
            name, again = str(variable.name).rpartition("/")[2].partition(":")[0], 1
            while (key := (number, name if again == 1 else f"{name}#{again}")) in found:
                again += 1
            found[key] = variable
    return Variables(model, layers, found)


def _own(layer: Any) -> Iterator[Any]:
    seen: set[int] = set()
    for variable in [*getattr(layer, "_trainable_variables", ()), *getattr(layer, "_non_trainable_variables", ())]:
        if id(variable) not in seen:
            seen.add(id(variable))
            yield variable


def dropped_keys(old: Variables, new: Variables) -> dict[Key, list[int]]:
    """What only the old model has, with its shape. Raises TargetError where the models differ in more than biases."""
    kinds = [[type(layer).__name__ for layer in one.layers] for one in (old, new)]
    if kinds[0] != kinds[1]:
        raise TargetError("the two models have different layers: only biases may differ")
    more = [new.shown(key) for key in new.by_key if key not in old.by_key]
    if more:
        raise TargetError(
            f"the new model has {', '.join(more[:5])}, which the old one does not have, so there are no values for it"
        )
    other = [old.shown(key) for key, one in new.by_key.items() if tuple(one.shape) != tuple(old.by_key[key].shape)]
    if other:
        raise TargetError(f"the two models differ in the shape of {', '.join(other[:5])}")
    dropped = {key: list(variable.shape) for key, variable in old.by_key.items() if key not in new.by_key}
    if not dropped:
        raise TargetError("both models have the same variables: the checkpoint loads unchanged")
    trained = {id(one) for one in old.model.trainable_variables}
    wrong = [old.shown(key) for key in dropped if len(dropped[key]) != 1 or id(old.by_key[key]) not in trained]
    if wrong:
        raise TargetError(f"the new model lacks {', '.join(wrong[:5])}, which is not a bias: only trained vectors are dropped")
    return dropped
