"""One migration of a PyTorch checkpoint, from two built models to the written file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from biaslint.runtime.migrate.job import FLOAT32_BOUND, HALF_BOUND, Comparison, Migrated, MigrationJob, Outcome
from biaslint.runtime.migrate.torch import explaining, files, optimiser, proof, states
from biaslint.runtime.migrate.torch.sharded import Sharded
from biaslint.runtime.migrate.torch.states import State
from biaslint.runtime.migrate.worlds import World
from biaslint.runtime.target.targets import TargetError, load_object
from biaslint.runtime.torch import session
from biaslint.runtime.torch.devices import on_processor
from biaslint.runtime.torch.function_watch import preserved

_SHOWN = 5


def migrate(old: Any, new: Any, world: World, asked: MigrationJob, say: Any) -> Outcome:
    """Do what is asked. `world` is the new model's."""
    outcome = Outcome()
    with on_processor(outcome.notes):
        _migrate(old, new, world, asked, say, outcome)
    return outcome


def _migrate(old: Any, new: Any, world: World, asked: MigrationJob, say: Any, outcome: Outcome) -> None:
    say("feeding", 0.2)
    pair = proof.Pair(old, new, world)
    positional, named, outcome.inputs, _ = session.feed(old, asked.job)
    inputs = proof.Inputs(positional, named, asked.job.seed)
    outcome.batch = asked.job.batch
    dropped = dropped_keys(old, new)
    path = Path(asked.old_file)
    say("reading", 0.25)
    checkpoint = files.read(path, asked.job.allow_pickle)
    found = states.find(checkpoint.tree, old.state_dict(), set(dropped), str(path), _orders(old))
    say("folding random values", 0.3)
    _check_structure(pair, inputs, set(dropped))
    changes: dict[tuple[Any, ...], Any] = {}
    for number, state in enumerate(found):
        say("folding and comparing", 0.4 + 0.4 * number / len(found))
        outcome.states.append(_fold(pair, state, inputs, dropped, checkpoint.tree, changes))
    _optimisers(checkpoint.tree, old, asked, set(dropped), changes, outcome)
    outcome.notes += _left(checkpoint.tree, set(dropped), changes)
    outcome.notes += _settings(checkpoint.tree, asked.new_arguments)
    tree = files.changed(checkpoint, changes)
    if asked.new_file:
        say("writing", 0.9)
        outcome.written = _written(checkpoint, Path(asked.new_file), tree, asked.in_place)


def dropped_keys(old_model: Any, new_model: Any) -> dict[str, list[int]]:
    """What only the old model has, with its shape. Raises TargetError where the models differ in more than biases."""
    old, new = old_model.state_dict(), new_model.state_dict()
    more = [key for key in new if key not in old]
    if more:
        raise TargetError(f"the new model has {_some(more)}, which the old one does not have, so there are no values for it")
    other = [
        f"{key} ({_shape(old[key])} and {_shape(new[key])})"
        for key in new
        if hasattr(new[key], "shape") and (not hasattr(old[key], "shape") or old[key].shape != new[key].shape)
    ]
    if other:
        raise TargetError(f"the two models differ in the shape of {_some(other)}")
    dropped = {key: list(getattr(old[key], "shape", ())) for key in old if key not in new}
    if not dropped:
        raise TargetError("both models have the same keys: the checkpoint loads unchanged")
    buffers = [key for key, _ in old_model.named_buffers(remove_duplicate=False) if key in dropped]
    if buffers:
        raise TargetError(f"the new model lacks {_some(buffers)}, which is not a bias: only parameters are dropped")
    wide = [key for key in dropped if not hasattr(old[key], "shape") or old[key].numel() != max(old[key].shape, default=1)]
    if wide:
        raise TargetError(f"the new model lacks {_some(wide)}, which is not a bias: only vectors are dropped")
    return dropped


def _some(items: list[str]) -> str:
    return ", ".join(items[:_SHOWN]) + (f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else "")


