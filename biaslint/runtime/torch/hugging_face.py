"""Folders in the manner of Hugging Face: a configuration, with or without weights beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from biaslint.runtime.target.targets import TargetError

_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")


def load_folder(path: Path) -> Any:
    """The model that a folder's configuration describes, with the weights that lie beside it; code in the folder is not run."""
    try:
        import transformers  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        raise TargetError(f"{path} holds a configuration for transformers, which is not installed") from None
    try:
        architectures = json.loads((path / "config.json").read_text(encoding="utf-8")).get("architectures") or []
        config = transformers.AutoConfig.from_pretrained(str(path), local_files_only=True)
    except (ValueError, OSError, KeyError, AttributeError) as error:
        raise TargetError(f"{path}/config.json: {str(error).strip().splitlines()[0]}") from None
    kind = next((found for name in architectures if (found := getattr(transformers, str(name), None)) is not None), None)
    if any((path / name).is_file() for name in _WEIGHTS):
        return (kind or transformers.AutoModel).from_pretrained(str(path), local_files_only=True)
    return kind(config) if kind is not None else transformers.AutoModel.from_config(config)
