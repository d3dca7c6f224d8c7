"""Saved PyTorch models and weights, loaded without running what a pickle may hold unless the user says so."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import Any

from biaslint.runtime.target.targets import TargetError, values_only
from biaslint.runtime.torch.stated_inputs import EXAMPLES, like

_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"  # how the files begin that `torch.save` writes


def load_module(path: Path, allow_pickle: bool) -> Any:
    """The model that a TorchScript, `torch.export` or pickle file holds."""
    import torch

    if path.suffix.lower() == ".pt2":
        return _exported(torch.export.load(str(path)))
    try:
        return torch.jit.load(str(path), map_location="cpu")
    except RuntimeError as error:
        if "constants.pkl" not in str(error) and "not a ZIP archive" not in str(error) and "zip" not in str(error).lower():
            raise TargetError(f"{path} could not be loaded as TorchScript: {str(error).strip().splitlines()[0]}") from None
    loaded = load_checkpoint(path, allow_pickle)
    if isinstance(loaded, torch.nn.Module):
        return loaded
    raise TargetError(values_only(path))


def _exported(program: Any) -> Any:
    """The model of an exported program, with the inputs that it was exported for."""
    model, examples = program.module(), program.example_inputs
    if examples:
        specs = [like(one, whole=True) for one in examples[0]]
        specs += [like(one, str(name), whole=True) for name, one in (examples[1] or {}).items()]
        if all(specs):
            vars(model)[EXAMPLES] = specs
    return model


def load_checkpoint(path: Path, allow_pickle: bool) -> Any:
    """What a checkpoint holds; refuses what only an unrestricted pickle could load."""
    import torch

    _check_written(path)
    try:
        with torch.serialization.safe_globals(_inert()):
            return torch.load(str(path), map_location="cpu", weights_only=not allow_pickle)
    except pickle.UnpicklingError as error:
        wanted = re.search(r"GLOBAL ([\w.]+)|got <class '([\w.]+)'>", str(error))
        reason = (wanted[1] or wanted[2]) if wanted else _reason(str(error))
        raise TargetError(
            f"{path} is a pickle that contains more than weights ({reason}): loading it could run any code. "
            "If you trust it, pass --allow-pickle"
        ) from None


def _reason(text: str) -> str:
    """What stands behind the advice in PyTorch's message."""
    return next(iter(text.rpartition("WeightsUnpickler error:")[2].strip().splitlines()), "")[:200]


def _check_written(path: Path) -> None:
    """Refuse what `torch.save` did not write, and what has changed since: PyTorch itself does not look at the checksums."""
    with path.open("rb") as handle:
        head = handle.read(4)
    if head[:1] == _PICKLE:
        return
    if head != _ZIP:
        what = "torch.save writes other files" if head else "it is empty"
        raise TargetError(f"{path} cannot be read as a checkpoint: {what}")
    try:
        with zipfile.ZipFile(path) as archive:
            if any(name.endswith("/constants.pkl") for name in archive.namelist()):
                raise TargetError(f"{path} is a TorchScript model, code and values together: save its state_dict() instead")
            for info in archive.infolist():
                if info.CRC:  # they can be switched off
                    with archive.open(info) as part:
                        while part.read(1 << 20):
                            pass
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise TargetError(f"{path} cannot be read as a checkpoint: it is damaged ({error})") from None


def _inert() -> list[Any]:
    """What checkpoints often hold beside weights, and what runs no code when it is loaded: numbers and arrays of NumPy's, options, paths."""
    import argparse
    import pathlib

    import numpy

    kinds = {type(numpy.dtype(kind)) for kind in "?bBhHiIlLqQefdFD"}
    makers = [
        (made, f"numpy.{core}.multiarray.{name}")
        for core in ("core", "_core")
        for name, made in (("scalar", _number), ("_reconstruct", _array))
    ]
    return [*makers, numpy.dtype, *kinds, numpy.ndarray, argparse.Namespace, pathlib.PosixPath, pathlib.PurePosixPath]


def _number(kind: Any, data: bytes) -> Any:
    """A number of NumPy's from its bytes, as `numpy`'s own function makes it, and nothing else."""
    import numpy

    if kind.kind not in "biufc" or len(data) != kind.itemsize:
        raise pickle.UnpicklingError(f"{kind} is no kind of number")
    return numpy.frombuffer(data, kind)[0]


def _array(kind: type, *_: Any) -> Any:
    """An array of NumPy's that is yet to be filled."""
    import numpy

    if kind is not numpy.ndarray:
        raise pickle.UnpicklingError(f"{kind.__name__} is no kind of array")
    return numpy.empty(0)


_WRAPPERS = (
    "module.",
    "_orig_mod.",
    "model.",
    "net.",
    "network.",
    "backbone.",
    "encoder.",
)  # what a model may have been part of
_DEEPEST = 3


def load_weights(model: Any, path: Path, allow_pickle: bool) -> None:
    """Load a state dict into a PyTorch model: the one in a checkpoint that fits best, without what wrapped the model."""
    if not path.is_file():
        raise TargetError(f"no such file: {path}")
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        state = load_file(str(path))
    else:
        state = load_checkpoint(path, allow_pickle)
    if callable(getattr(state, "state_dict", None)):  # a whole model
        state = state.state_dict()
    wanted = set(model.state_dict())
    fitting = [_unwrapped(one, wanted) for one in _state_dicts(state)]
    state = max(fitting, key=lambda one: len(wanted & one.keys()), default=state)
    try:
        model.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError) as error:
        lines = str(error).strip().splitlines()
        raise TargetError(f"{path} does not fit the model: {' '.join(line.strip() for line in lines[:4])}") from None


def _state_dicts(value: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """The mappings of names to tensors in a checkpoint."""
    if not isinstance(value, Mapping) or depth > _DEEPEST:
        return
    if any(hasattr(one, "shape") for one in value.values()):
        yield {str(key): one for key, one in value.items()}
    for one in value.values():
        yield from _state_dicts(one, depth + 1)


def _unwrapped(state: dict[str, Any], wanted: Set[str]) -> dict[str, Any]:
    """A state dict under the model's own names: DataParallel, torch.compile and trainers put theirs before each."""
    for _ in range(_DEEPEST):
        if wanted & state.keys():
            return state
        prefix = next((one for one in _WRAPPERS if state and all(key.startswith(one) for key in state)), "")
        # a trainer keeps values of its own, such as those of metrics and losses, beside its model
        prefix = prefix or next((one for one in _WRAPPERS if any(key.removeprefix(one) in wanted for key in state)), "")
        state = {key.removeprefix(prefix): one for key, one in state.items() if key.startswith(prefix)}
    return state