def _shape(value: Any) -> str:
    return "x".join(map(str, getattr(value, "shape", ()))) or "scalar"


def _check_structure(pair: proof.Pair, inputs: proof.Inputs, dropped: set[str]) -> None:
    comparisons, _ = proof.structure(pair, inputs, dropped)
    failed = [one for one in comparisons if not one.holds]
    if not failed:
        return
    said = explaining.refusal(pair, inputs, dropped)
    raise TargetError(
        f"nothing was written: with random values, {failed[0].what.partition(',')[0]} outputs of the two models differ by "
        f"{failed[0].difference:.2g} (bound {failed[0].bound:g})" + (f". Cannot be folded: {said}" if said else "")
    )


def _fold(
    pair: proof.Pair,
    state: State,
    inputs: proof.Inputs,
    dropped: Mapping[str, list[int]],
    tree: Any,
    changes: dict[tuple[Any, ...], Any],
) -> Migrated:
    result = Migrated(state.name, dict(dropped))
    with _loading(state):
        found, exact, comparisons, outputs = proof.fold(pair, lambda: _load(pair, state.values, dropped, {}), inputs)
    result.comparisons += comparisons
    _require(result, comparisons, found.uneven)
    stored = {key: value.to(state.values[key].dtype) for key, value in exact.items() if key in state.values}
    lost = sorted(exact.keys() - stored.keys())
    if lost:
        raise TargetError(f"{_some(lost)} would have to change, and the checkpoint does not hold it")
    overflown = [key for key, value in stored.items() if not value.isfinite().all()]
    if overflown:
        raise TargetError(f"nothing was written: the new values of {_some(overflown)} do not fit {stored[overflown[0]].dtype}")
    half = any(
        value.is_floating_point() and value.dtype.itemsize == 2 for value in state.values.values() if hasattr(value, "dtype")
    )
    narrow = proof.own_precision(
        pair, lambda: _load(pair, state.values, dropped, stored), inputs, outputs, HALF_BOUND if half else FLOAT32_BOUND
    )
    result.comparisons += narrow
    _require(result, narrow, {})
    result.adjusted = {
        key: (value.double() - state.values[key].double()).abs().max().item()
        for key, value in stored.items()
        if not value.equal(state.values[key])
    }
    mapping, keys = changes.get(state.place, _at(tree, state.place)), state.keys
    changes[state.place] = states.without(
        mapping, [keys[key] for key in dropped if key in keys], {keys[key]: value for key, value in stored.items()}
    )
    return result


def _orders(model: Any) -> list[list[str]]:
    """The names of all parameters, and of the trained ones, in the model's order."""
    named = list(model.named_parameters())
    return [[name for name, _ in named], [name for name, one in named if one.requires_grad]]


@contextlib.contextmanager
def _loading(state: State) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if "load" not in str(error):
            raise
        lines = [line.strip() for line in str(error).strip().splitlines()]
        raise TargetError(f"{state.name or 'the checkpoint'} does not fit the model: {' '.join(lines[:3])[:300]}") from None


def _load(pair: proof.Pair, values: Mapping[str, Any], dropped: Mapping[str, Any], stored: Mapping[str, Any]) -> None:
    """Put a checkpoint's values into both models: the old ones, and what is left of them with `stored` on top."""
    _strictly(pair.old, values)
    _strictly(pair.new, {key: stored.get(key, value) for key, value in values.items() if key not in dropped})


def _strictly(model: Any, values: Mapping[str, Any]) -> None:
    found = model.load_state_dict(dict(values), strict=False)
    missing = [key for key in found.missing_keys if not key.endswith("num_batches_tracked")]
    if missing or found.unexpected_keys:
        raise TargetError(f"a state dict does not fit: {_some([*missing, *found.unexpected_keys])}")


