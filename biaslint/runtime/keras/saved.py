"""Saved Keras models, loaded in safe mode unless the user says otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from biaslint.runtime.target.targets import TargetError


def load_model(path: Path, unsafe: bool) -> Any:
    """The model that a `.keras` or `.h5` file holds."""
    import keras

    try:
        return keras.saving.load_model(str(path), compile=False, safe_mode=not unsafe)
    except ValueError as error:
        if "safe_mode" in str(error) or "unsafe" in str(error).lower() or "lambda" in str(error).lower():
            raise TargetError(
                f"{path} contains code (a Lambda layer), which safe mode does not load. If you trust it, pass --allow-unsafe-keras"
            ) from None
        raise TargetError(f"{path} could not be loaded: {str(error).strip().splitlines()[0]}") from None
