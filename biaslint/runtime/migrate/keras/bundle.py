"""TensorFlow checkpoints: a file `NAME.index`, its `NAME.data-*` files, and in them tensors and the graph of objects that own them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from biaslint.runtime.migrate.keras.files import State, fitting
from biaslint.runtime.migrate.keras.models import Key, Variables
from biaslint.runtime.migrate.keras.object_graph import KEY, ObjectGraph
from biaslint.runtime.migrate.keras.optimiser import AVERAGES
from biaslint.runtime.migrate.placing import WAITING, data_files
from biaslint.runtime.target.targets import TargetError


class Bundle:
    """A checkpoint that was read: each copy of the model's values in it, and how to write it anew."""

    def __init__(self, path: Path, old: Variables, in_place: bool = False) -> None:
        import tensorflow as tf

        self.path, self.in_place = path, in_place
        try:
            self.reader = tf.train.load_checkpoint(str(path))
            self.kinds = self.reader.get_variable_to_dtype_map()
            data = self.reader.get_tensor(KEY) if KEY in self.kinds else None
        except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:  # what is cut off is an index out of range
            raise TargetError(f"{path} cannot be read as a TensorFlow checkpoint: {_line(error)}") from None
        if data is None:
            raise TargetError(f"{path} has no graph of objects: it was not written by tf.train.Checkpoint or save_weights")
        self.graph = ObjectGraph(data)
        self.gone: set[int] = set()
        whole, best = self.graph.matches(old)
        if not whole:
            lacking = [old.shown(key) for key in old.by_key if key not in best]
            more = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
            raise TargetError(f"{path} does not fit the old model: it lacks {', '.join(lacking[:5])}{more}")
        self.places = [place for _, place in whole]
        self.states = [self._state(start, place, old) for start, place in whole]

    def _state(self, start: int, place: Mapping[Key, int], old: Variables) -> State:
        keys = {key: self.graph.keys[place[key]] for key in old.by_key}
        values = {key: self._tensor(name).numpy() for key, name in keys.items()}
        return State(self.graph.path(start), fitting(values, old, self.path))

    def _tensor(self, name: str) -> Any:
        import tensorflow as tf

        try:
            return tf.raw_ops.RestoreV2(
                prefix=str(self.path), tensor_names=[name], shape_and_slices=[""], dtypes=[self.kinds[name]]
            )[0]
        except tf.errors.OpError as error:
            raise TargetError(f"{self.path} is damaged: {_line(error)}") from None

    def settle_optimiser(self, old: Variables, dropped: set[Key], drop: bool) -> list[str]:
        """Decide which variables of optimizers go; what was done, for people. Raises TargetError where it cannot be told."""
        said = []
        for node in self.graph.optimisers():
            name = self.graph.path(node)
            if drop:
                self.gone.add(node)
                said.append(f"{name}: left out")
                continue
            if self.graph.averaged(node):
                raise TargetError(AVERAGES.format(name))
            slots = self.graph.slots_of(node, {place[key] for place in self.places for key in old.by_key})
            mine = {slot for place in self.places for key in dropped for slot in slots[place[key]]} if slots else set()
            if slots is None or (any(slots.values()) and not mine):
                raise TargetError(
                    f"which variables of {name} belong to which parameter cannot be told; leave it out with --drop-optimizer"
                )
            self.gone |= mine
            said.append(f"{name}: {len(mine)} variables dropped")
        return said

    def write(
        self, to: Path, new: Variables, dropped: set[Key], stored: list[Mapping[Key, Any]], names: Mapping[Key, str]
    ) -> None:
        """Write it into the folder `to`, without the dropped variables."""
        import tensorflow as tf

        graph, gone = self.graph.without(self.gone | {place[key] for place in self.places for key in dropped})
        values = {
            self.graph.keys[place[key]]: value
            for place, those in zip(self.places, stored, strict=True)
            for key, value in those.items()
        }
        tensors: dict[str, Any] = {KEY: tf.constant(graph)}
        for name, kind in self.kinds.items():
            if name != KEY and name not in gone:
                tensors[name] = tf.convert_to_tensor(values[name], dtype=kind) if name in values else self._tensor(name)
        _save(to, tensors, self._parts())
        self._check(to, tensors)

    def _parts(self) -> int:
        """How many data files to write: in place, a number that their names do not have yet."""
        taken = [file.name.rpartition("-of-")[2] for file in data_files(self.path)] if self.in_place else []
        return next(number for number in range(1, len(taken) + 2) if f"{number:05d}" not in taken)

    def _check(self, to: Path, tensors: Mapping[str, Any]) -> None:
        import tensorflow as tf

        reader = tf.train.load_checkpoint(str(to / WAITING))
        same = reader.get_variable_to_shape_map().keys() == tensors.keys()
        if not same or any(_bytes(reader.get_tensor(name)) != _bytes(one.numpy()) for name, one in tensors.items()):
            raise TargetError("what was written does not read as what was meant; nothing was kept")

    def again(self, to: Path, new: Variables) -> Bundle:
        """What was written, read with the new model."""
        return Bundle(to / WAITING, new)


def _save(folder: Path, tensors: Mapping[str, Any], parts: int) -> None:
    import tensorflow as tf

    folder.mkdir()
    names = sorted(tensors)
    prefixes = [str(folder / f"part{number}") for number in range(parts)]
    for number, prefix in enumerate(prefixes):
        mine = names[number::parts]
        tf.raw_ops.SaveV2(
            prefix=prefix, tensor_names=mine, shape_and_slices=[""] * len(mine), tensors=[tensors[name] for name in mine]
        )
    tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=prefixes, destination_prefix=str(folder / WAITING), delete_old_dirs=False)
    for left in folder.glob("part*"):
        left.unlink()


def _bytes(value: Any) -> Any:
    return value.tobytes() if getattr(value, "dtype", None) is not None and value.dtype.kind != "O" else str(value)


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
