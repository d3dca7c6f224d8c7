"""`biaslint migrate`: what dropped biases did goes into what is left, or nothing is written."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from migrating import migrate

torch = pytest.importorskip("torch")

Run = Callable[..., Result]

# -- sources: B is True in the old model and False in the new one ------------------------------------------------------------------

HEAD = """
import torch
from torch import nn
from torch.nn import functional as F

B = True

"""
PLAIN = """
class Net(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, padding=1, bias=B)
        self.norm = nn.BatchNorm2d(width)
        self.fc = nn.Linear(width, 4)

    def forward(self, x):
        return self.fc(self.norm(self.conv(x)).relu().mean((2, 3)))
"""


def body(made: str, forward: str) -> str:
    """A model of these parts; `forward` gives what it returns."""
    lines = "".join(f"        {line}\n" for line in made.strip().splitlines())
    steps = forward.strip().splitlines()
    last = "".join(f"        {line}\n" for line in steps[:-1]) + f"        return {steps[-1]}\n"
    return f"class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n{lines}\n    def forward(self, x):\n{last}"


CONV = "self.conv = nn.Conv2d(3, 8, 3, padding=1, bias=B)\n"
NORM = "self.norm = nn.BatchNorm2d(8)\n"
FOLDS = {
    "a pool between": body(CONV + NORM, "self.norm(F.max_pool2d(self.conv(x), 2)).relu()"),
    "an average without padding": body(CONV + NORM, "self.norm(F.avg_pool2d(self.conv(x), 2)).relu()"),
    "a factor": body(CONV + NORM, "self.norm(self.conv(x) * -3.0).relu()"),
    "two norms": body(
        CONV + NORM + "self.more = nn.BatchNorm2d(8)", "y = self.conv(x)\nself.norm(y).relu() + self.more(y * 2).tanh()"
    ),
    "a concatenation": body(
        CONV + "self.other = nn.Conv2d(3, 4, 1)\nself.norm = nn.BatchNorm2d(12)",
        "self.norm(torch.cat([self.other(x), self.conv(x)], 1)).relu()",
    ),
    "a residual branch": body(
        CONV + NORM + "self.two = nn.Conv2d(8, 8, 3, padding=1, bias=B)\nself.last = nn.BatchNorm2d(8)",
        "y = self.conv(x)\ny = y + self.two(self.norm(y).relu())\nself.last(y).relu()",
    ),
    "a convolution of one position": body(
        CONV + NORM + "self.two = nn.Conv2d(8, 8, 1, bias=B)", "self.norm(self.two(self.conv(x))).relu()"
    ),
    "the next layer's bias": body(
        "self.one = nn.Linear(3, 6, bias=B)\nself.two = nn.Linear(6, 4)", "self.two(self.one(x.mean((2, 3)))).relu()"
    ),
    "a bias of its own": body(
        "self.one = nn.Linear(3, 6, bias=B)\nself.bias = nn.Parameter(torch.randn(6))",
        "(self.one(x.mean((2, 3))) + self.bias).relu()",
    ),
    "a bias of its own along channels": body(
        CONV + "self.bias = nn.Parameter(torch.randn(1, 8, 1, 1))", "(self.bias + self.conv(x)).relu()"
    ),
    "an instance norm with running statistics": body(
        CONV + "self.norm = nn.InstanceNorm2d(8, track_running_stats=True)", "self.norm(self.conv(x)).relu()"
    ),
    "a norm of the model's own": body(
        CONV + "self.register_buffer('mine', torch.randn(8))\nself.register_buffer('spread', torch.ones(8))",
        "F.batch_norm(self.conv(x), self.mine, self.spread, training=self.training).relu()",
    ),
    "a norm that is written out": body(CONV + "self.norm = Norm()", "self.norm(self.conv(x)).relu()")
    + """

class Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("running_mean", torch.randn(8))
        self.register_buffer("running_var", torch.rand(8) + 0.5)

    def forward(self, x):
        return (x - self.running_mean[:, None, None]) / self.running_var[:, None, None].sqrt()
