"""The process that migrates a checkpoint, started by the command: it alone runs the models' code."""

from __future__ import annotations

from typing import Any

from biaslint.runtime.migrate import building
from biaslint.runtime.migrate.job import MigrationJob, Outcome
from biaslint.runtime.process.child import serve, told
from biaslint.runtime.target.targets import TargetError, is_model

_MOST_BYTES = 1 << 40  # of a file: checkpoints are large


def answer(asked: MigrationJob, say: Any, isolation: dict[str, str]) -> dict[str, Any]:
    """What the command is told: what was done, or what went wrong."""

    def migrated() -> dict[str, Any]:
        outcome = _run(asked, say)
        outcome.isolation = isolation
        return {"migrated": outcome.to_json()}

    return told(migrated, asked.job, "migrating")


def _run(asked: MigrationJob, say: Any) -> Outcome:
    say("building", 0.05)
    notes: list[str] = []
    if asked.files_only:
        model = building.old_model(asked.job, notes)
        return Outcome(files=building.source_files(model), notes=notes)
    models = building.both(asked, notes)
    kinds = {is_model(models.old), is_model(models.new)}
    if len(kinds) > 1 or not kinds <= {"torch", "keras"}:
        raise TargetError(
            f"checkpoints of {' and '.join(sorted(kind or 'functions' for kind in kinds))} models cannot be migrated"
        )
    if kinds == {"keras"}:
        from biaslint.runtime.migrate.keras import session as keras

        outcome = keras.migrate(models.old, models.new, models.again, asked, say)
    else:
        from biaslint.runtime.migrate.torch import session as torch

        outcome = torch.migrate(models.old, models.new, models.world, asked, say)
    outcome.notes = list(dict.fromkeys(notes + outcome.notes))
    return outcome


def main() -> int:
    """The child's whole life."""
    return serve(MigrationJob.from_json, lambda asked: asked.job, answer, _MOST_BYTES)
