"""Checkpoints of several files and the index that says which tensor is in which, as Hugging Face's libraries write them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from biaslint.runtime.migrate.torch.safetensors import new_values
from biaslint.runtime.target.targets import TargetError

INDEX = ".index.json"


class Shard(Protocol):
    """One of the files."""

    @property
    def names(self) -> list[str]:
        """The names of its tensors."""
        ...

    def tensor(self, name: str) -> Any:
        """One tensor."""
        ...

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether each of its tensors has this value, bit for bit."""
        ...

    def write(self, to: Path, values: Mapping[str, Any], kept: set[str]) -> None:
        """The same file with those of its tensors that are kept; `values` are new ones."""
        ...


def index_of(path: Path) -> Path:
    """The index file that a path means: itself, or the one in a folder."""
    if path.is_file():
        return path
    found = sorted(path.glob(f"*{INDEX}"))
    if len(found) != 1:
        raise TargetError(f"{path} holds {'no' if not found else 'more than one'} *{INDEX}")
    return found[0]


def _free(folder: Path, shard: str) -> str:
    """A name for the new version of a shard."""
    (stem, suffix), number = os.path.splitext(shard), 1
    while (folder / (name := f"{stem}-migrated{number if number > 1 else ''}{suffix}")).exists():
        number += 1
    return name


class Sharded:
    """Several files, and the index that says which tensor is in which."""

    def __init__(self, path: Path, read: Callable[[Path], Shard]) -> None:
        self.index, self.read = index_of(path), read
        try:
            self.table: dict[str, Any] = json.loads(self.index.read_text(encoding="utf-8"))
            places: dict[str, str] = dict(self.table["weight_map"])
            if not all(isinstance(shard, str) for shard in places.values()):
                raise ValueError
        except (OSError, ValueError, KeyError, TypeError):
            raise TargetError(f"{self.index} is damaged: it has no weight_map") from None
        self.places, folder = places, self.index.parent
        for shard in sorted(set(places.values())):
            if Path(shard).name != shard or not (folder / shard).is_file():
                raise TargetError(f"{self.index} names {shard}, which is not beside it")
        self.files = {shard: read(folder / shard) for shard in sorted(set(places.values()))}
        held = {shard: set(file.names) for shard, file in self.files.items()}
        for name, shard in places.items():
            if name not in held[shard]:
                raise TargetError(f"{self.index} names {name} in {shard}, which does not hold it")
        self.tree: Any = {name: self.files[shard].tensor(name) for name, shard in places.items()}

    def write(self, to: Path, tree: Any) -> list[str]:
        """A folder with all shards and the index, in place of which it may be used."""
        return self.write_shards(to, tree, {shard: shard for shard in self.files})

    def write_shards(self, to: Path, tree: Any, names: Mapping[str, str]) -> list[str]:
        """Write shards under these names, and the index."""
        values = new_values(self.tree, tree)
        to.mkdir(exist_ok=True)
        written = []
        for shard, file in self.files.items():
            here = {name for name, place in self.places.items() if place == shard}
            kept = (here & tree.keys()) | (set(file.names) - here)
            if shard not in names or not kept:
                continue
            if here <= tree.keys() and not here & values.keys():
                shutil.copyfile(self.index.parent / shard, to / names[shard])
            else:
                file.write(to / names[shard], values, kept)
            written.append(names[shard])
        (to / self.index.name).write_text(self._table(tree, names), encoding="utf-8")
        return [*written, self.index.name]

    def write_beside(self, to: Path, tree: Any) -> list[str]:
        """Only the shards that change, under new names, so that the old index and its shards stay whole; links to the others."""
        folder, touched = self.index.parent, self.touched(tree)
        names = {shard: _free(folder, shard) for shard in self.files if shard in touched}
        written = self.write_shards(to, tree, names)
        for shard in self.files.keys() - touched:
            (to / shard).symlink_to(folder.resolve() / shard)
        return written

    def touched(self, tree: Any) -> set[str]:
        """The shards that change."""
        values = new_values(self.tree, tree)
        return {shard for name, shard in self.places.items() if name not in tree or name in values}

    def _table(self, tree: Mapping[str, Any], names: Mapping[str, str]) -> str:
        table = dict(self.table)
        table["weight_map"] = {name: names.get(shard, shard) for name, shard in self.places.items() if name in tree}
        about = table.get("metadata")
        if isinstance(about, dict) and isinstance(about.get("total_size"), int):
            gone = [one for name, one in self.tree.items() if name not in tree]
            about = dict(about)
            about["total_size"] -= sum(one.numel() * one.element_size() for one in gone)
            if isinstance(about.get("total_parameters"), int):
                about["total_parameters"] -= sum(one.numel() for one in gone)
            table["metadata"] = about
        return json.dumps(table, indent=2) + os.linesep

    def unchanged(self, to: Path, tree: Any) -> bool:
        """Read all of it again."""
        again = Sharded(to, self.read)
        return again.tree.keys() == tree.keys() and all(
            file.holds({name: tree[name] if name in tree else file.tensor(name) for name in file.names})
            for file in again.files.values()
        )
