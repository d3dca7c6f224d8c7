"""What tests of live models share: they start from the same weights in every run, and can be measured without a process."""

from __future__ import annotations

import sys

import pytest
from same_process import measured

from biaslint.runtime.process import parent


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


@pytest.fixture
def same_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands measure in the test's own process."""
    monkeypatch.setattr(parent, "run", measured)
