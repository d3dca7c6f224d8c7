"""Live models start from the same weights in every run."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)
