"""Generated models, linted and run by PyTorch: what is reported is dead in the running model."""

from __future__ import annotations

import sys

import pytest
from projects import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
import keras_program_grammar
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
    assert keras_program_grammar.make("a:1") == keras_program_grammar.make("a:1")
    for grammar in (program_grammar, keras_program_grammar):
        assert len({grammar.make(f"a:{number}").text for number in range(50)}) > 45


def test_no_bias_that_is_alive_in_the_running_keras_model_is_reported() -> None:
    pytest.importorskip("keras")
    totals = programs.run("ci", 0, 40, framework=programs.FRAMEWORKS["keras"])
    assert totals.wrong == []
    assert totals.broken == []
    assert totals.found > 3
    assert totals.alive > totals.dead > 5


def test_keras_is_left_as_it_was_after_a_run() -> None:
    keras = pytest.importorskip("keras")

    def state() -> tuple[object, ...]:
        return (
            keras.config.floatx(),
            keras.config.dtype_policy().name,
            keras.layers.Dense.__init__,
            keras.layers.Layer.add_weight,
        )

    before = state()
    programs.run("ci", 0, 1, framework=programs.FRAMEWORKS["keras"])
    assert state() == before


def test_a_page_keeps_the_sections_of_the_other_frameworks() -> None:
    old = programs.page("", "## PyTorch\n\none\n", "PyTorch")
    both = programs.page(old, "## Keras\n\ntwo\n", "Keras")
    assert "one" in both
    assert both.index("## PyTorch") < both.index("## Keras")
    assert "one" not in programs.page(both, "## PyTorch\n\nthree\n", "PyTorch")
