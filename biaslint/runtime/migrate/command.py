"""`biaslint migrate`: write the checkpoint that the model without its dead biases loads."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from biaslint.runtime.migrate.fixes import Fixed, fixed
from biaslint.runtime.migrate.job import MigrationJob, Outcome
from biaslint.runtime.migrate.placing import Place, PlaceError, named, place
from biaslint.runtime.options import model_options
from biaslint.runtime.process.parent import VerifyError, answer_of, read_answer
from biaslint.runtime.report.table import clean_lines, progress_bar
from biaslint.runtime.target.job import Job

_OPTIONS = (
    "arguments",
    "inputs",
    "batch",
    "optimiser",
    "timeout",
    "memory",
    "seed",
    "python",
    "passed",
    "script_args",
    "run_script",
    "network",
    "allow_pickle",
    "allow_unsafe_keras",
)
_SHOWN = 12
_CHILD = "biaslint.runtime.migrate.child"


@click.command("migrate", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.argument("names", nargs=-1, required=True, metavar="OLD_TARGET NEW_TARGET OLD_FILE [NEW_FILE]")
@click.option("--fixes", is_flag=True, help="Build the new model by applying biaslint's fixes; takes one TARGET.")
@click.option("--new-arg", "new_arguments", multiple=True, metavar="[NAME=]VALUE", help="Argument for the new model only.")
@click.option("--dry-run", is_flag=True, help="Check everything without writing the result.")
@click.option("--in-place", is_flag=True, help="Replace OLD_FILE and keep a copy beside it.")
@click.option("--drop-optimizer", "drop_optimiser", is_flag=True, help="Drop optimizer states.")
@model_options(only=_OPTIONS)
def migrate(**options: Any) -> None:
    """Rewrite a checkpoint for a model whose dead biases were removed.

    The old model loads OLD_FILE, the new one is without some of its biases. Their effect on evaluation is moved into the running means
    and following biases; all other values stay bit for bit. Both models are then run on random inputs, in evaluation and training mode,
    and nothing is written unless their outputs agree. Targets are as for `biaslint verify`, and their code is executed.

    \b
      biaslint migrate old/net.py:Net new/net.py:Net old.pt new.pt
      biaslint migrate --fixes net.py:Net old.pt new.pt
      biaslint migrate net.py:Net net.py:Net --new-arg bias=False old.pt new.pt

    Exit status: 0 done, 2 nothing was written.
    """
    from biaslint import config, reporters
    from biaslint.findings import rule_book

    try:
        _run(**options)
    except click.UsageError:
        raise
    except (VerifyError, PlaceError) as error:
        click.echo(f"biaslint: {clean_lines(str(error))}", err=True)
        sys.exit(2)
    except (config.ConfigError, rule_book.UnknownRule, rule_book.BrokenPage) as error:
        click.echo(f"biaslint: {reporters.plain_lines(str(error))}", err=True)
        sys.exit(2)


command = migrate


def _run(
    names: tuple[str, ...],
    fixes: bool,
    new_arguments: tuple[str, ...],
    dry_run: bool,
    in_place: bool,
    drop_optimiser: bool,
    python: str,
    passed: tuple[str, ...],
    **options: Any,
) -> None:
    targets, old, new = _named(names, fixes, [0] if in_place else [0, 1] if dry_run else [1])
    options |= {name: list(options[name]) for name in ("arguments", "inputs")}
    job = MigrationJob(Job(targets[0], **options), str(old), new_target=targets[-1], new_arguments=list(new_arguments))
    job.drop_optimiser, job.in_place = drop_optimiser, in_place

    def ask(asked: MigrationJob) -> Outcome:
        step, stop = progress_bar()
        try:
            text, said = answer_of(_CHILD, asked.to_json(), asked.job, python=python, passed=passed, progress=step)
        finally:
            stop()
        return read_answer(text, said, lambda found: Outcome.from_json(found["migrated"]))

    with place(old, new, in_place=in_place, dry_run=dry_run) as where:
        if fixes:
            _fix(job, ask)
        job.new_file = str(where.waiting) if where.waiting is not None else ""
        _report(ask(job), job, where)


def _named(names: tuple[str, ...], fixes: bool, more: list[int]) -> tuple[list[str], Path, Path | None]:
    """The targets, the old file and the new one. `more` are the numbers of files that may be named beside the old one."""
    count = 1 if fixes else 2
    if len(names) - count - 1 not in more:
        targets = "TARGET" if fixes else "OLD_TARGET NEW_TARGET"
        files = (
            "OLD_FILE NEW_FILE"
            if more == [1]
            else "OLD_FILE [NEW_FILE]"
            if more == [0, 1]
            else "OLD_FILE (with --in-place, no other)"
        )
        raise click.UsageError(f"expected {targets} {files}")
    paths = [Path(os.path.abspath(name)) for name in names[count:]]
    return list(names[:count]), named(paths[0]), paths[1] if len(paths) > 1 else None


def _fix(job: MigrationJob, ask: Callable[[MigrationJob], Outcome]) -> None:
    """Find the model's source, and what the fixes make of it."""
    job.files_only = True
    files = [Path(path) for path in ask(job).files]
    job.files_only = False
    found = fixed(files) if files else Fixed()
    here = os.path.abspath(".")

    def shown(path: str, line: int) -> str:
        near = os.path.relpath(path, here)
        return f"{path if near.startswith('..') else near}:{line}"

    for finding, reason in found.refused:
        click.echo(
            f"biaslint: {shown(finding.place.path, finding.place.line)}: {finding.rule} is not fixed: {reason}", err=True
        )
    if not found.texts:
        raise VerifyError("no fix removes a bias in what builds this model: its checkpoints load unchanged")
    for finding in found.applied:
        what = finding.fix.message if finding.fix else ""
        click.echo(f"fix {shown(finding.place.path, finding.place.line)}: {finding.rule} {what}")
    job.texts = found.texts
    job.new_target = job.job.target


def _report(outcome: Outcome, job: MigrationJob, where: Place) -> None:
    for state in outcome.states:
        click.echo(
            f"{state.name or 'state dict'}: {_count(len(state.dropped), 'key')} dropped, {_count(len(state.adjusted), 'value')} adjusted"
        )
        _list([f"- {key} ({'x'.join(map(str, shape)) or 'scalar'})" for key, shape in state.dropped.items()])
        _list([f"~ {key} (by up to {change:.3g})" for key, change in state.adjusted.items()])
        for one in state.comparisons:
            click.echo(f"  {one.what}: largest difference {one.difference:.2g} of the largest output (bound {one.bound:.2g})")
    for line in outcome.optimisers:
        click.echo(f"optimizer state {line}")
    click.echo(f"compared on random inputs: {', '.join(outcome.inputs)}, batch {outcome.batch}")
    for note in outcome.notes:
        click.echo(f"biaslint: {clean_lines(note)}", err=True)
    if where.waiting is None:
        click.echo("dry run: nothing written")
        return
    for path in where.commit():
        click.echo(f"written: {path}")


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _list(lines: list[str]) -> None:
    for line in lines[:_SHOWN]:
        click.echo(f"  {line}")
    if len(lines) > _SHOWN:
        click.echo(f"  ... and {len(lines) - _SHOWN} more")
