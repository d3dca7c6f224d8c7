"""What an untrained model should put out, given what is known of its targets: no framework in here, only arithmetic.

A constant output is best where the loss says so: under cross-entropy with class weights w it is log(w p) (up to a constant),
under binary cross-entropy with weight w on the positives log(w p / (1 - p)), under squared error the mean, under absolute error the
median.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

_TINY = 1e-6


def weighted(prior: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The class shares as a loss with these class weights sees them."""
    scaled = [share * weight for share, weight in zip(prior, weights or [1.0] * len(prior), strict=False)]
    total = sum(scaled)
    return [share / total for share in scaled] if total > 0 else list(prior)


def entropy(prior: Sequence[float]) -> float:
    """In nats."""
    return -sum(share * math.log(share) for share in prior if share > 0)


def class_bias(prior: Sequence[float]) -> list[float]:
    """The logits whose softmax is the prior, with mean zero; a class that never occurs is taken to be very rare."""
    logs = [math.log(max(share, _TINY)) for share in prior]
    mean = sum(logs) / len(logs)
    return [value - mean for value in logs]


def logit(share: float) -> float:
    """The logit whose sigmoid is `share`."""
    share = min(max(share, _TINY), 1 - _TINY)
    return math.log(share / (1 - share))


def binary_bias(prior: Sequence[float], positive_weights: Sequence[float] = ()) -> list[float]:
    """Per output, the logit that a sigmoid should start from."""
    return [logit(share) for share in weighted_positives(prior, positive_weights)]


def weighted_positives(prior: Sequence[float], positive_weights: Sequence[float]) -> list[float]:
    """Per output, the share of positives as a loss with these weights on the positives sees it."""
    weights = list(positive_weights) or [1.0]
    weights = weights * len(prior) if len(weights) == 1 else weights
    return [
        weight * share / (weight * share + 1 - share) if share > 0 else 0.0
        for share, weight in zip(prior, weights, strict=False)
    ]


def binary_loss(prior: Sequence[float], positive_weights: Sequence[float] = ()) -> float:
    """The binary cross-entropy, averaged over the outputs, of the best constant output."""
    weights = list(positive_weights) or [1.0]
    weights = weights * len(prior) if len(weights) == 1 else weights
    total = 0.0
    for share, weight, start in zip(prior, weights, weighted_positives(prior, weights), strict=False):
        start = min(max(start, _TINY), 1 - _TINY)
        total -= weight * share * math.log(start) + (1 - share) * math.log(1 - start)
    return total / max(len(prior), 1)


def divergence(prior: Sequence[float], predicted: Sequence[float]) -> float:
    """Kullback-Leibler divergence of the predicted distribution from the prior, in nats."""
    return sum(share * math.log(share / max(guess, 1e-12)) for share, guess in zip(prior, predicted, strict=False) if share > 0)


def binary_divergence(prior: Sequence[float], predicted: Sequence[float]) -> float:
    """The same for independent binary outputs, averaged over them."""
    each = [divergence([share, 1 - share], [guess, 1 - guess]) for share, guess in zip(prior, predicted, strict=False)]
    return sum(each) / max(len(each), 1)
