"""From paths to findings: `lint`, `lint_files`, `lint_text` and `lint_sealed`."""

from biaslint.engine.run import Result, Statistics, check_settings, lint, lint_files, lint_sealed, lint_text, prove_fixes

__all__ = ["Result", "Statistics", "check_settings", "lint", "lint_files", "lint_sealed", "lint_text", "prove_fixes"]
