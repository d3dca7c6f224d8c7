"""Flax's names, and those of JAX and Optax that its models use."""

from __future__ import annotations

from functools import lru_cache

from biaslint.analysis.frameworks.flax import vocabulary

PACKAGES = ("flax", "jax", "optax")
IMPORT_NAMES = frozenset({"flax"})  # what is written in JAX alone has no layers
LAYER_NAMES = r"Conv\w*|Dense\w*|Linear\w*|Einsum|\w*(LSTM|GRU|RNN)Cell|MultiHead\w*Attention|SelfAttention|Embed|Sequential|Module|matmul|dot"
LINEN, NNX = "flax.linen.", "flax.nnx."
INITIALIZERS = "jax.nn.initializers."
HOMES = {"flax.nn.": LINEN, "flax.experimental.nnx.": NNX, "flax.deprecated.nn.": "flax.deprecated_nn.", LINEN: LINEN, NNX: NNX}
STATES = {"TrainState": "flax.training.train_state.TrainState", "PyTreeNode": "flax.struct.PyTreeNode"}


def owns(name: str) -> bool:
    return name.partition(".")[0] in PACKAGES


@lru_cache(maxsize=1 << 16)
def canonical(name: str) -> str:
    """flax.linen.linear.Dense is flax.linen.Dense; activations and initializers are JAX's, wherever they are offered."""
    for written, home in HOMES.items():
        if name.startswith(written):
            return _offered(name[len(written) :], home)
    if name.startswith(("flax.training.", "flax.struct.")):
        return STATES.get(name.rpartition(".")[2], name)
    return f"jax.{name[len('jax._src.') :]}" if name.startswith("jax._src.") else name


def _offered(below: str, home: str) -> str:
    parts = below.split(".")
    short = parts[-1]
    if "initializers" in parts[:-1]:
        return INITIALIZERS + short
    if short in vocabulary.ACTIVATIONS or short in (
        "softmax",
        "log_softmax",
        "one_hot",
        "logsumexp",
        "standardize",
        "dot_product_attention",
    ):
        return f"jax.nn.{short}"
    if short.endswith("_pool") or short == "pool":
        return LINEN + short
    known = (
        len(parts) == 1 or home + short in vocabulary.LAYERS or home + short in vocabulary.CONTAINERS or _is_module(home, short)
    )
    if known:
        return home + short
    return home + below


def _is_module(home: str, short: str) -> bool:
    return short in (vocabulary.LINEN_MODULES if home == LINEN else vocabulary.NNX_MODULES)


def is_linen(name: str) -> bool:
    """Is it a class whose subclasses are linen's modules?"""
    return canonical(name).startswith(LINEN) and specific(name) >= 2


def fills_fields(name: str) -> bool:
    """Is a class that is built on it a dataclass without a decorator that says so?"""
    return is_linen(name) or canonical(name) in STATES.values()


def knows(name: str) -> bool:
    return owns(name) and (specific(name) >= 2 or canonical(name).startswith(INITIALIZERS))


def specific(name: str) -> int:
    full = canonical(name)
    if full in vocabulary.LAYERS:
        return 4
    if full in vocabulary.CONTAINERS:
        return 3
    home, _, short = full.rpartition(".")
    if home + "." in (LINEN, NNX) and _is_module(home + ".", short):
        return 2
    return 1 if owns(name) else 0
