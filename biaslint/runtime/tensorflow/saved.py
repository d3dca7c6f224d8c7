"""SavedModel folders."""

from __future__ import annotations

from pathlib import Path

from biaslint.runtime.tensorflow.saved_graph import SavedGraph


def load_folder(path: Path) -> SavedGraph:
    """The graph that a SavedModel folder holds."""
    return SavedGraph(path)
