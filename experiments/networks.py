"""Small networks of which many are trained side by side: every parameter has a leading dimension, one entry for each run.

`start` functions make the parameters of one run; `forward` functions take those of all runs and inputs (runs, batch, ...).
Batch norms write their statistics to `stats` in training and read the stored ones where that is None.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Generator, Tensor
from torch.nn import functional

from experiments.plan import Forward, Params, Start

EPSILON = 1e-5


def uniform(shape: Sequence[int], bound: float, generator: Generator) -> Tensor:
    return (2 * torch.rand(*shape, generator=generator) - 1) * bound


def normal(shape: Sequence[int], std: float, generator: Generator) -> Tensor:
    return torch.randn(*shape, generator=generator) * std


def he(p: Params, name: str, inputs: int, outputs: int, generator: Generator, kernel: tuple[int, ...] = ()) -> None:
    """He's initialization, and a bias of zero. Dense weights are (inputs, outputs), filters (outputs, inputs, height, width)."""
    fan = inputs * math.prod(kernel)
    shape = (outputs, inputs, *kernel) if kernel else (inputs, outputs)
    p[f"{name}.weight"] = normal(shape, math.sqrt(2 / fan), generator)
    p[f"{name}.bias"] = torch.zeros(outputs)


def default(p: Params, name: str, inputs: int, outputs: int, generator: Generator) -> None:
    """PyTorch's default for a linear layer, weights and bias."""
    p[f"{name}.weight"] = uniform((inputs, outputs), 1 / math.sqrt(inputs), generator)
    p[f"{name}.bias"] = uniform((outputs,), 1 / math.sqrt(inputs), generator)


def dense(p: Params, name: str, x: Tensor) -> Tensor:
    """A linear layer on (runs, batch, ..., inputs)."""
    flat = x.flatten(1, -2) if x.dim() > 3 else x
    y = torch.baddbmm(p[f"{name}.bias"].unsqueeze(1), flat, p[f"{name}.weight"])
    return y.view(*x.shape[:-1], -1) if x.dim() > 3 else y


def conv(p: Params, name: str, x: Tensor, stride: int = 1) -> Tensor:
    """A convolution on (runs, batch, channels, height, width) that keeps the size: one group for each run."""
    weight = p[f"{name}.weight"]
    runs = len(weight)
    y = functional.conv2d(
        x.transpose(0, 1).flatten(1, 2),
        weight.flatten(0, 1),
        p[f"{name}.bias"].flatten(),
        padding=weight.shape[-1] // 2,
        stride=stride,
        groups=runs,
    )
    return y.unflatten(1, (runs, -1)).transpose(0, 1)


def pool(x: Tensor) -> Tensor:
    return functional.max_pool2d(x.flatten(0, 1), 2).unflatten(0, x.shape[:2])


def norm_start(p: Params, name: str, size: int) -> None:
    p[f"{name}.gamma"], p[f"{name}.beta"] = torch.ones(size), torch.zeros(size)
    p[f"{name}.mean"], p[f"{name}.var"] = torch.zeros(size), torch.ones(size)


def batch_norm(p: Params, name: str, x: Tensor, stats: Params | None) -> Tensor:
    """Batch norm over all but runs and channels, the third axis."""
    axes = [1, *range(3, x.dim())]
    shape = (x.shape[0], 1, x.shape[2], *[1] * (x.dim() - 3))
    if stats is None:
        mean, var = p[f"{name}.mean"], p[f"{name}.var"]
    else:
        mean, var = x.mean(axes), x.var(axes, unbiased=False)
        stats[f"{name}.mean"], stats[f"{name}.var"] = mean.detach(), var.detach()
    scale = p[f"{name}.gamma"] * (var + EPSILON).rsqrt()
    return x * scale.view(shape) + (p[f"{name}.beta"] - mean * scale).view(shape)


# --- a perceptron -----------------------------------------------------------------------------------------------------------


def mlp_start(*sizes: int, norm: bool = False) -> Start:
    """Hidden layers l1, l2 ... by He, with biases of zero; the output layer has PyTorch's default weights and a bias of zero."""

    def start(generator: Generator) -> Params:
        p: Params = {}
        for number, (inputs, outputs) in enumerate(pairwise(sizes[:-1]), 1):
            he(p, f"l{number}", inputs, outputs, generator)
            if norm:
                norm_start(p, f"n{number}", outputs)
        default(p, "out", sizes[-2], sizes[-1], generator)
        p["out.bias"].zero_()
        return p

    return start


def mlp(p: Params, x: Tensor, stats: Params | None) -> Tensor:
    """Dense layers with ReLUs, and batch norms where there are any. One output loses its axis."""
    number = 1
    while f"l{number}.weight" in p:
        x = dense(p, f"l{number}", x)
        if f"n{number}.gamma" in p:
            x = batch_norm(p, f"n{number}", x, stats)
        x = x.relu()
        number += 1
    y = dense(p, "out", x)
    return y.squeeze(-1) if y.shape[-1] == 1 else y


