"""A model as it is and with the advised starts: what is changed, both measurements side by side, and short trainings of both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from same_process import measured as run

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from biaslint.runtime.command import verify  # noqa: E402
from biaslint.runtime.compare import comparison  # noqa: E402
from biaslint.runtime.compare.changes import FORGET, advised, in_words  # noqa: E402
from biaslint.runtime.compare.comparison import Comparison, effect, rows  # noqa: E402
from biaslint.runtime.facts.measurement import Failure, Verdict  # noqa: E402
from biaslint.runtime.facts.observed import Observed  # noqa: E402
from biaslint.runtime.report import html  # noqa: E402
from biaslint.runtime.report.comparison_text import render  # noqa: E402
from biaslint.runtime.target.job import Job  # noqa: E402
from biaslint.runtime.torch.starts import apply  # noqa: E402
from biaslint.runtime.verdict.judge import judge  # noqa: E402

NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.body, self.head = nn.LSTM(4, 8, batch_first=True), nn.Linear(8, 32), nn.Linear(32, 3)
        nn.init.constant_(self.body.bias, -2.0)

    def forward(self, x):
        return self.head(self.body(self.rnn(x)[0][:, -1]).relu())

def data():
    torch.manual_seed(1)
    labels = torch.multinomial(torch.tensor([0.9, 0.08, 0.02]), 400, replacement=True)
    return torch.randn(400, 5, 4), labels
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(NET)
    return tmp_path


def compared(**more: Any) -> Comparison:
    """The net as it is and changed."""
    job = Job("net.py:Net", data="net.py:data", batch=40, **more)
    before = run(job)
    changes = advised(judge(before))
    after = run(Job("net.py:Net", data="net.py:data", batch=40, changes=changes, **more))
    return Comparison(changes, before, after, judge(before), judge(after))


def test_what_is_advised_is_changed_and_measured_again(folder: Path) -> None:
    both = compared()
    assert {(one["layer"], one["part"]) for one in both.changes} == {("head", "bias"), ("rnn", FORGET), ("body", "bias")}
    found = {name: (before, after) for name, before, after, _ in rows(both)}
    assert float(found["initial loss"][1]) < 0.7 * float(found["initial loss"][0])
    assert float(found["outputs from the prior"][1]) < 0.01 < float(found["outputs from the prior"][0])
    assert float(found["forget gates"][1]) == pytest.approx(0.7311, abs=1e-3)
    assert int(found["dead ReLU units"][1].split()[0]) < int(found["dead ReLU units"][0].split()[0])
    assert both.after.notes == both.before.notes
    assert "bias of `body`: 0" in render(both)


def test_both_are_trained_on_the_same_batches_from_the_same_weights(folder: Path) -> None:
    both = compared(steps=6, seeds=2)
    assert [len(curve) for curve in both.before.curves] == [6, 6]
    assert both.before.curves[0] != both.before.curves[1]
    assert run(Job("net.py:Net", data="net.py:data", batch=40, steps=6, seeds=1)).curves == both.before.curves[:1]
    assert both.before.trained_with == "Adam, learning rate 0.001, cross_entropy"
    assert "ahead by" in effect(both)
    assert "Loss in training" in render(both)
    page = html.render(both.before, both.verdict_before, [], None, both)
    assert page.count("<polygon") == 2
    assert "With the advised starts" in page


def test_a_training_that_fails_takes_no_measurement_away(folder: Path) -> None:
    (folder / "net.py").write_text(NET + "\ndef unlabelled():\n    return [(torch.randn(40, 5, 4),)] * 3\n")
    observed = run(Job("net.py:Net", data="net.py:unlabelled", steps=3))
    assert observed.curves == []
    assert observed.layers
    assert "batches without labels" in observed.notes[-1]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ([[2.0, 0.9], [2.0, 1.0]], [[1.0, 0.5], [1.0, 0.6]], "takes 1 step to where the changed one begins; after 2 steps the changed start is ahead"),
        ([[2.0, 1.0], [2.0, 1.2]], [[1.0, 1.1], [1.0, 1.1]], "no difference is left that the seeds do not make as well"),
        ([[1.0, 0.5], [1.0, 0.6]], [[2.0, 1.0], [2.0, 1.2]], "behind by 0.55"),
        ([[1.0, 0.5]], [[0.9, 0.4]], "no difference is left"),
        ([[1.0, float("nan")]] * 2, [[1.0, 0.4]] * 2, "did not stay finite"),
        ([], [], ""),
    ],
)  # fmt: skip
def test_the_effect_is_said_and_also_where_there_is_none(
    before: list[list[float]], after: list[list[float]], said: str
) -> None:
    both = Comparison([], Observed("torch", curves=before), Observed("torch", curves=after), Verdict(), Verdict())
    assert said in effect(both)
    assert bool(effect(both)) == bool(said)


def test_a_band_goes_from_the_least_to_the_largest() -> None:
    found = comparison.band([[1.0, 2.0, 9.0], [3.0, 4.0]])
    assert (found.mean, found.low, found.high) == ([2.0, 3.0], [1.0, 2.0], [3.0, 4.0])


def test_findings_that_do_not_touch_the_start_change_nothing() -> None:
    failures = [
        Failure("bias-before-norm", None, "", "a"),
        Failure("dead-relu-units", None, "", "b"),
        Failure("initial-loss", None, ""),
    ]
    assert advised(Verdict(failures=failures)) == []
    own = Failure("unset-output-bias", None, "", "a", start=(1.0, -1.0))
    assert [in_words(one) for one in advised(Verdict(failures=[own, *failures]))] == ["bias of `a`: [1, -1]"]


def test_a_change_that_does_not_fit_is_said() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2, bias=False))
    wrong = [{"layer": name, "part": "bias", "values": [1.0, 2.0]} for name in ("0", "1", "2")]
    assert len(apply(model, wrong)) == 3
    assert apply(model, [{"layer": "0", "part": "bias", "values": [1.0]}]) == []
    assert model[0].bias.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.usefixtures("same_process")
def test_the_command_shows_both(folder: Path) -> None:
    options = ["net.py:Net", "--data", "net.py:data", "--batch", "40", "--compare"]
    found = json.loads(CliRunner().invoke(verify, [*options, "--format", "json"]).stdout)["comparison"]
    assert {one["layer"] for one in found["changes"]} == {"head", "rnn", "body"}
    assert found["curves"] == {"as it is": [], "changed": []}


@pytest.mark.usefixtures("same_process")
def test_trainings_want_data_and_a_good_start_has_nothing_to_compare_with(folder: Path) -> None:
    result = CliRunner().invoke(verify, ["net.py:Net", "--steps", "3"])
    assert result.exit_code == 2
    assert "pass --data" in result.output
    (folder / "good.py").write_text("from torch import nn\nmodel = nn.Linear(4, 2)\n")
    result = CliRunner().invoke(verify, ["good.py:model", "--compare"])
    assert result.exit_code == 0
    assert "nothing to compare with: no finding advises another start" in result.output
