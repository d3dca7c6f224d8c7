"""Readers of layers that the analysis knows: none of their biases is taken for seen by something unknown."""

from __future__ import annotations

from pathlib import Path

import pytest

from biaslint import engine
from biaslint.config import Config

TORCH = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.one = nn.Linear(8, 8)
        self.two = nn.Linear(8, 8)

    def forward(self, x):
        return self.two(READ(self.one(x)))
"""
FLAX = """
from flax import nnx

class Net(nnx.Module):
    def __init__(self, rngs):
        self.query = nnx.LinearGeneral(16, (4, 4), rngs=rngs)
        self.value = nnx.LinearGeneral(16, (4, 4), rngs=rngs)

    def __call__(self, x):
        return READ(self.query(x), self.query(x), self.value(x))
"""
KERAS = """
import keras
from keras import backend as K, layers

class Net(layers.Layer):
    def __init__(self):
        super().__init__()
        self.one = layers.Dense(8)
        self.two = layers.Dense(8)

    def call(self, x):
        return READ(self.one(x), self.two(x))
"""


def not_known(text: str) -> int:
    """How many layers have readers that are not all known."""
    file = Path("/project/net.py")
    result = engine.lint_text(text, file, Config(file.parent))
    assert result.statistics.layers >= 2
    return result.statistics.layers - result.statistics.known


@pytest.mark.parametrize(
    ("text", "reader"),
    [
        *((TORCH, f"torch.{name}") for name in ("sin", "cos", "erf", "log1p", "rsqrt", "sign", "round")),
        (TORCH, "torch.repeat_interleave"),
        (KERAS.replace("READ(self.one(x), self.two(x))", "READ(self.two(self.one(x)))"), "keras.ops.convert_to_numpy"),
        (FLAX, "nnx.dot_product_attention"),
        (KERAS, "K.batch_dot"),
    ],
)
def test_the_reader_is_known(text: str, reader: str) -> None:
    assert not_known(text.replace("READ", reader)) == 0
    assert not_known(text.replace("READ", f"{reader}_of_another_kind")) > 0
