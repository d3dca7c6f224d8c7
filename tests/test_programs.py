"""Generated models, linted and run by PyTorch: what is reported is dead in the running model."""

from __future__ import annotations

import sys

import pytest
from projects import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
import program_grammar
import programs

pytest.importorskip("torch")


def test_no_bias_that_is_alive_in_the_running_model_is_reported() -> None:
    totals = programs.run("ci", 0, 200)
    assert totals.wrong == []
    assert totals.found > 10
    assert totals.alive > totals.dead > 20


def test_pytorch_is_left_as_it_was_after_a_run() -> None:
    import torch

    before = (torch.get_default_dtype(), torch.get_num_threads(), torch.nn.Linear.__init__)
    programs.run("ci", 0, 1)
    assert (torch.get_default_dtype(), torch.get_num_threads(), torch.nn.Linear.__init__) == before


def test_the_same_seed_makes_the_same_program() -> None:
    assert program_grammar.make("a:1") == program_grammar.make("a:1")
    assert len({program_grammar.make(f"a:{number}").text for number in range(50)}) > 45
