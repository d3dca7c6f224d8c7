"""`--watch`: lint, then lint again what changed and what depends on it.

Files are looked at a few times a second; that needs nothing from the system, and works on network drives and in containers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from biaslint import engine
from biaslint.config import OWN_FILES, Config, ConfigError, discovery
from biaslint.findings.rule_book import UnknownRule
from biaslint.source import imports

INTERVAL = 0.3
"""Seconds between two looks."""
Stamp = tuple[int, int]


def watch(
    settings: Callable[[], Config],
    paths: Sequence[Path],
    show: Callable[[engine.Result, Config, Sequence[Path]], None],
    complain: Callable[[Exception], None],
    pause: Callable[[], bool],
) -> None:
    """Lint the files at `paths` and show the result, then the same for what changes, until `pause` says False.

    `show` is given the files that changed; none at the start. When a configuration changes, everything is linted again; one that is
    being edited and cannot be understood is a complaint, and the last one holds.
    """
    chosen = settings()
    before = stamps(chosen, paths)
    show(engine.lint_files(sources_of(before), chosen), chosen, [])
    while pause():
        now = stamps(chosen, paths)
        changed = [path for path in {*before, *now} if before.get(path) != now.get(path)]
        before = now
        if not changed:
            continue
        files = sources_of(now)
        if any(path.suffix == ".toml" for path in changed):
            try:
                chosen = settings()
            except (ConfigError, UnknownRule) as error:
                complain(error)
                continue
            before = stamps(chosen, paths)
            files = sources_of(before)
        else:
            files = sorted(dependents(changed, files))
        show(engine.lint_files(files, chosen), chosen, sorted(changed))


def stamps(chosen: Config, paths: Sequence[Path]) -> dict[Path, Stamp]:
    """What tells whether a file has changed, for all files to lint and the configurations above them."""
    files = discovery.files(paths, chosen).files
    folders = {chosen.root, *(one.root for one in chosen.nested.values()), *(file.parent for file in files)}
    folders |= {above for folder in folders for above in folder.parents if chosen.root in above.parents}
    found: dict[Path, Stamp] = {}
    for path in [*files, *(folder / name for folder in folders for name in ("pyproject.toml", *OWN_FILES))]:
        try:
            status = path.stat()
        except OSError:
            continue
        found[path] = (status.st_mtime_ns, status.st_size)
    return found


def sources_of(found: Mapping[Path, Stamp]) -> list[Path]:
    """The files to lint among those that are watched."""
    return sorted(path for path in found if path.suffix != ".toml")


def dependents(changed: Iterable[Path], files: Sequence[Path]) -> set[Path]:
    """The changed files that are still there, and those that import them, also through others. Rather too many than too few."""
    mentions = {path: imported_names(path) for path in files}
    found: set[Path] = set()
    todo = list(changed)
    while todo:
        path = todo.pop()
        if path in mentions:
            found.add(path)
        name = imports.module_name(path)
        for other, names in mentions.items():
            if other not in found and other not in todo and name in names:
                todo.append(other)
    return found


def imported_names(path: Path) -> set[str]:
    """The parts of all names that a file's import statements mention."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return set()
    if path.suffix == ".ipynb":
        text = text.replace('"', "\n")
    return imports.imported_names(text)
