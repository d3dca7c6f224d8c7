"""`biaslint [PATHS]`: options in, findings out. What is decided, is decided elsewhere."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from biaslint import config, engine, reporters
from biaslint.analysis.incremental import progress
from biaslint.cli.explain import colored
from biaslint.engine import baseline, cache, changed_lines
from biaslint.findings import rule_book
from biaslint.findings.finding import Severity
from biaslint.runtime.options import NAMES as MODEL_OPTIONS, Request, model_options, request
from biaslint.source.file import Lines

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
@click.option("--fix", is_flag=True, help="Carry out the safe fixes (same checkpoint, same outputs).")
@click.option("--unsafe-fixes", is_flag=True, help="The others too.")
@click.option("--diff", is_flag=True, help="Show what --fix would change, and change nothing.")
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
@click.option("--watch", is_flag=True, help="Stay, and lint again what changes and what depends on it.")
@click.option(
    "--verify",
    metavar="TARGET",
    help="Build this model, measure it, and mark each finding as confirmed, refuted or not measured. The options of "
    "`biaslint verify` that say how (--input, --arg, --data ...) go with it.",
)
@model_options(hidden=True)
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Processes to work with; 0, the default: one for each core.",
)
@click.option("--no-cache", is_flag=True, help="Look at every file again, and keep nothing for the next run.")
@click.option(
    "--cache-dir", type=click.Path(file_okay=False, path_type=Path), help=f"Where that is kept [{cache.FOLDER} in the project]."
)
@click.option("--quiet", "-q", is_flag=True, help="One line a finding, nothing else.")
@click.option("--color/--no-color", default=None, help="Colour, or none [on a terminal without NO_COLOR].")
def command(**options: Any) -> None:
    """Find questionable bias set-ups in files and folders (default: the current one).

    `# biaslint: ignore[BL101]` at the end of a line silences a finding. Settings are read from [tool.biaslint] in
    pyproject.toml or from biaslint.toml.
    """
    settings = {key: options.pop(key) for key in SETTINGS}
    model = {name: options.pop(name) for name in MODEL_OPTIONS}
    if options["verify"] is None:
        context = click.get_current_context()
        for name, spelling in MODEL_OPTIONS.items():
            if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
                raise click.UsageError(f"{spelling} goes with --verify TARGET")
    try:
        asked = Options(**options, model=model)
        with nullcontext() if asked.watch else uncollected():
            status = run(asked, settings)
    except (
        config.ConfigError,
        rule_book.UnknownRule,
        rule_book.BrokenPage,
        baseline.BrokenBaseline,
        changed_lines.GitError,
    ) as error:
        click.echo(f"biaslint: {reporters.plain_lines(str(error))}", err=True)
        status = 2
    sys.exit(status)


SETTINGS = ("select", "extend_select", "ignore", "exclude", "extend_exclude", "force_exclude", "fail_on")


@dataclass(frozen=True, slots=True)
class Options:
    """The options that are no settings of the project."""

    paths: tuple[str, ...]
    config_file: Path | None
    isolated: bool
    stdin_filename: Path | None
    fix: bool
    unsafe_fixes: bool
    diff: bool
    format_: str
    outputs: list[tuple[str | None, Path]]
    exit_zero: bool
    baseline_file: Path | None
    write_baseline: bool
    diff_base: str | None
    show_unknown: bool
    statistics: bool
    watch: bool
    jobs: int
    no_cache: bool
    cache_dir: Path | None
    quiet: bool
    color: bool | None
    verify: str | None
    model: dict[str, Any]


@contextmanager
def uncollected() -> Iterator[None]:
    """Do not look for cycles: facts and findings hold none, and live until the process ends. The analysis, which makes some, does."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def run(options: Options, settings: dict[str, Any]) -> int:
    """Lint and report; the exit status."""
    here = Path(os.path.abspath("."))
    stdin = "-" in options.paths
    if stdin and len(options.paths) > 1:
        raise config.ConfigError("the standard input (-) is linted alone")
    names = [str(options.stdin_filename or "stdin.py")] if stdin else options.paths or (".",)
    targets = [Path(os.path.abspath(name)) for name in names]
    chosen = settings_for(targets, options, settings)
    file = options.baseline_file or _project_baseline(chosen)
    if options.watch:
        return _watch(targets, options, settings)
    narrow = _narrower(options, chosen, None if options.write_baseline else file)
    asked = request(options.verify, options.model, chosen.verify) if options.verify else None

    data = sys.stdin.buffer.read() if stdin else b""
    with progress.shown(sys.stderr):
        result = (
            engine.lint_text(data, targets[0], chosen)
            if stdin
            else engine.lint(targets, chosen, _cache(options, chosen), options.jobs)
        )
    if options.write_baseline:
        return _write_baseline(result, chosen, file or chosen.root / BASELINE)
    narrow(result)
    view = reporters.View(
        result,
        chosen,
        base=here,
        color=colored(options.color),
        quiet=options.quiet,
        show_unknown=options.show_unknown,
        statistics=options.statistics,
    )
    if options.fix or options.diff:
        from biaslint.cli.fixing import mend

        mended = mend(view, targets[0] if stdin else None, narrow, options.unsafe_fixes, dry=options.diff)
        if options.diff:
            click.echo(_readable("".join(mended.diffs)), nl=False)
            _say(result)
            return 2 if result.problems or result.errors else int(bool(mended.diffs) and not options.exit_zero)
        view = replace(view, result=mended.result, fixed=mended.count)
        if mended.text is not None:
            click.echo(mended.text, nl=False)
    if asked:
        _mark(view.result, asked)
    return _report(view, options, stderr=stdin and options.fix)


