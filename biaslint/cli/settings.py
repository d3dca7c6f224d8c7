"""The settings of a run: those of the project or of a given file, and what the command line says on top."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from biaslint import config, engine


def chosen(targets: Sequence[Path], given: Sequence[str], isolated: bool, options: Mapping[str, Any]) -> config.Config:
    """The settings for these paths. `given` are the values of --config: a file, or `key = value` settings."""
    root = config.project_root(config.common_folder(targets))
    named = [value for value in given if "=" not in value or Path(value).is_file()]
    if len(named) > 1:
        raise config.ConfigError("--config names more than one file")
    if isolated:
        found = config.Config(root)
    elif named:
        found = replace(config.load(Path(named[0])), root=root)
    else:
        found = config.discover(targets)
    for value in given:
        if value not in named:
            found = config.override(found, value)
    found = config.with_options(found, **options)
    found.enabled()  # an unknown rule is said before anything is read
    engine.check_settings(found)
    return found


def shown(found: config.Config) -> str:
    """The settings as TOML, with the file that they are from."""
    lines = [f"# {found.file or 'no configuration file'}", f"# root: {found.root}"]
    tables = []
    for entry in fields(found):
        if entry.name in ("root", "file"):
            continue
        key, value = entry.name.replace("_", "-"), getattr(found, entry.name)
        if isinstance(value, Mapping):
            tables += ["", f"[{key}]", *(f"{_toml(name)} = {_toml(item)}" for name, item in value.items())] if value else []
        elif value is not None:
            lines.append(f"{key} = {_toml(value)}")
    lines.append(f"# enabled: {', '.join(sorted(found.enabled()))}")
    return "\n".join([*lines, *tables]) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_toml(name)} = {_toml(item)}" for name, item in value.items()) + " }"
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
