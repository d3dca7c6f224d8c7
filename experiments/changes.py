"""Changes of a start that several plans make."""

from __future__ import annotations

import math

import torch

from experiments.plan import Change, Context, Params


def fill(ending: str, value: float) -> Change:
    """Set the parameters with this ending to a constant."""

    def change(p: Params, context: Context) -> None:
        for name in chosen(p, ending):
            p[name].fill_(value)

    return change


def draw(ending: str, std: float) -> Change:
    """Draw the parameters with this ending from N(0, std)."""

    def change(p: Params, context: Context) -> None:
        for name in chosen(p, ending):
            p[name] = torch.randn(p[name].shape, generator=context.generator) * std

    return change


def draw_uniform(ending: str, low: float, high: float) -> Change:
    """Draw the parameters with this ending between two bounds."""

    def change(p: Params, context: Context) -> None:
        for name in chosen(p, ending):
            p[name] = low + (high - low) * torch.rand(p[name].shape, generator=context.generator)

    return change


def chosen(p: Params, ending: str) -> list[str]:
    """The names that are meant: `hidden bias` leaves the output layer out."""
    tail = ending.removeprefix("hidden ")
    names = [name for name in p if name.endswith(tail) and not (ending != tail and name.startswith("out"))]
    assert names, f"no parameter is called {ending}"
    return names


def output_bias(of: str, factor: float = 1.0) -> Change:
    """Set the output layer's bias from the training targets: "log-odds", "share", "mean" or "log-shares"."""

    def change(p: Params, context: Context) -> None:
        y = context.targets
        if of == "mean":
            value = y.mean()
        elif of == "log-shares":
            counts = torch.bincount(y, minlength=p["out.bias"].numel()) + 1.0
            value = (counts / counts.sum()).log()
        else:
            share = y.float().mean()
            value = (share / (1 - share)).log() if of == "log-odds" else share
        p["out.bias"] = torch.zeros_like(p["out.bias"]) + factor * value

    return change


def quarter(number: int | None, value: float) -> Change:
    """Fill one gate's part of an LSTM's bias (0 input, 1 forget, 2 cell, 3 output), or all of it."""

    def change(p: Params, context: Context) -> None:
        size = len(p["lstm.bias"]) // 4
        p["lstm.bias"][slice(None) if number is None else slice(number * size, (number + 1) * size)] = value

    return change


def filled(name: str, value: float) -> Change:
    """Fill a bias."""

    def change(p: Params, context: Context) -> None:
        p[name] = torch.full_like(p[name], value)

    return change


def chrono(longest: int) -> Change:
    """Tallec and Ollivier's: forget gates for memories of 1 to `longest` steps, input gates the opposite."""

    def change(p: Params, context: Context) -> None:
        size = len(p["lstm.bias"]) // 4
        spans = 1 + (longest - 2) * torch.rand(size, generator=context.generator)
        p["lstm.bias"][size : 2 * size] = spans.log()
        p["lstm.bias"][:size] = -spans.log()

    return change


def weight_std(of_fan_in: str) -> Change:
    """Draw the hidden weights again: "sqrt" for sqrt(fan_in), "one" for 1."""

    def change(p: Params, context: Context) -> None:
        for name in chosen(p, "hidden weight"):
            std = math.sqrt(p[name].shape[0]) if of_fan_in == "sqrt" else 1.0
            p[name] = torch.randn(p[name].shape, generator=context.generator) * std

    return change


def torch_default(p: Params, context: Context) -> None:
    """PyTorch's default for all hidden dense layers."""
    for name in chosen(p, "hidden weight"):
        bound = 1 / math.sqrt(p[name].shape[0])
        for one in (name, name.replace("weight", "bias")):
            p[one] = (2 * torch.rand(p[one].shape, generator=context.generator) - 1) * bound


def several(*changes: Change) -> Change:
    """One after the other."""

    def change(p: Params, context: Context) -> None:
        for one in changes:
            one(p, context)

    return change
