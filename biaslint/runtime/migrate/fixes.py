"""The source that the project's own fixes make, in memory: dead biases removed from what builds a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from biaslint import config, engine, fix
from biaslint.findings.finding import Finding
from biaslint.fix.files import saved_text

RULES = ("BL101", "BL102", "BL104")  # whose fixes remove biases without changing what a trained model computes


@dataclass(slots=True)
class Fixed:
    """The new texts by path, the fixes that made them, and those that could not be made, with the reason."""

    texts: dict[str, str] = field(default_factory=dict)
    applied: list[Finding] = field(default_factory=list)
    refused: list[tuple[Finding, str]] = field(default_factory=list)


def fixed(files: Sequence[Path]) -> Fixed:
    """What `--fix --unsafe-fixes` makes of these files, as far as it removes biases."""
    chosen = config.discover(list(files))
    wanted = tuple(sorted(chosen.enabled() & set(RULES)))
    chosen = replace(chosen, select=wanted, extend_select=(), ignore=())
    found = engine.lint_files(list(files), chosen)

    def relint(texts: Mapping[str, str]) -> Sequence[Finding]:
        return engine.lint_files(list(files), chosen, {Path(path): text for path, text in texts.items()}).findings

    outcome = fix.fix_all(found.findings, saved_text, unsafe=True, relint=relint)
    return Fixed(dict(outcome.texts), outcome.applied, outcome.refused)
