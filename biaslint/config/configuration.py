"""The configuration: `[tool.biaslint]` in pyproject.toml, or the same keys at the top of biaslint.toml."""

from __future__ import annotations

import difflib
import math
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from biaslint.config import patterns
from biaslint.config.thresholds import MEANING
from biaslint.findings import rule_book
from biaslint.findings.finding import Severity

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

OWN_FILES = ("biaslint.toml", ".biaslint.toml")
ROOT_MARKS = (".git", "pyproject.toml", "setup.py", "setup.cfg")
LEVELS = tuple(str(severity) for severity in Severity)
FAIL_ON = (*LEVELS, "never")

DEFAULT_EXCLUDE = (
    ".bzr", ".direnv", ".eggs", ".git", ".hg", ".ipynb_checkpoints", ".mypy_cache", ".nox", ".pytest_cache", ".ruff_cache",
    ".svn", ".tox", ".venv", ".vscode", "__pycache__", "__pypackages__", "_build", "build", "dist", "node_modules",
    "site-packages", "venv",
)  # fmt: skip


class ConfigError(Exception):
    """A setting that cannot be understood. The message names the file and the key, and the nearest right one."""


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of one run. `root` is the project's folder: paths in settings are relative to it.

    `nested` holds the configurations of folders below, by folder: they say which rules run on the files there. All else is the run's.
    """

    root: Path
    file: Path | None = None
    nested: Mapping[Path, Config] = field(default_factory=dict)
    select: tuple[str, ...] | None = None
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_file_ignores: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    extend_exclude: tuple[str, ...] = ()
    respect_gitignore: bool = True
    force_exclude: bool = False
    fail_on: str = "warning"
    severity: Mapping[str, str] = field(default_factory=dict)
    output_format: str = "text"
    jobs: int = 0
    cache_dir: str | None = None
    baseline: str | None = None
    layers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    verify: Mapping[str, float] = field(default_factory=dict)

    def at(self, path: str | Path) -> Config:
        """The configuration for a file: the nearest above it."""
        return (
            next((self.nested[folder] for folder in Path(path).parents if folder in self.nested), self) if self.nested else self
        )

    def all(self) -> tuple[Config, ...]:
        """This configuration and those of folders below."""
        return (self, *self.nested.values())

    def enabled(self) -> frozenset[str]:
        """The codes of the rules to run. Raises UnknownRule."""
        if self.select is None:
            codes = {rule.code for rule in rule_book.rules() if rule.default}
        else:
            codes = rule_book.select(self.select)
        # What cannot be read is said whatever was selected: silence would look like a clean file.
        codes |= {rule_book.UNREADABLE_FILE} | rule_book.select(self.extend_select)
        return frozenset(codes - rule_book.select(self.ignore))

    def named(self) -> frozenset[str]:
        """The codes of the rules that are selected by their own code or name."""
        words = {word.lower() for word in (*(self.select or ()), *self.extend_select)}
        return frozenset(rule.code for rule in rule_book.rules() if {rule.code.lower(), rule.name} & words)

    def severity_of(self, code: str, usual: Severity) -> Severity:
        """The severity of a rule's findings: what `severity` says of it (the longest word that means it), else the usual one."""
        words = [word for word in self.severity if code in rule_book.select([word])]
        return Severity[self.severity[max(words, key=len)].upper()] if words else usual

    def ignored_in(self, path: str) -> frozenset[str]:
        """The codes that `per-file-ignores` switches off in the file at `path` (absolute)."""
        codes: set[str] = set()
        for pattern, words in self.per_file_ignores.items():
            if patterns.matches(pattern, self.relative(path)):
                codes |= rule_book.select(words)
        return frozenset(codes)

    def relative(self, path: str | Path) -> str:
        """The path as seen from the project's root, with `/`; as it is, where it lies elsewhere."""
        try:
            return Path(path).relative_to(self.root).as_posix()
        except ValueError:
            return Path(path).as_posix()


def discover(paths: Sequence[Path]) -> Config:
    """The configuration that holds for these (absolute) paths: the nearest at or above the folder that they share."""
    start = common_folder(paths)
    found = (of_folder(above) for above in (start, *start.parents))
    return next((one for one in found if one is not None), None) or Config(root=project_root(start))


def of_folder(folder: Path) -> Config | None:
    """The configuration that lies in a folder."""
    for name in OWN_FILES:
        if (folder / name).is_file():
            return load(folder / name)
    project = folder / "pyproject.toml"
    return load(project) if project.is_file() and _table(project) is not None else None


