"""Small models of Keras with its own default initialization; a function makes a function that builds one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def recurrent(steps: int, inputs: int, outputs: int, **settings: Any) -> Callable[[], Any]:
    """An LSTM with these settings, and a dense layer on its last output."""

    def build() -> Any:
        from keras import Input, Sequential, layers

        return Sequential([Input((steps, inputs)), layers.LSTM(24, **settings), layers.Dense(outputs)])

    return build


def convolutional(**settings: Any) -> Callable[[], Any]:
    """Four convolutions with these settings and ReLUs on images of 8 x 8, and a dense layer."""

    def build() -> Any:
        from keras import Sequential, layers

        body = [layers.Input((1, 8, 8)), layers.Reshape((8, 8, 1))]  # the only channel last
        for channels in (8, 12):
            body += [layers.Conv2D(channels, 3, padding="same", activation="relu", **settings) for _ in range(2)]
            body.append(layers.MaxPooling2D())
        return Sequential([*body, layers.Flatten(), layers.Dense(10)])

    return build


def perceptron(*sizes: int, **settings: Any) -> Callable[[], Any]:
    """Dense layers of these sizes, inputs first; the hidden ones have these settings and ReLUs."""

    def build() -> Any:
        from keras import Input, Sequential, layers

        hidden = [layers.Dense(size, activation="relu", **settings) for size in sizes[1:-1]]
        return Sequential([Input(sizes[:1]), *hidden, layers.Dense(sizes[-1])])

    return build
