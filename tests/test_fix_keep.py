"""`--fix --unsafe-fixes --keep-checkpoints`: biases are removed where the class can be given a load hook, and old checkpoints load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from biaslint.cli.lint import command

torch = pytest.importorskip("torch")

HEAD = "import torch\nfrom torch import nn\nfrom torch.nn import functional as F\n\n\n"
BLOCK = '''class Block(nn.Module):
    """Two ways to write it."""

    def __init__(self, norm=True):
        super().__init__()
        self.one = nn.Conv2d(3, 6, 3, padding=1)
        self.first = nn.BatchNorm2d(6)
        self.two = nn.Conv2d(6, 6, 3, padding=1)
        self.second = nn.BatchNorm2d(6) if norm else nn.Identity()

    def forward(self, x):
        x = self.one(x)
        x = self.first(x)
        return self.second(self.two(x.relu())).relu()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.ReLU())
        self.block = Block()
        self.last = nn.Conv2d(6, 4, 1)
        self.norm = nn.InstanceNorm2d(4)

    def forward(self, x):
        return self.norm(self.last(self.block(self.stem(x)))).sigmoid()
'''


def fixed(folder: Path, text: str, *options: str) -> tuple[Result, str]:
    (folder / "net.py").write_text(text)
    words = ("--fix", "--unsafe-fixes", "--keep-checkpoints", "--isolated", "--no-cache", *options)
    done = CliRunner().invoke(command, [*words, str(folder / "net.py")])
    return done, (folder / "net.py").read_text()


def built(text: str, name: str = "Net") -> Any:
    space: dict[str, Any] = {"__name__": "made"}
    exec(text, space)
    return space[name]()


def settled(model: Any) -> Any:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in [*model.parameters(), *(one for one in model.buffers() if one.is_floating_point())]:
            value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
    return model


def test_an_old_checkpoint_loads_into_the_fixed_class_and_computes_the_same(tmp_path: Path) -> None:
    done, text = fixed(tmp_path, HEAD + BLOCK)
    assert "not fixed" not in done.output
    old, new = settled(built(HEAD + BLOCK)), built(text)
    assert old.state_dict().keys() - new.state_dict().keys() == {"stem.0.bias", "block.one.bias", "block.two.bias", "last.bias"}
    state = old.state_dict()
    before = {key: value.clone() for key, value in state.items()}
    new.load_state_dict(state)
    x = torch.randn(4, 3, 6, 6)
    for training in (False, True):
        with torch.no_grad():
            torch.testing.assert_close(new.train(training)(x), old.train(training)(x), rtol=1e-4, atol=1e-5)
    assert all(torch.equal(value, before[key]) for key, value in state.items() if "running" not in key and "num" not in key)
    new.load_state_dict(new.state_dict())


def test_the_hook_is_short_and_there_once(tmp_path: Path) -> None:
    _, text = fixed(tmp_path, HEAD + BLOCK)
    assert text.count("def _load_from_state_dict") == 2
    assert '(("one", "first"), ("two", "second"))' in text
    assert '(("last", "norm"), ("stem.0", "stem.1"))' in text
    assert fixed(tmp_path, text)[1] == text


def test_a_layer_that_has_its_bias_after_all_loads_it(tmp_path: Path) -> None:
    """The fix is `bias=not norm`: without the norm, the bias is there."""
    _, text = fixed(tmp_path, HEAD + BLOCK.partition("\n\nclass Net")[0])
    assert "bias=not norm" in text
    space: dict[str, Any] = {"__name__": "made"}
    exec(text, space)
    plain = space["Block"](norm=False)
    state = settled(space["Block"](norm=False)).state_dict()
    plain.load_state_dict(state)
    assert torch.equal(plain.two.bias, state["two.bias"])


LEFT = {
    "two norms": ("self.a(y).relu() + self.norm(y).relu()", "y = self.conv(x)", ""),
    "a factor": ("self.norm(y * 3).relu()", "y = self.conv(x)", ""),
    "a norm used twice": ("self.norm(self.conv(x)).relu() + self.norm(x).relu()", "x = self.other(x)", ""),
    "a hook of its own": (
        "self.norm(self.conv(x)).relu()",
        "x = x",
        "\n    def _load_from_state_dict(self, *args):\n        super()._load_from_state_dict(*args)\n",
    ),
    "a class that extends it": (
        "self.norm(self.conv(x)).relu()",
        "x = x",
        "\n\nclass More(Net):\n    def forward(self, x):\n        return super().forward(x) + self.norm(x)\n",
    ),
}


@pytest.mark.parametrize("kind", LEFT)
def test_a_bias_whose_fold_cannot_be_read_off_the_class_is_left(tmp_path: Path, kind: str) -> None:
    result, step, more = LEFT[kind]
    text = (
        f"{HEAD}class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.other = nn.Conv2d(6, 6, 1, bias=False)\n        self.conv = nn.Conv2d(6, 6, 3, padding=1)\n"
        "        self.norm = nn.BatchNorm2d(6)\n        self.a = nn.BatchNorm2d(6)\n\n"
        f"    def forward(self, x):\n        {step}\n        return {result}\n{more}"
    )
    done, new = fixed(tmp_path, text)
    assert "use `biaslint migrate`" in done.output
    assert new == text


def test_tabs_and_line_endings_stay(tmp_path: Path) -> None:
    plain = HEAD + BLOCK.partition("class Net")[2].join(["class Net", ""]).replace("Block()", "nn.Conv2d(3, 6, 1, bias=False)")
    text = plain.replace("    ", "\t").replace("\n", "\r\n")
    (tmp_path / "net.py").write_bytes(text.encode())
    words = ("--fix", "--unsafe-fixes", "--keep-checkpoints", "--isolated", "--no-cache")
    CliRunner().invoke(command, [*words, str(tmp_path / "net.py")])
    new = (tmp_path / "net.py").read_bytes().decode()
    assert "\r\n\tdef _load_from_state_dict(" in new
    assert new.count("\r\n") == new.count("\n")
    assert not [line for line in new.split("\r\n") if line.startswith(" ")]
    built(new).load_state_dict(settled(built(text)).state_dict())


def test_it_goes_with_unsafe_fixes(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(HEAD + BLOCK)
    done = CliRunner().invoke(command, ["--fix", "--keep-checkpoints", "--isolated", str(tmp_path / "net.py")])
    assert done.exit_code == 2
    assert "--keep-checkpoints requires files and --fix --unsafe-fixes" in done.output
