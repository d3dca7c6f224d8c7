"""Student's t distribution and what is done with it here, without SciPy: intervals and tests of differences."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class Difference:
    """A difference of means, its 95 % interval, and the probability of one as large if there is none."""

    mean: float
    low: float
    high: float
    p: float


def difference(ones: Sequence[float], others: Sequence[float], error: float) -> Difference:
    """The difference of two means over the same seeds, whose standard error is known."""
    mean, freedom = statistics.fmean(ones) - statistics.fmean(others), len(ones) - 1
    if error < 1e-12:
        return Difference(mean, mean, mean, 1.0 if abs(mean) < 1e-9 else 0.0)
    width = error * quantile(0.05, freedom)
    return Difference(mean, mean - width, mean + width, two_sided(mean / error, freedom))


def paired(ones: Sequence[float], others: Sequence[float]) -> Difference:
    """The difference of two means over the same seeds, whose standard error follows from the seeds' own differences."""
    error = statistics.stdev([a - b for a, b in zip(ones, others, strict=True)]) / math.sqrt(len(ones))
    return difference(ones, others, error)


def two_sided(t: float, freedom: int) -> float:
    """The probability of a value at least as far from zero as t."""
    return beta(freedom / (freedom + t * t), freedom / 2, 0.5)


@cache
def quantile(p: float, freedom: int) -> float:
    """The t beyond which, on both sides, lies the probability p."""
    low, high = 0.0, 1e6
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if two_sided(middle, freedom) > p else (low, middle)
    return high


def beta(x: float, a: float, b: float) -> float:
    """The regularized incomplete beta function, by its continued fraction (Lentz's method)."""
    if x <= 0 or x >= 1:
        return min(max(x, 0.0), 1.0)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(1 - x))
    if x > (a + 1) / (a + b + 2):
        return 1 - front * fraction(1 - x, b, a) / b
    return front * fraction(x, a, b) / a


def fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1 / kept(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, 300):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d, c = 1 / kept(1 + term * d), kept(1 + term / c)
            value *= d * c
        if abs(d * c - 1) < 1e-12:
            break
    return value


def kept(value: float) -> float:
    """Away from zero."""
    return value if abs(value) > 1e-300 else 1e-300
