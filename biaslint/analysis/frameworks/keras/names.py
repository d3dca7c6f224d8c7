"""Keras's names."""

from __future__ import annotations

import re
from functools import cache

from biaslint.analysis.frameworks.common import initializers as common_initializers
from biaslint.analysis.frameworks.keras import vocabulary as keras_vocabulary

LAYER_NAMES = r"Conv\w*|\w+Conv\w*|conv\w*|Dense|LSTM\w*|GRU\w*|RNN\w*|\w*(LSTM|GRU|RNN)Cell|Embedding|matmul|bias_add|Sequential|Layer|Model"
CALL_METHODS = ("__call__", "call")
# where Keras lives; the longest first
HOMES = (
    "tensorflow.compat.v1.keras.", "tensorflow.compat.v2.keras.", "tensorflow.contrib.keras.python.keras.", "tensorflow.contrib.keras.api.keras.",
    "tensorflow.contrib.keras.", "tensorflow.python.keras.api.", "tensorflow.python.keras.", "tensorflow.keras.", "keras._tf_keras.keras.",
    "tf_keras.src.", "tf_keras.api.", "tf_keras.", "keras_core.src.", "keras_core.", "keras.src.", "keras.api._v2.keras.", "keras.api._v1.keras.",
    "keras.api.", "keras.",
)  # fmt: skip
ROOTS = {home[:-1] for home in HOMES}
SUBMODULES = "keras_applications.get_submodules_from_kwargs"  # how models are written for several Keras packages at once


# Keras's layer classes under the names of TensorFlow 1, and those of libraries that add to Keras
VERSION_ONE = re.compile(r"tensorflow\.(compat\.v1\.|python\.)?layers\.(\w+\.)*(?P<short>[A-Z]\w*)")
CONTRIB = "keras_contrib."
ADDONS = "tensorflow_addons.layers."


STARRED = (["layers", "K"], ["models", "K"], ["engine", "K"])  # what `from keras.layers import *` brought in beside the layers


def owns(name: str) -> bool:
    return name.startswith(HOMES) or name in ROOTS or name == SUBMODULES or bool(added(name))


@cache
def added(name: str) -> str:
    """keras_contrib.layers.normalization.groupnormalization.GroupNormalization is keras_contrib.layers.GroupNormalization, which has a
    table entry of its own where it differs from Keras's; "" for what is no layer."""
    older = VERSION_ONE.fullmatch(name)
    short = older["short"] if older else name.rpartition(".")[2]
    known = short in keras_vocabulary.LAYERS or short in keras_vocabulary.RENAMED_LAYERS or short in ("Layer", "Wrapper")
    if older or name.startswith(ADDONS):
        return f"keras.layers.{short}" if known else ""
    if not name.startswith(CONTRIB) or short[:1].islower():
        return "keras" + name[len("keras_contrib") :] if name.startswith(CONTRIB) else ""
    return f"keras.layers.contrib_{short}" if f"contrib_{short}" in keras_vocabulary.LAYERS else f"keras.layers.{short}"


@cache
def canonical(name: str) -> str:
    """keras.src.layers.convolutional.conv2d.Conv2D and tf.keras.layers.Convolution2D are keras.layers.Conv2D."""
    if added(name):
        return added(name)
    for home in HOMES:
        if name.startswith(home):
            below = name[len(home) :]
            break
    else:
        return "keras" if name in ROOTS else name
    parts = below.split(".")
    if parts[:2] in STARRED:
        return ".".join(("keras.backend", *parts[2:]))
    short = parts[-1]
    if parts[0] in ("layers", "legacy_tf_layers", "engine", "models") or len(parts) == 1:
        if short in ("Model", "Functional", "Sequential", "Layer", "Input", "Wrapper") or short in (
            "Network",
            "Container",
            "Graph",
        ):
            short = {"Network": "Model", "Container": "Model", "Functional": "Model"}.get(short, short)
            return f"keras.layers.{short}" if short in ("Layer", "Wrapper") else f"keras.{short}"
        if short in keras_vocabulary.LAYERS and parts[0] == "layers":
            return f"keras.layers.{short}"
        if parts[0] == "layers" and len(parts) > 1 and short in keras_vocabulary.RENAMED_LAYERS:
            return f"keras.layers.{short}"
    if parts[0] == "src":
        return canonical("keras." + ".".join(parts[1:])) if len(parts) > 1 else "keras"
    return "keras." + below


def short_of(name: str) -> str:
    """The layer's or model's name, "" for anything else."""
    full = canonical(name)
    if full.startswith("keras.layers.") and "." not in full[13:]:
        return keras_vocabulary.RENAMED_LAYERS.get(full[13:], full[13:])
    if full in ("keras.Model", "keras.Sequential"):
        return full[6:]
    return ""


def knows(name: str) -> bool:
    """Is it a public name whose meaning is known? The names of Keras's own packages among them."""
    if not owns(name):
        return False
    full = canonical(name)
    parts = full.split(".")
    if full in ("keras.Model", "keras.Sequential", "keras.Input", "keras.layers.Layer", "keras.layers.Wrapper"):
        return True
    if full == "keras.backend":
        return True
    if len(parts) < 3:
        return parts[-1] in keras_vocabulary.NAMESPACES
    if parts[1] == "layers" and len(parts) == 3:
        return (
            parts[2] in keras_vocabulary.LAYERS
            or parts[2] in keras_vocabulary.RENAMED_LAYERS
            or parts[2] in keras_vocabulary.MERGERS
        )
    if parts[1] == "initializers":
        return common_initializers.is_initializer(full)
    if parts[1] == "activations":
        return parts[-1] in keras_vocabulary.ACTIVATIONS or parts[-1] in ("softmax", "linear", "get")
    if parts[1] in ("optimizers", "losses"):
        return parts[-1] in keras_vocabulary.OPTIMIZERS or parts[-1] in keras_vocabulary.LOSSES
    return False


def specific(name: str) -> int:
    short = short_of(name)
    if short in keras_vocabulary.LAYERS and short != "Wrapper":
        return 4
    if short in ("Sequential", "Wrapper"):
        return 3
    if short in ("Model", "Layer"):
        return 2
    return 1 if owns(name) and canonical(name).startswith("keras.layers.") else 0
