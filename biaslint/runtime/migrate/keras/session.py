"""One migration of a Keras checkpoint, from two built models to the written file."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from biaslint.runtime.keras import session
from biaslint.runtime.migrate.job import FLOAT32_BOUND, HALF_BOUND, Comparison, Migrated, MigrationJob, Outcome
from biaslint.runtime.migrate.keras import proof
from biaslint.runtime.migrate.keras.bundle import Bundle
from biaslint.runtime.migrate.keras.files import Checkpoint, State
from biaslint.runtime.migrate.keras.models import Key, Variables, dropped_keys, variables
from biaslint.runtime.migrate.placing import graph_of
from biaslint.runtime.target.targets import TargetError

_SHOWN = 5
Build = Callable[[], tuple[Any, Any]]


def migrate(old: Any, new: Any, again: Build, asked: MigrationJob, say: Any) -> Outcome:
    """Do what is asked. `again` builds both models anew: they are wanted in float64, too."""
    import keras

    if not hasattr(keras, "ops"):
        raise TargetError(f"Keras {keras.__version__} is not supported: checkpoints are migrated with Keras 3")
    outcome = Outcome(batch=asked.job.batch)
    say("feeding", 0.2)
    fed, outcome.inputs = session.feed(old, asked.job)
    session.feed(new, asked.job)  # some make their variables when they are first called
    narrow = variables(old), variables(new)
    dropped = dropped_keys(*narrow)
    say("reading", 0.25)
    checkpoint = _read(Path(asked.old_file), narrow[0], asked.in_place)
    with proof.double():
        wide_old, wide_new = again()
        session.feed(wide_old, asked.job)
        session.feed(wide_new, asked.job)
        wide = variables(wide_old), variables(wide_new)
        say("folding random values", 0.3)
        _check_structure(*wide, dropped, fed, asked.job.seed)
    stored = []
    for number, state in enumerate(checkpoint.states):
        say("folding and comparing", 0.5 + 0.3 * number / len(checkpoint.states))
        result, values = _fold(state, narrow, wide, dropped, fed, asked.job.seed)
        outcome.states.append(result)
        stored.append(values)
    outcome.optimisers += checkpoint.settle_optimiser(narrow[0], set(dropped), asked.drop_optimiser)
    if asked.new_file:
        say("writing", 0.9)
        _write(checkpoint, Path(asked.new_file), narrow, dropped, stored)
        outcome.written = [asked.new_file]
    return outcome


def _fold(
    state: State,
    narrow: tuple[Variables, Variables],
    wide: tuple[Variables, Variables],
    dropped: Mapping[Key, Any],
    fed: Any,
    seed: int,
) -> tuple[Migrated, Mapping[Key, Any]]:
    """Fold one copy of the values: what came of it, and the new values. `narrow` are the models in float32, `wide` in float64."""
    with proof.double():
        found, exact, comparisons, outputs = proof.fold(*wide, state.values, fed, seed)
    result = Migrated(
        state.name, {narrow[0].shown(key): list(shape) for key, shape in dropped.items()}, comparisons=comparisons
    )
    _require(comparisons, {wide[1].shown(key): why for key, why in found.uneven.items()})
    stored = {key: value.astype(state.values[key].dtype) for key, value in exact.items()}
    half = any(value.dtype.itemsize == 2 for value in state.values.values())
    own = proof.own_precision(*narrow, state.values, stored, fed, seed, outputs, HALF_BOUND if half else FLOAT32_BOUND)
    _require(own, {})
    result.comparisons += own
    result.adjusted = {
        narrow[1].shown(key): float(abs(value.astype("float64") - state.values[key].astype("float64")).max())
        for key, value in stored.items()
    }
    return result, stored


def _read(path: Path, old: Variables, in_place: bool) -> Checkpoint | Bundle:
    if graph_of(path).is_file() and not path.exists():
        return Bundle(path, old, in_place)
    if not path.is_file():
        raise TargetError(f"no such file: {path}")
    if path.suffix.lower() not in (".h5", ".hdf5", ".keras"):
        raise TargetError(f"{path}: expected a .keras, .weights.h5 or .h5 file, or a TensorFlow checkpoint")
    return Checkpoint(path, old)


def _check_structure(old: Variables, new: Variables, dropped: Mapping[Key, Any], fed: Any, seed: int) -> None:
    """Whether folding works whatever the values are."""

    def failed(only: Key | None) -> tuple[list[Comparison], Mapping[Key, str]]:
        found, _, comparisons, _ = proof.fold(old, new, proof.drawn(old, seed, only, dropped), fed, seed)
        comparisons += proof.far(old, new, fed)
        return [
            dataclasses.replace(one, what=f"{one.what} and random values") for one in comparisons if not one.holds
        ], found.uneven

    wrong, _ = failed(None)
    if not wrong:
        return
    said = []
    for key in dropped:
        here, uneven = failed(key)
        if here:
            reason = next((f"`{new.shown(place)}`: {why}" for place, why in uneven.items()), "its shift reaches the outputs")
            if here[0].what.startswith("training"):
                reason = "evaluation outputs stay the same, training outputs do not: the bias is not dead"
            said.append(f"{old.shown(key)} ({reason})")
    more = f" and {len(said) - _SHOWN} more" if len(said) > _SHOWN else ""
    raise TargetError(_differ(wrong[0]) + (f". Cannot be folded: {'; '.join(said[:_SHOWN])}{more}" if said else ""))


def _differ(one: Comparison) -> str:
    return f"nothing was written: {one.what}: outputs of the two models differ by {one.difference:.2g} (bound {one.bound:g})"


def _require(comparisons: list[Comparison], uneven: Mapping[str, str]) -> None:
    failed = [one for one in comparisons if not one.holds]
    if failed:
        raise TargetError(_differ(failed[0]) + "".join(f"; `{key}`: {why}" for key, why in list(uneven.items())[:_SHOWN]))


def _write(
    checkpoint: Checkpoint | Bundle,
    to: Path,
    models: tuple[Variables, Variables],
    dropped: Mapping[Key, Any],
    stored: list[Mapping[Key, Any]],
) -> None:
    old, new = models
    checkpoint.write(to, new, set(dropped), stored, {key: old.layers[key[0]].name for key in dropped})
    again = checkpoint.again(to, new)
    wrong = [
        new.shown(key)
        for state, before, changed in zip(again.states, checkpoint.states, stored, strict=True)
        for key, value in state.values.items()
        if value.tobytes() != changed.get(key, before.values[key]).tobytes()
    ]
    if wrong:
        raise TargetError(f"what was written does not read as what was meant ({', '.join(wrong[:5])}); nothing was kept")
