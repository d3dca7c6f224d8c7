"""Finding the model's parameters in a checkpoint, wherever they lie and whatever stands before their names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from biaslint.runtime.target.targets import TargetError

_LATER = "num_batches_tracked"  # checkpoints of old versions lack these, and PyTorch adds them when it loads
_SHOWN = 5
# What puts a part of its own into the names below it: data parallel and compiled modules, sharded and checkpointed ones.
_WRAPPERS = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}


@dataclass(frozen=True, slots=True)
class State:
    """A mapping, or a list, in the checkpoint that holds all of a model's values."""

    place: tuple[Any, ...]  # the keys and indices that lead to it
    prefix: str  # what stands before the model's names
    keys: dict[str, Any]  # the model's name -> the key, or the index, there
    values: dict[str, Any]  # by the model's names

    @property
    def name(self) -> str:
        """For people."""
        parts = [*map(str, self.place), *([f"{self.prefix}*"] if self.prefix else [])]
        return " / ".join(parts)


def plain_names(names: Iterable[Any], wanted: Iterable[str]) -> dict[Any, Any]:
    """Names without what wrappers put into them -> the names; as they are where that would make two of them one."""
    wrappers = _WRAPPERS - {part for key in wanted for part in key.split(".")}
    names = list(names)
    found = {
        ".".join(part for part in name.split(".") if part not in wrappers) if isinstance(name, str) else name: name
        for name in names
    }
    return found if len(found) == len(names) else {name: name for name in names}


def sequences(tree: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Sequence[Any]]]:
    """The lists in a checkpoint that hold nothing but tensors, with where they are."""
    if isinstance(tree, (list, tuple)) and tree and all(hasattr(one, "untyped_storage") for one in tree):
        yield place, tree
    items = tree.items() if isinstance(tree, Mapping) else enumerate(tree) if isinstance(tree, (list, tuple)) else ()
    for key, value in items:
        yield from sequences(value, (*place, key))


def mappings(tree: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Mapping[Any, Any]]]:
    """The mappings in a checkpoint, with where they are."""
    if isinstance(tree, Mapping):
        yield place, tree
        for key, value in tree.items():
            yield from mappings(value, (*place, key))
    elif isinstance(tree, (list, tuple)):
        for index, value in enumerate(tree):
            yield from mappings(value, (*place, index))


def find(
    tree: Any, wanted: Mapping[str, Any], dropped: set[str], path: str, orders: Sequence[Sequence[str]] = ()
) -> list[State]:
    """All sets of the model's values. Raises TargetError where there is none, or one that is not whole.

    `orders` are the names of the model's parameters as a list without names may hold their values.
    """
    required = {key for key in wanted if key.rpartition(".")[2] != _LATER}
    found: list[State] = []
    parts: list[tuple[int, str]] = []
    for state in [*_named(tree, wanted, dropped), *_listed(tree, wanted, orders)]:
        missing = sorted(required - state.values.keys())
        wrong = [] if missing else _wrong(state.values, wanted)
        if not missing and not wrong:
            found.append(state)
        elif len(state.values) * 2 >= len(required) or dropped <= state.values.keys():
            parts.append((len(state.values), _partly(state, missing, wrong)))
    if not found and not parts and not any(True for _, mapping in mappings(tree) if _has_tensors(mapping)):
        raise TargetError(f"{path} holds no state dict")
    if not found:
        packed = "; other values there are quantized" if any(_packed(mapping) for _, mapping in mappings(tree)) else ""
        raise TargetError(
            f"{path} does not fit the old model: {max(parts)[1] + packed if parts else _nothing(tree, wanted, dropped)}"
        )
    if parts:
        raise TargetError(
            f"{path}: {parts[0][1]}. It would belong to the old model beside the migrated values; take it out, or migrate a file without it"
        )
    return found


def _named(tree: Any, wanted: Mapping[str, Any], dropped: set[str]) -> Iterator[State]:
    for place, mapping in mappings(tree):
        names = plain_names(mapping, wanted)
        for prefix in _prefixes({name: mapping[key] for name, key in names.items()}, dropped):
            keys = {key: names[prefix + key] for key in wanted if prefix + key in names}
            yield State(place, prefix, keys, {key: mapping[one] for key, one in keys.items()})


def _listed(tree: Any, wanted: Mapping[str, Any], orders: Sequence[Sequence[str]]) -> Iterator[State]:
    """Lists of the parameters' values in the model's order, as averages of them are kept."""
    for place, values in sequences(tree):
        for order in orders:
            if len(order) == len(values) and all(
                tuple(wanted[name].shape) == tuple(value.shape) for name, value in zip(order, values, strict=True)
            ):
                yield State(place, "", {name: index for index, name in enumerate(order)}, dict(zip(order, values, strict=True)))
                break


