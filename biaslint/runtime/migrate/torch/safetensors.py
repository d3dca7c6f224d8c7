"""Files in the safetensors format, read and written byte for byte.

A file is the length of its header (eight bytes), the header (JSON: name -> dtype, shape, begin and end of the data), and the data.
"""

from __future__ import annotations

import json
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
    "U16": "uint16",
    "U32": "uint32",
    "U64": "uint64",
    "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
}
_MOST_HEADER = 100_000_000
_CHUNK = 1 << 24
_ALIGNED = 8


class File:
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
            raise TargetError(f"{path} is damaged: its header is not JSON") from None
        self.begin = 8 + length
        if not isinstance(self.header, dict):
            raise TargetError(f"{path} is damaged: its header is not an object")
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

    @property
    def names(self) -> list[str]:
        """The names of its tensors."""
        return list(self.header)

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

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether each of its tensors has this value, bit for bit."""
        import torch

        return all(
            entry["shape"] == list(values[name].shape)
            and bytes(self.bytes_of(name)) == values[name].contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
            for name, entry in self.header.items()
        )

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


def new_values(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The tensors that are not those that were read."""
    return {name: value for name, value in new.items() if value is not old.get(name)}


class Single:
    """One file."""

    def __init__(self, path: Path) -> None:
        self.file = File(path)
        self.tree: Any = {name: self.file.tensor(name) for name in self.file.header}

    def write(self, to: Path, tree: Any) -> list[str]:
        """With the metadata and the order that it has."""
        self.file.write(to, new_values(self.tree, tree), set(tree))
        return [to.name]

    def unchanged(self, to: Path, tree: Any) -> bool:
        """Read it again."""
        again = File(to)
        return again.header.keys() == tree.keys() and again.metadata == self.file.metadata and again.holds(tree)
