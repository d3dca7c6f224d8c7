"""Files in the safetensors format, one or several with an index, read and written byte for byte.

A file is the length of its header (eight bytes), the header (JSON: name -> dtype, shape, begin and end of the data), and the data.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from biaslint.runtime.target.targets import TargetError

_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "C64": "complex64",
}
_MOST_HEADER = 100_000_000
_CHUNK = 1 << 24
_ALIGNED = 8
INDEX = ".safetensors.index.json"


class _File:
    """One file: its header, and its tensors as they are needed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as handle:
                length = int.from_bytes(handle.read(8), "little")
                size = path.stat().st_size
                if length > min(_MOST_HEADER, size - 8):
                    raise TargetError(f"{path} is damaged: its header is longer than the file")
                self.header: dict[str, Any] = json.loads(handle.read(length))
        except OSError as error:
            raise TargetError(f"{path}: {error.strerror}") from None
        except ValueError:
            raise TargetError(f"{path} is damaged: its header is no JSON") from None
        self.begin = 8 + length
        if not isinstance(self.header, dict):
            raise TargetError(f"{path} is damaged: its header is no table")
        self.metadata = self.header.pop("__metadata__", None)
        self._check(size - self.begin)

    def _check(self, size: int) -> None:
        at = 0
        for name, entry in sorted(self.header.items(), key=lambda one: _span(one[1])):
            first, last = _span(entry)
            if first != at or last < first:
                raise TargetError(f"{self.path} is damaged: {name} does not lie where the header says")
            at = last
        if at != size:
            raise TargetError(f"{self.path} is damaged: it holds {size} bytes of values, and its header says {at}")

    def bytes_of(self, name: str) -> bytearray:
        """The data of one tensor."""
        first, last = _span(self.header[name])
        with self.path.open("rb") as handle:
            handle.seek(self.begin + first)
            return bytearray(handle.read(last - first))

    def tensor(self, name: str) -> Any:
        """One tensor."""
        import torch

        entry = self.header[name]
        kind = getattr(torch, _DTYPES.get(entry["dtype"], ""), None)
        if kind is None:
            raise TargetError(f"{self.path}: {name} has the type {entry['dtype']}, which is not known")
        data = self.bytes_of(name)
        flat = torch.frombuffer(data, dtype=torch.uint8).view(kind) if data else torch.empty(0, dtype=kind)
        try:
            return flat.reshape(entry["shape"])
        except RuntimeError:
            raise TargetError(f"{self.path} is damaged: {name} has {len(data)} bytes for the shape {entry['shape']}") from None

    def write(self, to: Path, values: Mapping[str, Any], kept: set[str]) -> None:
        """The same file with those of its tensors that are kept; `values` are new ones."""
        import torch

        order = [name for name, _ in sorted(self.header.items(), key=lambda one: _span(one[1])) if name in kept]
        data = {
            name: values[name].contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() for name in order if name in values
        }
        header: dict[str, Any] = {} if self.metadata is None else {"__metadata__": self.metadata}
        at = 0
        for name in order:
            first, last = _span(self.header[name])
            if name in data and len(data[name]) != last - first:
                raise TargetError(f"{name} would change its size")
            header[name] = {**self.header[name], "data_offsets": [at, at + last - first]}
            at += last - first
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        text += b" " * (-len(text) % _ALIGNED)
        with to.open("wb") as handle, self.path.open("rb") as source:
            handle.write(len(text).to_bytes(8, "little") + text)
            for name in order:
                if name in data:
                    handle.write(data[name])
                    continue
                first, last = _span(self.header[name])
                source.seek(self.begin + first)
                for chunk in _chunks(source, last - first):
                    handle.write(chunk)


def _chunks(handle: Any, size: int) -> Iterator[bytes]:
    while size > 0:
        chunk = handle.read(min(size, _CHUNK))
        if not chunk:
            raise TargetError("a file became shorter while it was read")
        size -= len(chunk)
        yield chunk


def _span(entry: Any) -> tuple[int, int]:
    try:
        first, last = entry["data_offsets"]
        return int(first), int(last)
    except (KeyError, TypeError, ValueError):
        raise TargetError("a safetensors file is damaged: an entry of its header has no place") from None


def _values(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The tensors that are not those that were read."""
    return {name: value for name, value in new.items() if value is not old.get(name)}


class Single:
    """One file."""

    def __init__(self, path: Path) -> None:
        self.file = _File(path)
        self.tree: Any = {name: self.file.tensor(name) for name in self.file.header}

    def write(self, to: Path, tree: Any) -> list[str]:
        """With the metadata and the order that it has."""
        self.file.write(to, _values(self.tree, tree), set(tree))
        return [to.name]

    def unchanged(self, to: Path, tree: Any) -> bool:
        """Read it again."""
        again = _File(to)
        return again.header.keys() == tree.keys() and again.metadata == self.file.metadata and _equal(again, tree)


def _equal(file: _File, tree: Mapping[str, Any]) -> bool:
    import torch

    return all(
        file.header[name]["shape"] == list(tree[name].shape)
        and bytes(file.bytes_of(name)) == tree[name].contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        for name in file.header
    )


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
    stem, number = shard.removesuffix(".safetensors"), 1
    while (folder / (name := f"{stem}-migrated{number if number > 1 else ''}.safetensors")).exists():
        number += 1
    return name


class Sharded:
    """Several files, and the index that says which tensor is in which."""

    def __init__(self, path: Path) -> None:
        self.index = index_of(path)
        try:
            self.table: dict[str, Any] = json.loads(self.index.read_text(encoding="utf-8"))
            places: dict[str, str] = dict(self.table["weight_map"])
        except (OSError, ValueError, KeyError, TypeError):
            raise TargetError(f"{self.index} is damaged: it has no weight_map") from None
        self.places, folder = places, self.index.parent
        other = next((shard for shard in places.values() if not str(shard).endswith(".safetensors")), None)
        if other is not None:
            raise TargetError(f"{self.index} names {other}: of sharded checkpoints, only safetensors are supported")
        for shard in sorted(set(places.values())):
            if Path(shard).name != shard or not (folder / shard).is_file():
                raise TargetError(f"{self.index} names {shard}, which is not beside it")
        self.files = {shard: _File(folder / shard) for shard in sorted(set(places.values()))}
        for name, shard in places.items():
            if name not in self.files[shard].header:
                raise TargetError(f"{self.index} names {name} in {shard}, which does not hold it")
        self.tree: Any = {name: self.files[shard].tensor(name) for name, shard in places.items()}

    def write(self, to: Path, tree: Any) -> list[str]:
        """A folder with all shards and the index, in place of which it may be used."""
        return self.write_shards(to, tree, {shard: shard for shard in self.files})

    def write_shards(self, to: Path, tree: Any, names: Mapping[str, str]) -> list[str]:
        """Write shards under these names, and the index."""
        values = _values(self.tree, tree)
        to.mkdir(exist_ok=True)
        written = []
        for shard, file in self.files.items():
            here = {name for name, place in self.places.items() if place == shard}
            if shard not in names:
                continue
            if here <= tree.keys() and not here & values.keys():
                shutil.copyfile(file.path, to / names[shard])
            else:
                file.write(to / names[shard], values, (here & tree.keys()) | (file.header.keys() - here))
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
        values = _values(self.tree, tree)
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
        again = Sharded(to)
        return again.tree.keys() == tree.keys() and all(
            _equal(file, {**tree, **{name: file.tensor(name) for name in file.header if name not in tree}})
            for file in again.files.values()
        )
