"""A model that the memory limit has no room for is neither killed nor measured in part without a word: its size is worked out first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

torch = pytest.importorskip("torch")

from biaslint.runtime.command import verify  # noqa: E402
from biaslint.runtime.torch import within_memory  # noqa: E402
from biaslint.runtime.torch.size import Size, kept_for_gradients, size_of, without_values  # noqa: E402
from biaslint.runtime.torch.twin import twin_of  # noqa: E402

LIMIT = 100  # megabytes
pytestmark = pytest.mark.usefixtures("same_process")
MODELS = """
from dataclasses import dataclass, field

import torch
from torch import nn


@dataclass
class Config:
    n_layer: int = 24
    n_head: int = 4
    n_embd: int = 256
    rates: list = field(default_factory=lambda: [0.0] * 24)


class Deep(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        assert len(config.rates) == config.n_layer and config.n_embd % config.n_head == 0
        self.layers = nn.ModuleList(nn.Linear(config.n_embd, 4 * config.n_embd) for _ in range(config.n_layer))

    def forward(self, x):
        for layer in self.layers:
            x = layer(x).unflatten(-1, (4, -1)).sum(-2)
        return x


class Plain(nn.Module):
    def __init__(self, width=1000, layers=5):
        super().__init__()
        self.layers = nn.Sequential(*[nn.Linear(width, width) for _ in range(layers)])

    def forward(self, x):
        return self.layers(x)


def deep():
    return Deep(Config())
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(within_memory, "used", lambda: 0)
    (tmp_path / "net.py").write_text(MODELS)
    return tmp_path


def command(*arguments: str) -> Result:
    return CliRunner().invoke(verify, [*arguments, "--memory", str(LIMIT)])


def test_what_has_no_room_and_no_twin_says_what_it_takes_and_which_option_gives_it(folder: Path) -> None:
    result = command("net.py:Plain", "--arg", "width=2000")
    parameters = 5 * (2000 * 2000 + 2000)
    assert result.exit_code == 2
    assert f"the model has {parameters:,} parameters" in result.output
    assert f"the limit is {LIMIT} MB. Raise it with --memory " in result.output


def test_a_configuration_makes_a_twin_and_the_report_says_so(folder: Path) -> None:
    result = command("net.py:deep", "--format", "json", "--html", "page.html")
    model = json.loads(result.stdout)["model"]
    assert result.exit_code == 0, result.output
    assert "this is a twin of it with n_layer 24 → 12" in model["twin"]
    assert model["parameters"] == 12 * 4 * 256 * 257
    assert model["inconclusive"] == {}
    assert "n_layer 24 → 12" in (folder / "page.html").read_text()


def test_what_has_room_for_one_pass_is_measured_but_for_dead_biases(folder: Path) -> None:
    result = command("net.py:Plain", "--format", "json")
    about = json.loads(result.stdout)
    assert result.exit_code == 3
    assert "tests dead biases too" in about["model"]["inconclusive"]["dead-bias"]
    assert about["model"]["twin"] == ""
    assert {"activation-scale", "gradient-scale"} <= {one["name"] for one in about["measurements"] if one["status"] == "pass"}


def test_the_size_is_the_same_with_and_without_values(folder: Path) -> None:
    space: dict[str, object] = {}
    exec(MODELS, space)
    build = space["Plain"]
    real, hollow = size_of(build(8)), size_of(without_values(lambda: build(8)))  # type: ignore[operator]
    assert real == hollow == Size(5 * 72, 5 * 72 * 4, 64)
    assert without_values(lambda: build(int(torch.ones(1).item()))) is None  # type: ignore[operator]
    assert real.plain() <= real.whole()


def test_what_the_forward_pass_keeps_is_counted_without_values() -> None:
    with torch.device("meta"):
        model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Sigmoid())
        fed = torch.empty(2, 4, requires_grad=True)
    assert kept_for_gradients(model, lambda _: ([fed], {})) == 2 * (2 * 4 * 4)  # the input, and the sigmoid's output
    assert kept_for_gradients(model, lambda _: ([torch.empty(2, 3)], {})) == 0


def test_a_twin_is_narrower_where_fewer_layers_are_not_enough_and_none_where_nothing_is() -> None:
    space: dict[str, object] = {}
    exec(MODELS.replace("from dataclasses import dataclass, field", "from dataclasses import *"), space)
    with torch.device("meta"):
        model = space["deep"]()  # type: ignore[operator]
    narrow = twin_of(model, lambda one: size_of(one).parameters < 100_000)
    assert narrow is not None
    assert narrow.in_words() == "n_layer 24 → 4, n_head 4 → 1, n_embd 256 → 64"
    assert twin_of(model, lambda _: False) is None
    assert twin_of(torch.nn.Linear(2, 2), lambda _: True) is None


def test_a_model_without_values_is_said_to_be_one(folder: Path) -> None:
    (folder / "hollow.py").write_text("import torch\nmodel = torch.nn.Linear(4, 2, device='meta')\n")
    result = command("hollow.py:model")
    assert result.exit_code == 2
    assert "built on the meta device" in result.output
