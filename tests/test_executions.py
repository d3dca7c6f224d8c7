"""How often an entry point is executed: settings are given other values where these decide whether there is a norm."""

from __future__ import annotations

from pathlib import Path

import pytest

from biaslint import engine
from biaslint.config import Config

HEAD = "import torch\nfrom torch import nn\n\n\nclass Net(nn.Module):\n"
FORWARD = "    def forward(self, x):\n        return self.fc(x)\n"


def executions(constructor: str, forward: str = FORWARD) -> int:
    return len(made(constructor, forward))


def made(constructor: str, forward: str) -> list[tuple[str, int]]:
    """The executions, each with its number of steps."""
    return list(engine.lint_text(HEAD + constructor + forward, Path("net.py"), Config(Path.cwd())).executions)


def constructor(parameters: str, *lines: str) -> str:
    body = "".join(f"        {line}\n" for line in ("super().__init__()", "self.fc = nn.Linear(4, 4)", *lines))
    return f"    def __init__(self, {parameters}):\n{body}"


@pytest.mark.parametrize(
    ("parameters", "lines"),
    [
        ("rate=None", ["if rate is not None:", "    self.drop = nn.Dropout(rate)"]),
        ("groups=1", ["if groups != 1:", "    raise ValueError(groups)"]),
        ("norm=None", ["if norm is None:", "    norm = nn.BatchNorm1d"]),
        ("wide=False", ["if wide:", "    self.wide = nn.Linear(4, 8)"]),
    ],
)
def test_a_setting_that_decides_nothing_about_a_norm_is_what_it_is(parameters: str, lines: list[str]) -> None:
    assert executions(constructor(parameters, *lines)) == 1


@pytest.mark.parametrize(
    ("parameters", "lines"),
    [
        ("norm=None", ["if norm is not None:", "    self.after = norm(4)"]),
        ("plain=1", ["if plain != 1:", "    self.after = nn.BatchNorm1d(4)"]),
        ("rounds=1", ["for _ in range(rounds - 1):", "    self.after = make(4)"]),
        ("last=False", ["if last:", "    self.after = nn.BatchNorm1d(4)"]),
        ("last=None", ["self.after = nn.BatchNorm1d(4) if last else nn.Identity()"]),
        ("kind='none'", ["if kind == 'batch':", "    self.after = nn.BatchNorm1d(4)"]),
    ],
)
def test_a_setting_that_decides_about_a_norm_is_given_another_value(parameters: str, lines: list[str]) -> None:
    assert executions(constructor(parameters, *lines)) > 1


@pytest.mark.parametrize("parameters", ["rate=0.0", "pad=0", "act=nn.Identity", "norm=nn.BatchNorm1d"])
def test_what_is_made_with_a_setting_costs_nothing_where_no_bias_may_be_reported(parameters: str) -> None:
    name = parameters.partition("=")[0]
    lines = ["self.first = nn.Dropout(rate)"] if name == "rate" else [f"self.first = nn.AvgPool1d(2, padding={name})"]
    assert executions(constructor(parameters, *(lines if name in ("rate", "pad") else [f"self.first = {name}(4)"]))) == 1


def test_a_helper_method_that_makes_norms_counts_as_one() -> None:
    helper = "    def finish(self):\n        self.after = nn.BatchNorm1d(4)\n"
    assert executions(constructor("last=None", "if last:", "    self.finish()"), helper + FORWARD) > 1


def test_code_behind_an_early_return_is_guarded_by_it() -> None:
    forward = "    def forward(self, x):\n        x = self.fc(x)\n        if self.plain is None:\n            return x\n"
    forward += "        return self.norm(x)\n"
    assert executions(constructor("plain=None", "self.plain = plain", "self.norm = nn.BatchNorm1d(4)"), forward) > 1


SAMPLING = """
    def forward(self, x):
        chosen = torch.zeros(4, {rounds})
        for i in range({rounds}):
            chosen[:, i] = x[:, i].sum(-1).amax(-1).amax(-1)
        return self.fc(x), chosen
"""


def test_a_loop_over_tensors_takes_no_longer_however_many_rounds_it_has() -> None:
    few, many = (made(constructor("plain=None"), SAMPLING.format(rounds=rounds)) for rounds in (100, 2000))
    assert many[0][1] < 2 * few[0][1]
