"""Checkpoints on disk: what a file holds, and the same with some of it changed."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from biaslint.runtime.migrate.torch import safetensors, states
from biaslint.runtime.migrate.torch.sharded import INDEX, Sharded
from biaslint.runtime.target.targets import TargetError
from biaslint.runtime.torch.saved import load_checkpoint

Place = tuple[Any, ...]


class Checkpoint(Protocol):
    """A checkpoint that was read."""

    tree: Any

    def write(self, to: Path, tree: Any) -> list[str]:
        """Write it with these contents; the names of the files."""
        ...

    def unchanged(self, to: Path, tree: Any) -> bool:
        """Whether what was written reads as these contents."""
        ...


def read(path: Path, allow_pickle: bool) -> Checkpoint:
    """Read a file, or a sharded folder. Raises TargetError where it is none, or damaged."""
    if not path.exists():
        raise TargetError(f"no such file: {path}")
    if path.is_dir() or path.name.endswith(INDEX):
        return Sharded(path, lambda shard: safetensors.File(shard) if _is_safe(shard) else PickledShard(shard, allow_pickle))
    return safetensors.Single(path) if _is_safe(path) else Pickled(path, allow_pickle)


def _is_safe(path: Path) -> bool:
    return path.suffix.lower() == ".safetensors"


class Pickled:
    """What `torch.save` wrote."""

    def __init__(self, path: Path, allow_pickle: bool) -> None:
        import torch

        self.allow_pickle = allow_pickle
        self.zipped = zipfile.is_zipfile(path)
        try:
            self.tree = load_checkpoint(path, allow_pickle)
        except TargetError:
            raise
        except (
            RuntimeError,
            OSError,
            ValueError,
            EOFError,
            KeyError,
            IndexError,
            TypeError,
            AttributeError,
            pickle.PickleError,
            zipfile.BadZipFile,
        ) as error:
            line = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise TargetError(f"{path} cannot be read as a checkpoint: {line[:200]}") from None
        if isinstance(self.tree, torch.nn.Module):
            raise TargetError(f"{path} holds a whole model, code and values together: save its state_dict() and migrate that")
        if not isinstance(self.tree, Mapping):
            raise TargetError(f"{path} holds a {type(self.tree).__name__}, not a state dict")

    def write(self, to: Path, tree: Any) -> list[str]:
        """In the file format that the old one has."""
        import torch

        with to.open("wb") as handle:  # by the handle: a path would be written into the file
            torch.save(tree, handle, _use_new_zipfile_serialization=self.zipped)
        return [to.name]

    def unchanged(self, to: Path, tree: Any) -> bool:
        """Read it again, and compare it value by value."""
        return same(load_checkpoint(to, self.allow_pickle), tree)


class PickledShard:
    """What `torch.save` wrote as one of several files: a table of tensors."""

    def __init__(self, path: Path, allow_pickle: bool) -> None:
        self.file = Pickled(path, allow_pickle)
        self.names = list(self.file.tree)

    def tensor(self, name: str) -> Any:
        """One tensor."""
        return self.file.tree[name]

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether each of its tensors has this value, bit for bit."""
        return all(same(value, values[name]) for name, value in self.file.tree.items())

    def write(self, to: Path, values: Mapping[str, Any], kept: set[str]) -> None:
        """The same file with those of its tensors that are kept; `values` are new ones."""
        gone = {name for name in self.names if name not in kept}
        self.file.write(to, states.without(self.file.tree, gone, {name: one for name, one in values.items() if name in kept}))


def same(a: Any, b: Any) -> bool:
    """Whether two checkpoints hold the same, bit for bit."""
    import torch

    if isinstance(a, torch.Tensor) or isinstance(b, torch.Tensor):
        if type(a) is not type(b) or a.dtype != b.dtype or a.shape != b.shape:
            return False
        if a.is_quantized or a.layout is not torch.strided:
            return bool(torch.equal(a, b))
        return bool(torch.equal(_bits(a), _bits(b)))
    if type(a) is not type(b):
        return False
    if isinstance(a, Mapping):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a) and _attributes(a) == _attributes(b)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    try:
        return bool(a == b) or a != a or vars(a).keys() == vars(b).keys()
    except Exception:  # what has no truth value, as an array of several
        return pickle.dumps(a) == pickle.dumps(b)


def _bits(tensor: Any) -> Any:
    import torch

    plain = tensor.detach().contiguous().reshape(-1)
    return plain.view(torch.uint8) if plain.numel() else plain


def _attributes(mapping: Any) -> Any:
    return getattr(mapping, "_metadata", None)


def changed(checkpoint: Checkpoint, changes: Mapping[Place, Any]) -> Any:
    """The contents with what lies at these places changed."""
    return states.replaced(checkpoint.tree, changes)
