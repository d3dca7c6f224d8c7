"""Keras's files: which dataset holds which variable, and the same file without some of them.

Where a variable lies depends on Keras's version and on the model, so it is not computed: the model's variables are given values that
tell them apart, the model is saved, and the datasets say whose values they hold.
"""

from __future__ import annotations

import io
import json
import re
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from biaslint.runtime.migrate.keras import optimiser
from biaslint.runtime.migrate.keras.models import Key, Variables
from biaslint.runtime.target.targets import TargetError

_INPUT = "InputLayer"
_WEIGHTS, _CONFIG = "model.weights.h5", "config.json"
_OPTIMISER = re.compile(rf"((?:.*/)?optimizer/(?:{optimiser.INNER})?)vars/(\d+)")
_OLD_OPTIMISER = "optimizer_weights"  # the group of the old format, which lists the names of what it holds


def layout(model: Variables) -> dict[str, Key]:
    """The path of each variable's dataset in the files that this version of Keras writes."""
    import h5py
    import numpy

    before = model.values()
    keys = list(model.by_key)
    try:
        for number, key in enumerate(keys):
            model.by_key[key].assign(numpy.full(tuple(model.by_key[key].shape), number + 1))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "tagged.weights.h5"
            model.model.save_weights(str(path))
            with h5py.File(path, "r") as file:
                found = {
                    name: keys[int(numpy.ravel(data[()])[0]) - 1]
                    for name, data in _datasets(file)
                    if data.size and numpy.issubdtype(data.dtype, numpy.floating) and 1 <= numpy.ravel(data[()])[0] <= len(keys)
                }
    finally:
        model.assign(before)
    return found


