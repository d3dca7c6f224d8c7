"""What is said of Keras's and TensorFlow's operations is held against them: no shift varies along more axes than the analysis says."""

from __future__ import annotations

import sys

import pytest
from projects import ROOT

pytest.importorskip("tensorflow")
pytest.importorskip("keras")
sys.path.insert(0, str(ROOT / "benchmarks"))
import operation_cases_tensorflow as cases
import operations

NAMES = operations.names_of(cases)


@pytest.mark.parametrize("name", NAMES)
def test_a_shift_varies_along_no_axis_that_is_not_foreseen(name: str) -> None:
    tally = operations.examine(cases, name, "test", 8, enough=2, shifts=2)
    assert tally.wrong == []
    assert tally.compared, "TensorFlow took none of the arguments"


def test_every_name_that_carries_a_shift_on_has_its_probes() -> None:
    assert cases.table_names() - cases.NAMED.keys() == set()
    assert cases.layer_names() - cases.LAYERS.keys() == set()
    assert cases.same_handlers()


def test_most_claims_are_exact() -> None:
    names = ("roll", "transpose", "Conv2D", "AveragePooling2D", "reshape", "concat")
    tallies = [operations.examine(cases, name, "exact", 3) for name in names]
    assert sum(tally.exact for tally in tallies) > 0.85 * sum(tally.claims for tally in tallies)
