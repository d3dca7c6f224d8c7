"""What the editor's settings say, on top of the project's configuration."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from biaslint import config, engine
from biaslint.config import discovery

RUN = ("onType", "onSave")


@dataclass(frozen=True, slots=True)
class Settings:
    """The section `biaslint` of the editor's settings. In the editor the names are in camelCase."""

    enable: bool = True
    run: str = "onType"  # or "onSave"
    debounce: int = 150  # milliseconds of rest before a changed text is linted
    inlay_hints: bool = False
    select: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()


def read(table: Any) -> tuple[Settings, list[str]]:
    """The settings in a JSON object, and what was wrong with it."""
    table = table.get("biaslint", table) if isinstance(table, dict) else None
    if not isinstance(table, dict):
        return Settings(), []
    said: dict[str, Any] = {}
    wrong = []
    for entry in fields(Settings):
        words = entry.name.split("_")
        key = words[0] + "".join(word.title() for word in words[1:])
        value = table.get(key)
        default = entry.default
        if value is None:
            continue
        if isinstance(default, tuple) and isinstance(value, list) and all(isinstance(word, str) for word in value):
            said[entry.name] = tuple(value)
        elif type(value) is type(default) and (entry.name != "run" or value in RUN):
            said[entry.name] = value
        else:
            wrong.append(f"the setting biaslint.{key} is not understood: {value!r}")
    return Settings(**said), wrong


class Configs:
    """The configuration that holds for each file; read again when a file that holds one was touched, made or removed."""

    def __init__(self) -> None:
        self.settings = Settings()
        self._known: dict[Path, tuple[tuple[int, ...], config.Config]] = {}
        self._wanted: dict[tuple[Path, Path], bool] = {}

    def of(self, path: Path) -> config.Config:
        """The configuration for a file. Raises ConfigError or UnknownRule."""
        folder = path.parent
        stamp = _stamp(folder)
        known = self._known.get(folder)
        if known is None or known[0] != stamp:
            chosen = config.discover([path])
            settings = self.settings
            chosen = config.with_options(
                chosen, select=settings.select, extend_select=settings.extend_select, ignore=settings.ignore
            )
            chosen.enabled()
            engine.check_settings(chosen)
            known = self._known[folder] = (stamp, chosen)
            self._wanted = {}
        return known[1]

    def wants(self, path: Path, chosen: config.Config) -> bool:
        """Is the file one that the project lints? What it excludes, or git ignores, is left alone here too."""
        key = (path, chosen.root)
        if key not in self._wanted:
            exists = path.exists()
            found = discovery.files([path], replace(chosen, force_exclude=True)) if exists else None
            self._wanted[key] = found is None or bool(found.files)
        return self._wanted[key]

    def use(self, settings: Settings) -> None:
        """New settings: everything is read again."""
        self.settings = settings
        self.forget()

    def forget(self) -> None:
        """Read everything again."""
        self._known, self._wanted = {}, {}


def _stamp(folder: Path) -> tuple[int, ...]:
    """Changes when a configuration at or above the folder does."""
    found = []
    for above in (folder, *folder.parents):
        for name in (*config.OWN_FILES, "pyproject.toml"):
            try:
                status = (above / name).stat()
            except OSError:
                found.append(0)
            else:
                found.append(status.st_mtime_ns ^ status.st_size)
    return tuple(found)