""",
    "a transposed convolution": body(
        "self.conv = nn.ConvTranspose2d(3, 8, 2, stride=2, bias=B)\n" + NORM, "self.norm(self.conv(x)).relu()"
    ),
    "a sequence": body(
        "self.conv = nn.Conv1d(3, 8, 3, bias=B)\nself.norm = nn.BatchNorm1d(8)", "self.norm(self.conv(x.flatten(2))).relu()"
    ),
}
# A dead bias that nothing has to take up.
NOTHING_TO_DO = {
    "an instance norm": body(CONV + "self.norm = nn.InstanceNorm2d(8)", "self.norm(self.conv(x)).relu()"),
    "a batch norm without running statistics": body(
        CONV + "self.norm = nn.BatchNorm2d(8, track_running_stats=False)", "self.norm(self.conv(x)).relu()"
    ),
    "the keys of an attention": body(
        "self.q = nn.Linear(3, 6)\nself.k = nn.Linear(3, 6, bias=B)",
        "t = x.flatten(2).transpose(1, 2)\ntorch.softmax(self.q(t) @ self.k(t).transpose(1, 2), -1) @ t",
    ),
}
CANNOT = {
    "a bent function between": (body(CONV + NORM, "self.norm(self.conv(x).relu())"), "after `relu`"),
    "zeros around": (
        body(CONV + NORM + "self.two = nn.Conv2d(8, 8, 3, padding=1, bias=B)", "self.norm(self.two(self.conv(x))).relu()"),
        "`conv2d` in `two` (padded with zeros)",
    ),
    "a norm that shows it": (body(CONV + "self.norm = nn.GroupNorm(2, 8)", "self.norm(self.conv(x)).relu()"), "conv.bias"),
    "a second reader": (body(CONV + NORM, "y = self.conv(x)\nself.norm(y).relu() + y.sigmoid()"), "after `sigmoid`"),
    "one norm in two ways": (
        body(CONV + NORM, "y = self.conv(x)\nself.norm(y).relu() + self.norm(y * 2).relu()"),
        "`norm.running_mean`: it is used more than once",
    ),
    "dropout between": (
        body(CONV + NORM, "self.norm(F.dropout(self.conv(x), 0.5, self.training)).relu()"),
        "training outputs do not: the bias is not dead",
    ),
    "an output": (body(CONV, "self.conv(x)"), "its shift reaches the outputs"),
    "a condition on large values": (
        body(CONV + NORM, "y = self.conv(x)\nself.norm(torch.where(y > -100.0, y, y * 0.5)).relu()"),
        "evaluation on large inputs",
    ),
    "a batch of one": (body(CONV + NORM, "y = self.conv(x)\nself.norm(y).relu() if len(x) > 1 else y"), "on a batch of one"),
    "an attribute": (
        body(CONV + NORM, "self.seen = self.conv(x)\nself.norm(self.seen).relu()"),
        "its shift reaches the outputs",
    ),
    "a wide clamp": (body(CONV + NORM, "self.norm(self.conv(x).clamp(-50, 50)).relu()"), "after `clamp`"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    return lambda *words: migrate(monkeypatch, *words)


def sources(folder: Path, text: str) -> None:
    (folder / "old.py").write_text(HEAD + text)
    (folder / "new.py").write_text(HEAD.replace("True", "False") + text)


def loaded(folder: Path, name: str) -> Any:
    """A model of the test's own, apart from what the command builds."""
    spec = importlib.util.spec_from_file_location(f"mine_{name}", folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Net()


def trained(model: Any, seed: int = 0) -> Any:
    """Give it the values of one that was trained: no zeros, no ones, settled statistics."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)
        for name, buffer in model.named_buffers():
            if buffer.is_floating_point():
                drawn = torch.rand(buffer.shape, generator=generator)
                buffer.copy_(drawn + 0.5 if "mean" not in name else drawn * 4 - 2)
    return model


def outputs(model: Any, training: bool = False) -> Any:
    torch.manual_seed(5)
    x = torch.randn(4, 3, 8, 8, dtype=torch.float64)
    with torch.no_grad():
        return model.double().train(training)(x)


FED = ("--input", "3x8x8")


@pytest.mark.parametrize("kind", [*FOLDS, *NOTHING_TO_DO])
def test_an_old_checkpoint_in_the_new_model_computes_the_same(folder: Path, run: Run, kind: str) -> None:
    sources(folder, (FOLDS | NOTHING_TO_DO)[kind])
    old, new = trained(loaded(folder, "old")), loaded(folder, "new")
    torch.save(old.state_dict(), "old.pt")
    done = run("old.py:Net", "new.py:Net", "old.pt", "new.pt", *FED)
    assert done.exit_code == 0, done.output
    before, after = torch.load("old.pt"), torch.load("new.pt")
    new.load_state_dict(after)
    for training in (False, True):
        torch.testing.assert_close(outputs(new, training), outputs(old, training), rtol=1e-5, atol=1e-5)
    moved = {key for key in after if not torch.equal(after[key], before[key])}
    assert all("mean" in key or "bias" in key or "mine" in key for key in moved)
    assert bool(moved) == (kind in FOLDS)
    assert all(after[key].dtype == before[key].dtype for key in after)


@pytest.mark.parametrize("kind", CANNOT)
def test_what_cannot_be_folded_is_refused_with_what_stands_in_its_way(folder: Path, run: Run, kind: str) -> None:
    text, reason = CANNOT[kind]
    sources(folder, text)
    torch.save(trained(loaded(folder, "old")).state_dict(), "old.pt")
    done = run("old.py:Net", "new.py:Net", "old.pt", "new.pt", *FED)
    assert done.exit_code == 2
    assert "nothing was written" in done.output
    assert reason in done.output
    assert not Path("new.pt").exists()


def test_a_shift_that_these_values_hide_is_refused(folder: Path, run: Run) -> None:
    """All units are on, so that a ReLU lets everything through."""
    sources(folder, body(CONV + NORM, "self.norm(self.conv(x).relu()).tanh()"))
    model = trained(loaded(folder, "old"))
    with torch.no_grad():
        model.conv.bias.fill_(100.0)
    torch.save(model.state_dict(), "old.pt")
    done = run("old.py:Net", "new.py:Net", "old.pt", "new.pt", *FED)
    assert done.exit_code == 2
    assert "after `relu`" in done.output


def test_only_the_bias_that_cannot_be_folded_is_named(folder: Path, run: Run) -> None:
    sources(
        folder,
        body(CONV + NORM + "self.two = nn.Conv2d(8, 8, 1, bias=B)", "self.two(self.norm(self.conv(x)).relu()).sigmoid()"),
    )
    torch.save(trained(loaded(folder, "old")).state_dict(), "old.pt")
    done = run("old.py:Net", "new.py:Net", "old.pt", "new.pt", *FED)
    assert "two.bias (" in done.output
    assert "conv.bias (" not in done.output


# -- the models ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("self.fc = nn.Linear(width, 4)", "self.fc = nn.Linear(width, 5)"), "differ in the shape of fc.weight (4x8 and 5x8)"),
        (
            ("self.fc = ", "self.more = nn.Linear(1, 1); self.fc = "),
            "the new model has more.weight, more.bias, which the old one does not have",
        ),
        (
            ("self.norm = nn.BatchNorm2d(width)", "self.norm = nn.Identity()"),
            "lacks norm.running_mean, norm.running_var, norm.num_batches_tracked",
        ),
        (("bias=B", "bias=True"), "both models have the same keys"),
    ],
)
def test_models_that_differ_in_more_than_biases_are_refused(folder: Path, run: Run, change: tuple[str, str], said: str) -> None:
    sources(folder, PLAIN)
    new = (folder / "new.py").read_text()
    (folder / "new.py").write_text(new.replace(*change))
    torch.save(trained(loaded(folder, "old")).state_dict(), "old.pt")
    done = run("old.py:Net", "new.py:Net", "old.pt", "new.pt", *FED)
    assert done.exit_code == 2
    assert said in done.output


def test_another_change_of_the_model_is_refused(folder: Path, run: Run) -> None:
    sources(folder, PLAIN)
    new = (folder / "new.py").read_text()
    (folder / "new.py").write_text(new.replace(".relu()", ".sigmoid()"))
    torch.save(trained(loaded(folder, "old")).state_dict(), "old.pt")
    done = run("old.py:Net", "new.py:Net", "old.pt", "new.pt", *FED)
    assert done.exit_code == 2
    assert not Path("new.pt").exists()


def test_an_argument_for_the_new_model_alone(folder: Path, run: Run) -> None:
    (folder / "net.py").write_text(HEAD + PLAIN.replace("width=8", "width=8, bias=True").replace("bias=B", "bias=bias"))
    torch.save(trained(loaded(folder, "net")).state_dict(), "old.pt")
    done = run("net.py:Net", "net.py:Net", "--new-arg", "bias=False", "old.pt", "new.pt", *FED)
    assert done.exit_code == 0, done.output
    assert "conv.bias" not in torch.load("new.pt")


def test_each_version_imports_its_own_modules(folder: Path, run: Run) -> None:
    for version in ("one", "two"):
        (folder / version).mkdir()
        (folder / version / "blocks.py").write_text(HEAD.replace("True", str(version == "one")) + PLAIN)
        (folder / version / "net.py").write_text("def Net():\n    from blocks import Net\n    return Net()\n")
    (folder / "old.py").write_text(HEAD + PLAIN)
    torch.save(trained(loaded(folder, "old")).state_dict(), "old.pt")
    done = run("one/net.py:Net", "two/net.py:Net", "old.pt", "new.pt", *FED)
    assert done.exit_code == 0, done.output
    assert "conv.bias" not in torch.load("new.pt")


def test_the_fixes_make_the_new_model_in_memory(folder: Path, run: Run) -> None:
    text = (HEAD + PLAIN).replace(", bias=B", "")
    (folder / "net.py").write_text(text)
    old = trained(loaded(folder, "net"))
    torch.save(old.state_dict(), "old.pt")
    done = run("--fixes", "net.py:Net", "old.pt", "new.pt", *FED)
    assert done.exit_code == 0, done.output
    assert "fix net.py:12: BL101" in done.output
    assert (folder / "net.py").read_text() == text
    assert old.state_dict().keys() - torch.load("new.pt").keys() == {"conv.bias"}


def test_the_fixes_reach_a_module_that_the_model_imports(folder: Path, run: Run) -> None:
    (folder / "parts").mkdir()
    (folder / "parts" / "__init__.py").write_text("from .block import Net\n")
    (folder / "parts" / "block.py").write_text((HEAD + PLAIN).replace(", bias=B", ""))
    (folder / "net.py").write_text("from parts import Net\n\n\ndef build():\n    return Net()\n")
    (folder / "old.py").write_text(HEAD + PLAIN)
    torch.save(trained(loaded(folder, "old")).state_dict(), "old.pt")
    done = run("--fixes", "net.py:build", "old.pt", "new.pt", *FED)
    assert done.exit_code == 0, done.output
    assert "conv.bias" not in torch.load("new.pt")


def test_a_model_without_fixes_needs_no_migration(folder: Path, run: Run) -> None:
    (folder / "net.py").write_text(HEAD.replace("True", "False") + PLAIN)
    torch.save(loaded(folder, "net").state_dict(), "old.pt")
    done = run("--fixes", "net.py:Net", "old.pt", "new.pt", *FED)
    assert done.exit_code == 2
    assert "no fix removes a bias" in done.output
