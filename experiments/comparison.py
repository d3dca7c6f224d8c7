"""What a result says: the flagged variant against the fixed one in each task, and a verdict."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import Any

from experiments.student import Difference, difference, paired

SURE = 0.01  # what is called a difference has a p below this
SMALL = 0.01  # of a constant prediction's loss: a sure difference below it is called tiny


@dataclass(frozen=True)
class Comparison:
    """One task of one experiment. Losses are multiples of the constant prediction's, except at the start."""

    result: dict[str, Any]
    task: dict[str, Any]
    flagged: dict[str, Any]
    fixed: dict[str, Any]
    steps: Difference  # of the steps to the level, a run that does not reach it counting as the whole budget
    ratio: Difference  # of their logarithms
    train: Difference  # with the learning rates as they were chosen
    test: Difference
    quality: Difference

    @property
    def speed(self) -> str:
        """Whether the flagged variant needs more steps."""
        if self.ratio.p >= SURE or abs(self.ratio.mean) < math.log(1.05):
            return "same"
        return "slower" if self.ratio.mean > 0 else "faster"

    @property
    def end(self) -> str:
        """Whether its test loss at the end is higher."""
        if self.test.p >= SURE:
            return "same"
        return ("slightly " if abs(self.test.mean) < SMALL else "") + ("worse" if self.test.mean > 0 else "better")

    @property
    def verdict(self) -> str:
        """In a few words."""
        speed, end = self.speed, self.end
        if speed == end == "same":
            return self.nothing
        parts = [{"same": "", "slower": "slower", "faster": "faster"}[speed], "same end" if end == "same" else f"{end} end"]
        return ", ".join(part for part in parts if part)

    @property
    def nothing(self) -> str:
        """What is said where no difference is sure; the interval may still leave out zero."""
        return "no sure difference" if self.test.low > 0 or self.test.high < 0 else "no difference found"

    @property
    def size(self) -> tuple[float, float, float]:
        """For sorting: what counts is the end, then the speed, as far as they are sure, and then what is not."""
        sure = 0.0 if self.end == "same" else self.test.mean, 0.0 if self.speed == "same" else self.ratio.mean
        return (*sure, self.test.mean)


def comparisons(result: dict[str, Any]) -> list[Comparison]:
    """The comparisons of a result, one for each task."""
    return [compare(result, task) for task in result["tasks"]]


def compare(result: dict[str, Any], task: dict[str, Any]) -> Comparison:
    flagged, fixed = task["variants"][:2]
    spent = [[steps(one, task) for one in variant["reached"]] for variant in (flagged, fixed)]
    shortest = task["variants"][0]["curve"]["at"][1]
    logs = [[math.log(max(one, shortest)) for one in ones] for ones in spent]
    return Comparison(
        result,
        task,
        flagged,
        fixed,
        difference(*spent, task["errors"]["steps"]),
        difference(*logs, task["errors"]["log_steps"]),
        paired(flagged["train"], fixed["train"]),
        difference(flagged["test"], fixed["test"], task["errors"]["test"]),
        difference(flagged["quality"], fixed["quality"], task["errors"]["quality"]),
    )


def steps(reached: int | None, task: dict[str, Any]) -> float:
    return float(task["steps"] if reached is None else reached)


def median_steps(variant: dict[str, Any], task: dict[str, Any]) -> float:
    return statistics.median(steps(one, task) for one in variant["reached"])
