"""When a measurement fails: every number that decides, with what it means. `--threshold NAME=VALUE` changes one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

MEANING = {
    "dead_ratio": "a bias is dead where |sum of gradients| / sum of |gradients| is below this in every channel",
    "prior_divergence": "nats between the predicted class distribution and the prior (beyond what chance makes of the labels)",
    "mean_offset": "distance of the predicted mean from the targets' mean, in standard deviations of the targets",
    "loss_excess": "initial loss above that of the best constant output, as a share of the latter",
    "dead_units": "share of a layer's ReLU units that are zero for the whole batch",
    "forget_bias": "the least mean forget-gate bias (sum of both bias vectors)",
    "conv_constant": "a constant bias on a hidden convolution above this is reported",
    "dense_constant": "a constant bias on a hidden dense layer of this or more is reported",
    "bias_spread": "standard deviation of a bias vector",
    "negative_bias": "size of an all-negative bias before a ReLU",
    "scale_ratio": "largest over smallest root mean square of the outputs of hidden layers of one kind",
    "gradient_ratio": "the same for the gradients at these outputs (a hundred times that for layers that are like no other)",
}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The defaults; `MEANING` says what each is."""

    dead_ratio: float = 1e-9
    prior_divergence: float = 0.1
    mean_offset: float = 0.5
    loss_excess: float = 0.25
    dead_units: float = 0.6
    forget_bias: float = 0.5
    conv_constant: float = 0.2
    dense_constant: float = 0.5
    bias_spread: float = 0.5
    negative_bias: float = 0.05
    scale_ratio: float = 1000.0
    gradient_ratio: float = 1e4


def with_settings(settings: Iterable[str], start: Thresholds | None = None) -> Thresholds:
    """The thresholds with `NAME=VALUE` settings. Raises ValueError, which says what there is."""
    found = start or Thresholds()
    names = [item.name for item in fields(Thresholds)]
    for setting in settings:
        name, _, value = setting.partition("=")
        name = name.strip().replace("-", "_")
        if name not in names:
            raise ValueError(f"no threshold is called {name!r}; there are {', '.join(names)}")
        try:
            found = replace(found, **{name: float(value)})
        except ValueError:
            raise ValueError(f"--threshold {setting}: {value!r} is not a number") from None
    return found
