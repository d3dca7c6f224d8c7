"""The checks: one module per rule, named after it (`bias_before_norm.py` for `rules/bias-before-norm.md`).

A check module holds `check(program)`, which yields `Report`s: everything about a finding but the rule's code, name and default
severity, which stand on the rule's page.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from biaslint.findings.finding import Fix, Related, Severity
from biaslint.theory.program import Place, Program


@dataclass(frozen=True, slots=True)
class Report:
    """What a check says of one place. `severity` overrides the page's where the case is graver or milder."""

    place: Place
    message: str
    layer: str = ""
    related: tuple[Related, ...] = ()
    when: str | None = None
    fix: Fix | None = None
    advice: str = ""
    severity: Severity | None = None
    on_request: bool = False  # shown only where the rule is selected by its own code or name


Check = Callable[[Program], Iterator[Report]]


def names() -> list[str]:
    """The names of all checks, as their pages are called: `bias-before-norm` for `bias_before_norm.py`."""
    return sorted(
        module.name.replace("_", "-")
        for module in pkgutil.iter_modules(__path__)
        if not module.ispkg and not module.name.startswith("_")
    )


def load(name: str, package: str = "") -> Check:
    """The check of the rule `name`, which `package` brings (or biaslint itself). Raises ImportError where it is missing or broken."""
    module = importlib.import_module(f"{package or __name__}.{name.replace('-', '_')}")
    check: Check = module.check
    return check
