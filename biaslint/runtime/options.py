"""The options that say how to build, feed and measure a model, for `biaslint verify TARGET` and `biaslint PATH --verify TARGET`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import click

from biaslint.config.thresholds import MEANING, Thresholds, with_settings
from biaslint.runtime.facts.output_kind import OUTPUTS
from biaslint.runtime.target.job import Job

DEFAULTS = ", ".join(f"{name} ({getattr(Thresholds(), name):g})" for name in MEANING)
EVERY_MODEL = "every model"  # the target that stands for all of a project; no file or module is called so
# Spelling and parameter name, then what click is told.
_OPTIONS: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    (
        ("--arg", "arguments"),
        {
            "multiple": True,
            "metavar": "[NAME=]VALUE",
            "help": "Argument for the model: a Python literal, @module:object, or text.",
        },
    ),
    (("--weights",), {"default": "", "metavar": "FILE", "help": "Load this state dict into the model."}),
    (
        ("--input", "inputs"),
        {
            "multiple": True,
            "metavar": "[NAME=]SHAPE[:TYPE[LOW,HIGH]]",
            "help": "Input shape without the batch axis: 3x224x224, tokens=20:int[0,1000].",
        },
    ),
    (("--batch",), {"default": 8, "show_default": True, "type": click.IntRange(1), "help": "Batch size."}),
    (
        ("--data",),
        {
            "default": "",
            "metavar": "TARGET",
            "help": "Data loader, or a callable that makes one; its labels give the prior.",
        },
    ),
    (
        ("--loss",),
        {
            "default": "",
            "metavar": "TARGET",
            "help": "Loss; its class weights change the prior that the outputs are compared with.",
        },
    ),
    (
        ("--optimizer", "optimiser"),
        {"default": "", "metavar": "TARGET", "help": "Callable that builds your optimizer from the model or its parameters."},
    ),
    (("--prior",), {"metavar": "P,P,...", "help": "Class frequencies, or one number: the fraction of positives."}),
    (
        ("--output-kind", "--output", "output"),
        {
            "type": click.Choice(OUTPUTS),
            "help": "Kind of outputs (default: inferred from the loss or the last operation).",
        },
    ),
    (("--target-mean",), {"metavar": "M,M,...", "help": "Mean of the targets."}),
    (
        ("--threshold", "settings"),
        {"multiple": True, "metavar": "NAME=VALUE", "help": "Limit at which a measurement fails (repeatable; names below)."},
    ),
    (
        ("--timeout",),
        {
            "default": 300.0,
            "show_default": True,
            "type": click.FloatRange(0, min_open=True),
            "help": "Time limit in seconds.",
        },
    ),
    (
        ("--memory",),
        {
            "default": 8192,
            "show_default": True,
            "type": click.IntRange(0),
            "help": "Memory limit in megabytes (0: none).",
        },
    ),
    (("--seed",), {"default": 0, "show_default": True, "help": "Seed for initialization and inputs."}),
    (
        ("--python",),
        {"default": sys.executable, "metavar": "FILE", "help": "Python interpreter that builds the model (default: this one)."},
    ),
    (("--env", "passed"), {"multiple": True, "metavar": "NAME", "help": "Also pass this environment variable to the process."}),
    (
        ("--script-args",),
        {"default": "", "metavar": "TEXT", "help": "Command line that the target's file sees when it is loaded."},
    ),
    (("--run-script",), {"is_flag": True, "help": "Run the target's whole file instead of only the parts the target needs."}),
    (("--network",), {"is_flag": True, "help": "Allow network access."}),
    (
        ("--allow-pickle",),
        {"is_flag": True, "help": "Load pickles, which can run any code. Only for files you trust."},
    ),
    (
        ("--allow-unsafe-keras",),
        {"is_flag": True, "help": "Load Keras files that contain code. Only for files you trust."},
    ),
]


def _parameter(spelling: tuple[str, ...]) -> str:
    return spelling[-1].lstrip("-").replace("-", "_")


# Parameter name -> how it is spelt on the command line.
NAMES = {_parameter(spelling): spelling[0] for spelling, _ in _OPTIONS}


def model_options(*, hidden: bool = False, only: Sequence[str] = ()) -> Callable[[Any], Any]:
    """All of them, or those of these parameter names, as a decorator for a command."""

    def add(command: Any) -> Any:
        for spelling, told in reversed(_OPTIONS):
            if only and _parameter(spelling) not in only:
                continue
            # linting has an --output of its own
            kept = [word for word in spelling if not (hidden and word == "--output")]
            command = click.option(*kept, hidden=hidden, **told)(command)
        return command

    return add


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of the runtime checker."""

    job: Job
    thresholds: Thresholds
    python: str
    passed: tuple[str, ...]


def request(target: str, options: Mapping[str, Any], configured: Mapping[str, float]) -> Request:
    """The request that the options make, with the project's thresholds. Raises UsageError."""
    given = dict(options)
    settings, python, passed = given.pop("settings"), given.pop("python"), given.pop("passed")
    try:
        limits = with_settings(settings, replace(Thresholds(), **configured))
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    prior, mean = given.pop("prior"), given.pop("target_mean")
    given["output"] = given["output"] or ""
    given |= {name: list(given[name]) for name in ("arguments", "inputs")}
    job = Job(target, **given, dead_ratio=limits.dead_ratio if limits != Thresholds() else None)
    job.prior, job.target_mean = _numbers(prior, "--prior"), _numbers(mean, "--target-mean")
    if job.output == "regression" and job.prior:
        raise click.UsageError("--prior needs a softmax or sigmoids; use --target-mean for a regression")
    if job.output in ("softmax", "sigmoid") and job.target_mean:
        raise click.UsageError("--target-mean needs a regression; use --prior for classes")
    if any(share < 0 or share > 1 for share in job.prior):
        raise click.UsageError("--prior takes frequencies between 0 and 1; a single one is the fraction of positives")
    return Request(job, limits, python, passed)


def _numbers(text: str | None, option: str) -> list[float]:
    try:
        return [float(part) for part in (text or "").split(",") if part.strip()]
    except ValueError:
        raise click.UsageError(f"{option} {text}: expected numbers separated by commas") from None
