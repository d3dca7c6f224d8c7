"""A pytest plugin: the fixture `good_start` asserts that a model starts well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def good_start() -> Callable[..., Any]:
    """`good_start(model, batch, loss=...)`: fails the test where the model does not start well; gives the report."""
    from biaslint.runtime.check import assert_good_start

    return assert_good_start
