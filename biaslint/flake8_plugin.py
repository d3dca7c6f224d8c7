"""A plugin for flake8, and so for what runs flake8, such as pylsp: findings under the prefix BL.

What fails a run of biaslint is reported, hints are not (`fail-on` in the configuration says from which severity on). The project's
configuration and comments hold as they do on the command line; flake8's own `--select`, `--ignore` and `# noqa` hold too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from biaslint import __version__


class Plugin:
    """What flake8 calls for each file."""

    name = "biaslint"
    version = __version__

    def __init__(self, tree: ast.AST, filename: str, lines: Sequence[str]) -> None:
        self.text = "".join(lines)
        self.path = Path("stdin.py" if filename in ("-", "stdin") else filename).absolute()

    def run(self) -> Iterator[tuple[int, int, str, type[Any]]]:
        """Line (from 1), column (from 0), message and plugin of each finding."""
        from biaslint import config, engine
        from biaslint.findings import rule_book
        from biaslint.findings.finding import Severity

        try:
            chosen = config.discover([self.path])
            chosen.enabled()
        except (config.ConfigError, rule_book.UnknownRule) as error:
            raise SystemExit(f"biaslint: {error}") from error
        least = Severity[chosen.fail_on.upper()] if chosen.fail_on != "never" else Severity.WARNING
        for finding in engine.lint_text(self.text, self.path, chosen).findings:
            if finding.severity >= least and finding.rule != rule_book.UNREADABLE_FILE:
                place = finding.place
                yield place.line, place.column - 1, f"{finding.rule} {finding.message} [{finding.name}]", type(self)
