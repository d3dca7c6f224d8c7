"""Fixes that other code of the file would not stand, although nothing in the file calls it: they are withheld, those of twins are offered."""

from __future__ import annotations

from pathlib import Path

import pytest

from biaslint import engine
from biaslint.config import Config

NET = """import torch
from torch import nn
from operator import attrgetter


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(3, 8, 3)
        self.n = nn.BatchNorm2d(8)

    def forward(self, x):
        return self.n(self.c(x)).relu()


"""
MODEL = """import keras
from keras import layers

x = keras.Input((12, 12, 3))
y = layers.BatchNormalization()(layers.Conv2D(8, 3, name="c")(x))
model = keras.Model(x, layers.ReLU()(y))


"""


def offered(text: str) -> list[bool]:
    """For each finding of a bias before a norm, whether a fix is offered."""
    result = engine.lint_text(text, Path("/nowhere/model.py"), Config(Path("/nowhere"), select=("BL101",)))
    assert not result.errors
    return [finding.fix is not None for finding in result.findings]


@pytest.mark.parametrize(
    "code",
    [
        "def f(net):\n    for m in net.modules():\n        if isinstance(m, nn.Conv2d):\n            m.bias.data.zero_()",
        "def f(net):\n    for m in net.modules():\n        if m.__class__.__name__ == 'Conv2d':\n            print(m.bias.shape)",
        "def f(net):\n    for m in net.modules():\n        if hasattr(m, 'bias'):\n            nn.init.zeros_(m.bias)",
        "def f(net):\n    conv = net.c\n    return conv.bias.numel()",
        "def f(net):\n    return [m.bias.norm() for m in net.children()]",
        "class Loader:\n    def load(self, net, values):\n        net.c.bias.data.copy_(values)",
        "def g(m):\n    m.bias.data.zero_()\n\n\ndef f(net):\n    g(net.c)",
        "def f(net):\n    return net.state_dict()['c.bias']",
        "NAMES = {'conv/biases': 'c.bias'}",
        "def f(net):\n    return attrgetter('c.bias')(net)",
        "def f(state, name):\n    return state[f'{name}.bias']",
    ],
)
def test_a_bias_that_other_code_takes_is_not_removed(code: str) -> None:
    assert offered(f"{NET}{code}\n") == [False]


@pytest.mark.parametrize(
    "code",
    [
        "def f(net):\n    for m in net.modules():\n        if isinstance(m, nn.Conv2d) and m.bias is not None:\n            m.bias.data.zero_()",
        "def f(net):\n    for m in net.modules():\n        if isinstance(m, nn.Linear):\n            m.bias.data.zero_()",
        "def f(net):\n    for m in net.modules():\n        if isinstance(m, nn.BatchNorm2d):\n            m.bias.data.zero_()",
        "def f(net):\n    return net.n.bias.numel()",
        "def f(net):\n    bn = net.n\n    bn.bias.data.zero_()",
        "def f(net):\n    b = net.c.bias\n    return 0 if b is None else b.numel()",
        "def f(n):\n    d = nn.Linear(n, 3)\n    d.bias.data.zero_()\n    return d",
        "def f(net):\n    return [p for name, p in net.named_parameters() if name.endswith('.bias')]",
        "def f(net):\n    return [p for name, p in net.named_parameters() if name == 'c.bias']",
        "def f(net):\n    return net.state_dict()['c.weight']",
        "def f(net):\n    return net.state_dict()['fc.bias']",
        "def f(settings):\n    return settings['bias']",
    ],
)
def test_a_bias_that_other_code_leaves_alone_or_asks_for_is_removed(code: str) -> None:
    assert offered(f"{NET}{code}\n") == [True]


@pytest.mark.parametrize(
    ("code", "fixed"),
    [
        ("def f(weights):\n    for name, (w, b) in weights.items():\n        model.get_layer(name).set_weights([w, b])", False),
        ("def f():\n    w, b = model.layers[1].get_weights()\n    return b", False),
        ("def f(layer):\n    return layer.get_weights()[1]", False),
        ("def f(layer, w):\n    layer.set_weights([w])", True),
        ("def f(layer):\n    return layer.get_weights()[0]", True),
        ("def f(layer, w, b):\n    if isinstance(layer, layers.Dense):\n        layer.set_weights([w, b])", True),
    ],
)
def test_weights_of_a_layer_that_other_code_counts_stay_as_many(code: str, fixed: bool) -> None:
    assert offered(f"{MODEL}{code}\n") == [fixed]


@pytest.mark.parametrize(
    ("code", "fixed"),
    [
        ("ws = model.get_weights()\nws[1] = 1\nmodel.set_weights(ws)", False),
        ("ws = model.get_weights()\nprint(len(ws))", True),
        ("norm = model.get_layer(index=-1)\nnorm.set_weights([])", True),
    ],
)
def test_weights_of_a_whole_model_that_are_set_by_number_stay_where_they_are(code: str, fixed: bool) -> None:
    assert offered(f"{MODEL}{code}\n") == [fixed]