def _prefixes(mapping: Mapping[Any, Any], dropped: set[str]) -> list[str]:
    """What may stand before the model's names."""
    found: dict[str, None] = {}
    for key in mapping:
        for wanted in dropped if isinstance(key, str) and hasattr(mapping[key], "shape") else ():
            before = key.removesuffix(wanted)
            if before != key and (not before or before.endswith((".", "/"))):
                found[before] = None
    # A longer prefix may be part of a name: `a.conv.bias` ends in `conv.bias`, which is another key.
    return [one for one in found if any(one + key in mapping for key in dropped)]


def _has_tensors(mapping: Mapping[Any, Any]) -> bool:
    return any(hasattr(value, "shape") and value.shape for value in mapping.values())


def _wrong(values: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """The values that are none of the model's: of another shape or kind."""
    wrong = []
    for key, value in values.items():
        expected = wanted[key]
        if not hasattr(expected, "shape"):
            continue
        if not hasattr(value, "shape"):
            wrong.append(f"{key} is a {type(value).__name__}")
        elif getattr(value, "is_quantized", False) or (
            expected.is_floating_point() and (not value.is_floating_point() or value.dtype.itemsize < 2)
        ):
            wrong.append(f"{key} is quantized ({str(value.dtype).removeprefix('torch.')})")
        elif tuple(value.shape) != tuple(expected.shape):
            wrong.append(f"{key} has the shape {_shape(value)}, not {_shape(expected)}")
    return wrong


def _shape(tensor: Any) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"


def _partly(state: State, missing: list[str], wrong: list[str]) -> str:
    where = f"{state.name} " if state.name else "it "
    said = (
        f"{where}lacks {_some(missing)}" if missing else f"in {where.strip()}, {_some(wrong)}" if state.name else _some(wrong)
    )
    means = [key for key in missing if key.rpartition(".")[2].startswith("running_")]
    if means and len(means) == len(missing):
        said += " (it holds parameters without running statistics, and a bias can only be folded into these)"
    return said


def _some(items: list[str]) -> str:
    more = len(items) - _SHOWN
    return ", ".join(items[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _packed(mapping: Mapping[Any, Any]) -> bool:
    """Whether values are kept as quantized layers keep them."""
    return any(str(key).endswith(("weight_packed", "_packed_params", "zero_point", "qweight")) for key in mapping)


def _nothing(tree: Any, wanted: Mapping[str, Any], dropped: set[str]) -> str:
    largest = max((mapping for _, mapping in mappings(tree) if _has_tensors(mapping)), key=len, default={})
    if _packed(largest) or any(str(key).endswith(".scale") for key in largest):
        return "its values are quantized"
    flat = [str(key) for key in largest if str(key).endswith("flat_param")]
    if flat:
        return f"{flat[0]} holds many parameters in one, as sharded training (FSDP) keeps them: save a full state dict and migrate that"
    gone = [key for key in dropped if any(str(one).endswith(key.rpartition(".")[0] + ".weight") for one in largest)]
    if gone and len(gone) == len(dropped):
        return f"it has none of the biases that the new model drops ({_some(sorted(dropped))}); it may be migrated already"
    return f"it has none of the keys {_some(sorted(dropped))}; it holds {_some([str(key) for key in largest])}"


def replaced(tree: Any, changes: Mapping[tuple[Any, ...], Any]) -> Any:
    """A copy of a checkpoint's containers in which what lies at these places is something else. The values are the same objects."""
    if () in changes:
        return changes[()]
    inner: dict[Any, dict[tuple[Any, ...], Any]] = {}
    for place, value in changes.items():
        inner.setdefault(place[0], {})[place[1:]] = value
    if isinstance(tree, Mapping):
        made = shallow(tree)
        for key, those in inner.items():
            made[key] = replaced(tree[key], those)
        return made
    items = [replaced(one, inner[index]) if index in inner else one for index, one in enumerate(tree)]
    if isinstance(tree, list):
        return items
    return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)


def shallow(mapping: Any) -> Any:
    """A mapping of the same kind with the same items and attributes (a state dict has `_metadata`)."""
    import copy

    return copy.copy(mapping)


def without(mapping: Any, gone: Iterable[Any], new: Mapping[Any, Any]) -> Any:
    """The mapping, or the list, without these keys and with these new values."""
    gone = set(gone)
    if not isinstance(mapping, Mapping):
        return type(mapping)(new.get(index, one) for index, one in enumerate(mapping) if index not in gone)
    made = shallow(mapping)
    for key in gone:
        made.pop(key, None)
    for key, value in new.items():
        if key in made:
            made[key] = value
    return made
