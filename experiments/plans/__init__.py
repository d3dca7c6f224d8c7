"""The plans, one module each: what is compared, what is expected, and the budget. They were written before the results."""

from __future__ import annotations

import importlib
import pkgutil
import textwrap

from experiments.plan import Experiment, budget


def experiments() -> dict[str, Experiment]:
    """Name -> experiment; the name is that of the module."""
    found = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        experiment = importlib.import_module(f"{__name__}.{module.name}").EXPERIMENT
        assert experiment.name == module.name
        found[module.name] = experiment
    return found


def described(experiment: Experiment) -> str:
    """The plan in words."""
    lines = [f"{experiment.name} ({', '.join(experiment.rules) or 'no rule'}): {experiment.title}"]
    lines += textwrap.wrap(experiment.hypothesis, 100, initial_indent="  expected: ", subsequent_indent="  ")
    for task in experiment.tasks:
        lines.append(f"  {task.name}: {' | '.join(variant.name for variant in task.variants)}")
        lines += textwrap.wrap(budget(task), 100, initial_indent="    ", subsequent_indent="    ")
    return "\n".join(lines)
