"""Optimizer states without the parameters that are gone: a state dict names parameters by their number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from biaslint.runtime.migrate.torch.states import mappings, plain_names, shallow
from biaslint.runtime.target.targets import TargetError

_MOST_WAYS = 200_000
Place = tuple[Any, ...]


def found(tree: Any) -> list[tuple[Place, Mapping[Any, Any]]]:
    """The optimizer states in a checkpoint."""
    return [
        (place, one)
        for place, one in mappings(tree)
        if isinstance(one.get("state"), Mapping)
        and isinstance(one.get("param_groups"), list)
        and all(isinstance(group, Mapping) and isinstance(group.get("params"), list) for group in one["param_groups"])
    ]


def names_of(optimiser: Any, model: Any) -> list[list[str]]:
    """The names of an optimizer's parameters, by group."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return [[names.get(id(one), "") for one in group["params"]] for group in optimiser.param_groups]


def named(
    state: Mapping[Any, Any],
    shapes: Mapping[str, tuple[int, ...]],
    orders: Sequence[Sequence[str]],
    stated: Sequence[list[list[str]]],
) -> list[list[str]]:
    """The names of an optimizer state's parameters, by group. `shapes` are those of the model's parameters.

    `orders` are the parameters that it may be for, in the model's order, and `stated` the groups of optimizers that were made from the
    model. Raises TargetError where it cannot be told.
    """
    groups = state["param_groups"]
    counts = [len(group["params"]) for group in groups]
    if all(isinstance(number, str) for group in groups for number in group["params"]):
        return _plain([group["params"] for group in groups], shapes)
    if all(
        isinstance(group.get("param_names"), list) and len(group["param_names"]) == len(group["params"]) for group in groups
    ):
        return _plain([group["param_names"] for group in groups], shapes)
    seen = [[_shapes(state["state"].get(number)) for number in group["params"]] for group in groups]
    for one in stated:
        if [len(group) for group in one] == counts and all(
            _fits(shapes.get(name, ()), those)
            for group, sizes in zip(one, seen, strict=True)
            for name, those in zip(group, sizes, strict=True)
        ):
            return one
    fitting = [list(order) for order in orders if len(order) == sum(counts)]
    if not fitting:
        raise TargetError(
            f"an optimizer state is for {sum(counts)} parameters, and the old model has {' or '.join(_counts(orders))}; "
            "name a function that builds it with --optimizer, or drop its state with --drop-optimizer"
        )
    if len(groups) == 1:
        for names in fitting:
            if all(_fits(shapes[name], those) for name, those in zip(names, seen[0], strict=True)):
                return [names]
        raise TargetError("an optimizer state does not fit the old model: its values have other shapes than the parameters")
    return _assigned(seen, {name: shapes[name] for name in fitting[0]})


def _counts(orders: Sequence[Sequence[str]]) -> list[str]:
    return list(dict.fromkeys(str(len(order)) for order in orders))


def _plain(groups: list[list[str]], shapes: Mapping[str, tuple[int, ...]]) -> list[list[str]]:
    """The model's names of these parameters."""
    names = {own: plain for plain, own in plain_names([name for group in groups for name in group], shapes).items()}
    return [[names[name] for name in group] for group in groups]


def _shapes(values: Any) -> set[tuple[int, ...]]:
    """The shapes of what the optimizer keeps for one parameter; scalars are counters."""
    if not isinstance(values, Mapping):
        return set()
    return {tuple(value.shape) for value in values.values() if hasattr(value, "shape") and value.dim()}


def _fits(shape: tuple[int, ...], seen: set[tuple[int, ...]]) -> bool:
    return not seen or shape in seen or all(_is_part(one, shape) for one in seen)


def _is_part(one: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether a shape is another one with some axes summed up, as factored second moments are."""
    rest = iter(shape)
    return len(one) <= len(shape) and all(size == 1 or size in rest for size in one)


def _assigned(seen: list[list[set[tuple[int, ...]]]], shapes: Mapping[str, tuple[int, ...]]) -> list[list[str]]:
    """Distribute the parameters to the groups, each in the model's order, so that the shapes fit; there must be one way to do so."""
    names = list(shapes)
    # From the end: the ways to place the remaining parameters, as far as they differ in where the dropped ones go.
    ways: dict[tuple[int, ...], tuple[int, ...]] = {}  # pointers before a parameter -> groups that it may go to
    layers: list[set[tuple[int, ...]]] = [{(0,) * len(seen)}]
    for name in names:
        ahead: set[tuple[int, ...]] = set()
        for at in layers[-1]:
            fitting = tuple(
                group
                for group, number in enumerate(at)
                if number < len(seen[group]) and _fits(shapes[name], seen[group][number])
            )
            ways[at] = fitting
            ahead |= {_moved(at, group) for group in fitting}
        layers.append(ahead)
        if len(ways) > _MOST_WAYS:
            raise TargetError(_UNCLEAR)
    end = tuple(map(len, seen))
    live = {end} & layers[-1]
    if not live:
        raise TargetError(
            "an optimizer state does not fit the old model: no order of its parameters has these shapes; name a function that builds it with --optimizer, or drop it with --drop-optimizer"
        )
    choice: list[set[int]] = []
    for layer in reversed(layers[:-1]):
        before = {at for at in layer if any(_moved(at, group) in live for group in ways[at])}
        choice.insert(0, {group for at in before for group in ways[at] if _moved(at, group) in live})
        live = before
    if any(len(one) > 1 for one in choice):
        raise TargetError(_UNCLEAR)
    found: list[list[str]] = [[] for _ in seen]
    for name, groups in zip(names, choice, strict=True):
        found[next(iter(groups))].append(name)
    return found


_UNCLEAR = (
    "an optimizer state has several parameter groups, and their shapes do not tell which parameter is which; "
    "name a function that builds it with --optimizer, or drop its state with --drop-optimizer"
)


def _moved(at: tuple[int, ...], group: int) -> tuple[int, ...]:
    return (*at[:group], at[group] + 1, *at[group + 1 :])


def without(state: Any, names: list[list[str]], dropped: set[str]) -> tuple[Any, int]:
    """The state without the dropped parameters, numbered as a new optimizer would; how many are gone."""
    made, values = shallow(state), shallow(state["state"])
    values.clear()
    made["state"], made["param_groups"] = values, []
    number, gone = 0, 0
    order: dict[Any, Any] = {}
    for group, group_names in zip(state["param_groups"], names, strict=True):
        kept, kept_names = [], []
        for old, name in zip(group["params"], group_names, strict=True):
            if name in dropped:
                gone += 1
                continue
            new = old if isinstance(old, str) else number
            number += 1
            kept.append(new)
            kept_names.append(name)
            order[old] = new
        changed = shallow(group)
        changed["params"] = kept
        if "param_names" in group:
            changed["param_names"] = kept_names
        made["param_groups"].append(changed)
    for old, value in state["state"].items():
        if old in order:
            values[order[old]] = value
        elif not any(old in group["params"] for group in state["param_groups"]):
            values[old] = value
    return made, gone
