"""Which files to lint: the file walk, what it leaves out, and what could not be found.

Folders are walked without following symbolic links to folders, so a walk always ends and stays in the project; a link that is
named on the command line is followed.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from biaslint.config import patterns, saved_models
from biaslint.config.configuration import Config

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

SUFFIXES = (".py", ".ipynb")


@dataclass(slots=True)
class Found:
    """The files to lint, sorted and each once, and what went wrong on the way."""

    files: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def within(self, paths: Sequence[Path], config: Config) -> Found:
        """Without the files that a configuration of a folder below excludes; `paths` are those that were named."""
        named = frozenset() if config.force_exclude else frozenset(paths)

        def stays(file: Path) -> bool:
            nearest = config.at(file)
            excluded = (*nearest.exclude, *nearest.extend_exclude)
            return nearest is config or file in named or not patterns.any_matches(excluded, nearest.relative(file))

        return Found([file for file in self.files if stays(file)], self.problems) if config.nested else self


def files(paths: Sequence[Path], config: Config) -> Found:
    """The files meant by these (absolute) paths.

    A file that is named is taken whatever it is called, unless it is called like a saved model; `exclude` and .gitignore hold for it only with `force-exclude`.
    """
    _repository.cache_clear()
    _ignore_file.cache_clear()
    found = Found()
    taken: dict[tuple[int, int] | str, Path] = {}
    for path in paths:
        try:
            is_folder = os.path.isdir(path)
            if not is_folder:
                path.lstat()
        except (OSError, ValueError) as error:
            found.problems.append(f"{path}: {getattr(error, 'strerror', None) or error}")
            continue
        if left_out(path, is_folder, config):
            continue
        if not is_folder and saved_models.is_saved_file(path):
            found.problems.append(saved_models.hint(path))
            continue
        for file in _walk(path, config, found.problems) if is_folder else [path]:
            taken.setdefault(_identity(file), file)
    found.files = sorted(taken.values())
    return found.within(paths, config)


def _identity(path: Path) -> tuple[int, int] | str:
    """What tells two spellings of one file from two files."""
    try:
        status = os.stat(path)
    except OSError:
        return str(path)
    return (status.st_dev, status.st_ino)


def _walk(base: Path, config: Config, problems: list[str]) -> Iterator[Path]:
    """The files below the folder `base`."""
    top = _ignore_top(base, config)
    excluded = (*config.exclude, *config.extend_exclude)
    # A plain name is held against each entry alone: the walk has checked what is above, or was told to go there.
    is_excluded = patterns.of_names(one for one in excluded if "/" not in one.rstrip("/"))
    anchored = [one for one in excluded if "/" in one.rstrip("/")]
    todo = [base]
    while todo:
        here = todo.pop()
        try:
            with os.scandir(here) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            problems.append(f"{here}: {error.strerror}")
            continue
        for entry in entries:
            is_folder = entry.is_dir(follow_symlinks=False)
            if not is_folder and (not entry.name.endswith(SUFFIXES) or not _can_be_read(entry)):
                continue  # a folder behind a link, or a pipe, which would be read for ever
            path = Path(entry.path)
            if is_excluded(entry.name) or (anchored and patterns.any_matches(anchored, config.relative(path))):
                continue
            if top is not None and _opinion(path, is_folder, top):
                continue
            if is_folder:
                todo.append(path)
            else:
                yield path


def _can_be_read(entry: os.DirEntry[str]) -> bool:
    """Is it a file, or a link to one? Also where a link leads nowhere or in a circle: reading it will say so."""
    if not entry.is_symlink():
        return entry.is_file()
    try:
        return stat.S_ISREG(entry.stat().st_mode)
    except OSError:
        return True


def _ignore_top(base: Path, config: Config) -> Path | None:
    """The folder from which .gitignore files count below `base`: the repository's, or `base` where that is itself ignored."""
    if not config.respect_gitignore:
        return None
    top = _repository(base)
    if top is None or top == base:
        return top
    return base if ignored_by_git(base, True, top) else top


def left_out(path: Path, is_folder: bool, config: Config) -> bool:
    """Is a path excluded that was named? Only with `force-exclude`."""
    if not config.force_exclude:
        return False
    if patterns.any_matches((*config.exclude, *config.extend_exclude), config.relative(path)):
        return True
    top = _repository(path.parent) if config.respect_gitignore else None
    return top is not None and ignored_by_git(path, is_folder, top)


def ignored_by_git(path: Path, is_folder: bool, top: Path) -> bool:
    """Does a .gitignore below the repository's `top` leave it out, or a folder above it?"""
    parts = path.relative_to(top).parts
    above = [top.joinpath(*parts[:count]) for count in range(1, len(parts))]
    return any(_opinion(folder, True, top) for folder in above) or _opinion(path, is_folder, top)


def _opinion(path: Path, is_folder: bool, top: Path) -> bool:
    """What the deepest .gitignore with an opinion on the path itself says."""
    for folder in path.parents:
        spec = _ignore_file(folder / ".gitignore")
        if spec is not None:
            verdict = spec.check_file(path.relative_to(folder).as_posix() + ("/" if is_folder else ""))
            if verdict.include is not None:
                return verdict.include
        if folder == top:
            break
    spec = _ignore_file(top / ".git" / "info" / "exclude")
    return spec is not None and spec.match_file(path.relative_to(top).as_posix() + ("/" if is_folder else ""))


@lru_cache(maxsize=4096)
def _repository(folder: Path) -> Path | None:
    """The top of the git repository that holds the folder."""
    if os.path.exists(folder / ".git"):
        return folder
    return None if folder.parent == folder else _repository(folder.parent)


@lru_cache(maxsize=4096)
def _ignore_file(file: Path) -> GitIgnoreSpec | None:
    """The patterns in a file; None where there is no such file or nothing in it."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    if not any(line.strip() and not line.startswith("#") for line in lines):
        return None
    from pathspec import GitIgnoreSpec

    try:
        return GitIgnoreSpec.from_lines(lines)
    except (ValueError, re.error):  # git leaves out the lines that are no patterns
        return GitIgnoreSpec.from_lines([line for line in lines if _is_pattern(line)])


def _is_pattern(line: str) -> bool:
    from pathspec import GitIgnoreSpec

    try:
        GitIgnoreSpec.from_lines([line])
    except (ValueError, re.error):
        return False
    return True
