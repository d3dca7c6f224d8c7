"""Building the old and the new model, each in a world of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from biaslint.runtime.migrate.job import MigrationJob
from biaslint.runtime.migrate.worlds import World, second_world
from biaslint.runtime.process import tracing
from biaslint.runtime.process.child import LeftError, explain, seed_all
from biaslint.runtime.process.saved_models import is_saved, load_saved
from biaslint.runtime.target.job import Job
from biaslint.runtime.target.targets import TargetError, build, is_model, load_object


@dataclass(frozen=True, slots=True)
class Both:
    """The old model, the new one, the world that the new one runs in, and a way to build both anew."""

    old: Any
    new: Any
    world: World
    again: Callable[[], tuple[Any, Any]]


def both(asked: MigrationJob, notes: list[str]) -> Both:
    """Build the two models."""
    before, path = set(sys.modules), list(sys.path)
    target = asked.new_target or asked.job.target
    arguments = _with(asked.job.arguments, asked.new_arguments)

    def make_old() -> Any:
        return old_model(asked.job, notes)

    def make_new() -> Any:
        return _built(target, arguments, asked.job, notes)

    old = make_old()
    world, new = second_world(before, path, asked.texts, make_new)

    def again() -> tuple[Any, Any]:
        first = make_old()
        with world.active():
            return first, make_new()

    return Both(old, new, world, again)


def old_model(job: Job, notes: list[str]) -> Any:
    """The old model."""
    return load_saved(job) if is_saved(job.target) else _built(job.target, job.arguments, job, notes)


def _with(arguments: list[str], more: list[str]) -> list[str]:
    """The old model's arguments, those of the same names replaced."""
    names = {text.partition("=")[0] for text in more if "=" in text}
    return [text for text in arguments if text.partition("=")[0] not in names or "=" not in text] + more


def _built(target: str, arguments: list[str], job: Job, notes: list[str]) -> Any:
    try:
        with tracing.tracing(notes):
            made = load_object(target, notes=None if job.run_script else notes)
            if "keras" in sys.modules:
                sys.modules["keras"].utils.clear_session()  # names are made up from the first number on
            seed_all(job.seed)
            return build(target, arguments, made)
    except (TargetError, MemoryError):
        raise
    except SystemExit as error:
        raise LeftError(f"{target} exited while it was loaded or built (exit status {error.code})") from None
    except Exception as error:
        raise TargetError(explain(error, f"building {target}")) from error


def source_files(model: Any) -> list[str]:
    """The files whose code made the model's modules."""
    if is_model(model) == "keras":
        from biaslint.runtime.keras import layers, tracing as keras

        chains = keras.origins(layers.all_layers(model))
    else:
        from biaslint.runtime.torch import tracing as torch

        chains = torch.origins(model)
    found = {frame[0] for chain in chains.values() for frame in chain}
    return sorted(path for path in found if os.path.isfile(path))