def below(outer: Config, files: Sequence[Path]) -> dict[Path, Config]:
    """The configurations that hold for some of the files in the place of the outer one, by folder."""
    known: dict[Path, Config | None] = {outer.file.parent: None} if outer.file else {}
    for folder in {file.parent for file in files}:
        for above in (folder, *folder.parents):
            if above in known:
                break
            known[above] = of_folder(above) if _may_configure(above) else None
    return {folder: one for folder, one in known.items() if one is not None}


def _may_configure(folder: Path) -> bool:
    """May a folder hold a configuration? A pyproject.toml that does not name biaslint, such as a template that is no TOML, has none."""
    try:
        return b"biaslint" in (folder / "pyproject.toml").read_bytes() or any((folder / name).is_file() for name in OWN_FILES)
    except FileNotFoundError:
        return any((folder / name).is_file() for name in OWN_FILES)
    except OSError:
        return True


def common_folder(paths: Sequence[Path]) -> Path:
    """The deepest folder that holds all of the paths."""
    folders = [path if path.is_dir() else path.parent for path in paths] or [Path.cwd()]
    shared = folders[0]
    while not all(shared == other or shared in other.parents for other in folders):
        shared = shared.parent
    return shared


def project_root(start: Path) -> Path:
    """The nearest folder that looks like a project's root; without one, the folder that the package at `start` lies in."""
    for above in (start, *start.parents):
        if any((above / mark).exists() for mark in ROOT_MARKS):
            return above
    while (start / "__init__.py").is_file() and start.parent != start:
        start = start.parent
    return start


def load(file: Path) -> Config:
    """The configuration in `file`. Raises ConfigError."""
    file = file.absolute()
    table = _table(file)
    if table is None:
        raise ConfigError(f"{file}: it has no [tool.biaslint] table")
    return replace(_loaded(file, table, ()), root=file.parent, file=file)


def _loaded(file: Path, table: Mapping[str, Any], below: tuple[Path, ...]) -> Config:
    """The settings of a file, on top of those of the file that it extends."""
    config = Config(root=file.parent, file=file)
    base = table.get("extend")
    if base is not None:
        if not isinstance(base, str):
            raise ConfigError(f"{file}: 'extend' must be the name of a file")
        other = Path(os.path.abspath(file.parent / base))
        if other in (file, *below):
            raise ConfigError(f"{file}: 'extend' is circular: it leads back to {other}")
        try:
            under = _table(other)
        except ConfigError as error:
            raise ConfigError(f"{file}: 'extend': {error}") from error
        if under is None:
            raise ConfigError(f"{file}: 'extend': {other}: it has no [tool.biaslint] table")
        config = replace(_loaded(other, under, (file, *below)), root=file.parent, file=file)
    for key, value in table.items():
        if key != "extend":
            config = _with(config, key, value)
    return config


def override(config: Config, text: str) -> Config:
    """The configuration with one setting as the command line gives it: `key = value` in TOML, a plain word without its quotes."""
    key, _, value = text.partition("=")
    for said in (text, f"{key} = {_quoted(value.strip())}"):
        try:
            table = tomllib.loads(said)
        except ValueError:
            continue
        for name, given in table.items():
            old = getattr(config, name.replace("-", "_"), None)
            merged = {**old, **given} if isinstance(old, Mapping) and isinstance(given, dict) else given
            config = replace(_with(replace(config, file=Path("--config")), name, merged), file=config.file)
        return config
    raise ConfigError(f"--config {text}: not a setting in TOML (key = value)")


