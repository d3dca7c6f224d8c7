"""Loading saved models of any framework."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from biaslint.config.saved_models import FOLDER, SAVED
from biaslint.runtime.target.job import Job
from biaslint.runtime.target.targets import TargetError, values_only


def is_saved(target: str) -> bool:
    """Whether the target is a saved model: a file of a known kind, a SavedModel folder, or one with a Hugging Face configuration."""
    path = Path(target)
    held = any((path / name).is_file() for name in FOLDER)
    return held or (path.suffix.lower() in SAVED and ":" not in path.name)


_VALUES = (".safetensors", ".npz")


def load_saved(job: Job) -> Any:
    """The model that a file holds."""
    path = Path(job.target)
    if not path.exists():
        raise TargetError(f"no such file: {job.target}")
    suffix = path.suffix.lower()
    if path.is_dir() and not (path / "saved_model.pb").is_file():
        from biaslint.runtime.torch import hugging_face

        return hugging_face.load_folder(path)
    if path.is_dir():
        from biaslint.runtime.tensorflow.saved import load_folder

        return load_folder(path)
    if suffix in (".keras", ".h5", ".hdf5"):
        from biaslint.runtime.keras.saved import load_model

        return load_model(path, job.allow_unsafe_keras)
    if suffix in _VALUES:
        raise TargetError(values_only(path))
    from biaslint.runtime.torch.saved import load_module

    return load_module(path, job.allow_pickle)
