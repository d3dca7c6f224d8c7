"""The cache: results of a run for the next run of the same command.

Two things are kept. The result of the whole run serves the next one when nothing has changed. And the result of each piece of the
analysis is kept with the files and folders that it depends on: after a change, only the pieces that depend on changed files are
executed again. Everything depends on biaslint itself, the settings and the rules.

Entries are JSON with checksums: a damaged or foreign one counts as none, and loading one executes nothing.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from biaslint import __version__
from biaslint.analysis.incremental import file_states
from biaslint.analysis.incremental.file_states import FileSnapshot, digest
from biaslint.analysis.incremental.store import BAD, ResultStore, opened, write
from biaslint.config import Config
from biaslint.findings import as_json, rule_book

FOLDER = ".biaslint_cache"
ENTRIES = 64  # the newest ones that are kept
LARGE = 4  # of those with pieces
HOUR = 3_600_000_000_000  # after which a half-written entry is removed


class Cache:
    """The entries in one folder. `begin` is called before anything is read, so that no later change goes unseen.

    Of the entries the newest `entries` are kept, of those with pieces `large`. `version` gives the state of whatever says what a
    finding is, `store` opens the pieces.
    """

    def __init__(
        self,
        folder: Path,
        *,
        entries: int = ENTRIES,
        large: int = LARGE,
        version: Callable[[], list[Any]] | None = None,
        store: Callable[[Path, FileSnapshot], ResultStore] = ResultStore,
    ) -> None:
        self.folder = folder
        self.most = {"*.json": entries, "*.pieces": large}
        self.version = version or own_version
        self.store = store
        self.now = FileSnapshot()
        self.files: list[str] = []
        self.key = ""
        self.group = ""
        self.last: dict[str, Any] = {}  # the entry of the last run

    def begin(self, files: Sequence[Path], config: Config, paths: Sequence[Path] = ()) -> None:
        """Note the state of the files that are about to be linted; `paths` are those that the command names."""
        self.files = [str(file) for file in files]
        self.now = FileSnapshot(self.files)
        base = [self.version(), repr(config), [str(path) for path in paths]]
        self.group = digest(json.dumps(base).encode())
        self.key = digest(json.dumps([self.group, self.files]).encode())

    def recall(self) -> dict[str, Any] | None:
        """The result of the last run, if none of its dependencies has changed."""
        try:
            with opened(self.folder / f"{self.key}.json") as stream:
                checksum, _, body = stream.read().partition(b"\n")
            if checksum.decode() != digest(body):
                return None
            entry = json.loads(body)
            changed = self.now.stamps.keys() - entry["states"]["stamps"].keys() or self.now.changed(entry["states"])
            self.last = entry
            return None if changed else self._result()
        except BAD:
            return None

    def recall_made_of(self, mark: str) -> dict[str, Any] | None:
        """The result of the last run, if it was made of the same pieces as this one: `mark` is `ResultStore.mark`."""
        try:
            return self._result() if self.last["mark"] == mark else None
        except BAD:
            return None

    def _result(self) -> dict[str, Any]:
        return {name: as_json.decode(value) for name, value in self.last["result"].items()}

    def pieces(self) -> ResultStore:
        """The pieces of earlier runs that are still good."""
        return self.store(self.folder / f"{self.group}.pieces", self.now)

    def keep(self, result: Mapping[str, Any], pieces: ResultStore) -> None:
        """Keep the result of the run, and the pieces that it was made of."""
        doubtful = pieces.settle()
        try:
            self._prepare()
            pieces.write()
            if not doubtful:
                found = {name: as_json.encode(value) for name, value in result.items()}
                states = self.now.as_json({*self.files, *pieces.places()})
                body = json.dumps({"states": states, "mark": pieces.mark(), "result": found}).encode()
                write(self.folder / f"{self.key}.json", (digest(body).encode(), b"\n", body))
            self._tidy()
        except BAD:
            return  # no cache, then

    def _prepare(self) -> None:
        if self.folder.is_symlink():
            raise OSError
        if not self.folder.is_dir():
            self.folder.mkdir()
            (self.folder / ".gitignore").write_text("*\n", encoding="utf-8")
            (self.folder / "CACHEDIR.TAG").write_text("Signature: 8a477f597d28d172789f06886806bc55\n", encoding="utf-8")

    def _tidy(self) -> None:
        old = [path for path in self.folder.glob("*.part") if path.stat().st_mtime_ns < self.now.began - HOUR]
        for kind, most in self.most.items():
            old += sorted(self.folder.glob(kind), key=lambda path: path.stat().st_mtime_ns, reverse=True)[most:]
        for path in old:
            path.unlink(missing_ok=True)


def own_version() -> list[Any]:
    """The state of biaslint and of the packages that bring rules: of whatever says what a finding is."""
    here = Path(__file__).parent.parent
    places = [here, rule_book.folder(), *(place for _, place in rule_book.brought())]
    return [__version__, sys.version, [[str(path), file_states.stamp(str(path))] for path in _sources(places)]]


def _sources(places: Iterable[Path]) -> list[Path]:
    found = []
    for place in places:
        for folder, _, names in os.walk(place):
            found += [Path(folder, name) for name in names if name.endswith((".py", ".md"))]
    return sorted(found)