def _quoted(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def with_options(config: Config, **options: Any) -> Config:
    """The configuration with what the command line says. An option that is None, False or empty says nothing.

    `select` on the command line means exactly those rules: what the file selects and ignores does not count then.
    """
    said = {key: value for key, value in options.items() if value not in (None, False, ())}
    if "select" in said:
        config = replace(config, select=None, extend_select=(), ignore=())
    for key in ("ignore", "extend_select", "extend_exclude"):
        if key in said:
            said[key] = (*getattr(config, key), *said[key])
    return replace(config, **said)


def _table(file: Path) -> dict[str, Any] | None:
    """The settings in a file; None where a pyproject.toml has none."""
    try:
        with file.open("rb") as stream:
            table: Any = tomllib.load(stream)
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # not TOML, not UTF-8, a number too long, brackets too deep
        raise ConfigError(f"{file}: not valid TOML: {error}") from error
    if file.name == "pyproject.toml":
        table = table.get("tool", {})
        table = table.get("biaslint") if isinstance(table, dict) else None
        if table is not None and not isinstance(table, dict):
            raise ConfigError(f"{file}: [tool.biaslint] must be a table")
    return table  # type: ignore[no-any-return]


NO_SETTINGS = ("root", "file", "nested")
KEYS = {entry.name.replace("_", "-") for entry in fields(Config) if entry.name not in NO_SETTINGS} | {"extend"}
_LISTS = {"exclude", "extend-exclude"}
_RULES = {"select", "extend-select", "ignore"}
_FLAGS = {"respect-gitignore", "force-exclude"}


def _with(config: Config, key: str, value: Any) -> Config:
    """The configuration with one setting of the file, checked."""

    def wrong(what: str) -> ConfigError:
        return ConfigError(f"{config.file}: {key!r} {what}")

    name = key.replace("-", "_")
    if key in ("tool", "biaslint") and isinstance(value, dict):
        raise wrong("is not a setting: outside pyproject.toml, settings go at the top level, without [tool.biaslint]")
    if key not in KEYS:
        near = difflib.get_close_matches(name.replace("_", "-"), sorted(KEYS), n=1)
        raise wrong(
            "is not a setting" + (f"; did you mean {near[0]!r}?" if near else f"; known settings: {', '.join(sorted(KEYS))}")
        )
    if key in _LISTS | _RULES:
        value = _strings(value, wrong)
        if key in _RULES:
            _known(value, wrong)
    elif key in _FLAGS:
        if not isinstance(value, bool):
            raise wrong("must be true or false")
    elif key == "fail-on":
        if value not in FAIL_ON:
            raise wrong(f"must be one of {', '.join(FAIL_ON)}")
    elif key == "output-format":
        if not isinstance(value, str):
            raise wrong("must be the name of a format")
    elif key == "jobs":
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise wrong("must be a number of processes, or 0 for one per core")
    elif key in ("baseline", "cache-dir"):
        if not isinstance(value, str):
            raise wrong(f"must be the name of a {'file' if key == 'baseline' else 'folder'}")
    elif not isinstance(value, dict):
        raise wrong("must be a table")
    elif key == "per-file-ignores":
        value = {pattern: _strings(words, wrong) for pattern, words in value.items()}
        for words in value.values():
            _known(words, wrong)
    elif key == "severity":
        _known(list(value), wrong)
        for rule, level in value.items():
            if level not in LEVELS:
                raise wrong(f"must be one of {', '.join(LEVELS)} for {rule!r}")
    elif key == "layers":
        for layer, told in value.items():
            _wrapper(layer, told, wrong)
    elif key == "verify":
        value = _thresholds(value, wrong)
    return replace(config, **{name: value})


def _thresholds(table: Mapping[str, Any], wrong: Any) -> dict[str, float]:
    """The runtime checker's thresholds, by their names there."""
    for name, value in table.items():
        if name.replace("-", "_") not in MEANING:
            names = [known.replace("_", "-") for known in MEANING]
            near = difflib.get_close_matches(name.replace("_", "-"), names, n=1)
            raise wrong(f"has no {name!r}" + (f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(names)}"))
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise wrong(f"needs a number for {name!r}")
        if not math.isfinite(value):
            raise wrong(f"needs a finite number for {name!r}")
    return {name.replace("-", "_"): float(value) for name, value in table.items()}


_WRAPPER: dict[str, type] = {"like": str, "norm": str, "activation": str, "bias": bool}


def _wrapper(layer: str, told: Any, wrong: Any) -> None:
    """An entry of `layers`: the layer it is like, and the parts it has."""
    if not isinstance(told, dict) or not isinstance(told.get("like"), str):
        raise wrong(f'needs `like` for {layer!r}: {{ like = "torch.nn.Conv2d" }}')
    for name, value in told.items():
        if name not in _WRAPPER:
            near = difflib.get_close_matches(name, _WRAPPER, n=1)
            raise wrong(
                f"has no {name!r} for {layer!r}"
                + (f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(_WRAPPER)}")
            )
        if not isinstance(value, _WRAPPER[name]):
            raise wrong(f"needs a {_WRAPPER[name].__name__} for {name!r} of {layer!r}")
    if told.get("norm", "after") not in ("after", "before"):
        raise wrong(f'needs "after" or "before" as the norm of {layer!r}')


def _strings(value: Any, wrong: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(word, str) for word in value):
        raise wrong("must be a list of strings")
    return tuple(value)


def _known(words: Sequence[str], wrong: Any) -> None:
    try:
        rule_book.select(words)
    except rule_book.UnknownRule as error:
        raise wrong(f"names an {error}") from error
