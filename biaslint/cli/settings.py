"""The settings of a run: those of the project or of a given file, and what the command line says on top."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from biaslint import config, engine, reporters
from biaslint.config import discovery


def chosen(
    targets: Sequence[Path], given: Sequence[str], isolated: bool, options: Mapping[str, Any]
) -> tuple[config.Config, discovery.Found]:
    """The settings for these paths, and the files that they mean. `given` are the values of --config: a file, or settings."""
    named = [value for value in given if "=" not in value or Path(value).is_file()]
    said = [value for value in given if value not in named]
    if len(named) > 1:
        raise config.ConfigError("--config names more than one file")
    outer = _with(_outer(targets, named, isolated), said, options)
    found = discovery.files(targets, outer)
    if isolated or named:
        return outer, found
    nested = {folder: _with(one, said, options) for folder, one in config.below(outer, found.files).items()}
    layers = {name: told for one in (*nested.values(), outer) for name, told in one.layers.items()}
    outer = replace(outer, nested=nested, layers=layers)
    return outer, found.within(targets, outer)


def _outer(targets: Sequence[Path], named: Sequence[str], isolated: bool) -> config.Config:
    """The configuration above all of the paths, or the one that the command line names."""
    root = config.project_root(config.common_folder(targets))
    if isolated:
        return config.Config(root)
    return replace(config.load(Path(named[0])), root=root) if named else config.discover(targets)


def _with(found: config.Config, said: Sequence[str], options: Mapping[str, Any]) -> config.Config:
    """A configuration with what the command line says on top of it."""
    checked(found)
    for value in said:
        found = config.override(found, value)
    if said:
        checked(replace(found, file=Path("--config")))
    found = config.with_options(found, **options)
    found.enabled()  # an unknown rule is said before anything is read
    return found


def checked(found: config.Config) -> None:
    """Check what a configuration cannot check by itself: names of layers and of formats. Raises ConfigError."""
    engine.check_settings(found)
    if found.output_format not in reporters.FORMATS:
        near = difflib.get_close_matches(found.output_format, reporters.FORMATS, n=1)
        known = f"did you mean {near[0]!r}?" if near else f"known formats: {', '.join(reporters.FORMATS)}"
        raise config.ConfigError(f"{found.file}: 'output-format' is not a format; {known}")


def shown(found: config.Config) -> str:
    """The settings as TOML, with the file that they are from."""
    lines = [f"# {found.file or 'no configuration file'}", f"# root: {found.root}"]
    lines += [f"# in {one.root}: {one.file}" for _, one in sorted(found.nested.items())]
    tables = []
    for entry in fields(found):
        if entry.name in config.NO_SETTINGS:
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
