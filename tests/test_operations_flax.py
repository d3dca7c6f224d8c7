"""What is said of JAX's operations and Flax's layers is held against them: no shift varies along more axes than the analysis says."""

from __future__ import annotations

import sys

import pytest
from projects import ROOT

pytest.importorskip("numpy", reason="NumPy is not installed")
sys.path.insert(0, str(ROOT / "benchmarks"))
import operation_cases_flax as cases
import operations


def test_every_name_that_carries_a_shift_on_has_its_probes() -> None:
    assert cases.table_names() - cases.NAMED.keys() == set()
    assert cases.layer_names() - cases.LAYERS.keys() == set()
    assert cases.same_handlers()


@pytest.mark.parametrize("name", operations.names_of(cases))
def test_a_shift_varies_along_no_axis_that_is_not_foreseen(name: str) -> None:
    pytest.importorskip("flax")
    tally = operations.examine(cases, name, "test", 8, enough=1, shifts=2)
    assert tally.wrong == []
    assert tally.compared, "JAX took none of the arguments"


def test_most_claims_are_exact() -> None:
    pytest.importorskip("flax")
    names = ("roll", "transpose", "Linear", "LayerNorm", "reshape", "concatenate")
    tallies = [operations.examine(cases, name, "exact", 3) for name in names]
    assert sum(tally.exact for tally in tallies) > 0.85 * sum(tally.claims for tally in tallies)
