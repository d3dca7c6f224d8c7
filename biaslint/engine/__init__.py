"""From paths to findings: `lint`, `lint_files` and `lint_text`."""

from biaslint.engine.run import Result, Statistics, check_settings, lint, lint_files, lint_text, prove_fixes

__all__ = ["Result", "Statistics", "check_settings", "lint", "lint_files", "lint_text", "prove_fixes"]
