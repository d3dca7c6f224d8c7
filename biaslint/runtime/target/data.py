"""Reading what `--data` names: batches, what makes them, a data set, or a file of numbers."""

from __future__ import annotations

import contextlib
import inspect
import os
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from biaslint.runtime.target.targets import TRAINERS, TargetError, load_object, note_trainer

_TABLES = {".csv": ",", ".tsv": "\t", ".parquet": ""}
_ARRAYS = (".npy", ".npz")
_LABEL_COLUMNS = ("label", "labels", "target", "targets", "y", "class", "outcome")
_INPUT_NAMES = ("x", "inputs", "images", "features", "data", "x_train")
_LABEL_NAMES = ("y", "labels", "targets", "label", "target", "y_train")
# A data module or a trainer gives its training batches by one of these.
_LOADERS = ("train_dataloader", "get_train_dataloader")
# What yields batches, and is none itself, has one of these.
_YIELDS = ("dataset", "element_spec")


def batches(target: str, batch: int, most: int, seed: int) -> Iterator[Any]:
    """The first batches of what `--data` names."""
    source = _source(target, batch, seed)
    if _is_pair(source):
        source = _slices(source, batch)
    yield from islice(source, most)


def training_batches(target: str, batch: int, seed: int) -> Iterator[Any]:
    """The batches of one round of what `--data` names; rows of arrays and tables in an order of chance."""
    source = _source(target, batch, seed)
    yield from _loader(_Rows(*source), batch, seed) if _is_pair(source) else source


def first_batch(given: Any, size: int = 64, seed: int = 0) -> Any:
    """What a loader, an iterator, a data set or a data module yields first; a batch as it is."""
    loader = _training_loader(given)
    source = _of_module(given, loader) if loader is not None else given
    if any(base.__name__ == "Dataset" for base in type(source).__mro__):
        examples = _loader(source, size, seed) if _is_dataset(source) else _gathered(source, size)
    elif _is_keras_sequence(source):
        return source[0]
    elif hasattr(source, "__next__") or (hasattr(source, "__iter__") and any(hasattr(source, one) for one in _YIELDS)):
        examples = iter(source)
    else:
        return source
    for batch in examples:
        return batch
    raise TargetError(f"the {type(given).__name__} yields no batch")


def _gathered(source: Any, size: int) -> Iterator[Any]:
    """One batch of the first examples of a data set that can only be read in order."""
    if examples := list(islice(source, size)):
        yield _collated(examples)


class _Rows:
    """A pair of arrays as single examples."""

    def __init__(self, inputs: Any, labels: Any) -> None:
        self.inputs, self.labels = inputs, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self.inputs[index], self.labels[index]


def _is_pair(source: Any) -> bool:
    return isinstance(source, tuple) and len(source) == 2 and all(hasattr(part, "shape") for part in source)


def _source(target: str, batch: int, seed: int) -> Any:
    """Batches, or a pair of arrays."""
    file, _, column = target.partition("::")
    suffix = Path(file).suffix.lower()
    if suffix in _TABLES or suffix in _ARRAYS:
        if not Path(file).is_file():
            raise TargetError(f"no such file: {file}")
        return _table(Path(file), column) if suffix in _TABLES else _arrays(Path(file))
    return _batches_of(TRAINERS[target] if target in TRAINERS else load_object(target), target, batch, seed)


def _batches_of(source: Any, target: str, batch: int, seed: int) -> Any:
    """Something that yields batches, whatever the target is."""
    if inspect.isclass(source):
        source = _made(source, target)
    loader = _training_loader(source)
    if loader is not None:
        note_trainer(target, source)
        return _of_module(source, loader)
    if not hasattr(source, "__iter__") and not hasattr(source, "__getitem__"):
        if not callable(source):
            raise TargetError(f"--data names a {type(source).__name__}: neither batches nor a callable that makes them")
        return _batches_of(_made(source, target), target, batch, seed)
    if _is_dataset(source):
        return _loader(source, batch, seed)
    return source


def _made(maker: Callable[[], Any], target: str) -> Any:
    try:
        inspect.signature(maker).bind()
    except ValueError:
        pass
    except TypeError as error:
        raise TargetError(
            f"--data {target} cannot be called without arguments: {error}; name a function that makes it"
        ) from None
    return maker()


def _training_loader(source: Any) -> Callable[[], Any] | None:
    """The method by which a data module or a trainer gives its training batches; None where it has none."""
    return next((getattr(source, name) for name in _LOADERS if callable(getattr(source, name, None))), None)


def _of_module(module: Any, loader: Callable[[], Any]) -> Any:
    """A data module's training batches, made ready as a trainer would."""
    prepare, setup = getattr(module, "prepare_data", None), getattr(module, "setup", None)
    if callable(prepare):
        prepare()
    if callable(setup):
        try:
            setup("fit")
        except TypeError:
            setup()
    found = loader()
    while isinstance(found, (list, tuple, dict)) and found:  # several loaders: the first
        found = next(iter(found.values())) if isinstance(found, dict) else found[0]
    return found


