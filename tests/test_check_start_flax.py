"""Checking in Python how a Flax model starts."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("flax")

import jax
import numpy
import optax
from flax import linen, nnx

import biaslint

X = numpy.random.default_rng(0).standard_normal((64, 6)).astype("float32")
Y = (numpy.arange(64) % 8 == 0).astype("int32")
LOSS = optax.softmax_cross_entropy_with_integer_labels


class Net(linen.Module):
    """A classifier."""

    dead: bool = False

    @linen.compact
    def __call__(self, x: Any, train: bool = False) -> Any:
        x = linen.Dense(8, use_bias=self.dead, name="hidden")(x)
        x = linen.relu(linen.BatchNorm(use_running_average=not train)(x))
        return linen.Dense(2, kernel_init=linen.initializers.normal(0.01), name="head")(x)


class Pair(nnx.Module):
    """A classifier that has its parameters."""

    def __init__(self, dead: bool) -> None:
        rngs = nnx.Rngs(0)
        self.hidden = nnx.Linear(6, 8, use_bias=dead, rngs=rngs)
        self.norm = nnx.BatchNorm(8, rngs=rngs)
        self.head = nnx.Linear(8, 2, kernel_init=nnx.initializers.normal(0.01), rngs=rngs)

    def __call__(self, x: Any) -> Any:
        return self.head(nnx.relu(self.norm(self.hidden(x))))


def codes(report: Any) -> list[str]:
    return [one.rule for one in report.findings]


def with_prior(model: Net) -> Any:
    variables = model.init(jax.random.key(0), X)
    variables["params"]["head"]["bias"] = numpy.log(numpy.array([7 / 8, 1 / 8], "float32"))
    return variables


def test_a_linen_module_is_initialized_where_it_comes_without_variables() -> None:
    assert codes(biaslint.check_start(Net(dead=True), (X, Y), loss=LOSS)) == ["BL101", "BL401"]


def test_the_variables_that_are_given_are_measured() -> None:
    model = Net()
    variables = with_prior(model)
    assert codes(biaslint.check_start(model, (X, Y), loss=LOSS)) == ["BL401"]
    assert codes(biaslint.check_start(model, (X, Y), loss=LOSS, variables=variables)) == []
    assert codes(biaslint.check_start(model, (X, Y), loss=LOSS, variables=variables["params"])) == []
    assert codes(biaslint.check_start(model.bind(variables), (X, Y), loss=LOSS)) == []


def test_an_nnx_module_is_measured_in_training_and_stays_as_it_was() -> None:
    model = Pair(dead=True)
    model.eval()
    before = numpy.asarray(model.norm.mean.get_value()).copy()
    assert codes(biaslint.check_start(model, (X, Y), loss=LOSS)) == ["BL101", "BL401"]
    assert model.norm.use_running_average
    assert (numpy.asarray(model.norm.mean.get_value()) == before).all()


def test_without_a_batch_inputs_are_worked_out() -> None:
    report = biaslint.check_start(nnx.Linear(8, 2, rngs=nnx.Rngs(0)))
    assert report.observed.batch > 0


def test_a_start_that_is_not_good_fails_an_assertion() -> None:
    with pytest.raises(AssertionError, match="BL101"):
        biaslint.assert_good_start(
            Net(dead=True), (X, Y), loss=LOSS, variables=with_prior(Net()) | {"params": with_prior(Net(dead=True))["params"]}
        )
    biaslint.assert_good_start(Net(), (X, Y), loss=LOSS, variables=with_prior(Net()))


def test_variables_belong_to_linen_modules() -> None:
    with pytest.raises(TypeError, match="has its own parameters"):
        biaslint.check_start(Pair(dead=False), (X, Y), variables={})
