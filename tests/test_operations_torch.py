"""What is said of PyTorch's operations is held against PyTorch: no shift varies along more axes than the analysis says."""

from __future__ import annotations

import random
import sys

import pytest
from projects import ROOT

pytest.importorskip("torch")
sys.path.insert(0, str(ROOT / "benchmarks"))
import operation_cases_torch as cases
import operation_model
import operations

NAMES = operations.names_of(cases)


@pytest.mark.parametrize("name", NAMES)
def test_a_shift_varies_along_no_axis_that_is_not_foreseen(name: str) -> None:
    tally = operations.examine(cases, name, "test", 10)
    assert tally.wrong == []
    assert tally.compared, "PyTorch took none of the arguments: mend the probe, or put the name into UNTRIED"


def test_every_name_that_carries_a_shift_on_has_its_probes() -> None:
    assert cases.table_names() - cases.NAMED.keys() == set(), "add probes to NAMED in benchmarks/operation_cases_torch.py"
    assert cases.layer_names() - cases.LAYERS.keys() == set(), "add probes to LAYERS in benchmarks/operation_cases_torch.py"


def test_a_claim_that_is_wrong_is_seen() -> None:
    """An operation of which the analysis says too little: a flip taken for a rotation."""
    probe = operation_model.Probe(("flip",), "x.flip(0)", ((2, 3),), cases.HEAD, real="x.rot90()")
    outcome = operation_model.compare(probe, cases.execute, random.Random(1), shifts=8)
    assert outcome.wrong


def test_most_claims_are_exact() -> None:
    tallies = [
        operations.examine(cases, name, "exact", 6) for name in ("roll", "permute", "Conv2d", "AvgPool2d", "reshape", "cat")
    ]
    assert sum(tally.exact for tally in tallies) > 0.85 * sum(tally.claims for tally in tallies)