def _is_dataset(source: Any) -> bool:
    """Whether single examples are taken by their number, and not batches in a row."""
    if isinstance(source, (list, tuple, dict, str)) or hasattr(source, "shape") or hasattr(source, "batch_size"):
        return False
    return hasattr(source, "__getitem__") and hasattr(source, "__len__") and not _is_keras_sequence(source)


def _is_keras_sequence(source: Any) -> bool:
    return any(base.__name__ in ("Sequence", "PyDataset") for base in type(source).__mro__)


def _loader(source: Any, batch: int, seed: int) -> Iterator[Any]:
    """Batches of examples that are drawn at random: data sets are often sorted by their labels."""
    import random

    order = list(range(len(source)))
    random.Random(seed).shuffle(order)
    for start in range(0, len(order), batch):
        yield _collated([source[index] for index in order[start : start + batch]])


def _collated(examples: list[Any]) -> Any:
    """One batch of several examples."""
    first = examples[0]
    if isinstance(first, dict):
        return {key: _collated([one[key] for one in examples]) for key in first}
    if isinstance(first, (list, tuple)):
        return tuple(_collated(list(parts)) for parts in zip(*examples, strict=True))
    if type(first).__module__.split(".")[0] == "torch":
        import torch

        return torch.stack(examples)
    import numpy

    return numpy.stack([numpy.asarray(one) for one in examples])


def _slices(pair: tuple[Any, Any], batch: int) -> Iterator[tuple[Any, Any]]:
    """A batch of a pair of arrays; the labels of all the rest come with a single row of inputs."""
    inputs, labels = pair
    yield inputs[:batch], labels[:batch]
    if len(labels) > batch:
        yield inputs[batch : batch + 1], labels[batch:]


def _arrays(path: Path) -> Any:
    """The inputs and labels that a numpy file holds."""
    import numpy

    found = numpy.load(path, allow_pickle=False)
    if path.suffix == ".npy":
        return [(found,)]
    names = {name.lower(): name for name in found.files}
    inputs = next((found[names[name]] for name in _INPUT_NAMES if name in names), None)
    labels = next((found[names[name]] for name in _LABEL_NAMES if name in names), None)
    if inputs is None:
        raise TargetError(f"{path} holds {', '.join(found.files)}: call the inputs x and the labels y")
    return (_floats(inputs), labels) if labels is not None else [(_floats(inputs),)]


def _floats(values: Any) -> Any:
    return values.astype("float32") if values.dtype.kind == "f" else values


def _table(path: Path, column: str) -> Any:
    """The numeric columns of a table as inputs, one column as labels: the named one, one called like labels, or the last."""
    names, rows = _read_parquet(path) if path.suffix == ".parquet" else _read_text(path, _TABLES[path.suffix.lower()])
    chosen = column or next((name for name in names if name.lower() in _LABEL_COLUMNS), names[-1])
    if chosen not in names:
        raise TargetError(f"{path} has no column {chosen!r}; it has {', '.join(names[:12])}")
    labels = _numbered(rows[chosen])
    import numpy

    numeric = {name: _floating(rows[name]) for name in names if name != chosen}
    kept = [values for values in numeric.values() if values is not None]
    if not kept:
        raise TargetError(f"{path} has no column of numbers beside {chosen!r}")
    return numpy.stack(kept, axis=1).astype("float32"), labels


def _read_text(path: Path, separator: str) -> tuple[list[str], dict[str, list[Any]]]:
    import csv

    with path.open(newline="", encoding="utf-8") as handle:
        reader = csv.reader(handle, delimiter=separator)
        names = next(reader, [])
        rows = [row for row in reader if len(row) == len(names)]
    if not names or not rows:
        raise TargetError(f"{path} has no rows below its heading")
    return names, {name: [row[index] for row in rows] for index, name in enumerate(names)}


def _read_parquet(path: Path) -> tuple[list[str], dict[str, list[Any]]]:
    with contextlib.suppress(ImportError):
        from pyarrow import parquet  # type: ignore[import-not-found,import-untyped,unused-ignore]

        table = parquet.read_table(os.fspath(path))
        return list(table.column_names), {name: table.column(name).to_pylist() for name in table.column_names}
    raise TargetError(f"{path}: reading parquet needs pyarrow, where the model is measured")


def _floating(values: list[Any]) -> Any:
    import numpy

    try:
        return numpy.array([float(value) if value not in ("", None) else 0.0 for value in values])
    except (TypeError, ValueError):
        return None


def _numbered(values: list[Any]) -> Any:
    """Labels as whole numbers where they are whole or words, else as they are."""
    import numpy

    numbers = _floating(values)
    if numbers is None:
        classes = {value: index for index, value in enumerate(sorted(set(map(str, values))))}
        return numpy.array([classes[str(value)] for value in values])
    return numbers.astype("int64") if bool((numbers == numbers.astype("int64")).all()) else numbers.astype("float32")
