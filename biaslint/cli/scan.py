"""`biaslint scan` and `biaslint scan-report`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import click

from biaslint import config
from biaslint.cli.lint import PATTERNS, RULES
from biaslint.findings import rule_book
from biaslint.reporters import plain, plain_lines
from biaslint.scan import work
from biaslint.scan.engines import ENGINES, Crew, NoEngine
from biaslint.scan.limits import Limits
from biaslint.scan.results import NotTheSame
from biaslint.scan.run import Scan, Tale, scan
from biaslint.scan.sources import NoSource

LIMITS = [one.name for one in fields(Limits)]
USUAL = Limits()
WRONG = (NoSource, NoEngine, NotTheSame, config.ConfigError, rule_book.UnknownRule, rule_book.BrokenPage, OSError)


def _shard(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, int]:
    """`i/n`."""
    found = re.fullmatch(r"(\d+)/(\d+)", value)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise click.BadParameter(f"{value}: write it as 1/4 to 4/4")
    return int(found[1]), int(found[2])


def _columns(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, str, str]:
    """`repository=NAME,path=NAME,content=NAME`, any of them."""
    given = dict.fromkeys(("repository", "path", "content"), "")
    for part in filter(None, value.split(",")):
        what, equals, name = part.partition("=")
        if what not in given or not equals:
            raise click.BadParameter(f"{part}: write repository=NAME, path=NAME or content=NAME")
        given[what] = name
    return given["repository"], given["path"], given["content"]


def _limit(name: str, option: str, what: str) -> Callable[[Any], Any]:
    """The option for a limit."""
    kind = click.IntRange(1)
    return click.option(option, name, type=kind, default=getattr(USUAL, name), show_default=True, metavar="N", help=what)


@click.command("scan", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.argument("source", nargs=-1, required=True)
@click.option("--output", "-o", required=True, metavar="FILE.jsonl|DIR.parquet", help="Output file, or folder for parquet.")
@click.option("--resume", is_flag=True, help="Continue an interrupted scan with the same settings.")
@click.option("--shard", callback=_shard, default="1/1", metavar="I/N", help="Scan only part I of N.")
@click.option("--jobs", "-j", type=click.IntRange(0), default=0, metavar="N", help="Number of workers (default: one per core).")
@click.option(
    "--engine", type=click.Choice(list(ENGINES)), default="local", show_default=True, help="Engine that distributes the work."
)
@click.option(
    "--address", default="", metavar="ADDRESS", help="Address of a running cluster (default: start one on this machine)."
)
@click.option(
    "--columns", callback=_columns, default="", metavar="MAP", help="Column names of tables: repository=A,path=B,content=C."
)
@click.option("--select", **RULES, help="Enable only these rules (codes, names, prefixes such as BL1, or ALL).")
@click.option("--extend-select", **RULES, help="Also enable these rules.")
@click.option("--ignore", **RULES, help="Disable these rules.")
@click.option("--exclude", **PATTERNS, help="Exclude these files and folders instead of the default ones.")
@click.option("--extend-exclude", **PATTERNS, help="Also exclude these files and folders.")
@click.option(
    "--config", "config_file", type=click.Path(dir_okay=False, path_type=Path), help="Configuration file for all repositories."
)
@_limit("seconds", "--max-seconds", "CPU time limit per repository, in seconds.")
@_limit("wall", "--max-wall-seconds", "Wall-clock limit per repository, in seconds.")
@_limit("memory", "--max-memory", "Memory limit per repository, in MB.")
@_limit("size", "--max-size", "Limit on the Python files and notebooks of a repository, in MB.")
@_limit("file_size", "--max-file-size", "Skip files larger than this, in MB.")
@_limit("unpacked", "--max-unpacked", "Limit on the decompressed size of an archive, in MB.")
@_limit("files", "--max-files", "Limit on the number of Python files and notebooks.")
@_limit("entries", "--max-entries", "Limit on the number of entries in an archive or tree.")
@click.option("--quiet", "-q", is_flag=True, help="Print no progress and no summary.")
def command(**options: Any) -> None:
    """Lint whole archives of repositories: one row per finding and one per repository.

    A SOURCE is a checkout, a bare git repository, a zip or tar archive, a wheel, a source distribution, a table (JSON Lines or parquet)
    with a row for each file, or a folder of these. Nothing is unpacked, and nothing in the repositories is executed, their
    configuration files included.
    """
    limits = Limits(**{name: options.pop(name) for name in LIMITS})
    quiet = options.pop("quiet")
    shown = _Progress()
    try:
        asked = Scan(
            sources=options["source"],
            output=options["output"],
            job=work.Job(_settings(options), limits),
            resume=options["resume"],
            shard=options["shard"],
            columns=options["columns"],
            engine=options["engine"],
            crew=Crew(options["jobs"], options["address"]),
        )
        tale = scan(asked, (lambda _: None) if quiet else shown.show)
    except WRONG as error:
        shown.clear()
        click.echo(f"biaslint: {plain_lines(str(error))}", err=True)
        sys.exit(2)
    shown.clear()
    if not quiet:
        click.echo(summary(tale, asked.output))


def _settings(options: dict[str, Any]) -> config.Config:
    """The configuration for all repositories. Raises what a wrong setting raises."""
    file = options["config_file"]
    chosen = config.load(file) if file else config.Config(work.ROOT)
    names = ("select", "extend_select", "ignore", "exclude", "extend_exclude")
    chosen = config.with_options(replace(chosen, root=work.ROOT, file=None), **{name: options[name] for name in names})
    chosen.enabled()
    return chosen


def summary(tale: Tale, output: str) -> str:
    """What a scan did, in a few lines."""
    many = "repository" if tale.repositories == 1 else "repositories"
    given_up = [f"{count} {status}" for status, count in sorted(tale.statuses.items()) if status not in ("ok", "partial")]
    parts = [
        f"Scanned {tale.repositories} {many} in {tale.seconds:.0f} s: {tale.findings} finding{'' if tale.findings == 1 else 's'}.",
        f"Not finished: {', '.join(given_up)}." if given_up else "",
        f"{tale.before} done before." if tale.before else "",
        f"Rows: {plain(output)}",
    ]
    return "\n".join(filter(None, parts))


class _Progress:
    """One line on a terminal, which is overwritten."""

    def __init__(self) -> None:
        self.on = sys.stderr.isatty()
        self.seen = False

    def show(self, tale: Tale) -> None:
        if self.on:
            rate = tale.repositories / max(tale.seconds, 0.001)
            line = f"\r{tale.repositories} repositories, {tale.findings} findings, {rate:.1f} per second\x1b[K"
            sys.stderr.write(line)
            sys.stderr.flush()
            self.seen = True

    def clear(self) -> None:
        if self.seen:
            sys.stderr.write("\r\x1b[K")


@click.command("scan-report", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.argument("results", nargs=-1, required=True)
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write an HTML report with charts."
)
@click.option(
    "--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Output format."
)
@click.option(
    "--unknowns", type=click.IntRange(0), default=20, show_default=True, metavar="N", help="Number of unknowns to list."
)
@click.option("--count-copies", is_flag=True, help="Count repositories with identical files separately.")
def report_command(results: tuple[str, ...], html: Path | None, format_: str, unknowns: int, count_copies: bool) -> None:
    """Summarize the results of a scan: how common each rule's findings are, per framework and year, and what was not understood."""
    from biaslint.scan.report import as_json, as_text, collect, page

    try:
        census = collect.census(results, count_copies)
        if html is not None:
            html.write_text(page.render(census, unknowns), encoding="utf-8")
    except WRONG as error:
        click.echo(f"biaslint: {plain_lines(str(error))}", err=True)
        sys.exit(2)
    text = as_json.render(census, unknowns) if format_ == "json" else as_text.render(census, unknowns)
    click.echo(text, nl=False)
    if html is not None:
        click.echo(f"Page: {plain(os.fspath(html))}", err=True)
