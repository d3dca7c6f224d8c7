"""`biaslint verify TARGET`: build a model in a process of its own, and measure it before any training."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from biaslint.runtime.compare.changes import advised
from biaslint.runtime.compare.comparison import Comparison, as_json
from biaslint.runtime.facts.measurement import Measurement, Verdict
from biaslint.runtime.facts.observed import Observed
from biaslint.runtime.options import DEFAULTS, Request, model_options, request
from biaslint.runtime.report.comparison_text import render as comparison_text
from biaslint.runtime.verdict.judge import judge
from biaslint.runtime.verdict.result import compare_with_source, judged_result

if TYPE_CHECKING:
    from biaslint.config import Config
    from biaslint.engine import Result

_LEAST_SECONDS, _USUAL_SECONDS = 5.0, 20.0  # for comparing with the source: whatever is left, and where much is left


@click.command(
    "verify",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=f"Thresholds and their defaults: {DEFAULTS}.",
)
@click.argument("target")
@model_options()
@click.option(
    "--format",
    "format_",
    default="text",
    show_default=True,
    type=click.Choice(["text", "json", "jsonl", "sarif", "github", "gitlab", "junit"]),
    help="Output format.",
)
@click.option("--html", "html_file", type=click.Path(dir_okay=False, path_type=Path), help="Write an HTML report with charts.")
@click.option("--compare", is_flag=True, help="Measure the model with the advised starts as well, side by side.")
@click.option("--steps", type=click.IntRange(1), help="With --compare: also train both on --data for so many steps.")
@click.option("--seeds", type=click.IntRange(1), default=3, show_default=True, help="How many trainings --steps makes of each.")
@click.option("--all", "everything", is_flag=True, help="Show all layers.")
@click.option(
    "--fail-on",
    type=click.Choice(["hint", "warning", "error", "never"]),
    help="Lowest severity that fails the run (default: warning).",
)
@click.option("--color/--no-color", default=None, help="Force or disable colors (default: on terminals).")
def verify(**options: Any) -> None:
    """Build the model TARGET in a separate process and measure it before training.

    TARGET is package.module:Model, file.py:build_model, or a saved model (.pt2, TorchScript, .keras, .h5, a SavedModel folder).
    Its code is executed, so only name code you trust; the process has no network (on Linux), limited time and memory, and few
    environment variables. Exit status: 0 no findings that fail, 1 findings, 2 not measured, 3 no findings but a measurement failed.
    """
    from biaslint import config, reporters
    from biaslint.findings import rule_book

    try:
        status = _run(**options)
    except click.UsageError:
        raise
    except (config.ConfigError, rule_book.UnknownRule, rule_book.BrokenPage) as error:
        click.echo(f"biaslint: {reporters.plain_lines(str(error))}", err=True)
        status = 2
    sys.exit(status)


command = verify


def _run(
    target: str,
    format_: str,
    html_file: Path | None,
    everything: bool,
    fail_on: str | None,
    color: bool | None,
    compare: bool,
    steps: int | None,
    seeds: int,
    **options: Any,
) -> int:
    from biaslint import config
    from biaslint.runtime.process.parent import VerifyError, run
    from biaslint.runtime.report import table

    chosen = config.discover([Path(os.path.abspath("."))])
    asked = request(target, options, chosen.verify)
    asked.job.steps, asked.job.seeds = steps or 0, seeds
    begun = time.monotonic()
    step, stop = table.progress_bar()
    try:
        observed = run(asked.job, python=asked.python, passed=asked.passed, progress=step)
    except VerifyError as error:
        stop()
        click.echo(f"biaslint: {table.clean_lines(str(error))}", err=True)
        return 2
    finally:
        stop()
    verdict, result = judged_result(observed, asked.thresholds, chosen)
    painted = color if color is not None else sys.stdout.isatty() and "NO_COLOR" not in os.environ
    if format_ == "text":  # the measurements are there to be read while the source is analysed
        width = os.get_terminal_size().columns if sys.stdout.isatty() else 0
        click.echo(table.render(observed, verdict, color=painted, width=width, everything=everything), color=True)
    taken = time.monotonic() - begun
    seconds = min(asked.job.timeout - taken, max(_USUAL_SECONDS, taken))
    compare_with_source(observed, verdict, result, chosen, seconds=max(seconds, _LEAST_SECONDS))
    both = None
    if compare or steps:
        both = _compared(asked, observed, verdict, asked.job.timeout - (time.monotonic() - begun))
    return _report(observed, verdict, result, chosen, format_, html_file, fail_on, painted, both)


def _compared(asked: Request, observed: Observed, verdict: Verdict, seconds: float) -> Comparison | None:
    """The same with the advised starts; None, and why, where there is nothing to change or it cannot be measured."""
    from biaslint.runtime.process.parent import VerifyError, run
    from biaslint.runtime.report import table

    changes = advised(verdict)
    if not changes or observed.framework not in ("torch", "keras"):
        why = f"models of {observed.framework} are not changed" if changes else "no finding advises another start"
        click.echo(f"biaslint: nothing to compare with: {why}", err=True)
        return None
    job = replace(asked.job, changes=changes, timeout=max(seconds, _LEAST_SECONDS))
    step, stop = table.progress_bar()
    try:
        after = run(job, python=asked.python, passed=asked.passed, progress=step)
    except VerifyError as error:
        click.echo(f"biaslint: the changed model could not be measured: {table.clean_lines(str(error))}", err=True)
        return None
    finally:
        stop()
    return Comparison(changes, observed, after, verdict, judge(after, asked.thresholds))


def _report(
    observed: Observed,
    verdict: Verdict,
    result: Result,
    chosen: Config,
    format_: str,
    html_file: Path | None,
    fail_on: str | None,
    painted: bool,
    both: Comparison | None = None,
) -> int:
    from biaslint import reporters
    from biaslint.findings.finding import Severity
    from biaslint.runtime.report import table

    here = Path(os.path.abspath("."))
    view = reporters.View(result, chosen, base=here, color=painted)
    if format_ == "text":
        click.echo(table.late_rows(verdict, color=painted), nl=False, color=True)
        if both is not None:
            click.echo(comparison_text(both), nl=False)
    text = reporters.render(format_, view)
    if format_ == "json":
        compared = {"comparison": _finite(as_json(both))} if both is not None else {}
        text = json.dumps(json.loads(text) | measurements_json(view, observed, verdict) | compared, indent=2) + "\n"
    click.echo(text, nl=False, color=True)
    if html_file is not None:
        from biaslint.runtime.report.html import render

        page = render(observed, verdict, result.findings, base=here, both=both)
        try:
            html_file.write_text(page, encoding="utf-8")
        except OSError as error:
            click.echo(f"biaslint: {reporters.plain(str(html_file))}: cannot be written: {error.strerror}", err=True)
            return 2
    for line in [*result.problems, *result.errors]:
        click.echo(f"biaslint: {reporters.plain(line)}", err=True)
    least = fail_on or chosen.fail_on
    if least == "never":
        return 0
    if any(one.severity >= Severity[least.upper()] for one in result.findings):
        return 1
    return 3 if observed.inconclusive else 0


def measurements_json(view: Any, observed: Observed, verdict: Verdict) -> dict[str, Any]:
    """The measurements as they stand in the JSON report, and what was measured."""
    from biaslint.reporters import as_json

    def entry(one: Measurement) -> dict[str, Any]:
        data = asdict(replace(one, place=None))
        data["place"] = None if one.place is None else as_json.place(view, one.place)
        return data

    about = {
        "target": observed.target,
        "framework": observed.framework,
        "versions": observed.versions,
        "model": observed.model,
        "twin": observed.twin,
        "parameters": observed.parameters,
        "inputs": observed.inputs,
        "batch": observed.batch,
        "mode": observed.mode,
        "isolation": observed.isolation,
        "notes": observed.notes,
        "inconclusive": observed.inconclusive,
        "outputs": [asdict(output) for output in observed.outputs],
    }
    found: dict[str, Any] = _finite({"model": about, "measurements": [entry(one) for one in verdict.measurements]})
    return found


def _finite(value: Any) -> Any:
    """JSON knows no NaN and no infinity: null stands for them."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list) else value