def _datasets(group: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    for name, item in group.items():
        inner = f"{path}/{name}" if path else name
        if hasattr(item, "items"):
            yield from _datasets(item, inner)
        else:
            yield inner, item


@dataclass(frozen=True, slots=True)
class State:
    """One copy of a model's values in a file, and where it lies."""

    name: str  # for people; "" for the whole file
    values: dict[Key, Any]


class Checkpoint:
    """A file that was read: the old model's values, and how to write it anew."""

    def __init__(self, path: Path, old: Variables) -> None:
        import h5py

        self.path = path
        self.archive: dict[str, bytes] = {}
        self.infos: list[zipfile.ZipInfo] = []
        if path.suffix == ".keras":
            self._unpack()
        try:
            self.file = h5py.File(io.BytesIO(self.archive[_WEIGHTS]) if self.archive else str(path), "r")
            self.legacy = "layer_names" in self.file.attrs or "model_weights" in self.file
        except OSError as error:
            raise TargetError(f"{path} cannot be read as an HDF5 file: {str(error).splitlines()[0][:200]}") from None
        self.root = "model_weights" if "model_weights" in self.file else ""
        self.places = self._legacy_places(old) if self.legacy else {key: name for name, key in layout(old).items()}
        self.states = [State("", self._values(old))]
        self.kept: dict[
            str, list[int]
        ] = {}  # the numbers of the optimizers' variables that stay, by group; nothing of other groups
        self.names = _file_names(self._config(), old.model)

    def _unpack(self) -> None:
        try:
            with zipfile.ZipFile(self.path) as archive:
                self.infos = archive.infolist()
                self.archive = {info.filename: archive.read(info) for info in self.infos}
        except (zipfile.BadZipFile, OSError, EOFError) as error:
            raise TargetError(f"{self.path} cannot be read as a .keras file: {error}") from None
        if _WEIGHTS not in self.archive or _CONFIG not in self.archive:
            raise TargetError(f"{self.path} is not a .keras file: it lacks {_WEIGHTS} or {_CONFIG}")

    def _legacy_places(self, old: Variables) -> dict[Key, str]:
        """By the order of the weights in each top-level layer, as these files are read by Keras itself."""
        keys = {id(variable): key for key, variable in old.by_key.items()}
        found: dict[Key, str] = {}
        for layer, group in self._legacy_groups(old):
            weights, names = _legacy_weights(layer), _names(group)
            if len(names) != len(weights):
                raise TargetError(
                    f"{self.path} does not fit the old model: `{layer.name}` has {len(names)} values there, not {len(weights)}"
                )
            for name, weight in zip(names, weights, strict=True):
                found[keys[id(weight)]] = f"{group.name}/{name}".lstrip("/")
        return found

    def _legacy_groups(self, old: Variables) -> Iterator[tuple[Any, Any]]:
        """The layers that have weights, and the groups of their values: by name, or by order where names were made up."""
        top = self.file[self.root] if self.root else self.file
        layers = [layer for layer in old.model.layers if _legacy_weights(layer)]
        if all(layer.name in top for layer in layers):
            yield from ((layer, top[layer.name]) for layer in layers)
            return
        groups = [top[name] for name in _names(top, "layer_names") if name in top and _names(top[name])]
        if len(groups) != len(layers):
            raise TargetError(
                f"{self.path} does not fit the old model: it has values of {len(groups)} layers, not of {len(layers)}"
            )
        yield from zip(layers, groups, strict=True)

    def _values(self, old: Variables) -> dict[Key, Any]:
        lacking = [old.shown(key) for key in old.by_key if key not in self.places or self.places[key] not in self.file]
        if lacking:
            more = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
            raise TargetError(f"{self.path} does not fit the old model: it lacks {', '.join(lacking[:5])}{more}")
        try:
            found = {key: self.file[self.places[key]][()] for key in old.by_key}
        except OSError as error:
            raise TargetError(f"{self.path} is damaged: {str(error).splitlines()[0][:200]}") from None
        return fitting(found, old, self.path)

    def settle_optimiser(self, old: Variables, dropped: set[Key], drop: bool) -> list[str]:
        """Decide which variables of the optimizer go; what was done, for people. Raises TargetError where it cannot be told."""
        sizes = self._optimiser_sizes()
        if not sizes:
            return []
        if drop:
            return ["left out"]
        if self.legacy:
            known = {key: place.removeprefix(f"{self.root}/") for key, place in self.places.items()}
            self.kept = {"": optimiser.kept_by_name(_names(self.file[_OLD_OPTIMISER]), old, known, dropped)}
        else:
            self.kept = optimiser.kept(self._config(), old, dropped, sizes)
        whole = min(sizes, key=len)
        return [f"{sizes[whole] - len(self.kept[whole])} of {sizes[whole]} variables dropped"]

    def _optimiser_sizes(self) -> Mapping[str, int]:
        """How many variables of optimizers it holds, by group."""
        if self.legacy:
            names = _names(self.file[_OLD_OPTIMISER]) if _OLD_OPTIMISER in self.file else []
            return {"": len(names)} if names else {}
        return Counter(match[1] for name, _ in _datasets(self.file) if (match := _OPTIMISER.fullmatch(name)))

    def _config(self) -> Any:
        """The model's configuration, as a table; None where the file has none."""
        if self.archive:
            return json.loads(self.archive[_CONFIG])
        text = self.file.attrs.get("model_config")
        return json.loads(text) if text is not None else None

    def write(
        self, to: Path, new: Variables, dropped: set[Key], stored: list[Mapping[Key, Any]], names: Mapping[Key, str]
    ) -> None:
        """Write it without the dropped variables. `names` are those of the layers with a bias that is gone."""
        import h5py

        moved: dict[str, str | None] = {self.places[key]: None for key in dropped}
        if not self.legacy:
            moved |= {self.places[key]: name for name, key in layout(new).items()}
        for name, _ in _datasets(self.file):
            if match := _OPTIMISER.fullmatch(name):
                stay, number = self.kept.get(match[1], []), int(match[2])
                moved[name] = f"{match[1]}vars/{stay.index(number)}" if number in stay else None
        moved |= dict.fromkeys(self._old_optimiser_gone())
        names = {key: self.names.get(name, name) for key, name in names.items()}
        buffer = io.BytesIO()
        with h5py.File(buffer if self.archive else str(to), "w") as file:
            _copy(self.file, file, moved)
            for key, value in stored[0].items():
                place = moved.get(self.places[key], self.places[key])
                assert place is not None
                file[place][...] = value
            if self.legacy:
                if _OLD_OPTIMISER in file and not self.kept:
                    del file[_OLD_OPTIMISER]
                self._list_legacy(file)
                _configured(file.attrs, names, self.path)
        if self.archive:
            self._pack(to, buffer.getvalue(), names)

    def again(self, to: Path, new: Variables) -> Checkpoint:
        """What was written, read with the new model."""
        return Checkpoint(to, new)

    def _old_optimiser_gone(self) -> list[str]:
        """What the old format's group for the optimizer loses."""
        names = _names(self.file[_OLD_OPTIMISER]) if self.legacy and _OLD_OPTIMISER in self.file else []
        stay = set(self.kept.get("", ()))
        return [f"{_OLD_OPTIMISER}/{name}" for number, name in enumerate(names) if number not in stay]

    def _list_legacy(self, file: Any) -> None:
        """Lists of names say what groups hold: they lose what is gone."""
        groups = list((file[self.root] if self.root else file).values())
        for group in [*groups, file[_OLD_OPTIMISER]] if _OLD_OPTIMISER in file else groups:
            for attribute in _lists(group):
                names = [_text(name) for name in group.attrs[attribute]]
                group.attrs[attribute] = [name.encode() for name in names if name in group]

    def _pack(self, to: Path, weights: bytes, names: Mapping[Key, str]) -> None:
        config = json.loads(self.archive[_CONFIG])
        _without_biases(config, set(names.values()), self.path)
        with zipfile.ZipFile(to, "w") as archive:
            for info in self.infos:
                data = self.archive[info.filename]
                data = (
                    weights if info.filename == _WEIGHTS else json.dumps(config).encode() if info.filename == _CONFIG else data
                )
                archive.writestr(info, data, info.compress_type)


def fitting(found: dict[Key, Any], model: Variables, path: Path) -> dict[Key, Any]:
    """These values, if they are of the model's shapes and kinds. Raises TargetError otherwise."""
    import numpy

    for key, value in found.items():
        wanted = tuple(model.by_key[key].shape)
        if numpy.shape(value) != wanted:
            raise TargetError(
                f"{path} does not fit the old model: {model.shown(key)} has the shape {numpy.shape(value)}, not {wanted}"
            )
        if "float" in str(model.by_key[key].dtype) and value.dtype.kind in "biu":
            raise TargetError(f"{path} does not fit the old model: {model.shown(key)} is quantized ({value.dtype})")
    return found


def _legacy_weights(layer: Any) -> list[Any]:
    return [*layer.trainable_weights, *(one for one in layer.non_trainable_weights if "seed" not in str(one.name))]


def _file_names(config: Any, model: Any) -> dict[str, str]:
    """What the file's configuration calls the layers of a model: Keras makes up names, with numbers that depend on what was built before."""
    inner = config.get("config") if isinstance(config, dict) else None
    parts = inner.get("layers") if isinstance(inner, dict) else None
    if not isinstance(parts, list):
        return {}
    parts = [part for part in parts if isinstance(part, dict) and part.get("class_name") != _INPUT]
    layers = [layer for layer in getattr(model, "layers", ()) if type(layer).__name__ != _INPUT]
    if [part.get("class_name") for part in parts] != [type(layer).__name__ for layer in layers]:
        return {}
    found: dict[str, str] = {}
    for part, layer in zip(parts, layers, strict=True):
        found[layer.name] = part.get("config", {}).get("name", layer.name)
        found |= _file_names(part, layer)
    return found


def _names(group: Any, attribute: str = "weight_names") -> list[str]:
    """What a group of the old format says that it holds."""
    return [_text(name) for one in _lists(group, attribute) for name in group.attrs[one]]


def _lists(group: Any, attribute: str = "weight_names") -> list[str]:
    """The attributes that list names: one, or, where there are many, several with numbers."""
    found = [name for name in group.attrs if re.fullmatch(rf"{attribute}\d*", name)]
    return sorted(found, key=lambda name: int(name.removeprefix(attribute) or 0))


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _copy(source: Any, to: Any, moved: Mapping[str, str | None], path: str = "") -> None:
    """Copy groups with their attributes, and datasets to where they go."""
    for name, value in source.attrs.items():
        to.file[f"/{path}"].attrs[name] = value
    for name, item in source.items():
        inner = f"{path}/{name}" if path else name
        if hasattr(item, "items"):
            to.file.require_group(inner)
            _copy(item, to, moved, inner)
        elif (place := moved.get(inner, inner)) is not None:
            source.copy(name, to.file, name=place)


def _configured(attributes: Any, names: Mapping[Key, str], path: Path) -> None:
    text = attributes.get("model_config")
    if text is None:
        return
    config = json.loads(text)
    _without_biases(config, set(names.values()), path)
    attributes["model_config"] = json.dumps(config)


def _without_biases(config: Any, names: set[str], path: Path) -> None:
    """Say `use_bias: false` of these layers."""
    found: set[str] = set()
    pending = [config]
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            inner = one.get("config")
            if isinstance(inner, dict) and inner.get("name") in names and "use_bias" in inner:
                inner["use_bias"] = False
                found.add(inner["name"])
            pending += one.values()
        elif isinstance(one, list):
            pending += one
    if names - found:
        raise TargetError(
            f"{path}: its configuration has no use_bias for {', '.join(sorted(names - found)[:5])}; migrate a .weights.h5 file of the model"
        )
