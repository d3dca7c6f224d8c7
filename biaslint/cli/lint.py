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
from biaslint.cli import completion, paths
from biaslint.cli.explain import colored
from biaslint.cli.settings import chosen as settings_of, shown
from biaslint.config import discovery
from biaslint.engine import baseline, cache, changed_lines
from biaslint.findings import rule_book
from biaslint.findings.finding import Finding, Safety, Severity
from biaslint.runtime.options import EVERY_MODEL, NAMES as MODEL_OPTIONS, Request, model_options, request
from biaslint.source.file import Lines

BASELINE = "biaslint-baseline.json"


def _words(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Words separated by commas; the option may be given several times."""
    return tuple(word.strip() for value in values for word in value.split(",") if word.strip())


def _outputs(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> list[tuple[str, Path]]:
    """`[FORMAT:]FILE`: the format, or the one that the file's ending stands for, and the file."""
    outputs: list[tuple[str, Path]] = []
    for value in values:
        kind, colon, file = value.partition(":")
        known = colon and kind in reporters.FORMATS
        kind, path = (kind, Path(file)) if known else (reporters.ENDINGS.get(Path(value).suffix, ""), Path(value))
        if str(path) in ("-", "."):
            raise click.BadParameter("needs a file; use --format to choose what is printed to standard output")
        if not kind:
            endings = ", ".join(reporters.ENDINGS)
            raise click.BadParameter(f"{value}: unknown file type; end it in {endings}, or write FORMAT:{value}")
        outputs.append((kind, path))
    return outputs


RULES: dict[str, Any] = {"multiple": True, "callback": _words, "metavar": "RULES", "shell_complete": completion.rules}
PATTERNS: dict[str, Any] = {"multiple": True, "callback": _words, "metavar": "PATTERNS"}


@click.command("lint", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.argument("paths", nargs=-1, metavar="[PATHS]...", type=click.Path(allow_dash=True, readable=False))
@click.option("--select", **RULES, help="Enable only these rules (codes, names, prefixes such as BL1, or ALL).")
@click.option("--extend-select", **RULES, help="Also enable these rules.")
@click.option("--ignore", **RULES, help="Disable these rules.")
@click.option("--exclude", **PATTERNS, help="Exclude these files and folders instead of the default ones.")
@click.option("--extend-exclude", **PATTERNS, help="Also exclude these files and folders.")
@click.option("--force-exclude", is_flag=True, help="Apply exclusions to paths given on the command line too.")
@click.option(
    "--config", "configs", multiple=True, metavar="FILE|KEY=VALUE", help="Configuration file, or a setting (repeatable)."
)
@click.option("--isolated", is_flag=True, help="Ignore all configuration files.")
@click.option("--show-settings", is_flag=True, help="Print the settings in effect and exit.")
@click.option("--show-files", is_flag=True, help="Print the files that would be linted and exit.")
@click.option("--fix", is_flag=True, help="Apply safe fixes.")
@click.option("--unsafe-fixes", is_flag=True, help="Also apply unsafe fixes.")
@click.option(
    "--keep-checkpoints", is_flag=True, help="With --unsafe-fixes, remove biases only where a load hook keeps old checkpoints."
)
@click.option("--diff", is_flag=True, help="Print what --fix would change without changing files.")
@click.option("--fix-only", is_flag=True, help="Apply fixes, but do not report or fail on what remains.")
@click.option("--show-fixes", is_flag=True, help="List the fixes that were applied.")
@click.option("--exit-non-zero-on-fix", is_flag=True, help="Exit with status 1 if any fix was applied.")
@click.option("--add-ignore", is_flag=True, help="Add a suppression comment for every finding.")
@click.option("--reason", default="", metavar="TEXT", help="Reason to write in the comments that --add-ignore adds.")
@click.option("--stdin-filename", type=click.Path(path_type=Path), help="Filename to use for input read from stdin.")
@click.option("--format", "format_", type=click.Choice(list(reporters.FORMATS)), help="Output format (default: text).")
@click.option(
    "--output",
    "-o",
    "outputs",
    multiple=True,
    callback=_outputs,
    metavar="[FORMAT:]FILE",
    help="Also write a report (repeatable).",
)
@click.option("--fail-on", type=click.Choice(config.FAIL_ON), help="Lowest severity that fails the run (default: warning).")
@click.option("--exit-zero", is_flag=True, help="Exit with status 0 even if there are findings.")
@click.option(
    "--baseline", "baseline_file", type=click.Path(dir_okay=False, path_type=Path), help="Ignore findings listed in this file."
)
@click.option("--write-baseline", is_flag=True, help=f"Write current findings to the baseline ({BASELINE}).")
@click.option("--diff-base", metavar="REV", help="Report only lines changed since this git revision.")
@click.option("--show-unknown", is_flag=True, help="List code that the analysis did not understand.")
@click.option("--statistics", is_flag=True, help="Show counts for rules, files and layers.")
@click.option("--watch", is_flag=True, help="Watch for changes and re-lint affected files.")
@click.option(
    "--verify",
    metavar="[TARGET]",
    is_flag=False,
    flag_value=EVERY_MODEL,
    help="Measure this model (default: all in the project) and mark each finding.",
)
@model_options(hidden=True)
@click.option("-j", "--jobs", type=click.IntRange(0), metavar="N", help="Number of worker processes (default: one per core).")
@click.option(
    "--time-limit",
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="Report what is known after this time and exit with status 2.",
)
@click.option("--no-cache", is_flag=True, help="Ignore and do not write the cache.")
@click.option(
    "--cache-dir", type=click.Path(file_okay=False, path_type=Path), help=f"Cache directory (default: {cache.FOLDER})."
)
@click.option("--quiet", "-q", is_flag=True, help="Print one line per finding and no summary.")
@click.option("--color/--no-color", default=None, help="Force or disable colors (default: on terminals).")
def command(**options: Any) -> None:
    """Lint files and folders (default: the current folder).

    Suppress a finding with `# biaslint: ignore[BL101]` at the end of its line. Settings are read from [tool.biaslint] in
    pyproject.toml, or from biaslint.toml.
    """
    settings = {key: options.pop(key) for key in SETTINGS}
    model = {name: options.pop(name) for name in MODEL_OPTIONS}
    if options["verify"] is None:
        context = click.get_current_context()
        for name, spelling in MODEL_OPTIONS.items():
            if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
                raise click.UsageError(f"{spelling} requires --verify TARGET")
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
        _complain(error)
        status = 2
    sys.exit(status)


def _complain(error: Exception) -> None:
    """Say what is wrong with the settings or the command."""
    click.echo(f"biaslint: {reporters.plain_lines(str(error))}", err=True)


SETTINGS = ("select", "extend_select", "ignore", "exclude", "extend_exclude", "force_exclude", "fail_on")


@dataclass(frozen=True, slots=True)
class Options:
    """The options that are no settings of the project."""

    paths: tuple[str, ...]
    configs: tuple[str, ...]
    isolated: bool
    show_settings: bool
    show_files: bool
    stdin_filename: Path | None
    fix: bool
    unsafe_fixes: bool
    keep_checkpoints: bool
    diff: bool
    fix_only: bool
    show_fixes: bool
    exit_non_zero_on_fix: bool
    add_ignore: bool
    reason: str
    format_: str | None
    outputs: list[tuple[str, Path]]
    exit_zero: bool
    baseline_file: Path | None
    write_baseline: bool
    diff_base: str | None
    show_unknown: bool
    statistics: bool
    watch: bool
    jobs: int | None
    time_limit: float | None
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
    asked_for = paths.targets(options.paths, options.stdin_filename)
    targets, stdin = asked_for.paths, asked_for.stdin
    if options.reason and not options.add_ignore:
        raise config.ConfigError("--reason requires --add-ignore")
    chosen, found = settings_of(targets, options.configs, options.isolated, settings)
    if options.show_settings:
        click.echo(shown(chosen), nl=False)
        return 0
    if options.show_files:
        return _show_files(found)
    file = options.baseline_file or _project_baseline(chosen)
    if options.watch:
        return _watch(targets, options, settings)
    narrow = _narrower(options, chosen, None if options.write_baseline else file)
    asked = request(options.verify, options.model, chosen.verify) if options.verify else None
    data = sys.stdin.buffer.read() if stdin else None
    result = _lint(targets, options, chosen, data, found)
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
    if options.add_ignore:
        return _add_ignore(view, options, stdin)
    fixed: list[Finding] = []
    if options.keep_checkpoints and (stdin or not options.unsafe_fixes):
        raise config.ConfigError("--keep-checkpoints requires files and --fix --unsafe-fixes (or --diff)")
    if options.fix or options.fix_only or options.diff:
        from biaslint.cli.fixing import encoded, mend

        mended = mend(view, targets[0] if stdin else None, narrow, options.unsafe_fixes, options.diff, options.keep_checkpoints)
        if options.diff:
            click.echo(_readable("".join(mended.diffs)), nl=False)
            if not options.unsafe_fixes:
                result.notes += _unsafe_left(result)
            _say(result)
            return 2 if result.problems or result.errors else int(bool(mended.diffs) and not options.exit_zero)
        view = replace(view, result=mended.result, fixed=mended.count)
        fixed = mended.applied
        if data is not None:
            click.echo(encoded(mended, data), nl=False)
    if asked:
        _mark(view.result, asked)
    return _finish(view, options, fixed, stderr=stdin and (options.fix or options.fix_only))


def _show_files(found: discovery.Found) -> int:
    """Print the files that would be linted; the exit status."""
    click.echo("".join(f"{reporters.plain(str(path))}\n" for path in found.files), nl=False)
    _say(engine.Result(problems=found.problems))
    return 2 if found.problems else 0


def _lint(
    targets: list[Path], options: Options, chosen: config.Config, data: bytes | None, found: discovery.Found
) -> engine.Result:
    """Lint the paths, or the text on the standard input under the first one's name."""
    with progress.shown(sys.stderr):
        if data is not None:
            excluded = discovery.left_out(targets[0], False, chosen)
            return engine.Result() if excluded else engine.lint_text(data, targets[0], chosen)
        jobs = chosen.jobs if options.jobs is None else options.jobs
        return engine.lint(targets, chosen, _cache(options, chosen), jobs, seconds=options.time_limit, found=found)


def _finish(view: reporters.View, options: Options, fixed: Sequence[Finding], stderr: bool) -> int:
    """Report what was fixed and what is left; the exit status."""
    if options.show_fixes:
        click.echo("".join(f"fixed {_fixed(view, finding)}\n" for finding in fixed), nl=False, err=stderr)
    if options.fix_only:
        _say(view.result)
        status = 2 if view.result.problems or view.result.errors else 0
    else:
        status = _report(view, options, stderr)
    return status or int(options.exit_non_zero_on_fix and bool(fixed))


def _fixed(view: reporters.View, finding: Finding) -> str:
    place = finding.place
    what = finding.fix.message if finding.fix else ""
    return reporters.plain(f"{view.path(place.path)}:{place.line}: {finding.rule} {finding.name}: {what}")


def _unsafe_left(result: engine.Result) -> list[str]:
    """That there are unsafe fixes, which are not shown."""
    unsafe = sum(one.fix is not None and one.fix.safety is Safety.UNSAFE for one in result.findings)
    return [f"{unsafe} unsafe {'fix' if unsafe == 1 else 'fixes'} not shown; add --unsafe-fixes"] if unsafe else []


def _add_ignore(view: reporters.View, options: Options, stdin: bool) -> int:
    """Write a suppression comment for every finding; the exit status."""
    from biaslint.cli.fixing import add_ignores

    result = view.result
    if stdin:
        raise config.ConfigError("--add-ignore needs files, not standard input")
    count = add_ignores(view, options.reason)
    result.notes.append(f"added suppression comments for {count} {'finding' if count == 1 else 'findings'}")
    _say(result)
    return 2 if result.problems or result.errors else 0


def _readable(text: str) -> str:
    """A difference as `patch` takes it; on a terminal, with whatever that would obey written out."""
    return "\n".join(map(reporters.plain, text.split("\n"))) if sys.stdout.isatty() else text


def _watch(targets: list[Path], options: Options, settings: dict[str, Any]) -> int:
    """Lint again and again, until the person interrupts it."""
    from biaslint.engine import watch

    changing = options.fix or options.fix_only or options.diff or options.add_ignore or options.write_baseline
    if changing or options.verify or "-" in options.paths or options.stdin_filename:
        raise config.ConfigError(
            "--watch cannot be combined with --fix, --diff, --add-ignore, --verify, --write-baseline or standard input"
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
            lambda: settings_of(targets, options.configs, options.isolated, settings)[0],
            targets,
            show,
            _complain,
            lambda: not interrupted.wait(watch.INTERVAL),
        )
    except KeyboardInterrupt:
        click.echo()
    finally:
        signal.signal(signal.SIGINT, before)
    return 0


def _mark(result: engine.Result, asked: Request) -> None:
    """Write into each finding what the measured model says of it. A model that cannot be measured is a problem of the run."""
    from biaslint.runtime.marking import marks, marks_of_all
    from biaslint.runtime.process.parent import VerifyError
    from biaslint.runtime.report import table

    step, stop = table.progress_bar()
    try:
        if asked.job.target == EVERY_MODEL:
            found, lines = marks_of_all(result.findings, result.files, asked, progress=step)
            result.notes += lines
        else:
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
    configured = chosen.root / chosen.cache_dir if chosen.cache_dir else None
    folder = options.cache_dir or configured or (chosen.root / cache.FOLDER if marked else None)
    return cache.Cache(folder) if folder is not None else None


def _project_baseline(chosen: config.Config) -> Path | None:
    """The baseline that the settings name; else the one that `--write-baseline` writes, where it is there."""
    if chosen.baseline:
        return chosen.root / chosen.baseline
    usual = chosen.root / BASELINE
    return usual if usual.is_file() else None


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
            known = f"{compared.known} {'finding is' if compared.known == 1 else 'findings are'} in the baseline {file}"
            result.notes += [known] * bool(compared.known)
            result.notes += [f"stale in the baseline: {one.path}: {one.rule} {one.layer}: {one.text}" for one in compared.stale]
        if since:
            result.findings = changed_lines.only_changed(result.findings, since)

    return narrow


def _report(view: reporters.View, options: Options, stderr: bool) -> int:
    """Print and write the reports; the exit status."""
    result = view.result
    printed = options.format_ or view.config.output_format
    click.echo(reporters.render(printed, view), nl=False, color=True, err=stderr)
    for kind, target in options.outputs:
        _write(target, reporters.render(kind, replace(view, color=False)), result)
    _say(result)
    if result.problems or result.errors:
        return 2
    return 0 if options.exit_zero or not fails(result, view.config.fail_on) else 1


def _say(result: engine.Result) -> None:
    for line in [*result.notes, *result.problems, *result.errors]:
        click.echo(f"biaslint: {reporters.plain(line)}", err=True)


def _write_baseline(result: engine.Result, chosen: config.Config, file: Path) -> int:
    old = baseline.read(file) if file.exists() else Counter()
    count = len(result.findings)
    if _write(file, baseline.text(result.findings, old, result.files, chosen, Lines(result.texts)), result):
        result.notes.append(f"{count} {'finding' if count == 1 else 'findings'} written to {file}")
    _say(result)
    return 2 if result.problems or result.errors else 0


def _write(file: Path, text: str, result: engine.Result) -> bool:
    """Write a whole file or none of it; was it written?"""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
        os.replace(part, file)
    except OSError as error:
        part.unlink(missing_ok=True)
        result.problems.append(f"{file}: cannot be written: {error.strerror}")
        return False
    return True
