"""A scaled-down twin: a model of the same class from the same configuration, with fewer and narrower layers."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from biaslint.runtime.torch.size import without_values

_DEPTH = re.compile(r"(num_|n_)?((hidden|encoder|decoder)_)?layers?|num_(en|de)coder_layers|depth|num_blocks|n_blocks")
_WIDTH = re.compile(
    r"(hidden|intermediate|embedding|moe_intermediate|ffn|mlp)_(size|dim)|n_embd|n_inner|d_model|d_ff|dim|((en|de)coder_)?ffn_dim|embed_dim"
    r"|(num_|n_)((attention|key_value|kv)_)?heads?|((en|de)coder_|num_)attention_heads|(num_|n_)(local_|routed_)?experts"
)
_LEAST_LAYERS, _NARROWEST = 2, 8


@dataclass(frozen=True, slots=True)
class Twin:
    """How to build it, and the settings that differ: name, the model's own value, the twin's."""

    build: Callable[[], Any]
    changes: list[tuple[str, int, int]]

    def in_words(self) -> str:
        """The changes, for people."""
        return ", ".join(f"{name} {own} → {value}" for name, own, value in self.changes)


def twin_of(model: Any, fits: Callable[[Any], bool]) -> Twin | None:
    """The largest twin that fits: fewer layers first, then narrower ones; None where the model's configuration allows none."""
    config = getattr(model, "config", None)
    if config is None or isinstance(config, (str, type)):
        return None
    deepest = max((value for name, value in _settings(config) if _DEPTH.fullmatch(name)), default=0)
    narrow = 1
    while narrow <= _NARROWEST:
        layers = deepest // 2 if narrow == 1 else min(deepest, 2 * _LEAST_LAYERS)
        while layers >= _LEAST_LAYERS or (narrow > 1 and not deepest):
            made = _scaled(type(model), config, layers, deepest, narrow)
            hollow = without_values(made.build)
            if hollow is not None and made.changes and fits(hollow):
                return made
            layers //= 2
        narrow *= 2
    return None


def _settings(config: Any) -> Iterator[tuple[str, int]]:
    """The whole numbers of a configuration and of those in it."""
    for name, value in _fields(config).items():
        if isinstance(value, int) and not isinstance(value, bool):
            yield name, value
        elif _is_configuration(value):
            yield from _settings(value)


def _fields(config: Any) -> dict[str, Any]:
    return dict(config) if isinstance(config, Mapping) else dict(vars(config)) if hasattr(config, "__dict__") else {}


def _is_configuration(value: Any) -> bool:
    return isinstance(value, Mapping) or (type(value).__name__.endswith("Config") and hasattr(value, "__dict__"))


def _scaled(kind: Any, config: Any, layers: int, deepest: int, narrow: int) -> Twin:
    """The twin with `layers` where the deepest part has `deepest`, and one `narrow`-th of the width."""
    changed, changes = copy.deepcopy(config), list[tuple[str, int, int]]()
    _scale(changed, layers, deepest, narrow, changes)
    return Twin(lambda: kind(copy.deepcopy(changed)), list(dict.fromkeys(changes)))


def _scale(config: Any, layers: int, deepest: int, narrow: int, changes: list[tuple[str, int, int]]) -> None:
    depths = dict[int, int]()
    for name, value in _fields(config).items():
        if _is_configuration(value):
            _scale(value, layers, deepest, narrow, changes)
        elif isinstance(value, int) and not isinstance(value, bool):
            smaller = value
            if _DEPTH.fullmatch(name):
                smaller = depths[value] = min(value, max(1, round(value * layers / deepest)))
            elif _WIDTH.fullmatch(name) and value % narrow == 0:
                smaller = value // narrow
            if smaller != value:
                changes.append((name, value, smaller))
                _set(config, name, smaller)
    for name, value in _fields(config).items():  # what is said of each layer
        if isinstance(value, (list, tuple)) and len(value) in depths:
            _set(config, name, value[: depths[len(value)]])


def _set(config: Any, name: str, value: Any) -> None:
    if isinstance(config, dict):
        config[name] = value
    else:
        vars(config)[name] = value  # what a configuration computes of it, or forbids, is left alone