def _require(result: Migrated, comparisons: list[Comparison], uneven: Mapping[str, str]) -> None:
    failed = [one for one in comparisons if not one.holds]
    if failed:
        where = f" of {result.name}" if result.name else ""
        why = "".join(f"; `{key}`: {reason}" for key, reason in list(uneven.items())[:_SHOWN])
        raise TargetError(
            f"nothing was written: {failed[0].what}: the outputs{where} differ by {failed[0].difference:.2g} (bound {failed[0].bound:g}){why}"
        )


def _at(tree: Any, place: tuple[Any, ...]) -> Any:
    for step in place:
        tree = tree[step]
    return tree


def _optimisers(
    tree: Any,
    old: Any,
    asked: MigrationJob,
    dropped: set[str],
    changes: dict[tuple[Any, ...], Any],
    outcome: Outcome,
) -> None:
    there = optimiser.found(tree)
    if not there:
        return
    shapes = {name: tuple(one.shape) for name, one in old.named_parameters()}
    stated: list[list[list[str]]] = []
    if not asked.drop_optimiser:
        stated = [optimiser.names_of(one, old) for one in _made(old, asked)]
    for place, state in there:
        name = " / ".join(map(str, place)) or "the checkpoint"
        if asked.drop_optimiser:
            if not place:
                raise TargetError("the whole file is an optimizer state")
            changes[place] = None
            outcome.optimisers.append(f"{name}: left out (None)")
            continue
        names = optimiser.named(state, shapes, _orders(old), stated)
        changes[place], gone = optimiser.without(state, names, dropped)
        outcome.optimisers.append(f"{name}: {gone} {'parameter' if gone == 1 else 'parameters'} dropped")


def _made(old: Any, asked: MigrationJob) -> list[Any]:
    """The optimizers that `--optimizer` or the model itself makes."""
    if asked.job.optimiser:
        made = load_object(asked.job.optimiser)
        for argument in (old, list(old.parameters())):
            with contextlib.suppress(Exception):
                found = list(_optimisers_in(made(argument)))
                if found:
                    return found
        raise TargetError(f"--optimizer {asked.job.optimiser} returned no optimizer for the model or its parameters")
    with contextlib.suppress(Exception), preserved(old):
        return list(_optimisers_in(old.configure_optimizers()))
    return []


def _optimisers_in(value: Any) -> Iterator[Any]:
    if hasattr(value, "param_groups"):
        yield value
    elif isinstance(value, Mapping):
        yield from _optimisers_in(value.get("optimizer"))
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _optimisers_in(one)


def _settings(tree: Any, arguments: list[str]) -> list[str]:
    """The new model's arguments that the checkpoint keeps in their old form: whatever builds from these builds the old model."""
    given = {text.partition("=")[0] for text in arguments if "=" in text}
    kept = tree.get("hyper_parameters") if isinstance(tree, Mapping) else None
    old = sorted(given & {str(key) for key in kept}) if isinstance(kept, Mapping) else []
    return [f"hyper_parameters keep the old {_some(old)}: pass the new one where the model is built from them"] if old else []


def _left(tree: Any, dropped: set[str], changes: Mapping[tuple[Any, ...], Any]) -> list[str]:
    """Where a dropped name still stands: what is not known is left as it was."""
    found = []
    for place, mapping in states.mappings(tree):
        if any(place[: len(done)] == done for done in changes):
            continue
        names = [
            key for key in mapping if isinstance(key, str) and any(key == one or key.endswith(f".{one}") for one in dropped)
        ]
        if names:
            found.append(f"{' / '.join(map(str, place)) or 'the checkpoint'} names {_some(names)}; it was left as it is")
    return found


def _written(checkpoint: files.Checkpoint, to: Path, tree: Any, in_place: bool) -> list[str]:
    written = checkpoint.write_beside(to, tree) if in_place and isinstance(checkpoint, Sharded) else checkpoint.write(to, tree)
    if not checkpoint.unchanged(to, tree):
        raise TargetError("what was written does not read as what was meant; nothing was kept")
    return written
