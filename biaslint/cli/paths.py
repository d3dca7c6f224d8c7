"""What the arguments of a run mean: files and folders, or a text on the standard input."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from biaslint import config

HABITS = {"check": "biaslint PATHS", "help": "biaslint --help", "rule": "biaslint explain"}  # commands of other linters


@dataclass(frozen=True, slots=True)
class Targets:
    """The paths to lint, absolute; or the one that the text on the standard input is linted as."""

    paths: list[Path]
    stdin: bool


def targets(arguments: Sequence[str], stdin_filename: Path | None) -> Targets:
    """What the arguments name. A name for the standard input means that it is read. Raises ConfigError."""
    stdin = "-" in arguments or (stdin_filename is not None and not arguments)
    if stdin and len(arguments) > 1:
        raise config.ConfigError("standard input (-) cannot be combined with other paths")
    if stdin_filename is not None and not stdin:
        raise config.ConfigError("--stdin-filename cannot be combined with paths")
    names = [str(stdin_filename or "stdin.py")] if stdin else list(arguments) or ["."]
    paths = [Path(os.path.abspath(name)) for name in names]
    if not stdin:
        _no_command(names[0], paths[0])
    return Targets(paths, stdin)


def _no_command(name: str, path: Path) -> None:
    """Where the first path does not exist and is spelt like a command, or nearly, say so."""
    from biaslint.cli import COMMANDS

    near = [f"biaslint {one}" for one in difflib.get_close_matches(name, COMMANDS, n=1)]
    meant = HABITS.get(name) or next(iter(near), None)
    if meant and not path.exists():
        raise config.ConfigError(f"{name}: no such file, folder or command; did you mean `{meant}`?")
