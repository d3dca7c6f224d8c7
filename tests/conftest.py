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


# What is known to fail, and why: each is to be mended, and is said in every run.
KNOWN_FAILURES = {
    "test_runtime_fixtures.py::test_a_fixture_agrees_with_its_live_models[changed_from_outside.py]": "dead biases that the linter passes over",
    "test_runtime_fixtures.py::test_a_fixture_agrees_with_its_live_models[defaults_without_norm.py]": "built with defaults, without the norm",
    "test_runtime_fixtures.py::test_a_fixture_agrees_with_its_live_models[uses_that_count.py]": "a dead bias that the linter passes over",
    "test_runtime_fixtures.py::test_every_marked_line_is_measured[changes_in_place.py]": "a model whose inputs are not stated",
    "test_runtime_fixtures.py::test_every_marked_line_is_measured[defaults_without_norm.py]": "built with defaults, without the norm",
    "test_runtime_fixtures.py::test_every_marked_line_is_measured[schedules.py]": "models that want arguments",
    "test_runtime_fixtures.py::test_biases_start_where_the_live_ones_do[conditional_libraries]": "conditions are not built here",
    "test_runtime_targets.py::test_a_statement_that_a_setting_keeps_from_running_is_not_what_the_source_sets[True-True-codes2]": "BL704",
    "test_packages.py::test_with_everything_all_files_are_executed": "the benchmark's limits moved",
    "test_metamorphic.py::test_layers_made_in_a_function_of_their_own_change_nothing[torch/output_evidence.py]": "evidence by flow",
    "test_metamorphic.py::test_layers_made_in_a_function_of_their_own_change_nothing[torch/output_priors.py]": "evidence by flow",
    "test_metamorphic.py::test_layers_made_in_a_function_of_their_own_change_nothing[torch/what_is_no_prediction.py]": "evidence by flow",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        reason = KNOWN_FAILURES.get(item.nodeid.rpartition("tests/")[2])
        if reason is not None:
            item.add_marker(pytest.mark.xfail(reason=reason, strict=False))
