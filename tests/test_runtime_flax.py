"""Real Flax models, linen's and nnx's, measured."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("flax")

import jax
import numpy
from flax import linen, nnx

from biaslint.runtime.facts import room
from biaslint.runtime.facts.observed import Observed
from biaslint.runtime.facts.task import Task
from biaslint.runtime.flax import session
from biaslint.runtime.flax.live import live
from biaslint.runtime.flax.measuring import measure
from biaslint.runtime.flax.tracing import tracing
from biaslint.runtime.target.job import Job
from biaslint.runtime.target.targets import TargetError, is_model
from biaslint.runtime.verdict.judge import judge

IMAGES = numpy.random.default_rng(0).standard_normal((4, 6, 6, 3)).astype("float32")


class Net(linen.Module):
    """One convolution before each kind of reader."""

    @linen.compact
    def __call__(self, x: Any, train: bool = False) -> Any:
        dead = linen.BatchNorm(use_running_average=not train, name="norm")(linen.Conv(4, (3, 3), name="dead")(x))
        alive = linen.BatchNorm(use_running_average=not train)(linen.relu(linen.Conv(4, (3, 3), name="alive")(x)))
        single = linen.GroupNorm(num_groups=4)(linen.Conv(4, (3, 3), name="single")(x))
        stored = linen.BatchNorm(use_running_average=True)(linen.Conv(4, (3, 3), name="stored")(x))
        dropped = linen.Dropout(0.5, deterministic=not train)(linen.Conv(4, (3, 3), name="dropped")(x))
        dropped = linen.BatchNorm(use_running_average=not train)(dropped)
        x = sum(map(linen.relu, (dead, alive, single, stored, dropped)))
        return linen.Dense(3, name="head")(linen.Dropout(0.5, deterministic=not train)(x.mean((1, 2))))


class Cell(linen.Module):
    """A recurrent model."""

    @linen.compact
    def __call__(self, x: Any) -> Any:
        return linen.Dense(2)(linen.RNN(linen.LSTMCell(4, name="cell"))(x)[:, -1])


class Small(nnx.Module):
    """The same in nnx."""

    def __init__(self) -> None:
        rngs = nnx.Rngs(0)
        self.dead = nnx.Conv(3, 4, (3, 3), rngs=rngs)
        self.norm = nnx.BatchNorm(4, use_running_average=True, rngs=rngs)
        self.head = nnx.Linear(4, 3, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        return nnx.softmax(self.head(nnx.relu(self.norm(self.dead(x))).mean((1, 2))))


@pytest.fixture(scope="module")
def net() -> Observed:
    with tracing():
        return measure(live(Net(), [IMAGES], {}, 0), Task(labels=numpy.array([0, 0, 0, 1])))


def test_what_follows_a_convolution_decides(net: Observed) -> None:
    found = {layer.name: layer.dead for layer in net.layers if layer.kind in ("conv", "linear")}
    assert found == {
        "dead": "dead_bn",
        "alive": "alive",
        "single": "dead_always",
        "stored": "alive",
        "dropped": "alive",
        "head": "alive",
    }


def test_the_norm_and_the_line_are_named(net: Observed) -> None:
    layer = next(layer for layer in net.layers if layer.name == "dead")
    assert layer.cancelled_by == ["norm"]
    assert layer.chain[0][0] == __file__
    assert [failure.layer for failure in judge(net).failures if failure.rule == "bias-before-norm"] == ["dead", "single"]


def test_initial_outputs_and_the_output_layer_are_known(net: Observed) -> None:
    assert [layer.name for layer in net.layers if layer.is_output] == ["head"]
    assert net.targets is not None
    assert net.targets.prior == [0.75, 0.25]
    assert len(net.outputs[0].predicted) == 3


def test_a_forget_gate_starts_half_open() -> None:
    observed = measure(live(Cell(), [IMAGES[:, :, 0]], {}, 0))
    gates = {layer.layer: layer.gates[0].value for layer in observed.layers if layer.gates}
    assert gates == {"LSTMCell": 0.5}
    assert "forget-gate-bias" in [failure.rule for failure in judge(observed).failures]


def test_a_model_of_nnx_is_measured_in_training() -> None:
    with tracing():
        model = Small()
    assert is_model(model) == "flax"
    observed = measure(live(model, [IMAGES], {}, 0))
    assert {layer.name: layer.dead for layer in observed.layers if layer.dead} == {"dead": "dead_bn", "head": "alive"}
    assert [(layer.name, layer.output_activation) for layer in observed.layers if layer.is_output] == [("head", "softmax")]


def test_the_program_s_precision_stays_as_it_was(net: Observed) -> None:
    assert net.layers
    assert jax.numpy.ones(2).dtype == "float32"


@pytest.mark.parametrize("make", [lambda: linen.Dense(1000), lambda: nnx.Linear(1000, 1000, rngs=nnx.Rngs(0))])
def test_a_model_without_room_is_refused_with_what_it_takes(monkeypatch: pytest.MonkeyPatch, make: Any) -> None:
    monkeypatch.setattr(room, "used", lambda: 0)
    job = Job("net", inputs=["1000"], memory=20)
    with pytest.raises(
        TargetError, match="the model has 1,001,000 parameters, and measuring it takes about 100 MB; the limit is 20 MB"
    ):
        session.feed(make(), job)
    job.memory = 30
    assert session.feed(make(), job)[2] == ["1000"]