# --- a convolutional network ------------------------------------------------------------------------------------------------

CHANNELS = (8, 8, 12, 12)
DEEP = (8,) * 4 + (12,) * 4


def cnn_start(channels: tuple[int, ...] = CHANNELS, norm: bool = False) -> Start:
    """Convolutions c1, c2 ... by He on images of 8 x 8, with or without batch norms, and a linear layer."""

    def start(generator: Generator) -> Params:
        p: Params = {}
        for number, (inputs, outputs) in enumerate(zip((1, *channels), channels, strict=False), 1):
            he(p, f"c{number}", inputs, outputs, generator, kernel=(3, 3))
            if norm:
                norm_start(p, f"n{number}", outputs)
        default(p, "out", channels[-1] * 4, 10, generator)
        p["out.bias"].zero_()
        return p

    return start


def cnn(p: Params, x: Tensor, stats: Params | None) -> Tensor:
    """Convolutions with ReLUs, and batch norms where there are any; the size is halved in the middle and at the end."""
    count = sum(name.startswith("c") and name.endswith("weight") for name in p)
    for number in range(1, count + 1):
        x = conv(p, f"c{number}", x)
        if f"n{number}.gamma" in p:
            x = batch_norm(p, f"n{number}", x, stats)
        x = x.relu()
        if number % (count // 2) == 0:
            x = pool(x)
    return dense(p, "out", x.flatten(2))


# --- a detector -------------------------------------------------------------------------------------------------------------


def detector_start(generator: Generator) -> Params:
    """Three convolutions by He and one that puts out ten scores for each cell, drawn from N(0, 0.01) as in RetinaNet."""
    p: Params = {}
    for name, inputs, outputs in (("c1", 1, 8), ("c2", 8, 12), ("c3", 12, 12)):
        he(p, name, inputs, outputs, generator, kernel=(5, 5))
    p["out.weight"], p["out.bias"] = normal((10, 12, 1, 1), 0.01, generator), torch.zeros(10)
    return p


def detector(p: Params, x: Tensor, stats: Params | None) -> Tensor:
    x = conv(p, "c1", x, stride=2).relu()
    x = conv(p, "c2", x).relu()
    x = conv(p, "c3", x).relu()
    return conv(p, "out", x)


# --- recurrent networks -----------------------------------------------------------------------------------------------------


def lstm_start(inputs: int, hidden: int, outputs: int) -> Start:
    """PyTorch's default for an LSTM, whose two bias vectors are kept as their sum, and for the linear layer after it."""

    def start(generator: Generator) -> Params:
        bound = 1 / math.sqrt(hidden)
        p = {
            "lstm.weight": uniform((inputs, 4 * hidden), bound, generator),
            "lstm.recurrent": uniform((hidden, 4 * hidden), bound, generator),
            "lstm.bias": uniform((4 * hidden,), bound, generator) + uniform((4 * hidden,), bound, generator),
        }
        default(p, "out", hidden, outputs, generator)
        return p

    return start


def lstm(p: Params, x: Tensor, stats: Params | None) -> Tensor:
    """An LSTM (gates input, forget, cell, output) and a linear layer on its last state."""
    given = dense(p, "lstm", x)
    size = given.shape[-1] // 4
    h = c = given.new_zeros(*given.shape[:2], size)
    for step in range(x.shape[2]):
        gates = torch.baddbmm(given[:, :, step], h, p["lstm.recurrent"])
        i, f, o = gates[..., :size].sigmoid(), gates[..., size : 2 * size].sigmoid(), gates[..., 3 * size :].sigmoid()
        c = f * c + i * gates[..., 2 * size : 3 * size].tanh()
        h = o * c.tanh()
    y = dense(p, "out", h)
    return y.squeeze(-1) if y.shape[-1] == 1 else y


def one_gate_start(inputs: int, hidden: int, outputs: int) -> Start:
    """Linear layers of the input and the state, with PyTorch's default, for the gate and for the new value of a unit with one gate."""

    def start(generator: Generator) -> Params:
        p: Params = {}
        default(p, "gate", inputs + hidden, hidden, generator)
        default(p, "new", inputs + hidden, hidden, generator)
        default(p, "out", hidden, outputs, generator)
        return p

    return start


def one_gate(gated: bool) -> Forward:
    """A unit with one forget gate f, h' = f * h + (1 - f) * n, and a linear layer on its last state.

    The new value n is made of the input and the state, which the rest of the gate weighs first in a minimal gated unit (`gated`).
    """

    def forward(p: Params, x: Tensor, stats: Params | None) -> Tensor:
        h = x.new_zeros(*x.shape[:2], p["gate.bias"].shape[-1])
        for step in range(x.shape[2]):
            f = dense(p, "gate", torch.cat([x[:, :, step], h], -1)).sigmoid()
            n = dense(p, "new", torch.cat([x[:, :, step], (1 - f) * h if gated else h], -1)).tanh()
            h = n + f * (h - n)
        return dense(p, "out", h)

    return forward


# --- attention --------------------------------------------------------------------------------------------------------------


def attention_start(width: int = 16) -> Start:
    """One head of self-attention on eight tokens with learnt positions; linear layers with PyTorch's default."""

    def start(generator: Generator) -> Params:
        p: Params = {}
        default(p, "embed", 8, width, generator)
        p["positions"] = normal((8, width), 0.5, generator)
        for name in ("query", "key", "value"):
            default(p, name, width, width, generator)
        he(p, "l1", width, 32, generator)
        default(p, "out", 32, 10, generator)
        return p

    return start


def attention(p: Params, x: Tensor, stats: Params | None) -> Tensor:
    x = dense(p, "embed", x) + p["positions"].unsqueeze(1)
    q, k, v = (dense(p, name, x) for name in ("query", "key", "value"))
    scores = (q @ k.transpose(-1, -2)) / math.sqrt(q.shape[-1])
    x = (x + scores.softmax(-1) @ v).mean(2)
    return dense(p, "out", dense(p, "l1", x).relu())


# --- siamese networks -------------------------------------------------------------------------------------------------------


def siamese_start(generator: Generator) -> Params:
    """Two layers for both inputs, and a second set of biases, drawn as PyTorch draws them."""
    p: Params = {}
    for name, inputs, outputs in (("l1", 64, 32), ("l2", 32, 16)):
        default(p, name, inputs, outputs, generator)
        p[f"{name}.other"] = uniform((outputs,), 1 / math.sqrt(inputs), generator)
    p["scale"], p["threshold"] = torch.ones(1), torch.ones(1)
    return p


def siamese(separate: bool) -> Forward:
    """Whether two inputs are of one class, by the distance of their embeddings."""

    def forward(p: Params, x: Tensor, stats: Params | None) -> Tensor:
        other = {**p, **{f"{name}.bias": p[f"{name}.other"] for name in ("l1", "l2")}} if separate else p
        left, right = (dense(q, "l2", dense(q, "l1", x[:, :, side]).relu()) for side, q in enumerate((p, other)))
        return p["scale"] * (p["threshold"] - (left - right).square().sum(-1))

    return forward


# --- a language model -------------------------------------------------------------------------------------------------------


def language_start(words: int, context: int, width: int = 32, tied: bool = False) -> Start:
    """An embedding from N(0, 1) for each of the last words, a hidden layer, a layer norm, and scores for the next word."""

    def start(generator: Generator) -> Params:
        p = {"embedding": normal((words, width), 1.0, generator)}
        he(p, "l1", context * width, width, generator)
        default(p, "out", width, words, generator)
        p["out.bias"].zero_()
        if tied:
            del p["out.weight"]
        return p

    return start


def language(p: Params, x: Tensor, stats: Params | None) -> Tensor:
    runs, words = p["embedding"].shape[:2]
    flat = (x + words * torch.arange(runs).view(-1, 1, 1)).flatten()
    embedded = functional.embedding(flat, p["embedding"].flatten(0, 1)).view(*x.shape[:2], -1)
    h = functional.layer_norm(dense(p, "l1", embedded).relu(), (p["l1.weight"].shape[-1],))
    weight = p["out.weight"] if "out.weight" in p else p["embedding"].transpose(1, 2)
    return torch.baddbmm(p["out.bias"].unsqueeze(1), h, weight)


# --- residual networks ------------------------------------------------------------------------------------------------------


def residual_start(inputs: int, width: int, blocks: int, outputs: int) -> Start:
    """Residual blocks of two dense layers with batch norms (a1, a2 of block k: k.a, k.b), each with a factor."""

    def start(generator: Generator) -> Params:
        p: Params = {}
        he(p, "in", inputs, width, generator)
        for block in range(blocks):
            for part in "ab":
                he(p, f"{block}.{part}", width, width, generator)
                norm_start(p, f"{block}.n{part}", width)
            p[f"{block}.factor"] = torch.ones(1)
        default(p, "out", width, outputs, generator)
        return p

    return start


def residual(p: Params, x: Tensor, stats: Params | None) -> Tensor:
    x = dense(p, "in", x)
    block = 0
    while f"{block}.factor" in p:
        y = batch_norm(p, f"{block}.na", dense(p, f"{block}.a", x), stats).relu()
        y = batch_norm(p, f"{block}.nb", dense(p, f"{block}.b", y), stats)
        x = (x + p[f"{block}.factor"].unsqueeze(-1) * y).relu()
        block += 1
    return dense(p, "out", x)