def _readable(text: str) -> str:
    """A difference as `patch` takes it; on a terminal, with whatever that would obey written out."""
    return "\n".join(map(reporters.plain, text.split("\n"))) if sys.stdout.isatty() else text


def _watch(targets: list[Path], options: Options, settings: dict[str, Any]) -> int:
    """Lint again and again, until the person interrupts it."""
    from biaslint.engine import watch

    if options.fix or options.diff or options.write_baseline or options.verify or "-" in options.paths:
        raise config.ConfigError(
            "--watch only reports: it goes with no --fix, --diff, --verify, --write-baseline and standard input"
        )

    def show(result: engine.Result, chosen: config.Config, changed: Sequence[Path]) -> None:
        file = options.baseline_file or _project_baseline(chosen)
        _narrower(options, chosen, file)(result)
        view = reporters.View(
            result, chosen, base=Path(os.path.abspath(".")), color=colored(options.color), quiet=options.quiet
        )
        if changed:
            click.echo(f"-- changed: {reporters.plain(', '.join(view.path(str(path)) for path in changed))}")
        _report(view, options, stderr=False)
        sys.stdout.flush()

    interrupted = threading.Event()

    def interrupt(*_: object) -> None:
        # Python loses an exception that a signal raises in a destructor: then the next rest ends it
        interrupted.set()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        watch.watch(
            lambda: settings_for(targets, options, settings), targets, show, lambda: not interrupted.wait(watch.INTERVAL)
        )
    except KeyboardInterrupt:
        click.echo()
    finally:
        signal.signal(signal.SIGINT, before)
    return 0


def _mark(result: engine.Result, asked: Request) -> None:
    """Write into each finding what the measured model says of it. A model that cannot be measured is a problem of the run."""
    from biaslint.runtime.command import marks
    from biaslint.runtime.process.parent import VerifyError
    from biaslint.runtime.report import table

    step, stop = table.progress_bar()
    try:
        found = marks(result.findings, asked, progress=step)
    except VerifyError as error:
        result.problems.append(f"--verify {asked.job.target}: {error}")
        return
    finally:
        stop()
    result.findings = [replace(one, measured=mark) for one, mark in zip(result.findings, found, strict=True)]


def _cache(options: Options, chosen: config.Config) -> cache.Cache | None:
    """Where runs are kept. A folder that is no project is left as it is, unless the command line names one."""
    if options.no_cache:
        return None
    marked = any((chosen.root / mark).exists() for mark in config.ROOT_MARKS + config.OWN_FILES)
    folder = options.cache_dir or (chosen.root / cache.FOLDER if marked else None)
    return cache.Cache(folder) if folder is not None else None


def _project_baseline(chosen: config.Config) -> Path | None:
    """The baseline that the settings name; else the one that `--write-baseline` writes, where it is there."""
    if chosen.baseline:
        return chosen.root / chosen.baseline
    usual = chosen.root / BASELINE
    return usual if usual.is_file() else None


def settings_for(targets: list[Path], options: Options, settings: dict[str, Any]) -> config.Config:
    """The settings for these paths: those of the project or of a given file, and what the command line says."""
    root = config.project_root(config.common_folder(targets))
    if options.isolated:
        chosen = config.Config(root)
    elif options.config_file:
        chosen = replace(config.load(options.config_file), root=root)
    else:
        chosen = config.discover(targets)
    chosen = config.with_options(chosen, **settings)
    chosen.enabled()  # an unknown rule is said before anything is read
    return chosen


def fails(result: engine.Result, fail_on: str) -> bool:
    """Is there a finding at or above the severity?"""
    return fail_on != "never" and any(finding.severity >= Severity[fail_on.upper()] for finding in result.findings)


def _narrower(options: Options, chosen: config.Config, file: Path | None) -> Callable[[engine.Result], None]:
    """What leaves out the findings that are in the baseline, or not on changed lines."""
    entries = baseline.read(file) if file else None
    since = changed_lines.since(chosen.root, options.diff_base) if options.diff_base else None

    def narrow(result: engine.Result) -> None:
        if entries is not None:
            compared = baseline.compare(result.findings, entries, result.files, chosen, Lines(result.texts))
            result.findings = compared.new
            result.notes += [f"{compared.known} findings are in the baseline {file}"] * bool(compared.known)
            result.notes += [f"stale in the baseline: {one.path}: {one.rule} {one.layer}: {one.text}" for one in compared.stale]
        if since:
            result.findings = changed_lines.only_changed(result.findings, since)

    return narrow


def _report(view: reporters.View, options: Options, stderr: bool) -> int:
    """Print and write the reports; the exit status."""
    result = view.result
    click.echo(reporters.render(options.format_, view), nl=False, color=True, err=stderr)
    for kind, target in options.outputs:
        _write(target, reporters.render(kind or options.format_, replace(view, color=False)), result)
    _say(result)
    if result.problems or result.errors:
        return 2
    return 0 if options.exit_zero or not fails(result, view.config.fail_on) else 1


def _say(result: engine.Result) -> None:
    for line in [*result.notes, *result.problems, *result.errors]:
        click.echo(f"biaslint: {reporters.plain(line)}", err=True)


def _write_baseline(result: engine.Result, chosen: config.Config, file: Path) -> int:
    old = baseline.read(file) if file.exists() else Counter()
    result.notes.append(f"{len(result.findings)} findings written to {file}")
    _write(file, baseline.text(result.findings, old, result.files, chosen, Lines(result.texts)), result)
    _say(result)
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
