"""Saved models, by their names: the linter reads source, so it says which command takes them."""

from __future__ import annotations

import os
from pathlib import Path

SAVED = {".pt", ".pth", ".ckpt", ".bin", ".safetensors", ".npz", ".pt2", ".ts", ".keras", ".h5", ".hdf5"}
FOLDER = ("saved_model.pb", "config.json")  # a folder with one of these is a saved model
_SOURCE_TOO = {".ts"}  # of another language


def is_saved_file(path: Path) -> bool:
    """Whether a file is called like a saved model or a checkpoint."""
    return path.suffix.lower() in SAVED - _SOURCE_TOO


def saved_in(folder: Path) -> Path | None:
    """The folder itself if it is a saved model, else the first file in it that is called like one."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return None
    if any(name in FOLDER for name in names):
        return folder
    return next((folder / name for name in names if is_saved_file(Path(name))), None)


def hint(path: Path) -> str:
    """What to say of a saved model that is to be linted."""
    return f"{path} is a saved model or checkpoint, not source: `biaslint verify` takes it"
