"""Checking in Python how a model starts."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

import biaslint

torch = pytest.importorskip("torch")
import numpy  # noqa: E402
from torch import nn  # noqa: E402

from biaslint.runtime.torch.step_loss import own_optimiser, step_loss  # noqa: E402

pytest_plugins = ["pytester"]
X, Y = torch.randn(200, 6, generator=torch.Generator().manual_seed(0)), (torch.arange(200) % 10 == 0).long()


class Net(nn.Module):
    def __init__(self, start: float = 0.0, dead: bool = False) -> None:
        super().__init__()
        self.a = nn.Linear(6, 8, bias=dead)
        self.norm, self.b = nn.BatchNorm1d(8), nn.Linear(8, 2)
        nn.init.normal_(self.b.weight, std=0.01)
        with torch.no_grad():
            self.b.bias.copy_(torch.tensor([-start, start]))

    def forward(self, x: Any) -> Any:
        return self.b(self.norm(self.a(x)).relu())


def codes(report: Any) -> list[str]:
    return [one.rule for one in report.findings]


def test_a_good_start_passes_and_a_bad_one_names_what_to_write() -> None:
    good = biaslint.check_start(Net(-1.1), (X, Y))
    assert codes(good) == []
    assert good.ok
    bad = biaslint.check_start(Net(dead=True), (X, Y))
    assert set(codes(bad)) == {"BL101", "BL401"}
    assert not bad.ok
    assert "model.b.bias" in str(bad)
    assert "BL401 warning" in str(bad)
    assert bad.observed.loss.best == pytest.approx(0.3251, abs=1e-3)


def test_a_prior_can_be_stated_where_there_are_no_labels() -> None:
    assert codes(biaslint.check_start(Net(), X, prior=[0.9, 0.1])) == ["BL401"]
    assert codes(biaslint.check_start(Net(), X, prior=0.1, output="softmax")) == ["BL401"]
    assert codes(biaslint.check_start(Net(-1.1), X, prior=0.1)) == []
    assert codes(biaslint.check_start(Net(), target_mean=[50, 50], output="regression")) == ["BL401"]


def test_labels_may_stand_beside_inputs_of_any_form() -> None:
    class Two(Net):
        def forward(self, x: Any, more: Any) -> Any:
            return super().forward(x + more["y"])

    assert codes(biaslint.check_start(Two(), (X, {"y": X}), labels=Y)) == ["BL401"]
    assert codes(biaslint.check_start(Net(), {"x": X, "labels": Y})) == ["BL401"]


def test_arrays_are_fed_as_tensors_and_a_dictionary_whole_to_a_model_that_reads_it_by_key() -> None:
    class Keyed(Net):
        def forward(self, batch: Any) -> Any:
            return super().forward(batch["x"] + batch["more"])

    assert codes(biaslint.check_start(Net(), (X.numpy(), Y.numpy()))) == ["BL401"]
    assert codes(biaslint.check_start(Keyed(), {"x": X, "more": X, "labels": Y})) == ["BL401"]
    assert codes(biaslint.check_start(Keyed(-1.1), ({"x": X.numpy(), "more": X}, Y))) == []


def test_the_check_leaves_model_and_chance_as_they_were() -> None:
    model = Net(dead=True)
    model.norm.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(3), random.seed(3), numpy.random.seed(3)
    biaslint.check_start(model, (X, Y))
    drawn = torch.rand(2).tolist(), random.random(), numpy.random.rand()
    torch.manual_seed(3), random.seed(3), numpy.random.seed(3)
    assert drawn == (torch.rand(2).tolist(), random.random(), numpy.random.rand())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert (model.training, model.norm.training) == (True, False)


def test_the_report_is_text_page_data_and_figures() -> None:
    report = biaslint.check_start(Net(dead=True), (X, Y))
    data = json.loads(json.dumps(report.to_dict()))
    assert {one["rule"] for one in data["findings"]} == {"BL101", "BL401"}
    assert data["figures"]["start/dead_biases"] == 1
    assert data["figures"]["start/initial_loss"] == pytest.approx(report.observed.loss.value)
    page = report._repr_html_()
    assert page.startswith("<iframe srcdoc=")
    assert "&lt;!doctype html&gt;" in page
    assert "<script" not in page

    class Writer:
        def __init__(self) -> None:
            self.scalars: dict[str, float] = {}

        def add_scalar(self, name: str, value: float, step: int) -> None:
            self.scalars[name] = value

        def add_text(self, name: str, text: str, step: int) -> None:
            assert "BL401" in text

    writer = Writer()
    report.to_tensorboard(writer)
    assert writer.scalars == report.figures()


def test_an_assertion_says_what_is_wrong_and_can_leave_rules_out() -> None:
    with pytest.raises(AssertionError, match=r"(?s)Net does not start well.*BL101.*start from the prior"):
        biaslint.assert_good_start(Net(dead=True), (X, Y))
    biaslint.assert_good_start(Net(dead=True), (X, Y), ignore=["BL401", "bias-before-norm"])
    assert biaslint.assert_good_start(Net(-1.1), (X, Y)).ok


def test_what_cannot_be_measured_is_no_good_start() -> None:
    class Narrow(nn.Linear):
        def forward(self, x: Any) -> Any:
            if x.dtype == torch.float64:
                raise TypeError("too wide")
            return super().forward(x)

    with pytest.raises(AssertionError, match="could not be measured: dead-bias: TypeError: too wide"):
        biaslint.assert_good_start(Narrow(6, 2), X)
    with pytest.raises(TypeError, match="int is not a PyTorch, Keras or Flax model"):
        biaslint.check_start(3)
    with pytest.raises(ValueError, match="softmax, sigmoid, regression"):
        biaslint.check_start(Net(), X, output="logits")


class Lit(Net):
    def training_step(self, batch: Any, index: int) -> Any:
        x, y = batch
        return nn.functional.cross_entropy(self(x), y, weight=torch.tensor([1.0, 9.0])) + 0.0

    def configure_optimizers(self) -> Any:
        return {"optimizer": torch.optim.SGD([self.a.weight, self.b.weight], 0.1), "lr_scheduler": None}


def test_the_training_step_gives_the_loss_and_its_weights() -> None:
    loss = step_loss(Lit(), (X, Y))
    assert loss is not None
    assert (loss.__name__, loss.weight.tolist()) == ("cross_entropy", [1.0, 9.0])
    report = biaslint.check_start(Lit(), (X, Y))
    assert "BL401" not in codes(report)
    assert report.observed.loss.class_weights == [1.0, 9.0]
    assert step_loss(Net(), (X, Y)) is None


def test_what_the_own_optimiser_leaves_out_is_found() -> None:
    assert len(own_optimiser(Lit()).param_groups[0]["params"]) == 2
    assert [one.layer for one in biaslint.check_start(Lit(), (X, Y)).findings if one.rule == "BL205"] == ["b"]
    assert own_optimiser(Net()) is None


def test_a_lightning_trainer_checks_before_its_first_step(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("lightning")
    from biaslint.runtime.callbacks.lightning import StartCheck

    logged: list[dict[str, float]] = []

    class Trainer:
        train_dataloader = ((X, Y),)
        loggers = (type("Logger", (), {"log_metrics": lambda self, figures, step: logged.append(figures)})(),)

    check = StartCheck()
    with pytest.warns(UserWarning, match="BL101"):
        check.on_train_start(Trainer(), Net(dead=True))
    assert logged == [check.report.figures()]
    with pytest.raises(RuntimeError, match="does not start well"):
        StartCheck(fail=True).on_train_start(Trainer(), Net(dead=True))


def test_keras_checks_before_its_first_step() -> None:
    keras = pytest.importorskip("keras")
    from biaslint.runtime.callbacks.keras import StartCheck

    model = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(8), keras.layers.BatchNormalization(), keras.layers.Dense(1)]
    )
    model.compile(optimizer="sgd", loss=keras.losses.BinaryCrossentropy(from_logits=True))
    x, y = X.numpy(), Y.numpy()[:, None].astype("float32")
    check = StartCheck((x, y))
    with pytest.warns(UserWarning, match="BL101"):
        model.fit(x, y, epochs=1, verbose=0, callbacks=[check])
    assert "BL401" in codes(check.report)
    assert check.report.observed.loss.kind == "binary_cross_entropy"


def test_the_plugin_s_fixture_fails_a_test_of_a_bad_start(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "from torch import nn\n"
        "def net(bias):\n    return nn.Sequential(nn.Linear(6, 8, bias=bias), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))\n"
        "def test_bad(good_start):\n    good_start(net(True))\n"
        "def test_good(good_start):\n    assert good_start(net(False)).ok\n"
    )
    # An installed biaslint has registered its plugin already; a checkout on the path has not.
    installed = any(entry.value == "biaslint.pytest_plugin" for entry in entry_points(group="pytest11"))
    plugin = [] if installed else ["-p", "biaslint.pytest_plugin"]
    result = pytester.runpytest_inprocess(*plugin, "-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*does not start well*"])


def test_the_package_offers_its_functions_without_importing_anything_before() -> None:
    code = (
        "import sys, biaslint\nassert not {'click', 'torch', 'numpy'} & set(sys.modules)\nbiaslint.check_start\n"
        "assert 'torch' not in sys.modules\ntry:\n    biaslint.nothing\nexcept AttributeError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parent.parent)
    assert "has no attribute 'nothing'" in done.stdout, done.stderr
