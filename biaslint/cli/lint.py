"""`biaslint [PATHS]`: options in, findings out. What is decided, is decided elsewhere."""

from __future__ import annotations

import os
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from biaslint import baseline, config, engine, reporters, rule_book
from biaslint.cli.explain import colored
from biaslint.finding import Severity
from biaslint.sources import Lines

BASELINE = "biaslint-baseline.json"


def _words(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Words separated by commas; the option may be given several times."""
    return tuple(word.strip() for value in values for word in value.split(",") if word.strip())


def _outputs(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> list[tuple[str | None, Path]]:
    """`[FORMAT:]FILE`: the format, or what the file's ending says, or None; and the file."""
    outputs: list[tuple[str | None, Path]] = []
    for value in values:
        kind, colon, file = value.partition(":")
        if colon and kind in reporters.FORMATS and file:
            outputs.append((kind, Path(file)))
        else:
            outputs.append((reporters.ENDINGS.get(Path(value).suffix), Path(value)))
    return outputs


_RULES: dict[str, Any] = {"multiple": True, "callback": _words, "metavar": "RULES"}
_PATTERNS: dict[str, Any] = {"multiple": True, "callback": _words, "metavar": "PATTERNS"}


@click.command("lint", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.argument("paths", nargs=-1, metavar="[PATHS]...", type=click.Path(allow_dash=True))
@click.option("--select", **_RULES, help="Exactly these rules: codes, names, prefixes (BL1), ALL.")
@click.option("--extend-select", **_RULES, help="These rules as well.")
@click.option("--ignore", **_RULES, help="Not these rules.")
@click.option("--exclude", **_PATTERNS, help="Leave out these files and folders, instead of the usual ones.")
@click.option("--extend-exclude", **_PATTERNS, help="Leave out these files and folders too.")
@click.option("--force-exclude", is_flag=True, help="Leave them out even when they are named on the command line.")
@click.option(
    "--config", "config_file", type=click.Path(dir_okay=False, path_type=Path), help="Read the settings from this file."
)
@click.option("--isolated", is_flag=True, help="Read no settings.")
@click.option("--stdin-filename", type=click.Path(path_type=Path), help="What the text on the standard input (-) is called.")
@click.option("--format", "format_", type=click.Choice(list(reporters.FORMATS)), default="text", help="What to print.")
@click.option(
    "--output",
    "-o",
    "outputs",
    multiple=True,
    callback=_outputs,
    metavar="[FORMAT:]FILE",
    help="Write a report to a file too (repeatable).",
)
@click.option("--fail-on", type=click.Choice(config.FAIL_ON), help="The least severity that makes the exit status 1 [warning].")
@click.option("--exit-zero", is_flag=True, help="Exit status 0 whatever was found.")
@click.option(
    "--baseline", "baseline_file", type=click.Path(dir_okay=False, path_type=Path), help="Report only what is not in it."
)
@click.option("--write-baseline", is_flag=True, help=f"Accept what is found: write it to --baseline [{BASELINE}].")
@click.option("--diff-base", metavar="REV", help="Report only lines that changed since this git revision.")
@click.option("--show-unknown", is_flag=True, help="List what the analysis did not understand.")
@click.option("--statistics", is_flag=True, help="Count findings by rule, and what was looked at.")
@click.option("--quiet", "-q", is_flag=True, help="One line a finding, nothing else.")
@click.option("--color/--no-color", default=None, help="Colour, or none [on a terminal without NO_COLOR].")
def command(**options: Any) -> None:
    """Find questionable bias set-ups in files and folders (default: the current one).

    `# biaslint: ignore[BL101]` at the end of a line silences a finding. Settings are read from [tool.biaslint] in
    pyproject.toml or from biaslint.toml.
    """
    try:
        status = run(**options)
    except (config.ConfigError, rule_book.UnknownRule, rule_book.BrokenPage, baseline.BrokenBaseline) as error:
        click.echo(f"biaslint: {error}", err=True)
        status = 2
    sys.exit(status)


def run(
    paths: tuple[str, ...],
    config_file: Path | None,
    isolated: bool,
    stdin_filename: Path | None,
    format_: str,
    outputs: list[tuple[str | None, Path]],
    exit_zero: bool,
    baseline_file: Path | None,
    write_baseline: bool,
    diff_base: str | None,
    show_unknown: bool,
    statistics: bool,
    quiet: bool,
    color: bool | None,
    **settings: Any,
) -> int:
    """Lint and report; the exit status."""
    here = Path(os.path.abspath("."))
    stdin = "-" in paths
    if stdin and len(paths) > 1:
        raise config.ConfigError("the standard input (-) is linted alone")
    targets = [here / (stdin_filename or "stdin.py")] if stdin else [Path(os.path.abspath(path)) for path in paths or (".",)]
    chosen = settings_for(targets, config_file, isolated, settings)
    if stdin:
        result = engine.lint_text(sys.stdin.buffer.read(), targets[0], chosen)
    else:
        result = engine.lint(targets, chosen)
    notes = [f"no Python file or notebook in {', '.join(map(str, targets))}"] * (not result.files and not result.problems)

    file = baseline_file or (chosen.root / chosen.baseline if chosen.baseline else None)
    if write_baseline:
        return _write_baseline(result, chosen, file or chosen.root / BASELINE)
    if file:
        compared = baseline.compare(result.findings, baseline.read(file), result.files, chosen, Lines(result.texts))
        result.findings = compared.new
        notes += [f"{compared.known} findings are in the baseline {file}"] * bool(compared.known)
        notes += [f"stale in the baseline: {one.path}: {one.rule} {one.layer}: {one.text}" for one in compared.stale]
    if diff_base:
        from biaslint import changed_lines

        try:
            result.findings = changed_lines.only_changed(result.findings, diff_base)
        except changed_lines.GitError as error:
            raise config.ConfigError(f"--diff-base {diff_base}: {error}") from error

    view = reporters.View(
        result,
        chosen,
        base=here,
        color=colored(color),
        quiet=quiet,
        show_unknown=show_unknown,
        statistics=statistics,
    )
    click.echo(reporters.render(format_, view), nl=False, color=True)
    for kind, target in outputs:
        _write(target, reporters.render(kind or format_, replace(view, color=False)), result)
    for line in [*notes, *result.problems, *result.errors]:
        click.echo(f"biaslint: {reporters.plain(line)}", err=True)
    if result.problems or result.errors:
        return 2
    return 0 if exit_zero or not fails(result, chosen.fail_on) else 1


def settings_for(targets: list[Path], config_file: Path | None, isolated: bool, options: dict[str, Any]) -> config.Config:
    """The settings for these paths: those of the project or of a given file, and what the command line says."""
    root = config.project_root(config.common_folder(targets))
    if isolated:
        chosen = config.Config(root)
    elif config_file:
        chosen = replace(config.load(config_file), root=root)
    else:
        chosen = config.discover(targets)
    chosen = config.with_options(chosen, **options)
    chosen.enabled()  # an unknown rule is said before anything is read
    return chosen


def fails(result: engine.Result, fail_on: str) -> bool:
    """Is there a finding at or above the severity?"""
    return fail_on != "never" and any(finding.severity >= Severity[fail_on.upper()] for finding in result.findings)


def _write_baseline(result: engine.Result, chosen: config.Config, file: Path) -> int:
    old = baseline.read(file) if file.exists() else Counter()
    _write(file, baseline.text(result.findings, old, result.files, chosen, Lines(result.texts)), result)
    for line in [*result.problems, *result.errors]:
        click.echo(f"biaslint: {line}", err=True)
    click.echo(f"biaslint: {len(result.findings)} findings written to {file}", err=True)
    return 2 if result.problems or result.errors else 0


def _write(file: Path, text: str, result: engine.Result) -> None:
    """Write a whole file or none of it."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
        os.replace(part, file)
    except OSError as error:
        part.unlink(missing_ok=True)
        result.problems.append(f"{file}: cannot be written: {error.strerror}")
