"""Fixes for models that are written to mislead them: what is offered leaves the live model as it was, and what is not is withheld.

Each model stands as the body of a constructor and a forward pass. With the same parameters, but for those that the fix takes away or
adds, the fixed model puts out the same values in training mode.
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from biaslint import engine
from biaslint.config import Config
from biaslint.findings.finding import Safety
from biaslint.fix import fix_text

torch = pytest.importorskip("torch")

PAIR = "self.c = nn.Conv2d(3, 8, 3)\nself.b = nn.BatchNorm2d(8)\n"
TWIN = PAIR.replace("8", "3") + "self.d = nn.Conv2d(3, 3, 3)\n"
PASS = "return self.b(self.c(x)).relu()"
BLOCK = """
class Block(nn.Module):
    def __init__(self, o, norm=True):
        super().__init__()
        self.norm = nn.BatchNorm2d(o) if norm else nn.Identity()
        {between}
        self.conv = nn.Conv2d(o, o, 3, padding=1)

    def forward(self, x):
        return self.norm(self.conv(x)).relu()
"""


def source(init: str, forward: str = PASS, top: str = "", methods: str = "", after: str = "") -> str:
    """A model and what stands around it."""
    body = textwrap.indent(f"super().__init__()\n{init}", " " * 8)
    more = textwrap.indent(methods, " " * 4)
    head = f"import torch\nfrom functools import partial\nfrom torch import nn\n{top}\n\nclass Net(nn.Module):\n    def __init__(self):\n"
    return f"{head}{body}\n{more}\n    def forward(self, x):\n{textwrap.indent(forward, ' ' * 8)}\n\n{after}\n"


def fixed(text: str, path: Path, rule: str) -> str:
    """The text after the fixes that are offered."""
    result = engine.lint_text(text, path / "model.py", Config(path, select=(rule,)))
    assert not result.errors
    assert result.findings, "nothing to fix"
    assert all(one.fix is None or one.fix.safety is Safety.UNSAFE for one in result.findings)
    return fix_text(text, result.findings, unsafe=True)


def built(text: str) -> Any:
    names: dict[str, Any] = {"__name__": "example"}
    torch.manual_seed(0)
    exec(compile(text, "model.py", "exec"), names)
    torch.manual_seed(0)
    return names["Net"]().double().train()


def outputs(text: str, state: dict[str, Any] | None, shape: tuple[int, ...]) -> tuple[Any, dict[str, Any]]:
    """What the model puts out, with the parameters of the other one where it has them."""
    model = built(text)
    own = model.state_dict()
    if state is None:
        state = {key: torch.randn_like(value) if value.is_floating_point() else value for key, value in own.items()}
        state |= {key: value.abs() + 1 for key, value in state.items() if key.endswith("running_var")}
    model.load_state_dict({**own, **{key: value for key, value in state.items() if key in own}})
    torch.manual_seed(1)
    return model(torch.randn(*shape, dtype=torch.float64)), state


# What reads the bias, so that a fix would break the model or change what it puts out.
READ = {
    "two parameters are unpacked": source(PAIR + "w, b = self.c.parameters()\nself.scale = float(w.numel() + b.numel())"),
    "the second of its parameters": source(PAIR + "self.n = list(self.c.parameters())[1].numel()"),
    "a parameter by its name": source(PAIR + 'self.n = dict(self.c.named_parameters())["bias"].numel()'),
    "get_parameter": source(PAIR + 'self.n = self.get_parameter("c.bias").numel()'),
    "a key of its state": source(PAIR + 'self.n = self.c.state_dict()["bias"].numel()'),
    "a key of the model's state": source(PAIR, after='net = Net()\nsize = net.state_dict()["c.bias"].numel()'),
    "its state is loaded": source(
        PAIR + "self.d = nn.Conv2d(3, 8, 3)\nself.d.load_state_dict(self.c.state_dict())", f"{PASS} + self.d(x)"
    ),
    "a state is loaded into it": source(
        PAIR + 'self.c.load_state_dict({"weight": torch.zeros(8, 3, 3, 3), "bias": torch.zeros(8)})'
    ),
    "tied": source(TWIN + "self.d.bias = self.c.bias", "return self.d(self.b(self.c(x)).relu())"),
    "tied by setattr": source(TWIN + 'setattr(self.d, "bias", self.c.bias)', "return self.d(self.b(self.c(x)).relu())"),
    "tied in _parameters": source(
        TWIN + 'self.d._parameters["bias"] = self.c._parameters["bias"]', "return self.d(self.b(self.c(x)).relu())"
    ),
    "a penalty": source(PAIR, "y = self.b(self.c(x)).relu()\nreturn y.mean() + 0.1 * self.c.bias.pow(2).sum()"),
    "a penalty on everything": source(
        PAIR, "y = self.b(self.c(x)).relu()\nreturn y.mean() + sum(p.pow(2).sum() for p in self.parameters())"
    ),
    "added to something else": source(PAIR, f"{PASS} + self.c.bias.view(1, -1, 1, 1)"),
    "a method that nothing calls": source(
        PAIR, methods="def fuse(self):\n    self.k = self.b.bias - self.b.running_mean + self.c.bias\n"
    ),
    "a function that fuses": source(
        PAIR + "fused(self.c, self.b)", top="def fused(conv, norm):\n    return (conv.bias - norm.running_mean) * norm.weight\n"
    ),
    "a parametrization": source(
        PAIR + 'nn.utils.parametrize.register_parametrization(self.c, "bias", Soft())',
        top="class Soft(nn.Module):\n    def forward(self, bias):\n        return bias.tanh()\n",
    ),
    "an assertion": source(PAIR + "check(self)", top="def check(net):\n    assert net.c.bias is not None\n"),
    "an exception": source(PAIR + 'if self.c.bias is None:\n    raise ValueError("no bias")'),
    "an exception about an alias": source(PAIR + 'bias = self.c.bias\nif bias is None:\n    raise ValueError("no bias")'),
    "getattr": source(PAIR + 'bias = getattr(self.c, "bias", None)\nself.n = bias.shape[0]'),
    "another name": source(PAIR + "self.shared = self.c.bias", f"{PASS} * self.shared.view(1, -1, 1, 1)"),
    "a list of parameters": source(
        PAIR + "self.ps = nn.ParameterList([self.c.bias])", f"{PASS} * self.ps[0].view(1, -1, 1, 1)"
    ),
    "past __setattr__": source(PAIR + 'object.__setattr__(self, "other", self.c)\nself.n = self.other.bias.numel()'),
    "get_submodule": source(PAIR + 'self.n = self.get_submodule("c").bias.numel()'),
    "a hook": source(PAIR + "self.c.bias.register_hook(lambda g: g * 2)"),
    "an optimizer": source(PAIR + "self.opt = torch.optim.SGD([self.c.weight, self.c.bias], lr=0.1)"),
    "a group of an optimizer": source(
        PAIR, after='net = Net()\nopt = torch.optim.SGD([net.c.weight], lr=0.1)\nopt.add_param_group({"params": net.c.bias})'
    ),
    "concatenated": source(PAIR + "self.v = torch.cat([self.c.bias, self.b.bias])", f"{PASS} + self.v.sum()"),
    "iterated": source(PAIR + "self.first = [float(v) for v in self.c.bias][0]"),
    "its length": source(PAIR + "self.n = len(self.c.bias)"),
    "an initialization that does not ask": source(
        PAIR + "for m in self.modules():\n    if isinstance(m, nn.Conv2d):\n        nn.init.zeros_(m.bias)"
    ),
    "hasattr, which it has": source(
        PAIR + 'for m in self.modules():\n    if hasattr(m, "bias") and isinstance(m, nn.Conv2d):\n        m.bias.data.zero_()'
    ),
}
# What makes the layer, so that a bias=False would not arrive, or mean something else.
MADE = {
    "a subclass without the argument": source(
        "self.c = Conv(3, 8, 3)\nself.b = nn.BatchNorm2d(8)",
        top="class Conv(nn.Conv2d):\n    def __init__(self, i, o, k):\n        super().__init__(i, o, k)\n",
    ),
    "a subclass that says so itself": source(
        "self.c = Conv(3, 8, 3)\nself.b = nn.BatchNorm2d(8)",
        top="class Conv(nn.Conv2d):\n    def __init__(self, i, o, k, **kw):\n        super().__init__(i, o, k, bias=True, **kw)\n",
    ),
    "a subclass that means something else": source(
        "self.c = Conv(3, 8, 3)\nself.b = nn.BatchNorm2d(8)",
        top="class Conv(nn.Conv2d):\n    def __init__(self, i, o, k, bias=0.5):\n        super().__init__(i, o, k)\n"
        "        nn.init.constant_(self.bias, bias)\n",
    ),
    "a subclass that takes positions only": source(
        "self.c = Conv(3, 8, 3)\nself.b = nn.BatchNorm2d(8)",
        top="class Conv(nn.Conv2d):\n    def __init__(self, *args):\n        super().__init__(*args)\n",
    ),
    "a subclass that starts its bias": source(
        "self.c = Conv(3, 8, 3)\nself.b = nn.BatchNorm2d(8)",
        top="class Conv(nn.Conv2d):\n    def reset_parameters(self):\n        nn.init.ones_(self.weight)\n        nn.init.zeros_(self.bias)\n",
    ),
    "partial with all positions": source(
        "conv = partial(nn.Conv2d, 3, 8, 3, 1, 1, 1, 1, True)\nself.c = conv()\nself.b = nn.BatchNorm2d(8)"
    ),
    "starred positions": source("rest = (1, 1, 1, 1, True)\nself.c = nn.Conv2d(3, 8, 3, *rest)\nself.b = nn.BatchNorm2d(8)"),
}
# Conditions that do not mean there what they mean in the signature.
BLOCKS = "self.a = Block(3, True)\nself.z = Block(3, False)"
ASKED = {
    name: source(BLOCKS, "return self.z(self.a(x))", top=BLOCK.format(between=between))
    for name, between in {
        "rebound": "norm = o > 1",
        "deleted": "del norm",
        "a loop's name": "for norm in (0, 1):\n            pass",
        "rebound in a condition": "(norm := not norm)",
        "rebound further in": "def change():\n            nonlocal norm\n            norm = 1\n        change()",
    }.items()
}
WITHHELD = READ | MADE | ASKED

HARMLESS = {
    "its weight alone is read": source(PAIR + "self.n = self.c.weight.numel()"),
    "the first of its parameters": source(PAIR + "self.w = next(self.c.parameters()).numel()"),
    "an initialization that asks": source(
        PAIR
        + "for m in self.modules():\n    if isinstance(m, nn.Conv2d) and m.bias is not None:\n        nn.init.zeros_(m.bias)"
    ),
    "an initialization that asks by getattr": source(
        PAIR + "for m in self.modules():\n    if isinstance(m, nn.Conv2d):\n        nn.init.kaiming_normal_(m.weight)\n"
        '        if getattr(m, "bias", None) is not None:\n            nn.init.constant_(m.bias, 0)'
    ),
    "a method that asks": source(
        PAIR,
        methods="def fuse(self):\n    bias = self.c.bias if self.c.bias is not None else torch.zeros(8)\n    return self.b.bias + bias\n",
    ),
    "groups by name": source(
        PAIR,
        after="net = Net()\ndecay = [p for n, p in net.named_parameters() if 'bias' not in n]\n"
        "rest = [p for n, p in net.named_parameters() if 'bias' in n]\n"
        "opt = torch.optim.SGD([{'params': decay}, {'params': rest}], lr=0.1)",
    ),
    "counted and forgotten": source(PAIR, after="net = Net()\ncount = sum(p.numel() for p in net.parameters())"),
    "the eighth position": source("self.c = nn.Conv2d(3, 8, 3, 1, 1, 1, 1, True)\nself.b = nn.BatchNorm2d(8)"),
    "a position behind those of a partial": source(
        "conv = partial(nn.Conv2d, 3, 8)\nself.c = conv(3, 1, 1, 1, 1, True)\nself.b = nn.BatchNorm2d(8)"
    ),
    "a transposed convolution's position": source(
        "self.c = nn.ConvTranspose2d(3, 8, 3, 1, 0, 0, 1, True)\nself.b = nn.BatchNorm2d(8)"
    ),
    "a condition that still holds there": source(BLOCKS, "return self.z(self.a(x))", top=BLOCK.format(between="pass")),
}


@pytest.mark.parametrize("name", WITHHELD)
def test_a_fix_that_would_break_or_change_the_model_is_not_offered(name: str, tmp_path: Path) -> None:
    text = WITHHELD[name]
    result = engine.lint_text(text, tmp_path / "model.py", Config(tmp_path, select=("BL101",)))
    assert not result.errors
    assert [one.message for one in result.findings if one.fix is not None] == []
    outputs(text, None, (4, 3, 16, 16))  # the model itself is sound


@pytest.mark.parametrize("name", HARMLESS)
def test_a_fix_that_changes_nothing_is_offered_and_the_live_model_agrees(name: str, tmp_path: Path) -> None:
    text = HARMLESS[name]
    new = fixed(text, tmp_path, "BL101")
    assert new != text
    before, state = outputs(text, None, (4, 3, 16, 16))
    after, _ = outputs(new, state, (4, 3, 16, 16))
    torch.testing.assert_close(before, after, rtol=1e-9, atol=1e-9)


AFFINE = "self.w = nn.Parameter(torch.randn(8, 8))\nself.bias = {made}"
ADDED = "return (x @ self.w + self.bias).relu()"


@pytest.mark.parametrize(
    ("made", "more"),
    [
        ("torch.zeros(8, dtype=torch.long)", ""),
        ("torch.arange(8)", ""),
        ("torch.tensor([0, 0, 0, 0, 0, 0, 0, 1])", ""),
        ("torch.zeros(8)", "def step(self):\n    self.bias = self.bias * 0.9\n"),
    ],
    ids=["integers", "a range", "a list of integers", "assigned again"],
)
def test_a_tensor_that_cannot_be_a_parameter_is_not_made_one(made: str, more: str, tmp_path: Path) -> None:
    text = source(AFFINE.format(made=made), ADDED, methods=more)
    result = engine.lint_text(text, tmp_path / "model.py", Config(tmp_path, select=("BL205",)))
    assert [one.fix for one in result.findings] == [None]


def test_a_tensor_that_can_be_a_parameter_becomes_one(tmp_path: Path) -> None:
    text = source(AFFINE.format(made="torch.zeros(8)"), ADDED)
    new = fixed(text, tmp_path, "BL205")
    assert "torch.nn.Parameter(torch.zeros(8))" in new
    assert "bias" in built(new).state_dict()


SET = """self.prior = 0.01
self.a = nn.Linear(8, 8)
self.fc = nn.Linear(8, 2)
nn.init.constant_(self.fc.bias, -math.log((1 - self.prior) / self.prior))
{between}
self.apply(self._init)"""
INIT = "def _init(self, m):\n    if isinstance(m, nn.Linear):\n        nn.init.zeros_(m.bias)\n"


@pytest.mark.parametrize("between", ["self.prior = 0", "self.prior += 0.5", "self.forget()"])
def test_a_statement_is_not_moved_past_a_change_of_what_it_reads(between: str, tmp_path: Path) -> None:
    methods = INIT + "\ndef forget(self):\n    self.prior = 0.5\n"
    text = source(SET.format(between=between), "return self.fc(self.a(x).relu())", "import math\n", methods)
    result = engine.lint_text(text, tmp_path / "model.py", Config(tmp_path, select=("BL404",)))
    assert [one.fix for one in result.findings] == [None]


def test_a_statement_is_moved_past_what_it_does_not_read(tmp_path: Path) -> None:
    text = source(SET.format(between="self.other = 0"), "return self.fc(self.a(x).relu())", "import math\n", INIT)
    assert fixed(text, tmp_path, "BL404") != text


@pytest.mark.parametrize("bias", ["bias", "not plain"])
def test_a_gate_is_not_raised_where_a_caller_may_have_no_bias(bias: str, tmp_path: Path) -> None:
    text = source("self.l = nn.LSTM(8, 16)\nself.f = nn.Linear(16, 2)", "return self.f(self.l(x)[0])")
    assert fixed(text, tmp_path, "BL301") != text
    text = text.replace("__init__(self)", "__init__(self, bias=True, plain=False)", 1).replace("8, 16)", f"8, 16, bias={bias})")
    result = engine.lint_text(text, tmp_path / "model.py", Config(tmp_path, select=("BL301",)))
    assert [one.fix for one in result.findings] in ([None], [])


def test_a_loop_that_logs_every_parameter_holds_back_no_fix(tmp_path: Path) -> None:
    training = (
        "from torch.utils.tensorboard import SummaryWriter\nnet, writer = Net(), SummaryWriter()\nfor images in loader:\n    loss = net(images).sum()\n    loss.backward()\n"
        "    for name, parameter in net.named_parameters():\n        writer.add_histogram(name, parameter, 1)\n"
    )
    text = source(PAIR, after=training)
    assert fixed(text, tmp_path, "BL101") == text.replace("Conv2d(3, 8, 3)", "Conv2d(3, 8, 3, bias=False)")


def test_a_fix_that_cannot_be_proved_holds_back_no_other(tmp_path: Path) -> None:
    reader = "self.n = self.c.bias.numel()\n"
    models = "".join(source(PAIR).replace("class Net", f"class Net{number}") for number in range(6))
    text = models + source(PAIR + reader)
    new = models.replace("Conv2d(3, 8, 3)", "Conv2d(3, 8, 3, bias=False)") + source(PAIR + reader)
    assert fixed(text, tmp_path, "BL101") == new
    script = text + "".join(f"Net{number}()(images)\n" for number in range(6)) + "Net()(images)\n"
    assert fixed(script, tmp_path, "BL101").count("bias=False") == 6
